from iot_dr.model.status.checks import Level, failure, first_names, ok, warning


def test_an_answer_that_is_well_needs_no_mend() -> None:
    check = ok("clock", "within 1 s")

    assert (check.level, check.mend, check.names) == (Level.OK, "", ())


def test_what_is_ill_has_its_mend_and_all_names() -> None:
    found = failure("rules", "2 missing", "make them", ["b", "a"])

    assert (found.level, found.mend, found.names) == (Level.FAILURE, "make them", ("b", "a"))
    assert warning("rules", "1 missing", "make it").level is Level.WARNING


def test_a_few_names_stand_for_all() -> None:
    assert first_names(["d", "c", "b", "a"]) == "a, b, c and 1 more"
    assert first_names(["b", "a"]) == "a, b"
