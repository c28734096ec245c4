"""What decides a drill, and how two drills compare."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from iot_dr.model.drill.deliveries import ShadowFound, delivery
from iot_dr.model.drill.fleet import FleetFindings
from iot_dr.model.drill.results import AnswerChange, DrillResult, Leg, Objectives, percentile, spread
from iot_dr.model.drill.traces import ClientLine
from iot_dr.model.drill.verdicts import compared, is_met, judgements, summary

P, S = "us-east-1", "us-west-2"
QUICK = ClientLine("d-0001", before=9.0, last=12.0, answer=11.5, left=12.5, puback=13.0)
SLOW = ClientLine("d-0002", before=9.0, last=12.0, answer=11.5, left=12.5, puback=19.0)
ANSWERS = (AnswerChange("a", 9.0, P), AnswerChange("b", 9.0, P), AnswerChange("a", 11.0, S), AnswerChange("b", 12.0, S))
THERE = Leg(P, S, "drain", 10.0, ANSWERS, (QUICK, SLOW))
WELL = DrillResult(
    "d",
    P,
    S,
    "2026-11-27",
    60.0,
    Objectives(rto=10.0, rpo=5.0),
    (THERE, replace(THERE, source=S, target=P)),
    deliveries=(delivery("d-0001", {1: P, 2: S}, [1, 2]),),
    shadows=(ShadowFound("d-0001", 7, 5, 2.0),),
    late_thing=0.8,
)


def test_a_drill_that_meets_everything_is_met() -> None:
    assert is_met(WELL)


@pytest.mark.parametrize(
    ("worse", "about"),
    [
        ({"objectives": Objectives(rto=9.9)}, "RTO to us-west-2"),
        ({"objectives": Objectives(rto=10.0, rpo=1.9)}, "RPO of shadows"),
        ({"late_thing": 5.1}, "RPO of things"),
        ({"late_thing": None}, "RPO of things"),
        ({"overwritten": 1}, "late writes that overwrote"),
        ({"left": ("the thing d-0001",)}, "removed"),
        ({"deliveries": (delivery("d-0001", {1: P, 2: S}, [1]),)}, "messages lost"),
        ({"deliveries": ()}, "messages lost"),
        ({"legs": (replace(THERE, lines=(QUICK, ClientLine("d-0002", before=9.0))),)}, "served in us-west-2"),
        ({"legs": (replace(THERE, lines=()),)}, "served in us-west-2"),
    ],
)
def test_each_objective_decides_by_itself(worse: dict[str, Any], about: str) -> None:
    failed = [one.about for one in judgements(replace(WELL, **worse)) if not one.met]

    assert about in failed


GONE = FleetFindings("devices.example.com", moved="2 connected", as_asked=True)


@pytest.mark.parametrize(
    ("fleet", "missed"),
    [
        (None, []),
        (GONE, []),
        (replace(GONE, as_asked=False), ["fleet moved to us-west-2"]),
        (replace(GONE, stopped="1 resource is undecided"), ["fleet is back in us-east-1"]),
        (FleetFindings("d", stopped="no right"), ["fleet moved to us-west-2", "fleet is back in us-east-1"]),
    ],
)
def test_a_fleet_that_went_along_has_moved_and_is_back(fleet: FleetFindings | None, missed: list[str]) -> None:
    assert [one.about for one in judgements(replace(WELL, fleet=fleet)) if not one.met] == missed


def test_shadows_that_were_not_tested_decide_nothing() -> None:
    untested = replace(WELL, shadows=None)

    assert is_met(untested)
    assert "RPO of shadows" not in {one.about for one in judgements(untested)}
    assert "shadows behind" not in summary(untested)


def test_a_way_tells_when_the_first_name_server_turned() -> None:
    assert THERE.first_answer == 11.0
    assert replace(THERE, answers=()).first_answer is None


def test_what_a_name_server_answered_before_is_no_turn() -> None:
    early = (AnswerChange("a", 5.0, S), *ANSWERS)

    assert replace(THERE, answers=early).first_answer == 11.0


def test_a_way_tells_its_phases_of_those_that_were_served() -> None:
    lost = replace(THERE, lines=(QUICK, SLOW, ClientLine("d-0003", before=9.0)))

    assert lost.phases() == {"detect": (2.0, 2.0), "DNS": (0.5, 0.5), "notice": (1.0, 1.0), "reconnect": (0.5, 6.5)}
    assert lost.rtos == (4.0, 10.0)
    assert lost.silences == (1.0, 7.0)


def test_two_drills_are_compared_by_their_numbers() -> None:
    now = summary(WELL)
    rows = {one.about: one for one in compared({**now, "RTO to us-west-2, max": 3.0}, now)}

    assert (rows["RTO to us-west-2, max"].before, rows["RTO to us-west-2, max"].now) == (3.0, 10.0)
    assert (rows["messages acknowledged"].before, rows["messages acknowledged"].now) == (2, 2)


def test_percentiles_are_by_the_nearest_rank() -> None:
    assert percentile([float(one) for one in range(1, 101)], 0.07) == 7
    assert spread(float(one) for one in range(1, 21)) == {"p50": 10.0, "p95": 19.0, "max": 20.0}
