"""A verification tells what differs and stays different, and keeps it for a report and a repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import InvalidResource, RegionUnavailable
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.differences import Sigil
from iot_dr.model.registry.entities import BillingGroup, Entity, GroupMembership, Policy, Thing
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.model.status.status_parts import Drift
from iot_dr.reconcile.translate import translate
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.reading.reading import Reading
from iot_dr.services.verify import Verification, VerifyRun
from tests.builders import REGIONS, a_certificate, a_device, a_dynamic_group, a_group, a_thing
from tests.fakes import Calls, InMemoryRegistry, raising
from tests.fleets import InMemoryFleet
from tests.shadow_fakes import InMemoryShadows

NOW = 1_000_000


class World:
    """Two registries, and what a verification reads and says of them."""

    def __init__(self, store: SqliteComparisonStore) -> None:
        self.store = store
        self.primary, self.secondary = InMemoryRegistry(), InMemoryRegistry()
        self.shadows = {side: InMemoryShadows() for side in Side}
        self.calls = Calls()

    def both(self, *entities: Entity) -> None:
        self.primary.put(*entities)
        self.secondary.put(*(translate(entity, REGIONS) for entity in entities))

    def read(self) -> None:
        registries = {Side.SOURCE: self.primary, Side.TARGET: self.secondary}
        fleets = {side: InMemoryFleet(registry, shadows=self.shadows[side]) for side, registry in registries.items()}
        Reading(self.store, fleets, shadows=ShadowSelection()).read()

    def verification(self, *, just_in_time: bool = False, confirm: int = 1000) -> Verification:
        return Verification(
            findings=self.store,
            direction=REGIONS,
            source=self.calls.through("primary", self.primary),
            target=self.calls.through("secondary", self.secondary),
            shadows={side: self.calls.through(side, held) for side, held in self.shadows.items()},
            just_in_time=just_in_time,
            confirm=confirm,
        )

    def found(self, verification: Verification | None = None) -> list[tuple[str, str]]:
        verification = verification or self.verification()
        return [(str(one.sigil), str(one.key).replace("#", " ")) for one in verification.differences()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with SqliteComparisonStore(tmp_path / "comparison.sqlite") as store:
        yield World(store)


def test_equal_regions_have_no_difference_and_need_no_second_request(world: World) -> None:
    world.both(*a_device("pump-1"), a_group("site"), GroupMembership("site", "pump-1"))
    world.read()

    assert world.found() == []
    assert world.calls.made == []


def test_what_differs_is_told_and_kept(world: World) -> None:
    world.both(*a_device("pump-1"))
    world.secondary.put(a_thing("pump-1", {"site": "elsewhere"}), a_thing("old"))
    world.primary.put(a_thing("new"))
    world.read()

    assert world.found() == [("+", "thing new"), ("-", "thing old"), ("*", "thing pump-1")]
    kept = {(str(sigil), key.name) for key, sigil in ((one.key, one.sigil) for one in world.store.noted())}
    assert kept == {("+", "new"), ("-", "old"), ("*", "pump-1")}


def test_what_arrived_while_it_was_read_is_no_difference(world: World) -> None:
    world.primary.put(*a_device("pump-1"))
    world.read()
    world.both(*a_device("pump-1"))

    verification = world.verification()
    assert world.found(verification) == []
    assert verification.verified.settled == 5
    assert verification.numbers()[Kind.THING].sigils[Sigil.SAME] == 1


def test_what_cannot_be_read_again_stays_as_the_lists_said(world: World) -> None:
    world.primary.put(a_thing("new"))
    world.read()
    world.calls.before = raising(RegionUnavailable("gone"), on=["secondary.thing"])

    assert world.found() == [("+", "thing new")]


def test_a_resource_that_aws_shows_to_nobody_is_unreadable(world: World) -> None:
    world.primary.put(Policy("pumps", "{}"))
    world.read()
    world.calls.before = raising(InvalidResource("no JSON"), on=["primary.policy"])

    assert world.found() == [("!", "policy pumps")]


def test_of_very_many_differences_only_the_first_are_read_again(world: World) -> None:
    world.primary.put(*(a_thing(f"pump-{number:03}") for number in range(100)))
    world.read()

    verification = world.verification(confirm=64)
    assert len(world.found(verification)) == 100
    assert verification.verified.unconfirmed == 36
    assert len(world.calls.made) == 2 * 64


def test_numbers_say_of_every_kind_how_it_stands(world: World) -> None:
    world.both(*a_device("pump-1"), *a_device("pump-2"))
    world.secondary.put(a_thing("pump-1"), a_thing("old"))
    world.primary.put(a_thing("new"), a_thing("newer"))
    world.read()

    verification = world.verification()
    world.found(verification)
    numbers = verification.numbers()

    assert numbers.keys() == {
        Kind.POLICY,
        Kind.CERTIFICATE,
        Kind.THING,
        Kind.POLICY_ATTACHMENT,
        Kind.THING_PRINCIPAL,
    }
    things = numbers[Kind.THING]
    assert (things.source, things.target, things.differing) == (4, 3, 4)
    assert things.sigils == {"=": 1, "-": 1, "+": 2, "*": 1, "!": 0}


def test_a_certificate_that_registers_itself_is_not_missed(world: World) -> None:
    world.both(*a_device("pump-1"))
    world.primary.put(*a_device("pump-2"))
    world.secondary.put(a_thing("pump-2", {"site": "north"}))
    world.read()

    assert world.found(world.verification(just_in_time=True)) == []
    assert {kind for _, kind in world.found()} >= {"thing_principal pump-2 " + a_device("pump-2")[1].key.name}


def test_what_a_registered_certificate_lacks_is_missed_all_the_same(world: World) -> None:
    policy, certificate, thing, *relations = a_device("pump-1")
    world.both(policy, certificate, thing)
    world.primary.put(*relations)
    world.read()

    assert [sign for sign, _ in world.found(world.verification(just_in_time=True))] == ["+", "+"]


def test_a_certificate_that_cannot_be_read_is_told_though_its_device_may_register_it_yet(world: World) -> None:
    world.primary.put(a_certificate("pump-1"))
    world.read()
    world.calls.before = raising(InvalidResource("an unknown status"), on=["primary.certificate"])

    (one,) = world.verification(just_in_time=True).differences()

    assert (one.key.kind, one.sigil) == (Kind.CERTIFICATE, Sigil.UNREADABLE)


def test_a_thing_in_a_dynamic_group_is_no_member(world: World) -> None:
    world.both(a_thing("pump-1"), a_dynamic_group("hot"))
    world.primary.found_by_query["hot"] = {"pump-1"}
    world.read()

    assert world.found() == []


def test_a_billing_group_that_differs_is_a_field_that_differs(world: World) -> None:
    world.both(a_thing("pump-1"))
    world.both(BillingGroup("costs"))
    world.primary.put(replace(a_thing("pump-1"), billing_group="costs"))
    world.read()

    (one,) = world.verification().differences()
    assert (one.key, one.reason) == (Thing("pump-1").key, "billing_group differs")


def test_a_second_verification_forgets_what_the_first_found(world: World) -> None:
    world.primary.put(a_thing("new"))
    world.read()
    assert world.found() == [("+", "thing new")]
    world.secondary.put(a_thing("new"))

    assert world.found() == []
    assert not list(world.store.noted())


def test_shadows_differ_by_what_they_hold(world: World) -> None:
    world.both(*(a_thing(f"pump-{number}") for number in range(4)))
    primary, secondary = world.shadows[Side.SOURCE], world.shadows[Side.TARGET]
    for held in (primary, secondary):
        held.put(shadow_key("pump-0"), '{"desired": {"rate": 1e1}}')
    secondary.put(shadow_key("pump-0"), '{"desired": {"rate": 10}}')
    primary.put(shadow_key("pump-1", "config"), '{"desired": {"on": true}}')
    secondary.put(shadow_key("pump-1", "config"), '{"desired": {"on": 1}}')
    primary.put(shadow_key("pump-2"), '{"reported": {}}')
    secondary.put(shadow_key("pump-3", "extra"), '{"reported": {"a": []}}')
    world.read()

    verification = world.verification()
    assert world.found(verification) == [
        ("*", "shadow pump-1 config"),
        ("+", "shadow pump-2"),
        ("-", "shadow pump-3 extra"),
    ]
    assert verification.numbers()[Kind.SHADOW].sigils[Sigil.SAME] == 1


def test_a_shadow_that_arrived_meanwhile_is_no_difference(world: World) -> None:
    world.both(a_thing("pump-1"))
    world.shadows[Side.SOURCE].put(shadow_key("pump-1"), '{"desired": {"on": true}}')
    world.read()
    world.shadows[Side.TARGET].put(shadow_key("pump-1"), '{"desired": {"on": true}}')

    assert world.found() == []


def run_of(world: World, keep: Callable[[Drift], object] = lambda _: None) -> VerifyRun:
    fleets = {Side.SOURCE: InMemoryFleet(world.primary), Side.TARGET: InMemoryFleet(world.secondary)}
    reading = ComparisonReading(world.store, Reading(world.store, fleets), lambda: NOW, resumed=False)
    return VerifyRun(reading, world.verification(), REGIONS, keep)


def test_what_a_run_found_is_there_for_the_status_when_all_was_drawn(world: World) -> None:
    world.primary.put(a_thing("a"), a_thing("b"))
    kept: list[Drift] = []
    run = run_of(world, kept.append)
    run.read()

    drawn = run.differences()
    next(drawn)
    assert kept == []
    assert len(list(drawn)) == 1

    assert kept == [Drift(NOW, 2)]
    assert [str(one.key) for one in run.noted()] == ["thing#a", "thing#b"]


@pytest.mark.parametrize("part", ["selected", "sampled"])
def test_a_run_about_some_things_says_nothing_of_the_fleet(world: World, part: str) -> None:
    world.primary.put(a_thing("a"))
    kept: list[Drift] = []
    run = run_of(world, kept.append)
    run.read()
    world.store.set_fact(part, "3")

    assert len(list(run.differences())) == 1
    assert kept == []
    if part == "selected":
        assert run.notes() == ["Only 3 selected things and what is attached were compared."]


def test_a_run_tells_its_calls_by_region_and_api(world: World) -> None:
    world.both(*a_device("pump-1"))
    run = run_of(world)
    run.read()

    assert run.calls.keys() == {REGIONS.source.region, REGIONS.target.region}
    assert run.calls[REGIONS.source.region]["ListThings"] == 1


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        (0, "of 400 certificates only, and is the same: with 95 % confidence it differs for fewer than 0.75%"),
        (1, "of 400 certificates only, and differs in 1 place."),
    ],
)
def test_a_sample_is_told_with_what_it_proves(world: World, differing: int, told: str) -> None:
    thing, *attached = a_device("pump-1")
    world.both(thing, *(one for one in attached if one.key.kind is not Kind.THING_PRINCIPAL))
    world.primary.put(*(one for one in attached if one.key.kind is Kind.THING_PRINCIPAL and differing))
    run = run_of(world)
    run.read()
    world.store.set_fact("sampled", "400")
    assert len(list(run.differences())) == differing

    first, second = run.notes()
    assert told in first
    assert second == "Shadows were not compared."
