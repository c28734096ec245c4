from iot_dr.model.status.fleets import FleetSize


def test_a_size_says_whether_it_was_counted_to_the_end() -> None:
    assert str(FleetSize(1)) == "1 thing"
    assert str(FleetSize(10_000, exact=False)) == "at least 10,000 things"
