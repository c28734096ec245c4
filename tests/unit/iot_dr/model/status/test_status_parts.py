from iot_dr.model.status.status_parts import Lag, StreamAge


def test_what_was_not_measured_is_none_and_never_nought() -> None:
    lag = Lag("thing", 0, None, None, None, 0, None, None)

    assert lag.median is None
    assert StreamAge("function", None) != StreamAge("function", 0)
