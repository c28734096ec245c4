"""What a snapshot is for: whatever a registry holds can be brought back from it, exactly."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.files.pages.html_report import Report, write_report
from iot_dr.files.snapshot_folder import KINDS, FolderSnapshotStore, Manifest
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.differences import Difference, NotedDifference, Numbers, Sigil
from iot_dr.model.registry.entities import Certificate, Entity, Thing
from iot_dr.model.registry.keys import Key, Kind, shadow_key, thing_key
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.reconcile.translate import translate
from iot_dr.services.snapshots.restore import engine, of_things
from iot_dr.services.snapshots.snapshot import take
from tests.builders import ACCOUNT, PRIMARY, REGIONS, SECONDARY
from tests.fakes import FakeClock, FixedWriteGate, InMemoryRegistry
from tests.strategies import Registry, registries
from tests.unit.iot_dr.services.snapshots.test_restore import Unwatched
from tests.unit.iot_dr.services.sync.test_sync import OneAtATime

ANY_CHARACTER = st.characters(exclude_categories=())
"""Halves of surrogate pairs too, which JSON admits as escapes."""


def _objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=3) | st.dictionaries(st.text(ANY_CHARACTER), children, max_size=3)


class Kept:
    """A registry as it was read: certificates without their PEM, as no list tells it."""

    def __init__(self, registry: InMemoryRegistry) -> None:
        self._entities = registry.entities

    def entities(self, side: Side, kind: Kind) -> Iterator[Entity]:
        assert side is Side.SOURCE
        return (entity for key, entity in sorted(self._entities.items()) if key.kind is kind)


def a_registry(entities: Registry) -> InMemoryRegistry:
    registry = InMemoryRegistry(deprecation_wait=0)
    registry.put(*entities.values())
    return registry


def written(registry: InMemoryRegistry, folder: Path) -> FolderSnapshotStore:
    files = FolderSnapshotStore(folder / "snapshot")
    files.begin()
    numbers = take(Kept(registry), Side.SOURCE, KINDS, registry.certificate, files)
    files.complete(Manifest(PRIMARY, ACCOUNT, 1, 2, numbers))
    return files


def restored(
    files: FolderSnapshotStore, entities: Iterable[Entity], into: InMemoryRegistry, region: str, state: Path
) -> int:
    """Bring entities of a snapshot into a Region's registry; how many changes that took."""
    with SqliteComparisonStore(state / "c.sqlite") as store, SqliteJournal(state / "j.sqlite") as journal:
        journal.begin("restore")
        store.put(Side.SOURCE, entities)
        store.put(Side.TARGET, into.entities.values())
        target = OneAtATime(into)
        restore = engine(
            comparison=store,
            journal=journal,
            direction=Direction(Site(PRIMARY, ACCOUNT), Site(region, ACCOUNT)),
            certificate_of=files.certificate,
            target=target,
            writer=target,
            gate=FixedWriteGate(),
            clock=FakeClock(),
            progress=Unwatched(),
            stop=threading.Event(),
        )
        planned = restore.plan()
        standing = restore.apply(planned)
        assert standing.complete
        return planned.changes().total()


def whole(files: FolderSnapshotStore) -> Iterator[Entity]:
    return (entity for kind in REGISTRY_KINDS for entity in files.entities(kind))


@given(registries())
def test_what_is_read_back_is_what_was_written_with_every_pem_and_document(found: Registry) -> None:
    registry = a_registry(found)
    with tempfile.TemporaryDirectory() as folder:
        files = written(registry, Path(folder))

        read = {entity.key: entity for entity in whole(files)}

    assert read == registry.entities
    pems = {key: one.pem for key, one in registry.entities.items() if isinstance(one, Certificate)}
    assert {key: one.pem for key, one in read.items() if isinstance(one, Certificate)} == pems


@given(registries())
def test_a_second_snapshot_of_the_same_registry_is_the_same_files(found: Registry) -> None:
    with tempfile.TemporaryDirectory() as folder:
        once, again = (written(a_registry(found), Path(folder) / name).files[:-1] for name in ("once", "again"))

        assert [file.read_bytes() for file in once] == [file.read_bytes() for file in again]


@given(registries())
def test_an_empty_region_becomes_what_the_snapshot_holds_and_a_second_restore_does_nothing(found: Registry) -> None:
    registry, empty = a_registry(found), InMemoryRegistry(deprecation_wait=0)
    with tempfile.TemporaryDirectory() as folder:
        files = written(registry, Path(folder))

        restored(files, whole(files), empty, PRIMARY, Path(folder))
        assert empty.entities == registry.entities
        assert restored(files, whole(files), empty, PRIMARY, Path(folder)) == 0


