"""The sweep finds what no event told, refuses what looks like a half-read primary, and applies nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from iot_dr.errors import RegionUnavailable, Throttled
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import CertificateStatus, Entity
from iot_dr.model.registry.keys import (
    RESERVED_PREFIX,
    Key,
    Kind,
    certificate_key,
    policy_key,
    thing_key,
    thing_type_key,
)
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.reconcile.safety import Limits
from iot_dr.services.concurrency import on_threads
from iot_dr.services.sweep import LISTS_AT_ONCE, Sweep
from tests.builders import REGIONS, a_certificate, a_device, a_policy, a_thing, a_thing_type, an_attachment
from tests.fakes import InMemoryRegistry, RecordingWorkflow, once, raising
from tests.world import ANY_SHARE, World

LISTS = tuple(
    f"listed {kind}" for kind in ("thing", "thing_type", "certificate", "policy", "thing_group", "billing_group")
)


def _in_sync(*names: str, slice_size: int = 200) -> World:
    """A world whose devices have all been replicated."""
    world = World(slice_size=slice_size)
    world.primary.put(a_thing_type("pump"), *(one for name in names for one in a_device(name, type_name="pump")))
    world.run_schedule()
    assert world.secondary.entities == world.wanted
    return world


SIDES = {"primary": "source", "secondary": "target"}


def _sweep_of(world: World, **parts: Any) -> Sweep:
    """The sweep of a world, with some parts exchanged."""
    given: dict[str, Any] = {
        "source": world.primary,
        "target": world.secondary,
        "ledger": world.ledger,
        "workflow": world.workflow,
        "gate": world.gate,
        "clock": world.clock,
    }
    return Sweep(direction=REGIONS, **given | parts)


def _names(requests: Sequence[ReconcileRequest], kind: Kind = Kind.THING) -> list[str]:
    return [request.key.name for request in requests if request.key.kind is kind]


def _drift(world: World) -> set[Key]:
    """What the next sweep has checked beyond its round, whose turn is put off to its end."""
    for kind in Kind:
        world.ledger.move_cursor(kind, "~")
    swept = world.sweep.sweep()
    found = {request.key for request in world.workflow.take()}
    assert swept.drift == len(found)
    return found


def test_equal_registries_show_no_drift() -> None:
    assert _drift(_in_sync("pump-1", "pump-2")) == set()


def test_what_the_primary_has_alone_is_checked() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_thing("new"), a_thing_type("new"), a_policy("new"), a_certificate("new"))

    certificate = a_certificate("new").key
    assert _drift(world) == {thing_key("new"), thing_type_key("new"), policy_key("new"), certificate}


def test_a_revoked_certificate_is_checked() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("pump-1", CertificateStatus.REVOKED))

    assert _drift(world) == {a_certificate("pump-1").key}


def test_certificates_of_another_status_are_counted_apart_as_long_as_they_differ() -> None:
    world = _in_sync("pump-1", "pump-2")
    world.primary.put(a_certificate("pump-1", CertificateStatus.REVOKED))
    world.primary.put(replace(a_thing("pump-2", type_name="pump"), attributes={"site": "south"}))

    assert [world.sweep.sweep().stale for _ in range(2)] == [1, 1]
    world.run_schedule()
    assert world.sweep.sweep().stale == 0


def test_a_status_that_only_aws_sets_is_no_drift() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("pump-1", CertificateStatus.PENDING_TRANSFER))
    world.check(a_certificate("pump-1").key)

    assert _drift(world) == set()


def test_a_thing_that_differs_is_checked() -> None:
    world = _in_sync("pump-1")
    world.primary.put(replace(a_thing("pump-1", type_name="pump"), attributes={"site": "south"}))

    assert _drift(world) == {thing_key("pump-1")}


def test_what_replication_made_and_the_primary_lost_is_checked() -> None:
    world = _in_sync("pump-1", "pump-2")
    world.primary.remove(thing_key("pump-1"), certificate_key(a_certificate("pump-1").certificate_id))

    assert _drift(world) == {thing_key("pump-1"), a_certificate("pump-1").key}


def test_what_the_secondary_had_of_its_own_is_left_alone() -> None:
    world = _in_sync("pump-1")
    world.secondary.put(a_thing("local"), a_certificate("local"), a_policy("local"))

    assert _drift(world) == set()


def test_the_health_checkers_own_names_are_left_alone() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_thing(f"{RESERVED_PREFIX}1"), a_policy(f"{RESERVED_PREFIX}1"))
    world.secondary.put(a_thing(f"{RESERVED_PREFIX}1", {"of": "the secondary"}))

    assert _drift(world) == set()
    world.run_schedule()
    assert world.secondary.policy(f"{RESERVED_PREFIX}1") is None


def test_the_health_checkers_certificate_stays_in_its_region() -> None:
    world = _in_sync("pump-1")
    probe = f"{RESERVED_PREFIX}1"
    world.primary.put(*a_device(probe, policy=probe))

    assert _drift(world) == set()
    world.run_schedule()
    assert world.secondary.certificate(a_certificate(probe).certificate_id) is None


def test_a_plan_that_would_empty_the_secondary_starts_nothing() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(6)))
    world.primary.remove(*world.primary.entities)
    world.workflow.take()

    swept = world.sweep.sweep()

    assert "over the limit of 30%" in swept.refused
    assert swept.left == swept.drift > 10
    assert world.workflow.started == []


def test_of_a_refused_plan_only_the_deletions_wait() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(12)))
    gone = [thing_key(f"pump-{n}") for n in range(10)]
    world.primary.remove(*gone)
    world.primary.put(a_certificate("pump-11", CertificateStatus.REVOKED), a_thing("new"))
    world.primary.put(replace(a_thing("pump-11", type_name="pump"), attributes={"site": "south"}))

    swept = world.sweep.sweep()

    assert "deletes 10 of" in swept.refused
    assert (swept.drift, swept.left) == (13, 10)
    requests = world.workflow.take()
    # Three are differences, the others have their turn in the round.
    assert {a_certificate("pump-11").key, thing_key("new"), thing_key("pump-11")} <= {
        request.key for request in requests
    }
    assert _names(requests, Kind.POLICY) == ["pumps"]
    assert not {request.key for request in requests} & set(gone)


def test_every_deletion_counts_however_few_are_checked_in_one_sweep() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(12)))
    world.primary.remove(*(thing_key(f"pump-{n}") for n in range(10)))

    assert "deletes 10 of" in _sweep_of(world, at_most=1).sweep().refused


def test_deletions_that_waited_are_checked_once_they_are_allowed() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(12)))
    world.primary.remove(*(thing_key(f"pump-{n}") for n in range(10)))
    assert world.sweep.sweep().refused
    world.workflow.take()

    swept = world.sweep.sweep(ANY_SHARE)

    assert (swept.refused, swept.left) == ("", 0)
    assert set(_names(world.workflow.take())) >= {f"pump-{n}" for n in range(10)}


def test_a_revocation_is_checked_first_and_a_deletion_last() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(12)))
    world.primary.remove(thing_key("pump-1"))
    world.primary.put(a_thing("new"), a_certificate("pump-11", CertificateStatus.REVOKED))

    world.sweep.sweep()

    keys = [request.key for request in world.workflow.take()]
    assert keys[:2] == [a_certificate("pump-11").key, thing_key("new")]
    assert keys[-1] == thing_key("pump-1")


def test_a_revocation_does_not_wait_behind_what_is_missing() -> None:
    world = World(at_most=1, slice_size=0)
    world.primary.put(a_certificate("pump-1"))
    world.run_schedule()
    world.primary.put(*(a_certificate(f"new-{n}") for n in range(9)))
    world.primary.put(a_certificate("pump-1", CertificateStatus.REVOKED))

    world.run_schedule()

    found = world.secondary.certificate(a_certificate("pump-1").certificate_id)
    assert found is not None
    assert found.status is CertificateStatus.REVOKED


def test_what_is_most_urgent_leaves_a_share_to_what_is_less_so() -> None:
    world = World(at_most=20, slice_size=0)
    world.primary.put(*(a_certificate(f"pump-{n}") for n in range(30)))
    world.sweep.sweep()
    for _ in range(2):
        world.run_schedule()
    world.primary.put(*(a_certificate(f"pump-{n}", CertificateStatus.REVOKED) for n in range(30)))
    world.primary.put(*(a_thing(f"new-{n}") for n in range(30)))
    world.workflow.take()

    swept = world.sweep.sweep()

    requests = world.workflow.take()
    assert len(_names(requests, Kind.CERTIFICATE)) == 20
    assert len(_names(requests)) == 2
    assert swept.left == 60 - 22


@pytest.mark.parametrize("side", ["primary", "secondary"])
@pytest.mark.parametrize("listing", LISTS)
@pytest.mark.parametrize("error", [RegionUnavailable("down"), Throttled("slow down")])
def test_a_list_that_cannot_be_read_to_its_end_starts_nothing(side: str, listing: str, error: Exception) -> None:
    world = _in_sync("pump-1")
    world.primary.remove(thing_key("pump-1"))
    world.calls.before = raising(error, on=[f"{side}.{listing}"])  # type: ignore[arg-type]  # looser than the type on purpose

    with pytest.raises(type(error)):
        world.sweep.sweep()

    assert world.workflow.started == []


def test_so_many_deletions_can_be_allowed_in_words() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(6)))
    world.primary.remove(*world.primary.entities)

    swept = world.sweep.sweep(Limits(deletes=1.0))

    assert swept.drift == len({request.key for request in world.workflow.started}) > 10


def test_of_many_differences_no_more_are_checked_in_one_sweep_than_stated() -> None:
    world = World(at_most=3, slice_size=1)
    world.primary.put(*(a_thing(f"pump-{n}") for n in range(7)))

    left = []
    for _ in range(3):
        left.append(world.sweep.sweep().left)
        world.run_workflow()

    assert left == [4, 1, 0]
    assert world.secondary.entities == world.wanted


def test_a_difference_that_stays_does_not_keep_the_others_waiting() -> None:
    world = World(at_most=1)
    world.primary.put(a_thing("a-fails-always"), a_thing("b-waits"))

    checked = []
    for _ in range(2):
        world.sweep.sweep()
        checked.append(world.workflow.take()[0].key.name)

    assert checked == ["a-fails-always", "b-waits"]


def test_a_round_checks_everything_whole_one_slice_after_the_other() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(5)), slice_size=2)
    for kind in Kind:
        world.ledger.move_cursor(kind, "")

    turns = []
    for _ in range(3):
        assert world.sweep.sweep().drift == 0
        turns.append([request.key for request in world.workflow.take() if request.key.kind is Kind.THING])
        assert all(request.depth is Depth.EVERYTHING for request in world.workflow.started)

    assert [len(turn) for turn in turns] == [2, 2, 1]
    assert [key.name for turn in turns for key in turn] == [f"pump-{n}" for n in range(5)]


def test_after_its_end_a_round_begins_anew() -> None:
    world = _in_sync("pump-1", "pump-2", "pump-3", slice_size=2)
    for kind in Kind:
        world.ledger.move_cursor(kind, "")

    turns = [world.sweep.sweep().round for _ in range(4)]

    assert turns[0] == turns[2]
    assert turns[1] == turns[3]


def test_a_document_that_changed_without_event_is_found_by_the_round() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_policy("pumps", '{"Statement":[]}'))

    world.run_schedule()

    assert world.secondary.entities == world.wanted


def test_a_policy_attached_to_a_certificate_without_thing_is_found_by_the_round() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("loose"))
    world.run_schedule()
    world.primary.put(an_attachment("pumps", "loose"))

    world.run_schedule()

    assert world.secondary.entities == world.wanted


def test_what_differs_does_not_have_its_turn_in_the_round_too() -> None:
    world = _in_sync("pump-1")
    world.primary.put(replace(a_thing("pump-1", type_name="pump"), attributes={}))

    world.sweep.sweep()

    keys = [request.key for request in world.workflow.take()]
    assert len(keys) == len(set(keys))
    assert thing_key("pump-1") in keys


def test_empty_registries_are_swept_too(world: World) -> None:
    swept = world.sweep.sweep()

    assert (swept.drift, swept.round) == (0, 0)
    assert world.workflow.started == []


def test_what_the_schedule_asks_for_is_in_no_hurry() -> None:
    class Hurried(RecordingWorkflow):
        def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
            if not background:
                super().start(requests)

    world = World()
    hurried = Hurried()
    world.primary.put(a_thing("new"))

    assert _sweep_of(world, workflow=hurried).sweep().drift == 1
    assert hurried.started == []


def test_with_a_thing_go_its_shadows_whichever_region_lacks_the_thing() -> None:
    world = _in_sync("pump-1", "gone")
    world.sweep = _sweep_of(world, shadows=True)
    world.primary.put(a_thing("new"))
    world.primary.remove(thing_key("gone"))

    world.sweep.sweep()

    shadows = [request.key.name for request in world.workflow.take() if request.key.kind is Kind.THING_SHADOWS]
    assert sorted(shadows) == ["gone", "new", "pump-1"]


def test_without_a_slice_there_is_no_round_and_differences_are_found() -> None:
    world = World(slice_size=0)
    world.primary.put(*a_device("pump-1"))

    swept = world.sweep.sweep()

    assert (swept.drift, swept.round) == (3, 0)
    assert set(world.ledger.cursors) == {"drift"}


def _just_in_time(*names: str, slice_size: int = 200, at_most: int = 1000) -> World:
    """A world whose certificates of these names wait for their devices, and "known" has connected to both Regions."""
    world = World(just_in_time=True, slice_size=slice_size, at_most=at_most)
    world.primary.put(*(a_certificate(name) for name in (*names, "known")))
    world.secondary.put(a_certificate("known"))
    return world


def test_certificates_that_come_with_their_devices_are_no_differences() -> None:
    assert _drift(_just_in_time("pump-1", "pump-2")) == set()


def test_a_revocation_does_not_wait_behind_certificates_that_come_with_their_devices() -> None:
    world = _just_in_time(*(f"pump-{n}" for n in range(9)), at_most=1)
    world.primary.put(a_certificate("known", CertificateStatus.REVOKED))

    assert _drift(world) == {a_certificate("known").key}


def test_certificates_that_come_with_their_devices_take_no_turn_in_the_round() -> None:
    world = _just_in_time(*(f"pump-{n}" for n in range(9)), slice_size=1)

    turns = []
    for _ in range(2):
        world.sweep.sweep()
        turns.append(_names(world.workflow.take(), Kind.CERTIFICATE))

    assert turns == [[a_certificate("known").certificate_id]] * 2


def test_the_round_goes_past_the_health_checkers_certificate() -> None:
    world = World(slice_size=1)
    probe = f"{RESERVED_PREFIX}1"
    world.primary.put(*a_device(probe, policy=probe), *(a_certificate(f"pump-{n}") for n in range(4)))
    world.secondary.put(*(a_certificate(f"pump-{n}") for n in range(4)))

    seen: list[str] = []
    for _ in range(5):
        world.sweep.sweep()
        seen += _names(world.workflow.take(), Kind.CERTIFICATE)

    assert sorted(seen) == sorted(a_certificate(f"pump-{n}").certificate_id for n in range(4))


@pytest.mark.parametrize("differs", [True, False])
def test_what_could_not_be_started_has_its_turn_in_the_next_sweep(differs: bool) -> None:
    class Refusing(RecordingWorkflow):
        def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
            if requests:
                raise Throttled("StartExecution")

    world = World(at_most=1, slice_size=0 if differs else 1)
    world.primary.put(a_thing("a"), a_thing("b"))
    if not differs:
        world.secondary.put(a_thing("a"), a_thing("b"))
    with pytest.raises(Throttled):
        _sweep_of(world, workflow=Refusing(), at_most=1, slice_size=0 if differs else 1).sweep()

    world.sweep.sweep()

    assert _names(world.workflow.take()) == ["a"]


def _too_slow(world: World) -> int:
    """Have the last of the lists take longer than there is time, and return when that is over."""
    world.secondary.put(a_thing_type("the last that is listed"))
    world.calls.before = once("secondary.listed thing_type", lambda: world.clock.advance(900))
    return world.clock() + 600_000


def test_lists_that_take_too_long_still_have_what_both_regions_showed_compared() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(6)))
    world.primary.put(a_certificate("pump-1", CertificateStatus.REVOKED), a_thing("new"))
    world.primary.remove(thing_key("pump-5"))
    for kind in Kind:
        world.ledger.move_cursor(kind, "~")

    swept = world.sweep.sweep(until=_too_slow(world))

    assert (swept.complete, swept.drift) == (False, 1)
    assert [request.key for request in world.workflow.take()] == [a_certificate("pump-1").key]


def test_lists_that_take_too_long_still_have_the_round_go_on_but_for_certificates_that_may_be_probes() -> None:
    world = _in_sync("pump-1", "pump-2", "pump-3", slice_size=2)
    for kind in Kind:
        world.ledger.move_cursor(kind, "")

    assert not world.sweep.sweep(until=_too_slow(world)).complete
    assert _names(world.workflow.started) == ["pump-1", "pump-2"]
    assert _names(world.workflow.take(), Kind.CERTIFICATE) == []

    assert world.sweep.sweep(until=world.clock() + 600_000).complete
    assert _names(world.workflow.take()) == ["pump-3"]


def test_all_lists_are_read_at_the_same_time() -> None:
    all_begun = Barrier(LISTS_AT_ONCE, timeout=10)
    world = World()

    def begin(_name: str, _number: int) -> None:
        all_begun.wait()

    world.calls.before = begin
    with ThreadPoolExecutor(LISTS_AT_ONCE) as threads:
        sides = {side: world.calls.through(side, getattr(world, side)) for side in ("primary", "secondary")}
        _sweep_of(
            world, **{SIDES[side]: lister for side, lister in sides.items()}, together=on_threads(threads)
        ).sweep()

    assert sorted(world.calls.to("primary", "secondary")) == sorted(
        f"{side}.{listing}" for side in sides for listing in LISTS
    )


class _Listing(InMemoryRegistry):
    """A Region whose lists tell of some certificates in a way that cannot be read."""

    unreadable: tuple[Key, ...] = ()

    def listed(self, kind: Kind) -> Iterator[Entity | Unreadable]:
        for one in super().listed(kind):
            yield Unreadable(one.key, "the status 'NEW' is unknown") if one.key in self.unreadable else one


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_an_entry_that_cannot_be_read_is_told_and_keeps_no_other_from_being_compared(side: str) -> None:
    world = _in_sync("pump-1", "pump-2", "pump-3")
    for kind in Kind:
        world.ledger.move_cursor(kind, "~")
    listing = _Listing(world.clock)
    listing.put(*getattr(world, side).entities.values())
    listing.unreadable = (a_certificate("pump-1").key,)
    if side == "primary":
        listing.put(a_certificate("pump-2", CertificateStatus.REVOKED))
    else:
        world.primary.put(a_certificate("pump-2", CertificateStatus.REVOKED))

    swept = _sweep_of(world, **{SIDES[side]: listing}).sweep()

    assert [request.key for request in world.workflow.take()] == [a_certificate("pump-2").key]
    assert (swept.drift, swept.unreadable) == (1, 1)
    assert swept.why_unreadable.startswith(f"{a_certificate('pump-1').key}: {side} unreadable: the status 'NEW'")


def test_what_the_primary_lists_unreadably_is_checked_in_its_turn_so_that_the_ledger_tells_of_it(world: World) -> None:
    listing = _Listing(world.clock)
    listing.put(a_certificate("pump-1"))
    listing.unreadable = (a_certificate("pump-1").key,)

    assert _sweep_of(world, source=listing).sweep().round == 1
    assert [request.key for request in world.workflow.take()] == [a_certificate("pump-1").key]
