"""An adoption has replication own what the secondary had before, as far as the operator accepts it, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError, RegionUnavailable, TargetLeads
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.exact_json import Number
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import CertificateStatus, Entity, GroupMembership, ThingPrincipal
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    certificate_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_key,
)
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.model.sync.adoption import AdoptionChoice, AdoptionStanding
from iot_dr.model.sync.records import AppliedChange, ChangeKind, RunEnd
from iot_dr.reconcile.translate import translate
from iot_dr.services.adopt import STILL_BUSY, WILL_DIFFER, Adoption
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.reading.reading import Reading
from tests.builders import REGIONS, a_certificate, a_certificate_id, a_device, a_group, a_thing
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, InMemoryRegistry, raising
from tests.fleets import InMemoryFleet
from tests.shadow_fakes import InMemoryShadowNotes, InMemoryShadows

BEGAN = 1_000_000
KINDS = (*REGISTRY_KINDS, Kind.SHADOW)
ALL = AdoptionChoice(KINDS)
DEVICE = frozenset(one.key for one in a_device("pump-1"))
THING, PUMPS = thing_key("pump-1"), policy_key("pumps")


class RememberedRecord:
    """`ports.ChangeRecord` in a list."""

    def __init__(self) -> None:
        self.changes: list[AppliedChange] = []
        self.ended: RunEnd | None = None

    def note(self, change: AppliedChange) -> None:
        self.changes.append(change)

    def end(self, end: RunEnd) -> None:
        self.ended = end


class World:
    """Two registries that were filled by somebody else, and the ledger of a launch that knows nothing of them yet."""

    def __init__(self, store: SqliteComparisonStore) -> None:
        self.store = store
        self.clock = FakeClock(BEGAN)
        self.primary, self.secondary = InMemoryRegistry(), InMemoryRegistry()
        self.shadows = {side: InMemoryShadows() for side in Side}
        self.ledger, self.record, self.calls = InMemoryLedger(), RememberedRecord(), Calls()
        self.notes = InMemoryShadowNotes(self.ledger)
        self.gate = FixedWriteGate()

    def both(self, *entities: Entity) -> None:
        self.primary.put(*entities)
        self.secondary.put(*(translate(entity, REGIONS) for entity in entities))

    def owned(self) -> frozenset[Key]:
        return frozenset(key for key in self.ledger.notes if self.ledger.owned([key]))

    def adoption(self, choice: AdoptionChoice = ALL) -> Adoption:
        """An adoption of what both Regions hold now; the clock goes on by a second after the reading."""
        registries = {Side.SOURCE: self.primary, Side.TARGET: self.secondary}
        fleets = {side: InMemoryFleet(registry, shadows=self.shadows[side]) for side, registry in registries.items()}
        self.store.clear()
        self.store.set_fact("began", str(self.clock()))
        reading = Reading(self.store, fleets, shadows=ShadowSelection())
        opened = Adoption(
            reading=ComparisonReading(self.store, reading, self.clock, resumed=False),
            direction=REGIONS,
            readers={side: self.calls.through(side.name, registry) for side, registry in registries.items()},
            shadows={side: self.calls.through(f"shadows of {side}", held) for side, held in self.shadows.items()},
            store=self.ledger,
            ledger=self.ledger,
            notes=self.notes,
            gate=self.gate,
            record=self.record,
            clock=self.clock,
            choice=choice,
        )
        opened.read()
        self.clock.advance(1)
        return opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with SqliteComparisonStore(tmp_path / "comparison.sqlite") as store:
        yield World(store)


def standings(adoption: Adoption) -> dict[str, AdoptionStanding]:
    return {str(row.key): row.standing for row in adoption.rows()}


def test_what_both_regions_hold_alike_is_adopted_with_all_that_hangs_on_it(world: World) -> None:
    world.both(*a_device("pump-1"), a_group("site"), GroupMembership("site", "pump-1"))

    result = world.adoption().apply()

    assert (result.done, result.left) == (7, 0)
    assert world.owned() == DEVICE | {thing_group_key("site"), GroupMembership("site", "pump-1").key}
    assert {change.change for change in world.record.changes} == {ChangeKind.ADOPT}
    assert world.record.ended is not None
    assert replace(world.record.ended, ended=0) == RunEnd(0, 7, 0, 0)


def test_nothing_is_noted_by_looking_and_no_registry_is_written_by_adopting(world: World) -> None:
    world.both(*a_device("pump-1"))
    world.secondary.put(a_thing("pump-1", {"site": "elsewhere"}))
    before = dict(world.primary.entities), dict(world.secondary.entities)

    adoption = world.adoption(replace(ALL, differing=True))
    adoption.plan()
    assert (list(adoption.rows()) != [], world.owned()) == (True, frozenset())
    adoption.apply()

    assert (dict(world.primary.entities), dict(world.secondary.entities)) == before
    assert world.calls.made == []


def test_what_only_the_secondary_has_is_shown_and_never_adopted(world: World) -> None:
    world.secondary.put(*a_device("mine"))

    adoption = world.adoption(replace(ALL, differing=True))

    assert set(standings(adoption).values()) == {AdoptionStanding.ONLY_SECONDARY}
    assert (adoption.plan().chosen, adoption.apply().done, world.owned()) == (0, 0, frozenset())


def test_what_only_the_primary_has_is_counted_alone_for_replication_brings_it(world: World) -> None:
    world.primary.put(a_thing("new"))

    adoption = world.adoption()

    assert standings(adoption) == {}
    assert adoption.plan().number(AdoptionStanding.ONLY_PRIMARY) == 1


def test_what_replication_made_is_its_own_already(world: World) -> None:
    world.both(*a_device("pump-1"))
    world.ledger.begin(DEVICE, 1)

    adoption = world.adoption()

    assert (standings(adoption), adoption.plan().number(AdoptionStanding.OWNED)) == ({}, len(DEVICE))


def test_what_differs_is_adopted_only_if_that_is_asked_for_and_is_checked_soon_then(world: World) -> None:
    world.both(a_thing("pump-1", {"site": "north"}))
    world.secondary.put(a_thing("pump-1", {"site": "south"}))

    assert world.adoption().plan().chosen == 0
    adoption = world.adoption(replace(ALL, differing=True))
    (row,) = adoption.rows()
    adoption.apply()

    assert [(one.name, one.old, one.new) for one in row.fields] == [("attributes.site", '"south"', '"north"')]
    assert world.owned() == {THING}
    noted = world.ledger.outcome(THING)
    assert noted is not None
    assert (noted.state, noted.reason) == (State.PENDING, WILL_DIFFER)
    assert list(world.ledger.due(world.clock() + 60_000)) == [THING]


def test_a_relation_that_differs_is_checked_with_what_it_hangs_on_and_by_itself(world: World) -> None:
    device = a_device("pump-1")
    thing, certificate, attached = device[2], device[1], device[-1]
    assert isinstance(attached, ThingPrincipal)
    world.both(*device)
    world.secondary.put(replace(attached, exclusive=True))

    world.adoption(AdoptionChoice((Kind.THING_PRINCIPAL,), differing=True)).apply()

    assert world.owned() == {attached.key}
    assert set(world.ledger.due(world.clock() + 60_000)) == {thing.key, attached.key}
    assert certificate.key not in world.owned()


def test_what_aws_lets_nobody_change_is_told_as_what_will_be_made_again(world: World) -> None:
    world.both(a_group("top"))
    world.primary.put(a_group("site", "top"))
    world.secondary.put(a_group("site"))

    assert standings(world.adoption()) == {
        "thing_group#site": AdoptionStanding.REMADE,
        "thing_group#top": AdoptionStanding.EQUAL,
    }


def test_only_the_kinds_that_were_chosen_are_adopted(world: World) -> None:
    world.both(*a_device("pump-1"))

    world.adoption(AdoptionChoice((Kind.POLICY,))).apply()

    assert world.owned() == {PUMPS}


def test_a_policy_counts_as_equal_if_only_its_regions_differ(world: World) -> None:
    world.both(*a_device("pump-1"))

    adopted = world.adoption()
    (policy,) = [row for row in adopted.rows() if row.key == PUMPS]
    adopted.apply()

    assert policy.standing is AdoptionStanding.EQUAL
    found = world.secondary.entities[PUMPS]
    assert world.ledger.bases([PUMPS])[PUMPS].digest == digest_of(found)


def test_a_shadow_that_is_equal_is_adopted_and_one_that_differs_waits(world: World) -> None:
    world.both(a_thing("pump-1"))
    for side, state in ((Side.SOURCE, Number("1")), (Side.TARGET, Number("2"))):
        world.shadows[side].make(shadow_key("pump-1"))
        world.shadows[side].make(shadow_key("pump-1", "config"))
        world.shadows[side].update(shadow_key("pump-1", "config"), {"desired": {"rate": state}}, 1)

    assert standings(world.adoption(AdoptionChoice((Kind.SHADOW,)))) == {
        "shadow#pump-1": AdoptionStanding.EQUAL,
        "shadow#pump-1#config": AdoptionStanding.DIFFERS,
    }
    world.adoption(AdoptionChoice((Kind.SHADOW,), differing=True)).apply()

    assert world.owned() == {shadow_key("pump-1"), shadow_key("pump-1", "config")}
    assert list(world.ledger.due(world.clock())) == [shadow_key("pump-1", "config")]


def test_what_was_checked_since_it_was_read_is_read_once_more_and_adopted_if_it_is_equal_still(world: World) -> None:
    world.both(a_thing("pump-1"), a_thing("pump-2"))
    adoption = world.adoption()
    for name in ("pump-1", "pump-2"):
        world.ledger.record(Outcome(thing_key(name), State.IN_SYNC, "", at=world.clock()))
    world.secondary.put(a_thing("pump-2", {"site": "south"}))
    world.clock.advance(1)

    result = adoption.apply()

    assert world.owned() == {THING}
    assert [(str(one.key), one.reason) for one in result.problems] == [("thing#pump-2", "it has changed: differs")]
    assert result.left == 1


def test_what_was_deleted_in_the_primary_meanwhile_is_not_adopted(world: World) -> None:
    world.both(a_thing("pump-1"))
    adoption = world.adoption()
    world.primary.remove(THING)
    world.ledger.record(Outcome(THING, State.UNSUPPORTED, "not its own", at=world.clock()))
    world.clock.advance(1)

    result = adoption.apply()

    assert (world.owned(), [one.reason for one in result.problems]) == (frozenset(), ["it has changed: only secondary"])


def test_what_replication_made_meanwhile_is_no_problem(world: World) -> None:
    world.both(a_thing("pump-1"))
    adoption = world.adoption()
    world.ledger.begin([THING], world.clock())

    assert (adoption.apply().left, world.owned()) == (0, {THING})


def test_what_a_worker_is_writing_is_named(world: World) -> None:
    world.both(a_thing("pump-1"))
    adoption = world.adoption()
    world.ledger.begin([], world.clock(), below=[THING])

    assert [one.reason for one in adoption.apply().problems] == [STILL_BUSY]
    assert world.owned() == frozenset()


def test_what_cannot_be_read_again_is_named_and_the_rest_is_adopted(world: World) -> None:
    world.both(a_thing("pump-1"), a_thing("pump-2"))
    adoption = world.adoption()
    world.ledger.record(Outcome(THING, State.IN_SYNC, "", at=world.clock()))
    world.calls.before = raising(RegionUnavailable("gone"), on=["SOURCE.thing"])

    assert [one.reason for one in adoption.apply().problems] == ["gone"]
    assert world.owned() == {thing_key("pump-2")}


def test_a_plan_that_was_accepted_is_applied_and_another_is_refused(world: World) -> None:
    world.both(a_thing("pump-1"))
    shown = world.adoption().plan().digest
    world.both(a_thing("pump-2"))

    with pytest.raises(ConfigurationError, match="digest"):
        world.adoption().apply(shown)
    assert world.owned() == frozenset()

    adoption = world.adoption()
    assert adoption.apply(adoption.plan().digest).done == 2


def test_while_the_secondary_leads_nothing_is_adopted(world: World) -> None:
    world.both(a_thing("pump-1"))
    world.gate = FixedWriteGate(leads="us-west-2 leads")

    with pytest.raises(TargetLeads):
        world.adoption().apply()

    assert (world.owned(), world.record.changes) == (frozenset(), [])


def test_a_second_run_adopts_nothing_more(world: World) -> None:
    world.both(*a_device("pump-1"))
    world.adoption().apply()

    again = world.adoption()

    assert again.plan().number(AdoptionStanding.ADOPTED) == len(DEVICE)
    assert (again.plan().chosen, again.apply().done) == (0, 0)


def test_an_adoption_is_taken_back_and_what_replication_made_stays_its_own(world: World) -> None:
    world.both(*a_device("pump-1"), a_thing("made"))
    world.ledger.begin([thing_key("made")], 1)
    world.adoption().apply()
    release = replace(ALL, release=True)

    adoption = world.adoption(release)
    assert {row.key for row in adoption.rows()} == DEVICE
    result = adoption.apply()

    assert (result.done, world.owned()) == (len(DEVICE), {thing_key("made")})
    assert world.record.changes[-1].change is ChangeKind.RELEASE
    assert world.adoption(release).plan().chosen == 0


def test_what_replication_made_after_the_adoption_is_not_released(world: World) -> None:
    world.both(a_thing("pump-1"))
    world.adoption().apply()
    world.ledger.begin([THING], world.clock() + 1)

    world.adoption(replace(ALL, release=True)).apply()

    assert world.owned() == {THING}


def test_a_certificate_with_another_status_is_told(world: World) -> None:
    world.both(a_certificate("pump-1"))
    world.secondary.put(a_certificate("pump-1", CertificateStatus.INACTIVE))

    assert standings(world.adoption()) == {
        str(certificate_key(a_certificate_id("pump-1"))): AdoptionStanding.DIFFERS,
    }
