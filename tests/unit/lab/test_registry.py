"""What the lab calls equal."""

from typing import Any

from lab.lag import Lag
from lab.registry import KINDS, Registry


def registry(**things: Any) -> Registry:
    return Registry({**{kind: {} for kind in KINDS}, "things": things})


def test_equal_registries_do_not_differ() -> None:
    assert registry(pump=1).differences(registry(pump=1)) == []


def test_what_is_missing_added_or_changed_is_named() -> None:
    assert registry(a=1, b=1).differences(registry(b=2, c=1)) == [
        "things: a is missing in the secondary Region",
        "things: b differs: 1 / 2",
        "things: c is only in the secondary Region",
    ]


def test_lag_of_a_fleet() -> None:
    lag = Lag([1.0, 3.0, 2.0])
    assert (lag.median, lag.p95, lag.longest) == (2.0, 3.0, 3.0)
