"""What became of numbered messages and of a shadow's counter."""

from __future__ import annotations

from iot_dr.model.drill.deliveries import NumberRun, delivery, shadow_found

P, S = "us-east-1", "us-west-2"


def test_each_region_has_the_runs_that_it_acknowledged() -> None:
    found = delivery("c", {1: P, 2: P, 4: P, 5: S, 6: S}, [1, 2, 4, 5, 6])

    assert found.runs == (NumberRun(1, 2, P), NumberRun(4, 4, P), NumberRun(5, 6, S))
    assert (found.acknowledged, found.lost, found.doubled, found.reordered) == (5, (), (), ())


def test_what_was_not_acknowledged_may_be_missing_and_is_not_lost() -> None:
    assert delivery("c", {1: P}, [1, 2]).lost == ()
    assert delivery("c", {}, []).acknowledged == 0


def test_a_message_that_is_sent_again_is_doubled_and_only_its_first_arrival_can_be_out_of_order() -> None:
    found = delivery("c", dict.fromkeys((1, 2, 3), P), [1, 3, 2, 1])

    assert (found.doubled, found.reordered) == ((1,), (2,))


def test_a_shadow_is_as_far_behind_as_the_count_that_was_found() -> None:
    times = {1: 10.0, 2: 11.0, 4: 13.0}

    assert shadow_found("c", times, 4).behind == 0
    assert shadow_found("c", times, 5).behind == 0
    assert shadow_found("c", times, 3).behind == 2.0
    assert shadow_found("c", times, 0).behind == 3.0
    assert shadow_found("c", {}, 0).behind == 0
