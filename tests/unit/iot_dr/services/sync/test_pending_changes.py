from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import Conflict
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import Certificate, Entity, PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import Kind, certificate_target, policy_key, thing_key
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import BATCH, PendingChanges, all_read, is_deleted, is_made, makes_room
from tests.builders import REGIONS, a_certificate, a_policy, a_thing, a_thing_type
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, raising


class Read:
    """What was read, and what is pending of it."""

    def __init__(self, folder: Path) -> None:
        self.store, self.journal = SqliteComparisonStore(folder / "c.sqlite"), SqliteJournal(folder / "j.sqlite")
        self.ledger = InMemoryLedger()

    def pending(self, *, just_in_time: bool = False) -> PendingChanges:
        return PendingChanges(
            comparison=self.store,
            journal=self.journal,
            direction=REGIONS,
            marks=Marking(self.ledger, FixedWriteGate(), FakeClock()),
            just_in_time=just_in_time,
        )

    def primary(self, *entities: Entity) -> None:
        self.store.put(Side.SOURCE, entities)

    def secondary(self, *entities: Entity) -> None:
        self.store.put(Side.TARGET, entities)


class Arranged:
    """A reading that is at these places, one after the other."""

    def __init__(self, *places: str | None) -> None:
        self.places = list(places)

    def __call__(self, _kind: Kind, _seen: str) -> str | None:
        return self.places.pop(0)


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    found = Read(tmp_path)
    with found.store, found.journal:
        yield found


def test_what_has_ended_is_not_pending(read: Read) -> None:
    read.primary(a_thing("a"), a_thing("b"), a_thing("c"))
    read.journal.settle(ChangeResult(thing_key("a"), Ending.DONE))
    read.journal.settle(ChangeResult(thing_key("b"), Ending.FAILED))

    assert [change.key.name for change in read.pending().unsettled(Kind.THING, is_made)] == ["c"]


def test_ownership_is_noted_a_batch_ahead_of_what_is_drawn(read: Read) -> None:
    names = [f"pump-{number:04}" for number in range(BATCH + 10)]
    read.primary(*map(a_thing, names))

    first = next(read.pending().unsettled(Kind.THING, is_made))

    assert first.key == thing_key(names[0])
    assert read.ledger.owned(map(thing_key, names)) == set(map(thing_key, names[:BATCH]))  # type: ignore[arg-type]  # any


def test_a_batch_that_another_worker_is_noting_is_drawn_and_owned_by_nobody_yet(read: Read) -> None:
    read.primary(a_thing("a"))
    calls = Calls()
    calls.before = raising(Conflict("another worker"), on=("ledger.begin",))
    ledger, read.ledger = read.ledger, calls.through("ledger", read.ledger)

    assert [change.key for change in read.pending().unsettled(Kind.THING, is_made)] == [thing_key("a")]
    assert not ledger.owned([thing_key("a")])


def test_what_is_deleted_or_overwritten_is_marked_a_batch_ahead_too(read: Read) -> None:
    read.primary(a_policy("changed", "{}"))
    read.secondary(a_policy("changed"), a_policy("gone"))
    read.ledger.begin([policy_key("gone")], 1)

    next(read.pending().unsettled(Kind.POLICY, lambda _: True))

    assert read.ledger.marked(policy_key("changed")) & read.ledger.marked(policy_key("gone"))


def test_what_is_only_updated_is_not_owned_for_that(read: Read) -> None:
    read.primary(a_thing("a", {"site": "north"}))
    read.secondary(a_thing("a"))

    (change,) = read.pending().unsettled(Kind.THING, is_made)

    assert isinstance(change, Update)
    assert not read.ledger.owned([thing_key("a")])


def test_a_phase_draws_its_own_changes_alone(read: Read) -> None:
    read.primary(a_thing("new"))
    read.secondary(a_thing("gone"))
    read.ledger.begin([thing_key("gone")], 1)

    made, deleted = (list(read.pending().unsettled(Kind.THING, wanted)) for wanted in (is_made, is_deleted))

    assert [change.key.name for change in made] == ["new"]
    assert [change.key.name for change in deleted] == ["gone"]


