"""The time line of a drill's client, from what it met."""

from __future__ import annotations

import pytest

from iot_dr.model.drill.traces import PHASES, ClientEvent, ClientLine, Moment, connects, line_of

P, S = "us-east-1", "us-west-2"


def acknowledged(*times: float, region: str = P) -> list[Moment]:
    return [Moment(at, ClientEvent.PUBACK, region, number) for number, at in enumerate(times, 1)]


MOVED = [
    Moment(12.0, ClientEvent.ANSWER, S),
    Moment(13.0, ClientEvent.LEFT, P),
    Moment(13.1, ClientEvent.TCP, S),
    Moment(13.2, ClientEvent.TLS, S),
    Moment(13.3, ClientEvent.CONNACK, S),
    Moment(13.4, ClientEvent.SUBACK, S),
    Moment(13.5, ClientEvent.PUBACK, S, 13),
    Moment(13.6, ClientEvent.OWN, S, 13),
]


def the_line(*trace: Moment, fault: float = 10.0) -> ClientLine:
    return line_of("c", trace, fault=fault, source=P, target=S)


def test_a_client_that_moves_has_every_step_of_its_way() -> None:
    line = the_line(*acknowledged(9.0, 9.9, 10.5, 12.8), *MOVED)

    assert line == ClientLine("c", 9.9, 12.8, 12.0, 13.0, 13.1, 13.2, 13.3, 13.4, 13.5, 13.6)
    assert line.rto == pytest.approx(3.6)
    assert line.silence == pytest.approx(0.7)


def test_the_phases_of_a_client_add_up_to_its_rto() -> None:
    split = the_line(*acknowledged(9.9), *MOVED).split(first_answer=11.0)

    assert tuple(split) == PHASES
    assert [round(one, 3) for one in split.values()] == [1.1, 1.0, 1.0, 0.5]


@pytest.mark.parametrize("first_answer", [None, 3.0, 12.5, 99.0])
def test_a_step_that_was_not_seen_or_came_out_of_order_takes_no_time(first_answer: float | None) -> None:
    line = the_line(*acknowledged(9.9), *(one for one in MOVED if one.met is not ClientEvent.ANSWER))

    split = line.split(first_answer)

    assert min(split.values()) >= 0
    assert sum(split.values()) == pytest.approx(line.rto)


def test_of_several_tries_to_connect_the_one_that_came_to_its_end_counts() -> None:
    failed = [Moment(12.1, ClientEvent.TCP, S), Moment(12.2, ClientEvent.REFUSED, S)]

    assert the_line(*acknowledged(9.9), *failed, *MOVED).tcp == 13.1


def test_what_a_region_acknowledged_before_the_fault_is_no_way_to_it() -> None:
    earlier = [Moment(one.at - 9, one.met, one.region, one.number) for one in MOVED]

    line = the_line(*earlier, *acknowledged(9.0), fault=10.0)

    assert (line.before, line.rto, line.connack) == (9.0, None, None)
    assert line.split(11.0) == {}


def test_a_client_that_is_cut_off_leaves_its_region_then() -> None:
    cut = [Moment(10.2, ClientEvent.CUT, P), Moment(10.3, ClientEvent.REFUSED, P)]

    assert the_line(*acknowledged(9.9), *cut, *MOVED).left == 10.2


def test_connections_are_counted_by_the_second() -> None:
    traces = {"a": MOVED, "b": [Moment(13.9, ClientEvent.CONNACK, S)], "c": [Moment(15.0, ClientEvent.CONNACK, S)]}

    assert connects(traces) == {13: 2, 15: 1}
