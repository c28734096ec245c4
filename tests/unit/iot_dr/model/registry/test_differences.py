"""Signs are those of `rclone check --combined`, read from the primary."""

from iot_dr.model.registry.differences import Numbers, Sigil


def test_the_signs_are_those_that_operators_know() -> None:
    assert {sigil.name: sigil.value for sigil in Sigil} == {
        "SAME": "=",
        "SURPLUS": "-",
        "MISSING": "+",
        "DIFFERENT": "*",
        "UNREADABLE": "!",
    }


def test_whatever_is_not_the_same_counts_as_differing() -> None:
    assert Numbers(5, 4, {Sigil.SAME: 3, Sigil.MISSING: 2, Sigil.UNREADABLE: 1}).differing == 3
    assert Numbers().differing == 0