def test_every_change_belongs_to_one_phase_or_waits_for_the_things() -> None:
    relation = ThingPrincipal("pump-17", "0af3")
    exclusive = replace(relation, exclusive=True)
    phases: dict[Action, Callable[[Action], bool] | None] = {
        Create(relation, ""): is_made,
        Update(exclusive, relation, ""): is_made,
        Update(relation, exclusive, ""): makes_room,
        Delete(relation, ""): makes_room,
        Delete(a_certificate(), ""): is_deleted,
        Update(a_thing_type(), a_thing_type(deprecated=True), ""): is_made,
        Update(a_thing_type(deprecated=True), a_thing_type(), ""): None,
    }

    for change, phase in phases.items():
        assert [wanted for wanted in (makes_room, is_made, is_deleted) if wanted(change)] == [phase] * bool(phase)


def test_certificates_that_are_left_to_their_devices_are_no_difference(read: Read) -> None:
    new, known = a_certificate("new"), a_certificate("known")
    relations = [_attached(certificate) for certificate in (new, known)]
    read.primary(a_policy(), new, known, *(each for pair in relations for each in pair))
    read.secondary(a_policy(), known)

    pending = read.pending(just_in_time=True)
    found = [one.key for kind in Kind for one in pending.differences(kind) if kind is not Kind.POLICY]

    assert found == [relation.key for relation in relations[1]]


def _attached(certificate: Certificate) -> tuple[PolicyAttachment, ThingPrincipal]:
    target = certificate_target(certificate.certificate_id)
    return PolicyAttachment("pumps", target), ThingPrincipal("pump-17", certificate.certificate_id)


def test_what_is_followed_comes_as_far_as_it_has_been_read(read: Read) -> None:
    read.primary(*(ThingPrincipal("pump-17", name) for name in ("0a", "0b", "0c")))
    read.secondary(ThingPrincipal("gone", "0a"))

    following = Arranged("0a", "0c", None)
    drawn = read.pending().followed(Kind.THING_PRINCIPAL, following, threading.Event())

    assert next(drawn).key.other == "0a"
    assert following.places == [None]
    assert [change.key.other for change in drawn] == ["0b", "0c"]


def test_more_than_a_batch_may_be_read_at_once(read: Read) -> None:
    names = [f"{number:04}" for number in range(2 * BATCH + 1)]
    read.primary(*(ThingPrincipal("pump-17", name) for name in names))

    drawn = read.pending().followed(Kind.THING_PRINCIPAL, Arranged("9999", None), threading.Event())

    assert [change.key.other for change in drawn] == names


def test_following_ends_when_it_is_stopped(read: Read) -> None:
    read.primary(ThingPrincipal("pump-17", "0a"))
    stop = threading.Event()

    def ready_before(_kind: Kind, _seen: str) -> str | None:
        stop.set()
        return ""

    assert list(read.pending().followed(Kind.THING_PRINCIPAL, ready_before, stop)) == []


@pytest.mark.parametrize("just_in_time", [False, True])
def test_policies_come_in_the_order_of_what_needs_them(read: Read, just_in_time: bool) -> None:
    read.primary(*map(a_policy, ("first", "known", "of-a-group", "second", "to-nothing")))
    read.primary(
        PolicyAttachment("second", "cert/0a"),
        PolicyAttachment("known", "cert/0b"),
        PolicyAttachment("first", "cert/0b"),
        PolicyAttachment("second", "cert/0c"),
        PolicyAttachment("of-a-group", "thinggroup/site"),
    )
    read.secondary(a_policy("known"))

    pending = read.pending(just_in_time=just_in_time)
    drawn = [change.key for change in pending.policies_in_turn(all_read, threading.Event())]

    assert [key.name for key in drawn] == ["second", "first", "of-a-group"]
    assert read.ledger.owned(drawn) == set(drawn)


def test_policies_are_followed_as_far_as_attachments_have_been_read(read: Read) -> None:
    read.primary(a_policy("first"), a_policy("second"))
    read.primary(PolicyAttachment("second", "cert/0a"), PolicyAttachment("first", "cert/0b"))

    following = Arranged("cert/0b", None)
    drawn = read.pending().policies_in_turn(following, threading.Event())

    assert next(drawn).key.name == "second"
    assert following.places == [None]
    assert [change.key.name for change in drawn] == ["first"]
