"""Shadows are read by the index where it holds them, and one by one wherever it could be wrong."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, IotDrError, RegionUnavailable, TerminalError
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.keys import Key, Kind, shadow_key
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Document, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.services.reading.reading import Reading
from iot_dr.services.shadows.indexed import INEXACT, SAME_BY_INDEX, notes_of, used_index
from tests.builders import a_thing
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet

BOTH = (Side.SOURCE, Side.TARGET)
CLASSIC, CONFIG = IndexCoverage(True), IndexCoverage(True, frozenset({"config"}))
ON: Document = {"desired": {"on": True}}
NUMBER = 6


@dataclass
class Region:
    """A fleet whose calls a test may spoil."""

    fleet: InMemoryFleet
    fault: Callable[[PageRequest], IotDrError | None] = lambda _: None
    asked: Counter[ReadCall] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, call: PageRequest) -> Page:
        with self.lock:
            self.asked[call.question] += 1
        if error := self.fault(call):
            raise error
        return self.fleet.ask(call)


class World:
    """Both Regions with some things, each with a classic shadow and one named `config`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteComparisonStore(path)
        self.regions = {side: Region(InMemoryFleet(InMemoryRegistry())) for side in BOTH}
        for region in self.regions.values():
            region.fleet.index.covers = CONFIG
            for number in range(NUMBER):
                region.fleet.registry.put(a_thing(f"pump-{number}"))
                for name in ("", "config"):
                    region.fleet.shadows.put(shadow_key(f"pump-{number}", name), ON)

    def region(self, side: Side) -> Region:
        return self.regions[side]

    def read(
        self,
        selection: ShadowSelection | None = None,
        *,
        stop: threading.Event | None = None,
        by_index: bool = True,
    ) -> bool:
        indexes = {side: region.fleet.index for side, region in self.regions.items()} if by_index else None
        shadows = selection or ShadowSelection()
        return Reading(self.store, self.regions, threads=2, shadows=shadows, indexes=indexes, stop=stop).read()

    def held(self, side: Side) -> dict[Key, object]:
        return {one.key: one.document for one in self.store.entities(side, Kind.SHADOW)}  # type: ignore[union-attr]  # of the kind

    def exact(self) -> bool:
        """Whether what was read is what both Regions hold."""
        return all(self.held(side) == region.fleet.shadows.documents for side, region in self.regions.items())

    def made(self, question: ReadCall) -> list[int]:
        return [self.regions[side].asked[question] for side in BOTH]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path / "comparison.sqlite")
    yield found
    found.store.close()


def test_what_both_indexes_show_the_same_is_read_by_itself_only_to_see_that_they_hold_all(world: World) -> None:
    assert world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW_INDEX) == [NUMBER / 2, NUMBER / 2]
    assert world.made(ReadCall.SHADOW) == [NUMBER, NUMBER]
    assert world.made(ReadCall.NAMED_SHADOWS) == [NUMBER, NUMBER]
    assert notes_of(world.store) == [SAME_BY_INDEX]


def test_so_much_is_read_to_see_that_they_hold_all_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iot_dr.services.shadows.indexed.DRAWN", 2)
    world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [4, 4]


@pytest.mark.parametrize(
    ("pattern", "lists"), [("config", 0), ("(config)", 0), (".*", NUMBER), ("config|state", NUMBER), ("con.*", NUMBER)]
)
def test_named_shadows_are_listed_unless_the_index_holds_all_that_are_wanted(
    world: World, pattern: str, lists: int
) -> None:
    world.read(ShadowSelection("all", pattern))

    assert world.exact()
    assert world.made(ReadCall.NAMED_SHADOWS) == [lists, lists]


def test_a_named_shadow_that_the_index_does_not_hold_is_read_by_itself(world: World) -> None:
    for region in world.regions.values():
        region.fleet.shadows.put(shadow_key("pump-1", "state"), ON)

    world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [NUMBER + 1, NUMBER + 1]


def test_a_shadow_that_is_not_wanted_is_not_taken_from_the_index(world: World) -> None:
    world.read(ShadowSelection("classic"))

    assert {key.other for key in world.held(Side.SOURCE)} == {""}
    assert world.made(ReadCall.NAMED_SHADOWS) == [0, 0]


