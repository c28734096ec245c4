"""A whole sync over registries in memory, with what is kept on disk as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from iot_dr.errors import (
    AccessDenied,
    Conflict,
    InvalidResource,
    IotDrError,
    NotReadyYet,
    RegionUnavailable,
    UnsafePlan,
)
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    certificate_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_shadows_key,
)
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import Ending, Step, SyncProgress
from iot_dr.ports.fleet import FleetReader
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.reconcile.translate import translate
from iot_dr.services.reading.following import ready_while_reading
from iot_dr.services.reading.reading import Reading
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.shadows.replicate import Applied
from iot_dr.services.sync import pending_changes
from iot_dr.services.sync.apply_change import ChangeApplier
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows
from iot_dr.services.sync.sync import FOLLOWED, KINDS, PATIENCE, Sync
from tests.builders import (
    REGIONS,
    a_certificate,
    a_certificate_id,
    a_device,
    a_document,
    a_dynamic_group,
    a_group,
    a_policy,
    a_thing,
    a_thing_type,
    an_attachment,
)
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, InMemoryRegistry, Killed, once, raising
from tests.fleets import InMemoryFleet

ANY = Limits(deletes=1.0)


class OneAtATime:
    """A port that threads take turns at, as the registry in memory is not made for several at once."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def called(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return method(*arguments, **named)

        return called


class AskedFleet:
    """A fleet that a test is told of before it is asked."""

    def __init__(self, fleet: InMemoryFleet, regions: Regions) -> None:
        self._fleet, self._regions = fleet, regions

    def ask(self, call: PageRequest) -> Page:
        self._regions.before_asking(call)
        return self._fleet.ask(call)


