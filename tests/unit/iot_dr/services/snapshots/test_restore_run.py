"""A restore brings back what was asked for of a snapshot, and rests on what the Region has today."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.differences import Difference
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.registry.kinds import REGISTRY_KINDS
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.model.sync.progress import ChangeResult, Ending, Step, SyncProgress
from iot_dr.services.concurrency import one_by_one
from iot_dr.services.snapshots.restore_run import RestoreRun, load
from tests.builders import ACCOUNT, a_device, a_policy, a_thing
from tests.fakes import FakeClock, FixedWriteGate, InMemoryRegistry
from tests.fleets import InMemoryFleet
from tests.shadow_fakes import InMemoryShadows
from tests.unit.iot_dr.services.snapshots.test_restore import Held
from tests.unit.iot_dr.services.sync.test_sync import OneAtATime

DIRECTION = Direction(Site("us-east-1", ACCOUNT), Site("us-east-1", ACCOUNT))
NAMES = ("pump-1", "pump-2")
SNAPSHOT = Held(
    *a_device("pump-1"),
    *a_device("pump-2"),
    *(Shadow(shadow_key(name), parse('{"reported":{"t":1}}')) for name in NAMES),
)


class Region:
    """A Region with its shadows, and what a restore shows of its progress."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = InMemoryRegistry()
        self.shadows = InMemoryShadows()
        self.policies_shown: list[Difference] = []

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Show nothing."""

    def advance(self, calls: int, found: int) -> None:
        """Show nothing."""

    def reached(self, progress: SyncProgress) -> None:
        """Show nothing."""

    def policies(self, changes: Iterable[Difference]) -> None:
        """Keep what is shown of policies."""
        self.policies_shown = list(changes)

    @contextmanager
    def restore(self, things: tuple[str, ...] = (), *, shadows: bool = False) -> Iterator[RestoreRun]:
        """Open a restore into this Region."""
        with (
            SqliteComparisonStore(self.folder / "comparison.sqlite") as store,
            SqliteJournal(self.folder / "journal.sqlite") as journal,
        ):
            load(SNAPSHOT, store, things)
            target = OneAtATime(self.registry)
            yield RestoreRun(
                snapshot=SNAPSHOT,
                store=store,
                journal=journal,
                direction=DIRECTION,
                fleet=InMemoryFleet(self.registry),
                target=target,
                writer=target,
                gate=FixedWriteGate(),
                clock=FakeClock(),
                progress=self,
                stop=threading.Event(),
                together=one_by_one,
                uses=dict,
                things=things,
                shadows=self.shadows if shadows else None,
            )


@pytest.fixture
def region(tmp_path: Path) -> Region:
    return Region(tmp_path)


@pytest.mark.parametrize("things", [(), NAMES, ("pump-2",)])
def test_a_restore_brings_back_what_was_named_or_all_and_deletes_nothing(
    region: Region, things: tuple[str, ...]
) -> None:
    region.registry.put(a_thing("made since"), a_thing("pump-1", {"site": "changed"}))

    with region.restore(things) as run:
        assert run.apply().complete
        assert run.journal.unfinished == ""

    wanted = {one.key: one for kind in REGISTRY_KINDS for one in SNAPSHOT.entities(kind)}
    restored = wanted if "pump-1" in (things or NAMES) else {one.key: one for one in a_device("pump-2")}
    kept = {one.key: one for one in (a_thing("made since"), a_thing("pump-1", {"site": "changed"}))}
    assert region.registry.entities == kept | restored


@pytest.mark.parametrize(
    ("things", "shadows", "written"),
    [((), True, NAMES), (("pump-1",), True, ("pump-1",)), ((), False, ()), (("pump-1",), False, ())],
)
def test_shadows_are_brought_back_of_the_things_that_were_named_alone(
    region: Region, things: tuple[str, ...], shadows: bool, written: tuple[str, ...]
) -> None:
    with region.restore(things, shadows=shadows) as run:
        assert run.plan().steps[Kind.SHADOW, Step.CREATE] == len(written)
        assert {one.key.name for one in run.differences() if one.key.kind is Kind.SHADOW} == set(written)
        assert region.shadows.documents == {}
        assert run.apply().ended[Kind.SHADOW] == len(written)

    assert region.shadows.documents.keys() == {shadow_key(name) for name in written}


def test_each_run_rests_on_what_the_region_has_today(region: Region) -> None:
    planned = []
    for names in (NAMES, ("pump-1",)):
        region.registry = InMemoryRegistry()
        region.registry.put(*(entity for name in names for entity in a_device(name)))
        with region.restore() as run:
            planned.append(run.plan().steps[Kind.THING, Step.CREATE])

    assert planned == [0, 1]


@pytest.mark.parametrize("things", [(), ("pump-1",)])
def test_policies_are_shown_before_anything_is_written(region: Region, things: tuple[str, ...]) -> None:
    with region.restore(things) as run:
        run.plan()

    assert [one.key for one in region.policies_shown] == [a_policy("pumps").key]
    assert region.registry.entities == {}


def test_a_thing_that_is_not_in_the_snapshot_is_refused_by_name(region: Region) -> None:
    with (
        pytest.raises(ConfigurationError, match="the snapshot has no thing pump-3, pump-4; its"),
        region.restore(("pump-1", "pump-3", "pump-4")),
    ):
        pass


def test_what_was_read_of_the_region_before_is_dropped_when_a_snapshot_is_loaded(region: Region) -> None:
    with region.restore() as run:
        run.store.put(Side.TARGET, [a_thing("read before")])
    with region.restore() as run:
        assert run.store.number(Side.TARGET, Kind.THING) == 0


def test_problems_are_what_failed_and_then_what_was_left(region: Region) -> None:
    with region.restore() as run:
        for ending in (Ending.LEFT, Ending.FAILED):
            run.journal.settle(ChangeResult(a_thing(str(ending)).key, ending))
        assert [one.ending for one in run.problems()] == [Ending.FAILED, Ending.LEFT]
