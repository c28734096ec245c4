"""Whoever writes the target asks the gate right before the first write, and a refusal writes nothing and tells why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from iot_dr.errors import (
    AccessDenied,
    InvalidResource,
    IotDrError,
    RegionUnavailable,
    RetryableError,
    TargetLeads,
    Throttled,
    WriteRefused,
)
from iot_dr.model.exact_json import Number
from iot_dr.model.failback.plan import LastEqual
from iot_dr.model.failover.fence import HELD_BACK, OPEN, Fence, FenceRole
from iot_dr.model.registry.entities import CertificateStatus, GroupMembership, ThingPrincipal
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    group_membership_key,
    shadow_key,
    thing_group_key,
    thing_key,
    thing_principal_key,
    thing_shadows_key,
)
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import Shadow, ShadowEvent, decode_shadow_event
from iot_dr.services.gate import LeadershipWriteGate, OpenWriteGate, RememberedWriteGate, ensure_open
from iot_dr.services.snapshots.restore import put_back
from tests.builders import REGIONS, a_certificate, a_device, a_group, a_thing
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, InMemoryRegistry, Killed, once, raising
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
        world.retry.start()
        world.run_workflow()

    return _in_world(world, run)


def _sweep_request(_folder: Path) -> Way:
    world = World()
    world.primary.put(*a_device())
    world.sweep.sweep()
    return _in_world(world, world.run_workflow)


def _in_regions(folder: Path, *, follow: bool) -> Way:
    regions = Regions(folder)
    regions.primary.put(*a_device())
    refused = list[str]()
    run = _refusable(lambda: regions.sync(follow=follow), refused)
    return Way(regions.gate, run, _in_registry(regions.secondary, regions.ledger), lambda: refused)


def _refusable(run: Callable[[], object], refused: list[str]) -> Callable[[], object]:
    def may_be_refused() -> None:
        try:
            run()
        except (TargetLeads, WriteRefused) as refusal:
            refused.append(str(refusal).partition(". ")[0])

    return may_be_refused


def _sync(folder: Path) -> Way:
    return _in_regions(folder, follow=True)


def _repair(folder: Path) -> Way:
    return _in_regions(folder, follow=False)


def _restore_of_registry(folder: Path) -> Way:
    into, gate, refused = InMemoryRegistry(), FixedWriteGate(), list[str]()
    run = _refusable(lambda: restored(folder, Held(*a_device()), into, lambda: None, gate), refused)
    return Way(gate, run, _in_registry(into, InMemoryLedger()), lambda: refused)


def _restore_of_shadow(_folder: Path) -> Way:
    into, gate, refused = InMemoryShadows(), FixedWriteGate(), list[str]()
    wanted = Shadow(SHADOW, {"reported": {"on": True}})
    run = _refusable(lambda: put_back(wanted, into, gate), refused)
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


def test_a_gate_that_closes_after_a_conflict_keeps_back_the_next_write_and_no_mark_stays(world: World) -> None:
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


def test_nobody_asks_where_nothing_differs(world: World) -> None:
    world.customer.put(*a_device())
    world.deliver(world.customer.take_events())
    world.gate.reason = REASON

    assert world.check(THING).outcome.state is State.IN_SYNC


# A target that leads


def test_a_leading_target_gets_a_device_that_it_lacks_and_never_knew(world: World) -> None:
    world.customer.put(*a_device())
    world.gate.leads = REASON

    world.deliver(world.customer.take_events())

    assert world.secondary.entities == world.wanted
    outcome = world.ledger.outcome(THING)
    assert outcome is not None
    assert outcome.state is State.IN_SYNC


def test_a_leading_target_keeps_what_was_changed_there_and_what_is_held_is_not_tried_again(world: World) -> None:
    world.customer.put(*a_device())
    world.deliver(world.customer.take_events())
    world.clock.advance(3600)
    before = world.secondary.entities[THING]
    world.customer.put(a_thing(attributes={"site": "south"}))
    world.gate.leads = REASON

    outcome = world.check(THING).outcome

    assert (outcome.state, outcome.reason) == (State.HELD, f"{REASON}; not written: Update thing#pump-17")
    assert world.secondary.entities[THING] == before
    assert list(world.ledger.due(10**15)) == []
    assert set(world.ledger.held()) == {THING}


def test_a_leading_target_lets_a_certificate_become_stricter_and_never_laxer() -> None:
    for before, after, state in (
        (CertificateStatus.ACTIVE, CertificateStatus.REVOKED, State.IN_SYNC),
        (CertificateStatus.INACTIVE, CertificateStatus.ACTIVE, State.HELD),
    ):
        world = World()
        world.primary.put(*a_device())
        world.run_schedule()
        certificate = a_certificate(status=before)
        for registry in (world.primary, world.secondary):
            registry.put(certificate)
        world.primary.put(replace(certificate, status=after))
        world.gate.leads = REASON

        assert world.check(certificate.key).outcome.state is state
        left = world.secondary.certificate(certificate.certificate_id)
        assert left is not None
        assert left.status is (after if state is State.IN_SYNC else before)


def test_what_was_taken_away_in_a_leading_target_is_not_made_again(world: World) -> None:
    world.customer.put(*a_device())
    world.deliver(world.customer.take_events())
    world.clock.advance(3600)
    attachment = next(key for key in world.secondary.entities if key.kind is Kind.POLICY_ATTACHMENT)
    world.secondary.remove(attachment)
    world.gate.leads = REASON

    assert world.check(a_certificate().key).outcome.state is State.HELD
    assert attachment not in world.secondary.entities


def test_a_device_whose_first_try_was_throttled_still_comes_into_a_leading_target(world: World) -> None:
    world.customer.put(*a_device())
    world.gate.leads = REASON
    world.calls.before = raising(Throttled("slower"), on=["writer.create"], at=(1, 2, 3, 4, 5, 6))
    world.deliver(world.customer.take_events())
    world.calls.before = raising(Throttled(""))

    world.clock.advance(3600)
    world.retry.start()
    world.run_workflow()

    assert world.secondary.entities == world.wanted


def test_what_aws_refuses_because_of_something_that_is_held_is_held_with_it(world: World) -> None:
    world.primary.put(a_group("site"), a_group("floor", parent="site"), a_thing())
    world.primary.put(GroupMembership("floor", "pump-17"))
    for key in (thing_group_key("site"), thing_group_key("floor"), thing_key("pump-17")):
        world.check(key)
    world.primary.remove(group_membership_key("floor", "pump-17"))
    world.primary.put(GroupMembership("site", "pump-17"))
    world.gate.leads = REASON
    before = world.secondary.entities

    joined = group_membership_key("site", "pump-17")
    outcome = world.check(joined).outcome

    assert outcome.state is State.HELD
    assert "another group of the hierarchy" in outcome.reason
    assert world.secondary.entities == before
    assert set(world.ledger.held()) == {joined}
    assert joined not in world.ledger.due(10**15)


def test_what_was_to_be_made_and_then_is_held_back_is_not_taken_for_something_that_was_there(world: World) -> None:
    world.primary.put(a_certificate(), a_thing())
    for key in (a_certificate().key, THING):
        world.check(key)
    attachment = thing_principal_key("pump-17", a_certificate().certificate_id)
    world.gate.leads = REASON
    world.primary.put(ThingPrincipal("pump-17", a_certificate().certificate_id))
    # The operator of the leading target takes the thing away, right before its certificate is attached.
    world.calls.before = once("writer.create", lambda: world.secondary.remove(THING))

    outcome = world.check(a_certificate().key).outcome

    assert outcome.state is State.HELD
    assert world.ledger.bases([attachment])[attachment] == LastEqual()


def test_who_has_read_before_something_was_held_does_not_conclude_that_all_is_equal(world: World) -> None:
    world.customer.put(a_thing())
    world.deliver(world.customer.take_events())
    world.clock.advance(3600)

    def changes_and_is_held() -> None:
        world.primary.put(a_thing(attributes={"site": "south"}))
        world.gate.leads = REASON
        assert world.check(THING).outcome.state is State.HELD

    world.calls.before = once("ledger.record", changes_and_is_held)
    assert world.check(THING).outcome.state is State.IN_SYNC
    world.calls.before = lambda _name, _at: None

    world.clock.advance(3600)
    world.retry.start()
    world.run_workflow()

    assert set(world.ledger.held()) == {THING}


def test_the_sweep_of_a_leading_target_reads_nothing_and_tells_why(world: World) -> None:
    world.primary.put(*a_device())
    world.gate.leads = REASON

    swept = world.sweep.sweep()

    assert (swept.drift, swept.held_back) == (0, REASON)
    assert not world.calls.to("primary", "secondary")


@pytest.mark.parametrize("arrange", [_sync, _repair, _restore_of_registry, _restore_of_shadow])
def test_commands_write_nothing_into_a_leading_target(arrange: Callable[[Path], Way], tmp_path: Path) -> None:
    way = arrange(tmp_path)
    before, way.gate.leads = way.written(), REASON

    way.run()

    assert way.written() == before
    assert REASON in way.reasons()


# The gate of a Region


@pytest.fixture
def known() -> FixedControl:
    return FixedControl()


def _gate(known: FixedControl, calls: Calls) -> LeadershipWriteGate:
    return LeadershipWriteGate(calls.through("known", known), REGIONS.target.region)


def test_a_region_that_follows_may_be_written_and_is_asked_by_one_call(known: FixedControl) -> None:
    calls = Calls()

    assert _gate(known, calls).standing() == OPEN
    assert calls.made == ["known.leadership"]


@pytest.mark.parametrize("error", [AccessDenied("no right"), InvalidResource("garbled")])
def test_items_that_cannot_be_understood_close_the_gate(known: FixedControl, error: IotDrError) -> None:
    calls = Calls(before=raising(error, on=["known.leadership"]))

    assert _gate(known, calls).standing().closed == f"{HELD_BACK}: {error}"


def test_items_that_cannot_be_read_now_are_no_answer(known: FixedControl) -> None:
    calls = Calls(before=raising(Throttled("slower"), on=["known.leadership"]))

    with pytest.raises(Throttled):
        _gate(known, calls).standing()


def test_what_a_gate_told_is_remembered_for_a_second_and_no_longer() -> None:
    clock, gate = FakeClock(), FixedWriteGate()
    remembered = RememberedWriteGate(gate, clock)
    assert remembered.standing() == OPEN
    gate.leads = REASON

    clock.advance(0.99)
    assert remembered.standing() == OPEN
    clock.advance(0.01)
    assert remembered.standing().leads == REASON


def test_an_open_gate_admits_everything() -> None:
    ensure_open(OpenWriteGate())


@pytest.mark.parametrize("gate", [FixedWriteGate(REASON), FixedWriteGate(leads=REASON)])
def test_a_refusal_is_an_error_with_the_gates_reason(gate: FixedWriteGate) -> None:
    with pytest.raises(WriteRefused, match=f"^{REASON}$"):
        ensure_open(gate)


def _calls_of_an_update() -> int:
    world = _with_a_late_update()
    world.calls.made.clear()
    world.check(THING)
    return len(world.calls.made)


def _with_a_late_update() -> World:
    world = World()
    world.customer.put(a_thing())
    world.deliver(world.customer.take_events())
    world.clock.advance(3600)
    world.primary.put(a_thing(attributes={"site": "late"}))
    return world


STOPPED = pytest.mark.parametrize("stopped", [False, True], ids=["it goes on", "it is stopped there"])
"""What becomes of a worker when the target takes the lead at one of its calls: scenario 9 of the design."""


@STOPPED
@pytest.mark.parametrize("number", range(1, _calls_of_an_update() + 1))
def test_whatever_call_of_a_worker_the_target_takes_the_lead_at_what_is_written_there_since_stays(
    number: int, stopped: bool
) -> None:
    world = _with_a_late_update()
    by_device = a_thing(attributes={"by": "the one who leads"})

    def takes_the_lead(_name: str, at: int) -> None:
        if at == number and not world.gate.leads:
            world.gate.leads = REASON
            world.secondary.put(by_device)
            if stopped:
                raise Killed

    world.calls.made.clear()
    world.calls.before = takes_the_lead

    with suppress(Killed):
        world.check(THING)
    world.calls.before = lambda _name, _at: None
    # The event's message is shown again, or its mark runs out.
    world.check(THING)
    world.clock.advance(3600)
    world.retry.start()
    world.run_workflow()

    left = world.secondary.thing(THING.name)
    assert left is not None
    assert left.attributes == by_device.attributes
    assert set(world.ledger.held()) == {THING}


LATE_SHADOW = shadow_key("pump-17")


def _with_a_late_shadow() -> tuple[ShadowWorld, ShadowEvent]:
    world = ShadowWorld()
    world.replication.apply([decode_shadow_event(world.primary.put(LATE_SHADOW, '{"reported":{"n":1}}'))])
    world.calls.made.clear()
    return world, decode_shadow_event(world.primary.put(LATE_SHADOW, '{"reported":{"n":2}}'))


def _calls_of_a_late_shadow() -> int:
    world, late = _with_a_late_shadow()
    world.replication.apply([late])
    return len(world.calls.made)


@STOPPED
@pytest.mark.parametrize("number", range(1, _calls_of_a_late_shadow() + 1))
def test_whatever_call_the_target_takes_the_lead_at_what_a_device_writes_into_its_shadow_stays(
    number: int, stopped: bool
) -> None:
    world, late = _with_a_late_shadow()

    def takes_the_lead(_name: str, at: int) -> None:
        if at == number and not world.control.fence.leads:
            world.control.fence = Fence(FenceRole.LEADS, 2)
            world.secondary.put(LATE_SHADOW, '{"reported":{"n":-1}}')
            if stopped:
                raise Killed

    world.calls.before = takes_the_lead

    with suppress(Killed):
        world.replication.apply([late])
    world.calls.before = lambda _name, _at: None
    world.replication.apply([late])
    world.retry()

    assert world.secondary.documents[LATE_SHADOW] == {"reported": {"n": Number("-1")}}
