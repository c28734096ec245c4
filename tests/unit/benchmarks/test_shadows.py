"""What a burst of shadows comes to, by its calls and its time."""

import dataclasses

from benchmarks.shadows import KNOWN, NEEDED, NEW, Burst, Results, as_json
from lab.quotas import DEFAULTS, SHADOWS

BURST = Burst(shadows=400, needed=2, seconds=2.0, calls=820, refused=20, different=0, quota=400.0)


def test_the_ceiling_is_what_the_quota_admits_of_the_calls_that_a_shadow_needs() -> None:
    assert BURST.ceiling == DEFAULTS[SHADOWS] / 2
    assert BURST.share == 1.0
    assert NEEDED[NEW] > NEEDED[KNOWN]


def test_a_burst_is_met_near_the_ceiling_and_if_nothing_is_left() -> None:
    assert BURST.is_met
    assert not dataclasses.replace(BURST, seconds=2.3).is_met
    assert not dataclasses.replace(BURST, different=1).is_met


def test_programs_get_each_burst_with_its_share() -> None:
    found = as_json(Results(bursts={NEW: BURST}))["burst"][NEW]

    assert (found["share"], found["ceiling_per_second"], found["refused"]) == (1.0, 200.0, 20)
    assert found["within_target"] is True