@pytest.mark.parametrize("name", ["", "config"])
def test_what_the_indexes_show_differently_is_read_by_itself_in_both_regions(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_dr.services.shadows.indexed.DRAWN", 1)
    changed, behind, gone, new = (shadow_key(f"pump-{number}", name) for number in range(4))
    secondary = world.region(Side.TARGET).fleet
    secondary.shadows.put(changed, '{"desired": {"on": false}}')
    secondary.index.behind[behind] = {"desired": {"on": False}}
    secondary.shadows.remove(gone)
    secondary.index.behind[new] = None

    world.read(ShadowSelection("all", "config"))

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [6, 6]


@pytest.mark.parametrize(("name", "selection"), [("", "classic"), ("config", "named")])
def test_that_neither_has_a_shadow_is_taken_from_the_indexes_once_some_were_asked_for(
    world: World, name: str, selection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_dr.services.shadows.indexed.DRAWN", 1)
    for region in world.regions.values():
        for number in range(3):
            region.fleet.shadows.remove(shadow_key(f"pump-{number}", name))

    world.read(ShadowSelection(selection, "config"))

    for side in BOTH:
        assert world.held(side) == {shadow_key(f"pump-{number}", name): ON for number in range(3, NUMBER)}
    assert world.made(ReadCall.SHADOW) == [2, 2]
    assert world.made(ReadCall.NAMED_SHADOWS) == [0, 0]


@pytest.mark.parametrize("name", ["", "config"])
def test_indexes_that_do_not_show_shadows_that_are_there_are_found_out(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_dr.services.shadows.indexed.DRAWN", 1)
    for region in world.regions.values():
        region.fleet.index.behind = {shadow_key(f"pump-{number}", name): None for number in range(NUMBER)}

    world.read(ShadowSelection("all", "config"))

    assert world.exact()
    assert notes_of(world.store) == [INEXACT]


def test_what_was_read_one_by_one_is_not_overwritten_by_an_index_that_is_behind(world: World) -> None:
    world.read(by_index=False)
    for region in world.regions.values():
        region.fleet.index.behind[shadow_key("pump-1")] = {"desired": {"on": False}}

    world.read()

    assert world.exact()


@pytest.mark.parametrize("side", BOTH)
def test_a_thing_that_an_index_does_not_have_is_never_taken_for_one_without_shadows(world: World, side: Side) -> None:
    world.region(side).fleet.index.missed = frozenset({"pump-1"})
    for region in world.regions.values():
        region.fleet.shadows.remove(shadow_key("pump-2"))
    world.region(side).fleet.index.missed |= {"pump-2"}

    world.read(ShadowSelection("all", "config"))

    assert world.exact()
    assert world.region(side).asked[ReadCall.NAMED_SHADOWS] == 2
    assert world.region(side).asked[ReadCall.SHADOW] >= 3


def test_a_thing_that_only_the_index_has_is_left_to_the_next_run(world: World) -> None:
    def made_meanwhile(call: PageRequest) -> None:
        if call.question is ReadCall.SHADOW_INDEX and not call.token:
            world.region(Side.SOURCE).fleet.registry.put(a_thing("pump-new"))
            world.region(Side.SOURCE).fleet.shadows.put(shadow_key("pump-new"), ON)

    world.region(Side.SOURCE).fault = made_meanwhile
    world.read()

    assert {key.name for key in world.held(Side.SOURCE)} == {f"pump-{number}" for number in range(NUMBER)}


def test_an_index_that_does_not_hold_all_of_a_document_is_found_out(world: World) -> None:
    def without_lists(document: Document) -> Document:
        fields = document.get("desired")
        assert isinstance(fields, dict)
        return {"desired": {name: value for name, value in fields.items() if not isinstance(value, list)}}

    document = parse('{"desired": {"on": true, "palette": [{"name": "red"}]}}')
    for region in world.regions.values():
        region.fleet.index.holds = without_lists
        region.fleet.shadows.put(shadow_key("pump-1"), document)
    world.region(Side.TARGET).fleet.shadows.put(shadow_key("pump-1"), '{"desired": {"palette": [{"name": "blue"}]}}')

    world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [2 * NUMBER, 2 * NUMBER]
    assert notes_of(world.store) == [INEXACT]


def test_a_fleet_that_changes_too_fast_to_tell_whether_the_index_holds_all_is_read_one_by_one(world: World) -> None:
    def changed(call: PageRequest) -> None:
        if call.question is ReadCall.SHADOW:
            name, _, other = call.subject.partition("#")
            for region in world.regions.values():
                region.fleet.shadows.put(shadow_key(name, other), ON)

    world.region(Side.SOURCE).fault = changed
    world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [2 * NUMBER, 2 * NUMBER]


@pytest.mark.parametrize(
    ("covers", "notes"),
    [
        (IndexCoverage(), []),
        (
            IndexCoverage(why="the index of B is building"),
            ["Shadows were read one by one: the index of B is building."],
        ),
    ],
)
def test_without_both_indexes_all_are_read_one_by_one(world: World, covers: IndexCoverage, notes: list[str]) -> None:
    world.region(Side.TARGET).fleet.index.covers = covers

    world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW_INDEX) == [0, 0]
    assert notes_of(world.store) == notes
    assert not used_index(world.store)


def test_an_index_of_named_shadows_alone_leaves_the_classic_ones_to_single_reads(world: World) -> None:
    for region in world.regions.values():
        region.fleet.index.covers = IndexCoverage(False, frozenset({"config"}))

    world.read(ShadowSelection("all", "config"))

    assert world.exact()
    assert world.made(ReadCall.SHADOW) == [NUMBER + NUMBER / 2, NUMBER + NUMBER / 2]


def test_who_may_not_ask_for_the_index_reads_one_by_one_and_learns_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied() -> IndexCoverage:
        raise AccessDenied("no right to DescribeIndex")

    monkeypatch.setattr(world.region(Side.TARGET).fleet.index, "coverage", denied)
    world.read()

    assert world.exact()
    (note,) = notes_of(world.store)
    assert "no right to DescribeIndex" in note


@pytest.mark.parametrize("error", [TerminalError("IndexNotReady"), RegionUnavailable("503"), AccessDenied("no right")])
def test_an_index_that_fails_on_the_way_leaves_the_rest_to_single_reads(world: World, error: IotDrError) -> None:
    secondary = world.region(Side.TARGET)
    secondary.fault = lambda call: error if call.question is ReadCall.SHADOW_INDEX and call.token else None

    assert world.read(ShadowSelection("all", "config"))

    assert world.exact()
    assert secondary.asked[ReadCall.NAMED_SHADOWS] == NUMBER - 2
    assert str(error) in notes_of(world.store)[-1]


def test_a_search_that_was_cut_off_begins_anew_and_what_it_told_counts_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_dr.services.shadows.indexed.DRAWN", 1)
    stop = threading.Event()

    def stopping(call: PageRequest) -> None:
        if call.question is ReadCall.SHADOW_INDEX and call.token:
            stop.set()

    for region in world.regions.values():
        region.fault = stopping
    assert not world.read(stop=stop)
    for region in world.regions.values():
        region.fault = lambda _: None
        region.asked.clear()
    world.store.close()
    world.store = SqliteComparisonStore(world.path)
    for name in ("pump-0", "pump-1"):
        world.region(Side.TARGET).fleet.shadows.remove(shadow_key(name))

    assert world.read()

    assert world.exact()
    assert world.made(ReadCall.SHADOW_INDEX) == [NUMBER / 2, NUMBER / 2]
    assert notes_of(world.store) == [SAME_BY_INDEX]


def test_a_check_that_was_cut_off_is_made_again(world: World) -> None:
    stop = threading.Event()

    def stopping(call: PageRequest) -> None:
        if call.question is ReadCall.SHADOW:
            stop.set()

    for region in world.regions.values():
        region.fault = stopping
    assert not world.read(stop=stop)
    assert notes_of(world.store) == []
    for region in world.regions.values():
        region.fault = lambda _: None

    assert world.read()

    assert world.exact()
    assert notes_of(world.store) == [SAME_BY_INDEX]


def test_where_no_shadow_is_compared_no_index_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(type(world.region(Side.SOURCE).fleet.index), "coverage")

    assert world.read(ShadowSelection("none"))


def test_what_was_read_is_not_read_again(world: World) -> None:
    world.read()
    before = {side: Counter(region.asked) for side, region in world.regions.items()}

    world.read()

    assert {side: region.asked for side, region in world.regions.items()} == before
