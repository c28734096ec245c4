"""When the device looks where its fleet's name points, and when it moves there: rules without clock or network."""

import random

from hypothesis import given
from hypothesis import strategies as st

from examples.device.moving import Course, Draw, Pace, hinted, looked, went

PACE = Pace(look_every=30, look_spread=0.2, within=600)
EAST, WEST = "east.example", "west.example"
IN_EAST = Course(look_at=100, points_to=EAST, went_to=EAST)


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def never(low: float, high: float) -> float:
    raise AssertionError


def seeded(seed: int) -> Draw:
    return random.Random(seed).uniform


def test_a_device_stays_while_the_name_points_to_where_it_is() -> None:
    assert looked(IN_EAST, EAST, 100, PACE, middle) == Course(look_at=130, points_to=EAST, went_to=EAST)


def test_a_device_moves_within_the_time_of_the_fleet_when_the_target_changes() -> None:
    assert looked(IN_EAST, WEST, 100, PACE, middle).move_at == 400


def test_a_move_is_not_put_off_by_later_looks() -> None:
    moving = looked(IN_EAST, WEST, 100, PACE, middle)

    again = looked(moving, WEST, 130, PACE, middle)

    assert again.move_at == 400
    assert again.look_at == 160


def test_a_device_stays_when_the_name_points_back_before_it_has_moved() -> None:
    moving = looked(IN_EAST, WEST, 100, PACE, middle)

    assert looked(moving, EAST, 130, PACE, middle).move_at is None


def test_a_device_stays_when_dns_does_not_answer() -> None:
    silent = looked(IN_EAST, None, 100, PACE, middle)

    assert (silent.points_to, silent.move_at, silent.look_at) == (EAST, None, 130)


def test_a_move_stays_planned_while_dns_does_not_answer() -> None:
    moving = looked(IN_EAST, WEST, 100, PACE, middle)

    assert looked(moving, None, 130, PACE, middle).move_at == 400


def test_a_hint_moves_a_device_whatever_its_name_server_says() -> None:
    asked = hinted(IN_EAST, 100, PACE, middle)

    assert asked.move_at == 400
    assert looked(asked, EAST, 130, PACE, middle).move_at == 400


def test_a_second_hint_does_not_put_the_move_off() -> None:
    asked = hinted(IN_EAST, 100, PACE, middle)

    assert hinted(asked, 200, PACE, never) == asked


def test_a_hint_does_not_put_off_a_move_that_is_planned() -> None:
    moving = looked(IN_EAST, WEST, 100, PACE, middle)

    assert hinted(moving, 200, PACE, never).move_at == 400


def test_after_the_move_nothing_is_due_but_the_next_look() -> None:
    moving = hinted(looked(IN_EAST, WEST, 100, PACE, middle), 110, PACE, middle)

    assert went(moving) == Course(look_at=130, points_to=WEST, went_to=WEST)


def test_a_device_that_does_not_know_where_it_went_moves_once_dns_answers() -> None:
    lost = went(looked(Course(look_at=0), None, 0, PACE, middle))

    assert looked(lost, EAST, 30, PACE, middle).move_at == 330


@given(seed=st.integers(), now=st.floats(0, 1e6), within=st.floats(0, 1e5))
def test_looks_and_moves_are_never_outside_their_times(seed: int, now: float, within: float) -> None:
    pace = Pace(look_every=30, look_spread=0.2, within=within)

    course = looked(IN_EAST, WEST, now, pace, seeded(seed))

    assert now + 24 <= course.look_at <= now + 36
    assert course.move_at is not None
    assert now <= course.move_at <= now + within


def test_a_fleet_connects_at_half_of_the_quota_at_most_when_its_time_is_devices_by_half_the_quota() -> None:
    devices, quota = 30_000, 500
    pace = Pace(within=devices / (quota / 2))
    draw = seeded(1)

    moves = [looked(IN_EAST, WEST, 0, pace, draw).move_at or 0.0 for _ in range(devices)]
    busiest = max(sum(second <= move < second + 1 for move in moves) for second in range(int(pace.within)))

    assert max(moves) <= pace.within
    assert busiest < quota * 0.65  # half of it, and what chance adds in the busiest of 120 seconds