@given(registries())
def test_in_another_region_its_policies_name_that_region(found: Registry) -> None:
    registry, empty = a_registry(found), InMemoryRegistry(deprecation_wait=0)
    with tempfile.TemporaryDirectory() as folder:
        files = written(registry, Path(folder))

        restored(files, whole(files), empty, SECONDARY, Path(folder))

    assert empty.entities == {key: translate(entity, REGIONS) for key, entity in registry.entities.items()}


@given(registries(), st.data())
def test_what_was_deleted_comes_back_and_nothing_that_came_since_goes(found: Registry, data: st.DataObject) -> None:
    registry = a_registry(found)
    with tempfile.TemporaryDirectory() as folder:
        files = written(registry, Path(folder))
        before = registry.entities
        doomed = data.draw(st.lists(st.sampled_from(sorted(before)), unique=True)) if before else []
        registry.remove(*(key for key in doomed if key in registry.entities))
        registry.put(Thing("came-since"))

        restored(files, whole(files), registry, PRIMARY, Path(folder))

    assert registry.entities == {**before, Key(Kind.THING, "came-since"): Thing("came-since")}


@given(registries(), st.data())
def test_one_thing_comes_back_with_all_that_it_needs_and_nothing_else(found: Registry, data: st.DataObject) -> None:
    registry, empty = a_registry(found), InMemoryRegistry(deprecation_wait=0)
    things = sorted(key.name for key in found if key.kind is Kind.THING)
    name = data.draw(st.sampled_from([*things, "none"]))
    with tempfile.TemporaryDirectory() as folder:
        files = written(registry, Path(folder))
        chosen = list(of_things(files, {name}))

        restored(files, chosen, empty, PRIMARY, Path(folder))

    assert empty.thing(name) == registry.thing(name)
    assert empty.principals_of_thing(name) == registry.principals_of_thing(name)
    assert empty.groups_of_thing(name) == registry.groups_of_thing(name)
    for principal in registry.principals_of_thing(name):
        target = f"cert/{principal.certificate_id}"
        assert empty.policies_of(target) == registry.policies_of(target)
    assert [key for key in empty.entities if key.kind is Kind.THING] == (
        [Key(Kind.THING, name)] if name in things else []
    )


@given(st.recursive(st.none() | st.booleans() | st.text(ANY_CHARACTER), _objects, max_leaves=8))
def test_a_shadow_is_written_and_read_back_whatever_characters_are_in_it(value: Any) -> None:
    document = parse(json.dumps({"reported": {"value": value, "\ud800": "\udc80"}}))
    shadow = Shadow(shadow_key("pump", "config"), document)
    with tempfile.TemporaryDirectory() as folder, SqliteComparisonStore(Path(folder) / "c.sqlite") as store:
        store.put(Side.SOURCE, [shadow])
        files = FolderSnapshotStore(Path(folder) / "snapshot")
        files.begin()
        take(store, Side.SOURCE, KINDS, lambda _: None, files)

        assert list(files.entities(Kind.SHADOW)) == [shadow]


@given(st.text(ANY_CHARACTER))
@example("a \ud800 b")
def test_a_report_is_written_whatever_characters_are_in_a_name_and_a_reason(text: str) -> None:
    # Two halves that meet are one character in JSON.
    text = json.loads(json.dumps(text))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        numbers = {Kind.THING: Numbers(1, 1, {Sigil.DIFFERENT: 1})}
        report = Report("us-east-1", "us-west-2", "", "", numbers, notes=[text, "\ud800"])
        write_report(page, report, [NotedDifference(thing_key(text + "\ud800"), Sigil.DIFFERENT, text)])

        (row,) = page.read_bytes().partition(b'type="application/x-ndjson">\n')[2].split(b"\n")[:1]
    assert json.loads(row) == ["*", "thing", text + "\ud800", text, ""]


@given(st.text(ANY_CHARACTER))
@example("a \ud800 b")
def test_a_comparison_keeps_a_reason_whatever_characters_are_in_it(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, SqliteComparisonStore(Path(folder) / "c.sqlite") as store:
        store.note([(Difference(thing_key("pump"), Sigil.DIFFERENT, text), (0, 0))])

        assert [one.reason for one in store.noted()] == [text.encode("utf-8", "backslashreplace").decode()]
