"""Whoever writes the target asks the gate right before the first write, and a refusal writes nothing and tells why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from iot_dr.errors import (
    AccessDenied,
    InvalidResource,
    IotDrError,
    RegionUnavailable,
    RetryableError,
    Throttled,
    WriteRefused,
)
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.control import HELD_BACK, Control, ReplicationState
from iot_dr.model.registry.keys import Key, shadow_key, thing_key, thing_shadows_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import Shadow, decode_shadow_event
from iot_dr.model.sync.progress import Ending
from iot_dr.services.gate import ControlItemWriteGate, OpenWriteGate, ensure_admitted
from iot_dr.services.snapshots.restore import put_back
from tests.builders import REGIONS, a_device, a_thing
from tests.fakes import Calls, FixedWriteGate, InMemoryLedger, InMemoryRegistry, once, raising
from tests.shadow_fakes import FixedControl, InMemoryShadows, ShadowWorld
from tests.unit.iot_dr.services.snapshots.test_restore import Held, restored
from tests.unit.iot_dr.services.sync.test_sync import Regions
from tests.world import World

THING, SHADOW = thing_key("pump-17"), shadow_key("pump-17")
REASON = "held back: a test says so"


@dataclass
class Way:
    """A way to the target: `run` takes it, `written` is all that the target holds and that is marked to be written.

    `reasons` is what it tells of that which was not written.
    """

    gate: FixedWriteGate
    run: Callable[[], object]
    written: Callable[[], object]
    reasons: Callable[[], Iterable[str]]


def _in_registry(
    registry: InMemoryRegistry, ledger: InMemoryLedger
) -> Callable[[], tuple[frozenset[object], frozenset[Key]]]:
    def written() -> tuple[frozenset[object], frozenset[Key]]:
        marks = frozenset(key for key in ledger.notes if ledger.marked(key)) | ledger.owned(list(ledger.notes))
        return frozenset(map(repr, registry.entities.values())), marks

    return written


def _in_world(world: World, run: Callable[[], object]) -> Way:
    def reasons() -> Iterable[str]:
        outcome = world.ledger.outcome(THING)
        return (outcome.reason,) if outcome and outcome.state is State.PENDING and outcome.again else ()

    return Way(world.gate, run, _in_registry(world.secondary, world.ledger), reasons)


def _stream_request(_folder: Path) -> Way:
    world = World()
    world.customer.put(*a_device())
    return _in_world(world, lambda: world.deliver(world.customer.take_events()))


def _carried_event(_folder: Path) -> Way:
    world = World()
    world.customer.put(a_thing())
    (event,) = world.customer.take_events()
    request = ReconcileRequest(THING, occurred_at=event.timestamp, carried=event.carried)
    world.calls.before = raising(RegionUnavailable("no answer"), on=["primary.thing"])
    return _in_world(world, lambda: world.replication.replicate(request))


def _retry(_folder: Path) -> Way:
    world = World()
    world.customer.put(*a_device())
    world.gate.reason = "held back: when its event came"
    world.deliver(world.customer.take_events())
    world.clock.advance(3600)
    world.gate.reason = ""

    def run() -> None:
        world.sweep.retry()
        world.run_workflow()

    return _in_world(world, run)


def _sweep_request(_folder: Path) -> Way:
    world = World()
    world.primary.put(*a_device())
    return _in_world(world, world.run_schedule)


def _left(folder: Path) -> Iterable[str]:
    with SqliteJournal(folder / "j.sqlite") as journal:
        return [one.reason for one in journal.with_ending(Ending.LEFT)]


def _in_regions(folder: Path, *, follow: bool) -> Way:
    regions = Regions(folder)
    regions.primary.put(*a_device())
    written = _in_registry(regions.secondary, regions.ledger)
    return Way(regions.gate, lambda: regions.sync(follow=follow), written, lambda: _left(folder))


def _sync(folder: Path) -> Way:
    return _in_regions(folder, follow=True)


def _repair(folder: Path) -> Way:
    return _in_regions(folder, follow=False)


def _restore_of_registry(folder: Path) -> Way:
    into, gate = InMemoryRegistry(), FixedWriteGate()

    def run() -> object:
        return restored(folder, Held(*a_device()), into, lambda: None, gate)

    return Way(gate, run, _in_registry(into, InMemoryLedger()), lambda: _left(folder))


def _restore_of_shadow(_folder: Path) -> Way:
    into, gate, refused = InMemoryShadows(), FixedWriteGate(), list[str]()

    def run() -> None:
        try:
            put_back(Shadow(SHADOW, {"reported": {"on": True}}), into, gate, apply=True)
        except WriteRefused as refusal:
            refused.append(str(refusal))

    return Way(gate, run, lambda: repr(into.documents), lambda: refused)


def _in_shadow_world(world: ShadowWorld, gate: FixedWriteGate, run: Callable[[], object], waits: Key) -> Way:
    def reasons() -> Iterable[str]:
        outcome = world.ledger.outcome(waits)
        return (outcome.reason,) if outcome and outcome.state is State.PENDING and outcome.again else ()

    def written() -> object:
        return repr(world.secondary.documents), {key for key, note in world.notes.notes.items() if note.claims}

    return Way(gate, run, written, reasons)


def _shadow_event(_folder: Path) -> Way:
    world, gate = ShadowWorld(), FixedWriteGate()
    worker = world.worker(world.calls, gate=gate)
    event = decode_shadow_event(world.primary.put(SHADOW, '{"reported":{"on":true}}'))
    return _in_shadow_world(world, gate, lambda: worker.apply([event]), SHADOW)


def _shadow_check(_folder: Path) -> Way:
    world, gate, things = ShadowWorld(), FixedWriteGate(), thing_shadows_key("pump-17")
    worker = world.worker(world.calls, gate=gate)
    world.primary.put(SHADOW, '{"reported":{"on":true}}')
    return _in_shadow_world(world, gate, lambda: worker.check([things]), things)


WAYS: tuple[Callable[[Path], Way], ...] = (
    _stream_request,
    _carried_event,
    _retry,
    _sweep_request,
    _sync,
    _repair,
    _restore_of_registry,
    _restore_of_shadow,
    _shadow_event,
    _shadow_check,
)


@pytest.fixture(params=WAYS, ids=lambda arrange: arrange.__name__.strip("_").replace("_", " "))
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    arranged = request.param(tmp_path)
    assert isinstance(arranged, Way)
    return arranged


def test_whoever_may_not_write_writes_nothing_and_tells_why(way: Way) -> None:
    before, asked = way.written(), list[object]()
    way.gate.reason, way.gate.asked = REASON, lambda: asked.append(way.written())

    way.run()

    assert asked
    assert way.written() == before
    assert REASON in way.reasons()


def test_whoever_may_write_asks_before_the_first_write(way: Way) -> None:
    before, asked = way.written(), list[object]()
    way.gate.asked = lambda: asked.append(way.written())

    with suppress(RegionUnavailable):
        way.run()

    assert asked[0] == before
    assert way.written() != before
    assert REASON not in way.reasons()


@pytest.mark.parametrize("error", [Throttled("slower"), RegionUnavailable("no answer")])
def test_where_the_gate_cannot_tell_nothing_is_written(way: Way, error: RetryableError) -> None:
    def unable() -> None:
        raise error

    before, way.gate.asked = way.written(), unable

    with suppress(RetryableError):
        way.run()

    assert way.written() == before


# A gate that closes meanwhile


def test_a_gate_that_closes_after_a_conflict_keeps_back_the_next_write_and_no_mark_stays() -> None:
    world = World()
    world.customer.put(a_thing())
    world.deliver(world.customer.take_events())
    world.primary.put(a_thing(attributes={"site": "south"}))

    def overtaken() -> None:
        world.secondary.put(a_thing(attributes={"by": "another"}))
        world.gate.reason = REASON

    world.calls.before = once("writer.update", overtaken)

    result = world.check(THING)

    assert (result.outcome.state, result.outcome.reason, result.pause) == (State.PENDING, REASON, 0)
    assert world.secondary.entities == {THING: a_thing(attributes={"by": "another"})}
    assert world.ledger.marked(THING) == frozenset()
    assert list(world.ledger.due(world.clock() + 3_600_000)) == [THING]


def test_nobody_asks_where_nothing_differs() -> None:
    world = World()
    world.customer.put(*a_device())
    world.deliver(world.customer.take_events())
    world.gate.reason = REASON

    assert world.check(THING).outcome.state is State.IN_SYNC


# What the control item says


@pytest.fixture
def control() -> FixedControl:
    return FixedControl()


def test_the_registry_is_admitted_without_a_call(control: FixedControl) -> None:
    control.now, calls = Control(serving=REGIONS.target.region), Calls()

    assert ControlItemWriteGate(calls.through("control", control), REGIONS).refusal([THING]) == ""
    assert calls.made == []


@pytest.mark.parametrize("key", [SHADOW, thing_shadows_key("pump-17")])
@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (Control(), ""),
        (Control(serving=REGIONS.source.region), ""),
        (Control(serving=REGIONS.target.region), f"{HELD_BACK}: us-west-2 serves"),
        (Control(replication=ReplicationState.SUSPENDED), f"{HELD_BACK}: replication is suspended"),
    ],
)
def test_shadows_are_admitted_as_the_control_item_says(
    control: FixedControl, key: Key, held: Control, reason: str
) -> None:
    control.now, calls = held, Calls()

    assert ControlItemWriteGate(calls.through("control", control), REGIONS).refusal([THING, key]) == reason
    assert calls.made == ["control.control"]


@pytest.mark.parametrize("error", [AccessDenied("no right"), InvalidResource("garbled")])
def test_a_control_item_that_cannot_be_understood_admits_no_shadow(control: FixedControl, error: IotDrError) -> None:
    calls = Calls(before=raising(error, on=["control.control"]))

    assert ControlItemWriteGate(calls.through("control", control), REGIONS).refusal([SHADOW]) == f"{HELD_BACK}: {error}"


def test_a_control_item_that_cannot_be_read_now_is_no_answer(control: FixedControl) -> None:
    calls = Calls(before=raising(Throttled("slower"), on=["control.control"]))

    with pytest.raises(Throttled):
        ControlItemWriteGate(calls.through("control", control), REGIONS).refusal([SHADOW])


def test_an_open_gate_admits_everything() -> None:
    ensure_admitted(OpenWriteGate(), [THING, SHADOW])


def test_a_refusal_is_an_error_with_the_gates_reason() -> None:
    with pytest.raises(WriteRefused, match=f"^{REASON}$"):
        ensure_admitted(FixedWriteGate(REASON), [THING])