class Regions:
    """Both Regions, the ledger, the state folder, and what goes on between them."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.primary, self.secondary = InMemoryRegistry(self.clock), InMemoryRegistry(self.clock)
        self.ledger = InMemoryLedger()
        self.calls = Calls()
        self.gate = FixedWriteGate()
        self.folder = folder
        self.comparison = "first"
        self.standings: list[SyncProgress] = []
        self.with_shadows = False
        self.checked: list[Key] = []
        self.outcomes: dict[str, State] = {}
        self.before_asking: Callable[[PageRequest], None] = lambda _call: None

    def request(self, keys: Iterable[Key]) -> Applied:
        """Check shadows, as the replication of shadows does."""
        names = [key.name for key in keys]
        self.checked.extend(map(thing_shadows_key, names))
        states = [(name, self.outcomes.get(name, State.IN_SYNC)) for name in names]
        return Applied(tuple(Outcome(shadow_key(name), state, "why", at=1) for name, state in states))

    def sync(
        self,
        *,
        apply: bool = True,
        follow: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        just_in_time: bool = False,
        anew: bool = True,
        stop: threading.Event | None = None,
        width: int = 2,
    ) -> Any:
        stop = stop or threading.Event()
        with (
            SqliteComparisonStore(self.folder / "comparison.sqlite") as store,
            SqliteJournal(self.folder / "j.sqlite") as journal,
        ):
            if anew:
                store.clear()
                journal.begin("run")
            primary = AskedFleet(InMemoryFleet(self.primary, 3), self)
            fleets: dict[Side, FleetReader] = {Side.SOURCE: primary, Side.TARGET: InMemoryFleet(self.secondary, 3)}
            reading = Reading(store, fleets, threads=2)
            sync = self.engine(store, journal, stop, limits, width, just_in_time=just_in_time)
            if not follow:
                assert reading.read()
                planned = sync.plan()
                return sync.apply(planned) if apply else planned
            reading.read(KINDS)
            with ThreadPoolExecutor(1) as executor:
                ended = executor.submit(reading.read, FOLLOWED)
                return sync.apply(sync.plan(KINDS), ready_while_reading(reading, ended))

    def engine(
        self,
        store: SqliteComparisonStore,
        journal: SqliteJournal,
        stop: threading.Event,
        limits: Limits = DEFAULT_LIMITS,
        width: int = 2,
        *,
        just_in_time: bool = False,
    ) -> Sync:
        through = self.calls.through
        ledger = OneAtATime(through("ledger", self.ledger))
        secondary = OneAtATime(through("secondary", self.secondary))
        marks = Marking(ledger, self.gate, self.clock)
        applier = ChangeApplier(
            direction=REGIONS,
            source=RegistrySourceReader(OneAtATime(through("primary", self.primary)), self.clock),
            target=secondary,
            writer=secondary,
            marks=marks,
        )
        pending = PendingChanges(
            comparison=store,
            journal=journal,
            direction=REGIONS,
            marks=marks,
            just_in_time=just_in_time,
        )
        return Sync(
            pending=pending,
            shadows=PendingShadows(store, journal, self.request if self.with_shadows else None),
            applier=applier,
            progress=self,
            stop=stop,
            limits=limits,
            width=width,
        )

    def reached(self, standing: SyncProgress) -> None:
        self.standings.append(standing)

    def expected(self) -> dict[Key, Entity]:
        return {key: translate(entity, REGIONS) for key, entity in self.primary.entities.items()}

    def written(self) -> list[str]:
        return [call for call in self.calls.made if call.partition(".")[2] in ("create", "update", "delete")]

    def own(self, *keys: Key) -> None:
        self.ledger.begin(keys, 1)

    def watch(self, seen: Callable[[Entity], None]) -> None:
        """Have it seen what is made in the secondary."""
        create = self.secondary.create

        def watched(change: Any) -> None:
            seen(change.desired)
            create(change)

        self.secondary.create = watched  # type: ignore[method-assign]  # this Region alone is watched

    def refuse(self, wanted: Callable[[Entity], bool], error: IotDrError) -> None:
        """Have the secondary refuse to create some."""
        create = self.secondary.create

        def refusing(change: Any) -> None:
            if wanted(change.desired):
                raise error
            create(change)

        self.secondary.create = refusing  # type: ignore[method-assign]  # a fault of this Region alone


@pytest.fixture
def regions(tmp_path: Path) -> Regions:
    return Regions(tmp_path)


def a_fleet() -> Iterator[Entity]:
    """One of every kind, several of most, with a policy of its own for some."""
    yield from (a_thing_type("pump"), a_thing_type("old", deprecated=True), BillingGroup("mill", "the mill"))
    yield from (a_group("site"), a_group("hall", "site"), a_dynamic_group())
    yield PolicyAttachment("pumps", thing_group_target("site"))
    for number in range(8):
        name = f"pump-{number}"
        own = f"own-{number}" if number % 2 else "pumps"
        yield from a_device(name, policy=own, type_name="old" if number == 3 else "pump")
        yield GroupMembership("hall", name)
    yield Thing("billed", billing_group="mill")
    yield a_certificate("revoked", CertificateStatus.REVOKED)


@pytest.mark.parametrize("follow", [False, True])
def test_a_whole_fleet_crosses(regions: Regions, follow: bool) -> None:
    regions.primary.put(*a_fleet())

    standing = regions.sync(follow=follow)

    assert regions.secondary.entities == regions.expected()
    assert standing.complete
    assert regions.calls.made.count("secondary.create") == len(regions.expected())


def test_everything_is_owned_whichever_lane_came_upon_it_first(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_changes, "BATCH", 1)
    regions.primary.put(*a_fleet())

    regions.sync()

    assert regions.ledger.owned(list(regions.expected())) == regions.expected().keys()


def test_a_dry_run_counts_and_changes_nothing(regions: Regions) -> None:
    regions.primary.put(*a_device(), a_thing("changed", {"site": "north"}), a_policy("pumps"))
    regions.secondary.put(a_thing("changed", {"site": "south"}), a_thing("stranger"))
    before = regions.secondary.entities

    planned = regions.sync(apply=False)

    assert planned.steps == {
        (Kind.POLICY, Step.CREATE): 1,
        (Kind.CERTIFICATE, Step.CREATE): 1,
        (Kind.THING, Step.CREATE): 1,
        (Kind.THING, Step.UPDATE): 1,
        (Kind.THING, Step.LEAVE): 1,
        (Kind.POLICY_ATTACHMENT, Step.CREATE): 1,
        (Kind.THING_PRINCIPAL, Step.CREATE): 1,
    }
    assert planned.existing == 2
    assert regions.secondary.entities == before
    assert not regions.written()


def test_a_second_run_finds_nothing_to_do(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.calls.made.clear()

    standing = regions.sync()

    assert (standing.all_planned, standing.complete) == (0, True)
    assert not regions.written()


def test_what_is_created_is_owned_before_it_is_there(regions: Regions) -> None:
    regions.primary.put(*a_device())
    regions.calls.before = raising(Killed(), on=("secondary.create",))

    with pytest.raises(Killed):
        regions.sync()

    assert regions.ledger.owned([thing_key("pump-17"), policy_key("pumps")]) == {
        thing_key("pump-17"),
        policy_key("pumps"),
    }


def test_differences_are_brought_to_the_primarys_state(regions: Regions) -> None:
    regions.primary.put(*a_device(), a_group("site"), BillingGroup("mill", "new"))
    regions.sync()
    regions.secondary.put(
        a_thing("pump-17", {"site": "elsewhere"}),
        a_certificate(status=CertificateStatus.INACTIVE),
        a_policy("pumps", a_document("x")),
        replace(a_group("site"), description="other"),
        BillingGroup("mill", "old"),
    )

    standing = regions.sync()

    assert regions.secondary.entities == regions.expected()
    assert standing.complete


def test_what_is_gone_from_the_primary_goes_if_replication_made_it_and_only_then(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.secondary.put(a_thing("stranger"))
    regions.primary.remove(
        thing_key("pump-1"), certificate_key(a_certificate_id("pump-1")), policy_key("own-1"), thing_group_key("hall")
    )

    standing = regions.sync(limits=ANY)

    assert regions.secondary.entities == {**regions.expected(), thing_key("stranger"): a_thing("stranger")}
    assert standing.complete
    assert regions.ledger.owned([thing_key("pump-1")]) == frozenset()


def test_too_many_deletions_are_refused_before_anything_is_changed(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    before = regions.secondary.entities
    regions.primary.remove(*[key for key in regions.primary.entities if key.kind is not Kind.POLICY])
    regions.primary.put(a_thing("new"))
    regions.calls.made.clear()

    with pytest.raises(UnsafePlan, match="--delete-share"):
        regions.sync()

    assert regions.secondary.entities == before
    assert not regions.written()


def test_too_many_attachments_that_would_go_are_refused_when_they_are_followed(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.primary.remove(*[key for key in regions.primary.entities if key.kind is Kind.THING_PRINCIPAL])

    with pytest.raises(UnsafePlan):
        regions.sync(follow=True, limits=Limits(0.3, 1))

    assert any(key.kind is Kind.THING_PRINCIPAL for key in regions.secondary.entities)


def test_policies_that_would_go_from_too_many_are_refused_when_they_are_followed(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.primary.remove(*[key for key in regions.primary.entities if key.kind is Kind.POLICY_ATTACHMENT])

    with pytest.raises(UnsafePlan):
        regions.sync(follow=True, limits=Limits(0.3, 1))

    assert any(key.kind is Kind.POLICY_ATTACHMENT for key in regions.secondary.entities)


@pytest.mark.parametrize("follow", [False, True])
def test_a_certificate_that_has_all_the_policies_it_may_have_gets_another_instead(
    regions: Regions, follow: bool
) -> None:
    certificate, others = a_certificate("full"), [f"p-{number}" for number in range(10)]
    regions.primary.put(certificate, *map(a_policy, [*others, "new"]), *(an_attachment(one, "full") for one in others))
    regions.sync()
    regions.primary.remove(an_attachment("p-0", "full").key)
    regions.primary.put(an_attachment("new", "full"))

    assert regions.sync(limits=ANY, follow=follow).complete

    assert regions.secondary.entities == regions.expected()


@pytest.mark.parametrize("follow", [False, True])
def test_a_certificate_that_belongs_to_one_thing_alone_no_more_does_so_nowhere(regions: Regions, follow: bool) -> None:
    regions.primary.put(*a_device(), ThingPrincipal("pump-17", a_certificate_id("pump-17"), exclusive=True))
    regions.sync()
    regions.primary.put(ThingPrincipal("pump-17", a_certificate_id("pump-17")))

    standing = regions.sync(follow=follow)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_devices_are_whole_while_the_policies_of_others_are_still_read(regions: Regions) -> None:
    """Every device has a policy of its own; the last is not asked for until the first has its own in the secondary."""
    devices = [a_device(f"pump-{number}", policy=f"own-{number}") for number in range(8)]
    regions.primary.put(*(one for device in devices for one in device))
    last = max(a_certificate_id(f"pump-{number}") for number in range(8))
    attached = threading.Event()

    def ask(call: PageRequest) -> None:
        if call == PageRequest(ReadCall.POLICIES_OF_CERTIFICATE, last):
            assert attached.wait(30), "nothing was attached before all was read"

    regions.before_asking = ask
    regions.watch(lambda made: attached.set() if isinstance(made, PolicyAttachment) else None)

    assert regions.sync(follow=True).complete
    assert regions.secondary.entities == regions.expected()


def test_policies_are_made_in_the_order_in_which_certificates_need_them(regions: Regions) -> None:
    numbers = range(12)
    regions.primary.put(a_policy("attached-to-nothing"), a_policy("zz-nor-this"))
    regions.primary.put(*(one for number in numbers for one in a_device(f"pump-{number}", policy=f"own-{number}")))
    made: list[Entity] = []
    regions.watch(made.append)

    regions.sync(width=1)

    by_certificate = sorted(numbers, key=lambda number: a_certificate_id(f"pump-{number}"))
    assert [one.name for one in made if isinstance(one, Policy)] == [
        *(f"own-{number}" for number in by_certificate),
        "attached-to-nothing",
        "zz-nor-this",
    ]


def test_a_policy_that_many_share_is_made_once_however_few_names_are_remembered(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_changes, "SEEN", 1)
    monkeypatch.setattr(pending_changes, "BATCH", 2)
    regions.primary.put(*a_fleet())
    made: list[Entity] = []
    regions.watch(made.append)

    assert regions.sync(follow=True).complete

    assert sorted(one.name for one in made if isinstance(one, Policy)) == ["own-1", "own-3", "own-5", "own-7", "pumps"]


def test_what_came_back_meanwhile_is_not_deleted(regions: Regions) -> None:
    regions.primary.put(a_thing("pump-17", {"site": "north"}))
    regions.sync()
    regions.primary.remove(thing_key("pump-17"))
    regions.calls.before = lambda name, _: (
        regions.primary.put(a_thing("pump-17", {"site": "north"})) if name == "secondary.thing" else None
    )

    regions.sync(limits=ANY)

    assert thing_key("pump-17") in regions.secondary.entities


def test_a_refusal_of_one_resource_does_not_stop_the_others(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    refused = certificate_key(a_certificate_id("pump-2"))
    regions.refuse(lambda entity: entity.key == refused, InvalidResource("not today"))

    standing = regions.sync()

    missing = set(regions.expected()) - set(regions.secondary.entities)
    attached = {key for key in regions.expected() if refused.name in key.other}
    assert missing == {refused, *attached}
    assert (standing.failed, standing.left) == (1, 2)
    # What AWS was asked for may still come; what nobody asked for may not.
    assert {key for key in regions.ledger.notes if regions.ledger.marked(key)} == {refused}
    assert regions.ledger.outcome(refused).state is State.FAILED  # type: ignore[union-attr]  # it is there, or this fails


def test_what_failed_is_tried_again_by_the_next_run(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    create = regions.secondary.create
    regions.refuse(lambda entity: entity.key.kind is Kind.CERTIFICATE, InvalidResource("not today"))
    regions.sync()
    regions.secondary.create = create  # type: ignore[method-assign]  # the Region takes certificates again

    standing = regions.sync(anew=False)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_what_was_not_ready_has_another_chance_in_the_same_run(regions: Regions) -> None:
    regions.primary.put(*a_device())
    create, refused = regions.secondary.create, set[Key]()

    def once(change: Any) -> None:
        if change.key.kind is Kind.THING_PRINCIPAL and len(refused) < 1:
            refused.add(change.key)
            raise NotReadyYet("not yet")
        create(change)

    regions.secondary.create = once  # type: ignore[method-assign]  # a fault of this Region alone

    standing = regions.sync()

    assert refused
    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_a_missing_right_ends_the_run_at_once(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.refuse(lambda entity: isinstance(entity, Thing), AccessDenied("iot:CreateThing"))

    with pytest.raises(AccessDenied, match="iot:CreateThing"):
        regions.sync()


def test_a_region_that_does_not_answer_ends_the_run_which_then_goes_on(regions: Regions) -> None:
    regions.primary.put(*(a_thing(f"pump-{number}") for number in range(3 * PATIENCE)))
    create = regions.secondary.create
    regions.refuse(lambda _entity: True, RegionUnavailable("us-west-2"))
    with pytest.raises(RegionUnavailable):
        regions.sync()
    regions.secondary.create = create  # type: ignore[method-assign]  # the Region is back

    standing = regions.sync(anew=False)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


@pytest.mark.parametrize("after", [1, 7, 20, 35])
@pytest.mark.parametrize("follow", [False, True])
def test_a_killed_run_goes_on_and_repeats_only_what_was_under_way(regions: Regions, after: int, follow: bool) -> None:
    regions.primary.put(*a_fleet())
    written = 0

    def kill(name: str, _number: int) -> None:
        nonlocal written
        written += name == "secondary.create"
        if written > after:
            raise Killed

    regions.calls.after = kill
    with pytest.raises(Killed):
        regions.sync(follow=follow)
    regions.calls.after = lambda _name, _number: None

    standing = regions.sync(anew=False)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()
    under_way = 2 * 9
    assert regions.calls.made.count("secondary.create") <= len(regions.expected()) + under_way


@pytest.mark.parametrize("follow", [False, True])
def test_an_exclusive_certificate_that_moved_moves(regions: Regions, follow: bool) -> None:
    first = a_device("pump-1")
    regions.primary.put(*first[:-1], ThingPrincipal("pump-1", a_certificate_id("pump-1"), exclusive=True))
    regions.sync()
    regions.primary.remove(*[key for key in regions.primary.entities if key.kind is Kind.THING_PRINCIPAL])
    regions.primary.put(a_thing("pump-2"), ThingPrincipal("pump-2", a_certificate_id("pump-1"), exclusive=True))

    assert regions.sync(limits=ANY, follow=follow).complete

    assert regions.secondary.entities == regions.expected()


def test_a_thing_is_made_in_a_type_that_both_have_deprecated(regions: Regions) -> None:
    regions.primary.put(a_thing_type("old", deprecated=True))
    regions.sync()
    regions.primary.put(a_thing_type("old"), a_thing("pump-1", type_name="old"), a_thing_type("old", deprecated=True))

    standing = regions.sync()

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_a_type_that_cannot_be_taken_back_leaves_its_things_and_nothing_else(regions: Regions) -> None:
    regions.primary.put(a_thing_type("old", deprecated=True), a_thing("before", type_name=""))
    regions.sync()
    regions.primary.put(a_thing_type("old"), a_thing("pump-1", type_name="old"), a_thing_type("old", deprecated=True))
    regions.primary.put(a_thing("pump-2"))
    regions.calls.before = raising(InvalidResource("not today"), on=("secondary.update",))

    standing = regions.sync()

    assert thing_key("pump-2") in regions.secondary.entities
    assert (standing.failed + standing.left, thing_key("pump-1") in regions.secondary.entities) == (1, False)


def test_a_thing_that_stays_in_a_deprecated_type_needs_it_not(regions: Regions) -> None:
    regions.primary.put(a_thing("pump-1", {"site": "north"}, "old"), a_thing_type("old", deprecated=True))
    regions.sync()
    regions.primary.put(a_thing("pump-1", {"site": "south"}, "old"))
    regions.calls.made.clear()

    standing = regions.sync()

    assert standing.complete
    assert regions.calls.made.count("secondary.update") == 1


def test_a_group_that_was_made_anew_elsewhere_goes_and_comes_with_the_next_run(regions: Regions) -> None:
    regions.primary.put(a_group("north"), a_group("south"), a_group("hall", "north"), a_thing("pump-1"))
    regions.sync()
    regions.primary.remove(thing_group_key("hall"))
    regions.primary.put(a_group("hall", "south"), GroupMembership("hall", "pump-1"))

    first, second = regions.sync(limits=ANY), regions.sync(limits=ANY)

    assert (first.left, second.left) == (1, 0)
    assert regions.secondary.entities == regions.expected()


def test_groups_go_after_the_groups_in_them(regions: Regions) -> None:
    regions.primary.put(a_group("a"), a_group("b", "a"), a_group("c", "b"))
    regions.sync()
    regions.primary.remove(thing_group_key("a"), thing_group_key("b"), thing_group_key("c"))
    regions.calls.made.clear()

    standing = regions.sync(limits=ANY)

    assert standing.complete
    assert not regions.secondary.entities
    assert regions.calls.made.count("secondary.delete") == 3


def test_a_run_that_is_stopped_concludes_nothing_from_what_it_has_not_read(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.primary.remove(*[key for key in regions.primary.entities if key.kind is Kind.THING_PRINCIPAL])
    regions.primary.put(a_thing("new"))
    stop = threading.Event()
    regions.calls.before = lambda name, _: stop.set() if name == "secondary.create" else None

    standing = regions.sync(follow=True, limits=Limits(0.0, 1), stop=stop)

    assert standing.all_ended == 1
    assert "secondary.delete" not in regions.calls.made


def test_just_in_time_certificates_are_left_to_their_devices(regions: Regions) -> None:
    regions.primary.put(*a_device("known"), *a_device("new"))
    regions.secondary.put(a_certificate("known"))

    standing = regions.sync(just_in_time=True)

    found = regions.secondary.entities
    assert standing.complete
    assert certificate_key(a_certificate_id("new")) not in found
    assert {key.other for key in found if key.kind is Kind.THING_PRINCIPAL} == {a_certificate_id("known")}
    assert {thing_key("known"), thing_key("new")} <= found.keys()


def test_a_synced_thing_is_in_sync_for_whoever_asks_the_ledger(regions: Regions) -> None:
    regions.primary.put(*a_device())

    regions.sync()

    outcome = regions.ledger.outcome(thing_key("pump-17"))
    assert outcome is not None
    assert outcome.state is State.IN_SYNC
    assert outcome.source_version == cast(Thing, regions.primary.thing("pump-17")).version


def test_the_shadows_of_every_thing_of_the_primary_are_checked_once(regions: Regions) -> None:
    regions.primary.put(*a_device("pump-1"), a_thing("pump-2"))
    regions.secondary.put(a_thing("stranger"))
    regions.with_shadows = True

    standing = regions.sync()

    assert sorted(regions.checked) == [thing_shadows_key("pump-1"), thing_shadows_key("pump-2")]
    assert standing.planned[Kind.THING_SHADOWS] == standing.ended[Kind.THING_SHADOWS] == 2


def test_shadows_that_wait_have_another_chance_and_are_told(regions: Regions) -> None:
    regions.primary.put(a_thing("waits"), a_thing("fails"))
    regions.with_shadows = True
    regions.outcomes = {"waits": State.PENDING, "fails": State.FAILED}

    standing = regions.sync()

    assert regions.checked.count(thing_shadows_key("waits")) == 2
    assert (standing.failed, standing.left) == (1, 1)
    regions.outcomes = {}
    assert regions.sync(anew=False).complete
    assert regions.checked.count(thing_shadows_key("fails")) == 2


def test_progress_tells_what_is_planned_and_what_has_ended(regions: Regions) -> None:
    regions.primary.put(*a_fleet())

    standing = regions.sync()

    assert standing.all_planned > 0
    assert standing.all_ended >= standing.all_planned
    assert regions.standings


def test_an_ending_says_what_a_change_needed(regions: Regions) -> None:
    regions.primary.put(*a_device())
    regions.refuse(lambda entity: entity.key == policy_key("pumps"), InvalidResource("malformed"))

    regions.sync()

    with SqliteJournal(regions.folder / "j.sqlite") as journal:
        (failed,) = journal.with_ending(Ending.FAILED)
        (left,) = journal.with_ending(Ending.LEFT)
    assert (failed.key, failed.reason) == (policy_key("pumps"), "malformed")
    assert left.reason == "it needs policy#pumps, which could not be made"


@pytest.mark.parametrize("follow", [False, True])
def test_what_is_taken_away_in_the_primary_after_it_was_read_does_not_come_back(regions: Regions, follow: bool) -> None:
    membership, attachment = GroupMembership("site", "pump-1"), an_attachment("admin", "pump-1")
    principal = ThingPrincipal("pump-2", a_certificate_id("pump-1"))
    regions.primary.put(*a_device("pump-1"), a_thing("pump-2"), a_policy("admin"), a_group("site"), a_thing("gone"))
    regions.primary.put(attachment, membership, principal)
    # Applying begins with the first mark; all has been read by then but what is followed.
    taken_away = once(
        "ledger.begin",
        lambda: regions.primary.remove(thing_key("gone"), attachment.key, membership.key, principal.key),
    )
    regions.calls.before = taken_away

    standing = regions.sync(follow=follow)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_a_policy_detached_while_certificates_are_registered_stays_detached(regions: Regions) -> None:
    devices = [a_device(f"pump-{number}") for number in range(12)]
    regions.primary.put(*(one for device in devices for one in device))
    last = max(
        (one for device in devices for one in device if isinstance(one, PolicyAttachment)), key=lambda a: a.target
    )
    registered = 0

    def seen(made: Entity) -> None:
        nonlocal registered
        registered += made.key.kind is Kind.CERTIFICATE
        if registered == 3:
            regions.primary.remove(last.key)

    regions.watch(seen)

    assert regions.sync(follow=True, width=1).complete
    assert last.key not in regions.secondary.entities
    assert regions.secondary.entities == regions.expected()


def test_nothing_of_a_run_stays_marked(regions: Regions) -> None:
    regions.primary.put(*a_fleet())

    regions.sync(follow=True)

    assert not [key for key in regions.ledger.notes if regions.ledger.marked(key)]
    assert not list(regions.ledger.due(10**15))


def test_the_marks_of_a_killed_run_run_out_and_have_nothing_wait(regions: Regions) -> None:
    regions.primary.put(*a_device())
    regions.calls.after = raising(Killed(), on=("secondary.create",))
    with pytest.raises(Killed):
        regions.sync()
    marked = [key for key in regions.ledger.notes if regions.ledger.marked(key)]
    assert marked
    assert not list(regions.ledger.due(10**15))

    regions.clock.advance(MARK_LIFETIME / 1000)
    for key in marked:
        at = regions.clock()
        regions.ledger.record(Outcome(key, State.IN_SYNC, "", at=regions.clock(), read_at=at))

    assert not [key for key in marked if regions.ledger.marked(key)]
    assert not list(regions.ledger.due(10**15))


def test_what_is_made_without_having_been_drawn_is_marked_too(regions: Regions) -> None:
    regions.primary.put(*a_device())
    unmarked: list[Key] = []
    regions.watch(lambda made: None if regions.ledger.marked(made.key) else unmarked.append(made.key))

    regions.sync(width=6)

    assert not unmarked


def test_ownership_that_cannot_be_noted_leaves_things_unmade_and_is_told(regions: Regions) -> None:
    regions.primary.put(a_thing())
    regions.calls.before = raising(Conflict("the replication notes it too"), on=("ledger.begin",))

    standing = regions.sync()

    assert not regions.secondary.entities
    assert standing.left == 1


def test_a_region_that_answers_now_and_then_is_not_given_up(regions: Regions) -> None:
    names = [f"pump-{number:03}" for number in range(2 * PATIENCE + 4)]
    regions.primary.put(*map(a_thing, names))
    calls = 0

    def refuse_every_other(name: str, _number: int) -> None:
        nonlocal calls
        if name == "secondary.create":
            calls += 1
            if calls <= 2 * PATIENCE + 4 and calls % 2:
                raise RegionUnavailable("away")

    regions.calls.before = refuse_every_other

    standing = regions.sync(width=1)

    assert standing.complete
    assert regions.secondary.entities == regions.expected()


def test_that_a_type_is_taken_back_is_noted_before_so_that_a_run_that_dies_leads_to_it(regions: Regions) -> None:
    regions.primary.put(a_thing_type("old", deprecated=True))
    regions.sync()
    regions.primary.put(a_thing_type("old"), a_thing("pump-1", type_name="old"), a_thing_type("old", deprecated=True))
    noted: list[Key] = []

    def read_journal() -> None:
        with SqliteJournal(regions.folder / "j.sqlite") as journal:
            noted.extend(one.key for one in journal.with_ending(Ending.TAKEN_BACK))

    regions.calls.before = once("secondary.update", read_journal)
    regions.sync()

    assert noted == [a_thing_type("old").key]


def test_a_run_that_dies_while_a_type_is_taken_back_has_the_next_one_deprecate_it(regions: Regions) -> None:
    regions.primary.put(a_thing_type("old", deprecated=True))
    regions.sync()
    regions.primary.put(a_thing_type("old"), a_thing("pump-1", type_name="old"), a_thing_type("old", deprecated=True))
    regions.calls.after = raising(Killed(), on=("secondary.update",))
    with pytest.raises(Killed):
        regions.sync()
    regions.calls.after = lambda _name, _number: None

    assert regions.sync(anew=False).complete

    assert regions.secondary.entities == regions.expected()


def test_the_state_of_what_was_brought_across_is_noted_for_a_failback(regions: Regions) -> None:
    regions.primary.put(*a_fleet())
    regions.sync()
    regions.primary.put(a_thing("pump-1", {"site": "south"}), a_policy("pumps", a_document("*")))

    regions.comparison = "second"
    regions.sync()

    held = regions.secondary.entities
    found = {key: base.digest for key, base in regions.ledger.bases(held).items()}
    assert {key for key, one in held.items() if found[key] != digest_of(one)} == set()
