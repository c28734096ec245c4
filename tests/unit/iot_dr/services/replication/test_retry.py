"""What waits is started when its time has come, once; what was held back, when nothing holds it back any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.errors import Throttled
from iot_dr.model.failover.fence import HELD_BACK, OPEN, Standing
from iot_dr.model.registry.keys import Key, thing_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.replication.retry import RETRIES, Retry
from tests.fakes import InMemoryLedger, RecordingWorkflow
from tests.world import World


def _retry_of(world: World, **parts: Any) -> Retry:
    """The retry of a world, with some parts exchanged."""
    ledger = parts.get("ledger", world.ledger)
    given: dict[str, Any] = {
        "ledger": ledger,
        "held": ledger,
        "workflow": world.workflow,
        "gate": world.gate,
        "clock": world.clock,
    }
    return Retry(**given | parts)


def test_what_failed_is_retried_when_its_time_has_come(world: World) -> None:
    key = thing_key("pump-17")
    world.ledger.record(Outcome(key, State.FAILED, "AccessDenied", at=world.clock(), again=True))

    assert world.retry.start().requests == 0
    world.clock.advance(61)
    assert world.retry.start().requests == 1

    assert world.workflow.take() == [ReconcileRequest(key, created=True)]


def test_what_a_retry_started_is_not_started_again_while_its_request_may_still_be_under_way(world: World) -> None:
    world.ledger.record(Outcome(thing_key("pump-17"), State.FAILED, "AccessDenied", at=world.clock(), again=True))
    world.clock.advance(61)

    started = []
    for _ in range(8):
        started.append(world.retry.start().requests)
        world.clock.advance(60)

    assert started == [1, 0, 0, 0, 0, 0, 1, 0]


def test_a_retry_starts_no_more_than_so_many_and_what_waited_longest_first(world: World) -> None:
    for number in range(RETRIES + 3):
        key = thing_key(f"t-{number}")
        world.ledger.record(Outcome(key, State.FAILED, "AccessDenied", at=world.clock(), again=True))
    world.clock.advance(61)

    assert [world.retry.start().requests for _ in range(3)] == [RETRIES, 3, 0]
    assert [request.key.name for request in world.workflow.take()] == [f"t-{number}" for number in range(RETRIES + 3)]


def test_what_has_ended_meanwhile_is_not_started() -> None:
    @dataclass
    class EndingMeanwhile(InMemoryLedger):
        def postpone(self, key: Key, now: int) -> bool:
            self.record(Outcome(key, State.IN_SYNC, "", at=now))
            return super().postpone(key, now)

    world = World()
    ledger = EndingMeanwhile()
    ledger.record(Outcome(thing_key("pump-17"), State.FAILED, "AccessDenied", at=world.clock(), again=True))
    world.clock.advance(61)

    assert _retry_of(world, ledger=ledger).start().requests == 0
    assert world.workflow.started == []


def test_an_entry_of_an_unknown_kind_is_told_and_keeps_nothing_from_being_retried() -> None:
    class OfAnotherRelease(InMemoryLedger):
        def due(self, now: int, unknown: Callable[[str], object] | None = None) -> Iterator[Key]:
            if unknown:
                unknown("role_alias#x")
            yield from super().due(now)

    world = World()
    ledger = OfAnotherRelease()
    ledger.record(Outcome(thing_key("pump-17"), State.FAILED, "AccessDenied", at=world.clock(), again=True))
    world.clock.advance(61)

    retried = _retry_of(world, ledger=ledger).start()

    assert (retried.requests, retried.unknown) == (1, ("role_alias#x",))


def test_what_a_retry_starts_is_in_no_hurry() -> None:
    class Hurried(RecordingWorkflow):
        def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
            if not background:
                super().start(requests)

    world, hurried = World(), Hurried()
    world.ledger.record(Outcome(thing_key("pump-17"), State.FAILED, "AccessDenied", at=world.clock(), again=True))
    world.clock.advance(61)

    assert _retry_of(world, workflow=hurried).start().requests == 1
    assert hurried.started == []


class Gate:
    """Answers what it is told to."""

    def __init__(self, standing: Standing | None) -> None:
        self._standing = standing

    def standing(self) -> Standing:
        if self._standing is None:
            raise Throttled("slow down")
        return self._standing


STILL_HELD = [Standing(leads=f"{HELD_BACK}: us-west-2 leads"), Standing(closed=f"{HELD_BACK}: suspended"), None]


@pytest.mark.parametrize("standing", STILL_HELD, ids=("it leads", "it is suspended", "nobody can tell"))
def test_what_is_held_stays_held_while_the_region_leads_or_may_not_be_written_or_nobody_can_tell(
    standing: Standing | None, world: World
) -> None:
    world.ledger.record(Outcome(thing_key("pump-17"), State.HELD, "us-west-2 leads", at=world.clock()))

    for _ in range(3):
        assert _retry_of(world, gate=Gate(standing)).start().requests == 0
        world.clock.advance(3600)

    assert list(world.ledger.held()) == [thing_key("pump-17")]


def test_what_a_worker_noted_as_held_after_a_failback_had_released_all_is_checked_once_the_region_follows(
    world: World,
) -> None:
    world.ledger.record(Outcome(thing_key("pump-17"), State.HELD, "us-west-2 leads", at=world.clock()))
    retry = _retry_of(world, gate=Gate(OPEN))

    retry.start()
    world.clock.advance(60)
    retry.start()

    assert world.workflow.take() == [ReconcileRequest(thing_key("pump-17"), created=True)]
    assert list(world.ledger.held()) == []
