"""What of a snapshot is brought back; tests/property/test_snapshot.py shows that it ends as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import InvalidResource
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    Entity,
    GroupMembership,
    PolicyAttachment,
    Thing,
)
from iot_dr.model.registry.keys import Key, Kind, policy_key, shadow_key, thing_key
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import Document, Shadow
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.model.sync.progress import SyncProgress
from iot_dr.reconcile.translate import translate_document
from iot_dr.services.snapshots.restore import NoSyncLedger, compared, engine, of_things, put_back
from tests.builders import ACCOUNT, a_device, a_document, a_group, a_policy, a_thing, a_thing_type
from tests.fakes import FakeClock, FixedWriteGate, InMemoryRegistry
from tests.unit.iot_dr.services.sync.test_sync import OneAtATime

KEY = shadow_key("pump-17")


class Shadows:
    """Shadows of a Region, and what was written."""

    def __init__(self, text: str | None) -> None:
        self._shadow = Shadow(KEY, parse(text), version=4) if text is not None else None
        self.written: list[tuple[Document, int]] = []
        self.made = False

    def shadow(self, key: Key) -> Shadow | None:
        return self._shadow

    def make(self, key: Key) -> None:
        self.made, self._shadow = True, Shadow(key, {}, version=1)

    def update(self, key: Key, change: Document, version: int) -> int:
        self.written.append((change, version))
        return version + 1


def wanted(text: str) -> Shadow:
    return Shadow(KEY, parse(text))


def test_a_shadow_that_is_the_same_is_left_alone() -> None:
    shadows = Shadows('{"reported":{"t":20}}')

    assert not put_back(wanted('{"reported":{"t":20}}'), shadows, FixedWriteGate())
    assert shadows.written == []


def test_a_shadow_that_differs_gets_the_least_that_makes_it_the_same_under_its_version() -> None:
    shadows = Shadows('{"reported":{"t":20,"new":1}}')

    assert put_back(wanted('{"reported":{"t":20,"old":2}}'), shadows, FixedWriteGate())
    assert shadows.written == [(parse('{"reported":{"new":null,"old":2}}'), 4)]


def test_a_shadow_that_is_gone_is_made() -> None:
    shadows = Shadows(None)

    assert put_back(wanted('{"desired":{"t":20}}'), shadows, FixedWriteGate())
    assert shadows.made
    assert shadows.written == [(parse('{"desired":{"t":20}}'), 1)]


@pytest.mark.parametrize("text", [None, '{"reported":{"t":21}}'])
def test_comparing_a_shadow_writes_none(text: str | None) -> None:
    shadows = Shadows(text)

    assert compared(wanted('{"reported":{"t":20}}'), shadows) is not None
    assert (shadows.written, shadows.made) == ([], False)


@pytest.mark.parametrize("region", ["us-east-1", "us-east-*", "us-east-?", "us-*", "s*", "*", "*-1", "eu-west-1"])
def test_into_its_own_region_no_pattern_of_regions_is_translated(region: str) -> None:
    document = a_document(f"arn:aws:iot:{region}:{ACCOUNT}:client/*")

    assert translate_document(document, Direction(Site("us-east-1", ACCOUNT), Site("us-east-1", ACCOUNT))) == document


def test_who_restores_owns_nothing_so_a_plan_can_delete_nothing() -> None:
    ledger = NoSyncLedger()
    ledger.begin([thing_key("a"), policy_key("b")], at=1)

    assert ledger.owned({thing_key("a"), policy_key("b")}) == frozenset()


class Held:
    """A snapshot in memory."""

    def __init__(self, *entities: Entity) -> None:
        self._entities = entities

    def entities(self, kind: Kind) -> Iterator[Entity]:
        return (one for one in self._entities if one.key.kind is kind)

    def certificate(self, certificate_id: str) -> Certificate | None:
        found = (one for one in self._entities if isinstance(one, Certificate))
        return next((one for one in found if one.certificate_id == certificate_id), None)


class Unwatched:
    """A progress that nobody sees."""

    def reached(self, standing: SyncProgress) -> None:
        """Show nothing."""


def restored(
    folder: Path,
    snapshot: Held,
    into: InMemoryRegistry,
    meanwhile: Callable[[], None],
    gate: FixedWriteGate | None = None,
) -> SyncProgress:
    """Restore a whole snapshot; `meanwhile` happens between planning and applying."""
    with SqliteComparisonStore(folder / "c.sqlite") as store, SqliteJournal(folder / "j.sqlite") as journal:
        store.put(Side.SOURCE, (one for kind in REGISTRY_KINDS for one in snapshot.entities(kind)))
        store.put(Side.TARGET, into.entities.values())
        target = OneAtATime(into)
        restore = engine(
            comparison=store,
            journal=journal,
            direction=Direction(Site("us-east-1", ACCOUNT), Site("us-east-1", ACCOUNT)),
            certificate_of=snapshot.certificate,
            target=target,
            writer=target,
            gate=gate or FixedWriteGate(),
            clock=FakeClock(),
            progress=Unwatched(),
            stop=threading.Event(),
        )
        planned = restore.plan()
        meanwhile()
        return restore.apply(planned)


def test_a_thing_comes_with_all_groups_above_its_own_and_with_their_policies() -> None:
    above, hall, attached = a_group("site"), a_group("hall", "site"), PolicyAttachment("rooms", "thinggroup/site")
    hall = replace(hall, ancestors=("site",))
    snapshot = Held(*a_device(), above, hall, a_policy("rooms"), attached, GroupMembership("hall", "pump-17"))

    found = {one.key for one in of_things(snapshot, {"pump-17"})}

    assert {above.key, hall.key, policy_key("rooms"), attached.key} <= found


def test_a_thing_comes_with_its_type_and_its_billing_group_and_no_others() -> None:
    thing, costs, others = Thing("pump-17", {}, "pump", "costs"), BillingGroup("costs"), BillingGroup("others")
    snapshot = Held(a_thing_type("pump"), a_thing_type("valve"), costs, others, thing)

    assert {one.key for one in of_things(snapshot, {"pump-17"})} == {a_thing_type("pump").key, costs.key, thing.key}


def test_a_refused_policy_keeps_back_what_it_is_attached_to_and_nothing_else(tmp_path: Path) -> None:
    *device, attachment, principal = a_device()
    into = InMemoryRegistry()
    create = into.create

    def refusing(change: Create) -> None:
        if change.key == policy_key("pumps"):
            raise InvalidResource("too long")
        create(change)

    into.create = refusing  # type: ignore[method-assign]  # a fault of this Region alone

    standing = restored(tmp_path, Held(*device, attachment, principal), into, lambda: None)

    assert into.entities.keys() == {thing_key("pump-17"), device[1].key, principal.key}
    assert (standing.failed, standing.left) == (1, 1)


def test_what_the_region_was_given_since_it_was_read_is_brought_to_the_snapshots_state(tmp_path: Path) -> None:
    into = InMemoryRegistry()
    snapshot = Held(*a_device(), a_thing("pump-18", {"site": "north"}))

    def meanwhile() -> None:
        into.put(a_policy("pumps", a_document("by hand")), a_thing("pump-18", {"site": "by hand"}))

    assert restored(tmp_path, snapshot, into, meanwhile).complete

    assert into.entities == {one.key: one for kind in REGISTRY_KINDS for one in snapshot.entities(kind)}
