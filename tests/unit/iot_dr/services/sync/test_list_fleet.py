"""Listing what a sync in the account checks: in legs, with the memory of one part."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError, Throttled
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Thing
from iot_dr.model.registry.keys import RESERVED_PREFIX, Key, Kind, certificate_key, policy_key, thing_key
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.sync.fleet_runs import FleetRun
from iot_dr.services.sync import list_fleet
from iot_dr.services.sync.list_fleet import ListFleet
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet

PAGE = 10
THINGS = FleetRun("r", apply=True, at_once=4, kinds=(Kind.THING,))


@dataclass
class Objects:
    """Objects in memory, uploaded in parts."""

    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)

    def begin(self, name: str) -> str:
        upload = f"{name}@{len(self.uploads)}"
        self.uploads[upload] = {}
        return upload

    def put_part(self, name: str, upload: str, number: int, data: bytes) -> str:
        assert upload.startswith(name)
        self.uploads[upload][number] = data
        return f"{number}:{len(data)}"

    def complete(self, name: str, upload: str, tags: Collection[str]) -> None:
        parts = [self.uploads[upload][int(tag.partition(":")[0])] for tag in tags]
        self.done[name] = b"".join(parts).decode()

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.done[name].splitlines()]


@dataclass
class World:
    """A primary with things and certificates, and everything around the service."""

    fleet: InMemoryFleet = field(default_factory=lambda: InMemoryFleet(InMemoryRegistry(), PAGE))
    objects: Objects = field(default_factory=Objects)
    made: frozenset[Key] = frozenset()
    failures: tuple[Key, ...] = ()
    seconds_a_look_at_the_clock: float = 0.0
    asked_for: list[str] = field(default_factory=list)

    def service(self, part_bytes: int = 400) -> ListFleet:
        ticks = count()

        def selected(query: str) -> Iterator[str]:
            self.asked_for.append(query)
            return (f"pump-{number:03}" for number in range(300))

        def failed(run: str) -> Iterator[Key]:
            self.asked_for.append(run)
            return iter(self.failures)

        return ListFleet(
            reader=self.fleet,
            selected=selected,
            owned=lambda keys: self.made & frozenset(keys),
            failed=failed,
            inventory=self.objects,
            stopwatch=lambda: next(ticks) * self.seconds_a_look_at_the_clock,
            part_bytes=part_bytes,
        )

    def put(self, *entities: Thing | Certificate) -> None:
        for entity in entities:
            self.fleet.registry.put(entity)


@pytest.fixture(name="world")
def a_world() -> World:
    world = World()
    world.put(*(Thing(f"pump-{number:03}") for number in range(35)))
    return world


def names(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["name"] for row in rows)


def test_a_kind_is_listed_whole_into_one_object(world: World) -> None:
    run = world.service().leg(THINGS)

    assert (run.kind, run.more, run.rows, run.listed) == (Kind.THING, False, 35, {Kind.THING: 35})
    assert names(world.objects.rows(run.inventory)) == [f"pump-{number:03}" for number in range(35)]
    assert {row["kind"] for row in world.objects.rows(run.inventory)} == {"thing"}


def test_every_part_but_the_last_is_as_large_as_s3_demands(world: World) -> None:
    world.service(part_bytes=300).leg(THINGS)

    (parts,) = world.objects.uploads.values()
    *full, _ = (len(data) for data in parts.values())
    assert len(full) > 1
    assert min(full) >= 300


def test_a_leg_ends_in_time_and_the_next_goes_on_from_where_it_stood(world: World) -> None:
    world.seconds_a_look_at_the_clock = list_fleet.LEG_SECONDS + 1
    service = world.service(part_bytes=300)

    legs = [service.leg(THINGS)]
    while legs[-1].more:
        carried = json.loads(json.dumps(legs[-1].to_json()))
        legs.append(service.leg(FleetRun.from_json(carried)))

    assert len(legs) == 4
    assert len(world.fleet.asked) == 4
    assert names(world.objects.rows(legs[-1].inventory)) == [f"pump-{number:03}" for number in range(35)]
    assert legs[-1].listed == {Kind.THING: 35}


def test_a_leg_that_is_taken_again_lists_nothing_twice(world: World) -> None:
    world.seconds_a_look_at_the_clock = list_fleet.LEG_SECONDS + 1
    service = world.service(part_bytes=300)
    first = service.leg(THINGS)

    service.leg(first)
    run = service.leg(first)
    while run.more:
        run = service.leg(run)

    assert len(world.objects.rows(run.inventory)) == 35


def test_an_empty_kind_makes_no_object(world: World) -> None:
    run = world.service().leg(replace(THINGS, kinds=(Kind.POLICY,)))

    assert (run.rows, run.more, run.listed) == (0, False, {Kind.POLICY: 0})
    assert not world.objects.uploads


def test_the_health_checkers_own_is_left_out(world: World) -> None:
    world.put(Thing(f"{RESERVED_PREFIX}one"))

    assert world.service().leg(THINGS).rows == 35


def test_certificates_that_replication_made_are_left_out(world: World) -> None:
    for one in ("a", "b"):
        world.put(Certificate(one, CertificateStatus.ACTIVE, "PEM"))
    world.made = frozenset({certificate_key("a")})

    run = world.service().leg(replace(THINGS, kinds=(Kind.CERTIFICATE,)))

    assert names(world.objects.rows(run.inventory)) == ["b"]


def test_shadows_are_checked_thing_by_thing(world: World) -> None:
    run = world.service().leg(replace(THINGS, kinds=(Kind.THING_SHADOWS,)))

    rows = world.objects.rows(run.inventory)
    assert {row["kind"] for row in rows} == {"thing_shadows"}
    assert len(rows) == 35


def test_a_query_has_only_what_it_selects_listed(world: World) -> None:
    run = world.service(part_bytes=10**6).leg(replace(THINGS, select="thingName:pump*"))

    assert world.asked_for == ["thingName:pump*"]
    assert run.rows == 300
    assert not world.fleet.asked


def test_a_query_that_selects_more_than_a_leg_can_list_is_refused(world: World) -> None:
    world.seconds_a_look_at_the_clock = list_fleet.LEG_SECONDS + 1

    with pytest.raises(ConfigurationError, match="narrow it"):
        world.service().leg(replace(THINGS, select="thingName:pump*"))


def test_what_failed_is_listed_by_its_kind_and_once(world: World) -> None:
    world.failures = (thing_key("a"), policy_key("p"), thing_key("a"))

    run = world.service().leg(replace(THINGS, again="earlier"))

    assert world.asked_for == ["earlier"]
    assert world.objects.rows(run.inventory) == [{"kind": "thing", "name": "a", "created": True}]


def test_a_primary_that_does_not_answer_ends_the_leg_for_step_functions_to_take_again(world: World) -> None:
    class Refusing:
        def ask(self, call: PageRequest) -> Page:
            assert call.question is ReadCall.THINGS
            raise Throttled("slow down")

    world.fleet = Refusing()  # type: ignore[assignment]  # a reader that refuses

    with pytest.raises(Throttled):
        world.service().leg(THINGS)
    assert not world.objects.done
