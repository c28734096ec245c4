"""Shadows on their way back: whole, under a version, and never over what a device has written there since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, RegionUnavailable
from iot_dr.files.failback_plan import SqliteFailbackPlan
from iot_dr.model.exact_json import Number
from iot_dr.model.failback.plan import Decision, FailbackChoices, FailbackVerdict, Party, PlannedRow
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.services.failback.planned import PlannedWrites
from iot_dr.services.failback.shadows_back import ShadowsBack
from tests.builders import REGIONS
from tests.fakes import Calls, FakeClock, FixedWriteGate, once, raising
from tests.shadow_fakes import InMemoryShadows, states

KEY = shadow_key("pump-17")
ON: Any = {"reported": {"on": True}}
STRAY: Any = {"reported": {"stray": 1}}
OFF: Any = {"reported": {"on": False}}


class Back:
    """Both Regions' shadows, a plan, and what brings them back."""

    def __init__(self, plan: SqliteFailbackPlan) -> None:
        self.clock, self.calls, self.gate = FakeClock(), Calls(), FixedWriteGate()
        self.leader, self.old = InMemoryShadows(self.clock), InMemoryShadows(self.clock)
        self.plan, self.choices = plan, FailbackChoices()

    def bring(self, since: int = 0) -> list[State]:
        writes = PlannedWrites(self.plan, self.choices, Party.OLD, REGIONS)
        old = self.calls.through("old", self.old)
        return states(ShadowsBack(self.leader, old, writes, self.gate, self.clock, since).bring([KEY]))

    def gone(self) -> None:
        """Have the plan say that the leader has deleted it."""
        there = self.old.shadow(KEY)
        self.plan.put([PlannedRow(KEY, Decision(FailbackVerdict.DELETE_OLD, "why"), None, there, there)])


@pytest.fixture
def back(tmp_path: Path) -> Iterator[Back]:
    with SqliteFailbackPlan(tmp_path / "plan.sqlite") as plan:
        yield Back(plan)


def test_it_is_what_the_leader_has_and_nothing_else(back: Back) -> None:
    back.leader.put(KEY, OFF)
    back.old.put(KEY, ON | {"desired": {"x": 1}})

    assert back.bring() == [State.IN_SYNC]
    assert back.old.documents[KEY] == OFF


def test_one_that_the_old_primary_lacks_is_made(back: Back) -> None:
    back.leader.put(KEY, ON)

    assert back.bring() == [State.IN_SYNC]
    assert back.old.documents[KEY] == ON


def test_what_is_the_same_already_is_not_written(back: Back) -> None:
    for region in (back.leader, back.old):
        region.put(KEY, ON)

    back.bring()

    assert [call for call in back.calls.made if call != "old.shadow"] == []


def test_a_stray_write_in_between_is_read_again(back: Back) -> None:
    back.leader.put(KEY, OFF)
    back.old.put(KEY, ON)
    back.calls.before = once("old.update", lambda: back.old.put(KEY, STRAY))

    assert back.bring() == [State.IN_SYNC]
    assert back.old.documents[KEY] == OFF


def test_one_whose_change_is_too_long_for_a_call_takes_two(back: Back) -> None:
    back.old.longest = 120
    back.old.put(KEY, {"reported": {"old": "x" * 60}})
    back.leader.put(KEY, {"reported": {"new": "y" * 90}})

    assert back.bring() == [State.IN_SYNC]
    assert back.old.documents == back.leader.documents
    assert back.calls.made.count("old.update") == 3


@pytest.mark.parametrize(
    ("error", "state"), [(RegionUnavailable("away"), State.PENDING), (AccessDenied("no right"), State.FAILED)]
)
def test_what_stands_in_the_way_is_told(back: Back, error: Any, state: State) -> None:
    back.leader.put(KEY, ON)
    back.calls.before = raising(error, on=["old.make"])

    assert back.bring() == [state]


def test_behind_a_closed_gate_nothing_is_written(back: Back) -> None:
    back.leader.put(KEY, ON)
    back.gate.leads = "it leads"

    assert back.bring() == [State.PENDING]
    assert back.old.documents == {}


@pytest.mark.parametrize("with_deletes", [True, False])
def test_one_that_the_leader_deleted_goes_only_if_that_is_asked_for(back: Back, with_deletes: bool) -> None:
    back.choices = FailbackChoices(with_deletes=with_deletes)
    back.old.put(KEY, ON)
    back.gone()

    back.bring()

    assert (KEY in back.old.documents) is not with_deletes


def test_one_that_came_back_in_the_leader_is_not_deleted(back: Back) -> None:
    back.choices = FailbackChoices(with_deletes=True)
    back.old.put(KEY, ON)
    back.gone()
    back.leader.put(KEY, OFF)

    back.bring()

    assert back.old.documents[KEY] == OFF


def _second(back: Back) -> int:
    """The time of the old primary, once all that was written before it is older by a second."""
    back.clock.advance(2)
    return back.clock() // 1000 * 1000


def test_what_a_device_wrote_in_the_old_primary_since_it_leads_stays(back: Back) -> None:
    since = _second(back)
    back.leader.put(KEY, OFF)
    back.old.put(KEY, ON)

    back.bring(since)

    assert back.old.documents[KEY] == ON


def test_what_a_device_wrote_there_while_it_was_made_stays(back: Back) -> None:
    since = _second(back)
    back.leader.put(KEY, OFF)
    back.calls.after = once("old.make", lambda: back.old.put(KEY, ON))

    back.bring(since)

    assert back.old.documents[KEY] == ON


def test_of_two_calls_that_one_takes_the_second_is_made_up_for(back: Back) -> None:
    back.old.longest = 120
    back.old.put(KEY, {"reported": {"old": "x" * 60}})
    since = _second(back)
    back.leader.put(KEY, {"reported": {"new": "y" * 90}})
    back.calls.before = lambda name, _number: _away_at_third_update(back, name)

    assert back.bring(since) == [State.PENDING]
    back.calls.before = lambda _name, _number: None
    assert back.bring(since) == [State.IN_SYNC]
    assert back.old.documents == back.leader.documents


def _away_at_third_update(back: Back, name: str) -> None:
    if name == "old.update" and back.calls.made.count(name) == 3:
        raise RegionUnavailable("away")


def test_what_was_there_before_is_written_over_and_again_by_a_run_that_goes_on(back: Back) -> None:
    back.old.put(KEY, ON)
    since = _second(back)
    back.leader.put(KEY, OFF)
    back.bring(since)
    back.leader.put(KEY, {"reported": {"n": Number("2")}})

    back.bring(since)

    assert back.old.documents == back.leader.documents


def test_a_device_that_writes_after_such_a_run_is_not_written_over(back: Back) -> None:
    back.old.put(KEY, ON)
    since = _second(back)
    back.leader.put(KEY, OFF)
    back.bring(since)
    back.old.put(KEY, {"reported": {"n": Number("3")}})

    back.bring(since)

    assert back.old.documents[KEY]["reported"]["n"] is not None  # type: ignore[index,call-overload]  # an object


def test_a_row_of_a_shadow_that_differs_is_no_deletion(back: Back) -> None:
    back.plan.put(
        [PlannedRow(KEY, Decision(FailbackVerdict.UPDATE_OLD, "why"), Shadow(KEY, ON), Shadow(KEY, OFF), None)]
    )
    back.old.put(KEY, OFF)

    back.bring()

    assert back.old.documents[KEY] == OFF
