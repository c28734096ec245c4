"""What `ports.ShadowIndex` promises, held against the fake and against the adapter over the emulator alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.index import IotShadowIndex
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.errors import InvalidResource
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import Key, shadow_key
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Document, Shadow
from iot_dr.ports.shadows import ShadowIndex, ShadowStore
from lab.emulator import PRIMARY_REGION
from lab.pair import ACCOUNT
from tests.contract.emulated import Client
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryShadowIndex
from tests.shadow_fakes import InMemoryShadows

COVERED = IndexCoverage(True, frozenset({"config", "state"}))
STATE = '{"desired":{"on":true,"rate":1.50},"reported":{"deep":{"1":{"2":"x"}},"tags":["a","b"],"empty":{}}}'


@dataclass
class Region:
    """An index, what writes things and shadows beside it, and names that no other test uses."""

    index: ShadowIndex
    things: Any
    shadows: ShadowStore
    suffix: str

    def thing(self, stem: str) -> str:
        name = f"{stem}-{self.suffix}"
        self.things.write(Create(Thing(name), ""))
        return name

    def shadow(self, key: Key, state: str) -> Shadow:
        """Make a shadow and read it by itself."""
        self.shadows.make(key)
        made = self.shadows.shadow(key)
        assert made is not None
        self.shadows.update(key, parse(state), made.version)
        found = self.shadows.shadow(key)
        assert found is not None
        return found

    def told(self) -> tuple[set[str], dict[Key, tuple[Document, int]]]:
        """All pages: the things that the index tells of, and their shadows with their versions; this test's own."""
        things: set[str] = set()
        shadows: dict[Key, tuple[Document, int]] = {}
        token = ""
        while True:
            answer = self.index.page(token)
            things |= {name for name in answer.told if self.suffix in name}
            found = (one for one in answer.entities if isinstance(one, Shadow) and self.suffix in one.key.name)
            shadows |= {one.key: (one.document, one.version) for one in found}
            token = answer.token
            if not token:
                return things, shadows


@pytest.fixture(params=["fake", pytest.param("emulator", marks=pytest.mark.lab)])
def region(request: pytest.FixtureRequest) -> Iterator[Region]:
    suffix = uuid.uuid4().hex[:8]
    if request.param == "fake":
        registry, shadows = InMemoryRegistry(), InMemoryShadows()
        yield Region(InMemoryShadowIndex(registry, shadows, COVERED), registry, shadows, suffix)
        return
    client: Client = request.getfixturevalue("client")
    iot = client("iot", PRIMARY_REGION)
    before = iot.get_indexing_configuration()["thingIndexingConfiguration"]
    names = {"namedShadowNames": sorted(COVERED.named)}
    iot.update_indexing_configuration(
        thingIndexingConfiguration={
            "thingIndexingMode": "REGISTRY_AND_SHADOW",
            "namedShadowIndexingMode": "ON",
            "filter": names,
        }
    )
    writer = IotRegistryWriter(iot, PRIMARY_REGION, ACCOUNT)
    yield Region(
        IotShadowIndex(iot, PRIMARY_REGION), writer, IotShadowStore(client("iot-data", PRIMARY_REGION)), suffix
    )
    kept = {key: before[key] for key in ("thingIndexingMode", "namedShadowIndexingMode", "filter") if key in before}
    iot.update_indexing_configuration(thingIndexingConfiguration=kept)


def test_it_says_what_it_covers(region: Region) -> None:
    assert region.index.coverage() == COVERED


def test_all_things_are_told_of_and_their_shadows_as_a_single_read_tells_them(region: Region) -> None:
    both, named, none = (region.thing(stem) for stem in ("both", "named", "none"))
    made = [
        region.shadow(key, STATE) for key in (shadow_key(both), shadow_key(both, "config"), shadow_key(named, "state"))
    ]

    things, shadows = region.told()

    assert things == {both, named, none}
    assert shadows == {one.key: (one.document, one.version) for one in made}
    assert all(one.version for one in made)


def test_a_named_shadow_that_is_not_chosen_is_not_told(region: Region) -> None:
    name = region.thing("thing")
    region.shadow(shadow_key(name, "other"), STATE)

    assert region.told() == ({name}, {})


def test_a_deleted_shadow_is_not_told(region: Region) -> None:
    name = region.thing("thing")
    made = region.shadow(shadow_key(name), STATE)
    region.shadows.delete(made.key)

    assert region.told() == ({name}, {})


def test_all_pages_together_tell_of_each_thing_once(region: Region) -> None:
    made = {region.thing(f"thing-{number}") for number in range(101)}
    found: list[str] = []
    answer = region.index.page("")
    assert answer.token
    found += answer.told
    while answer.token:
        answer = region.index.page(answer.token)
        found += answer.told

    assert made <= set(found)
    assert len(found) == len(set(found))


def test_a_place_that_is_none_is_refused(region: Region) -> None:
    with pytest.raises(InvalidResource):
        region.index.page("bGFiIHBsYWNl")
