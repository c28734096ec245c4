"""Messages of a drill that are lost, doubled or reordered are found, whatever else becomes of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from iot_dr.model.drill.deliveries import delivery, shadow_found

REGIONS = ("us-east-1", "us-west-2")
ACKNOWLEDGED = st.dictionaries(st.integers(1, 60), st.sampled_from(REGIONS), max_size=40)


@given(ACKNOWLEDGED, st.data())
def test_lost_is_what_was_acknowledged_and_never_seen(acknowledged: dict[int, str], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(sorted(acknowledged)))) if acknowledged else set()
    seen = data.draw(st.permutations(sorted(acknowledged.keys() - lost)))
    unacknowledged = data.draw(st.lists(st.integers(61, 80), max_size=5))

    assert set(delivery("c", acknowledged, [*seen, *unacknowledged]).lost) == lost


@given(st.lists(st.integers(1, 30), max_size=60))
def test_who_is_seen_once_and_in_order_is_neither_doubled_nor_reordered(arrived: list[int]) -> None:
    found = delivery("c", {}, arrived)
    in_order = sorted(set(arrived))

    assert delivery("c", {}, in_order).reordered == ()
    assert set(found.doubled) == {one for one in arrived if arrived.count(one) > 1}
    firsts = list(dict.fromkeys(arrived))
    assert set(found.reordered) == {one for at, one in enumerate(firsts) if any(other > one for other in firsts[:at])}


@given(ACKNOWLEDGED)
def test_the_runs_say_of_each_message_once_who_acknowledged_it(acknowledged: dict[int, str]) -> None:
    runs = delivery("c", acknowledged, []).runs

    assert {number: run.region for run in runs for number in range(run.first, run.last + 1)} == acknowledged
    assert all(one.last + 1 < two.first or one.region != two.region for one, two in pairwise(runs))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20).map(sorted), st.integers(0, 25))
def test_a_shadow_is_never_further_behind_than_its_first_count_and_never_ahead(times: list[float], found: int) -> None:
    counts = dict(enumerate(times, 1))

    behind = shadow_found("c", counts, found).behind

    assert 0 <= behind <= times[-1] - times[0]
    assert (behind == 0) or found < len(times)
