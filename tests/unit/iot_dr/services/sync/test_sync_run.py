"""A run either compares all before it writes, or writes while it reads; an interrupted one is resumed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, UnsafePlan
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.registry.keys import Kind, thing_key
from iot_dr.model.registry.read_calls import PageRequest, ReadCall
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending, Step
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.reading.reading import Reading
from iot_dr.services.sync.sync_run import SyncRun
from tests.builders import a_device, a_thing
from tests.fleets import InMemoryFleet
from tests.unit.iot_dr.services.sync.test_sync import AskedFleet, Regions

BEGAN, NOW = 1_000_000, 1_000_060


@pytest.fixture
def regions(tmp_path: Path) -> Regions:
    return Regions(tmp_path)


@contextmanager
def opened(
    regions: Regions, *, compared_first: bool = False, limits: Limits = DEFAULT_LIMITS, began: int = BEGAN
) -> Iterator[SyncRun]:
    """Open a run over what an earlier one has read, if it was of the same comparison."""
    stop = threading.Event()
    with (
        SqliteComparisonStore(regions.folder / "comparison.sqlite") as store,
        SqliteJournal(regions.folder / "journal.sqlite") as journal,
    ):
        if store.fact("began") != str(began):
            store.clear()
            store.set_fact("began", str(began))
        fleets = {Side.SOURCE: AskedFleet(InMemoryFleet(regions.primary, 3), regions)}
        fleets[Side.TARGET] = AskedFleet(InMemoryFleet(regions.secondary, 3), regions)
        reading = Reading(store, fleets, threads=2, stop=stop)
        yield SyncRun(
            comparison=ComparisonReading(store, reading, lambda: NOW, resumed=False),
            journal=journal,
            engine=regions.engine(store, journal, stop, limits),
            stop=stop,
            uses=dict,
            compared_first=compared_first,
        )


@pytest.mark.parametrize("compared_first", [False, True])
def test_a_run_brings_all_across_and_notes_that_it_was_applied(regions: Regions, compared_first: bool) -> None:
    regions.primary.put(*a_device("pump-1"), *a_device("pump-2"))

    with opened(regions, compared_first=compared_first) as run:
        assert not run.taken_up
        assert run.apply().complete
        assert (run.journal.unfinished, run.comparison.store.fact("applied")) == ("", str(NOW))

    assert regions.secondary.entities == regions.expected()


@pytest.mark.parametrize(("compared_first", "made_meanwhile"), [(False, True), (True, False)])
def test_what_only_creates_begins_while_attachments_are_read_unless_all_is_compared_first(
    regions: Regions, compared_first: bool, made_meanwhile: bool
) -> None:
    regions.primary.put(*a_device("pump-1"), *a_device("pump-2"))
    made, found = threading.Event(), []
    regions.watch(lambda _entity: made.set())

    def asking(call: PageRequest) -> None:
        if call.question is ReadCall.THINGS_OF_CERTIFICATE:
            found.append(made.wait(0.5 if compared_first else 10))

    regions.before_asking = asking
    with opened(regions, compared_first=compared_first) as run:
        run.apply()

    assert set(found) == {made_meanwhile}


def test_where_something_is_to_be_deleted_all_is_read_before_the_first_write(regions: Regions) -> None:
    regions.primary.put(*a_device("pump-1"))
    regions.secondary.put(a_thing("old"))
    regions.own(thing_key("old"))
    written: list[int] = []
    regions.before_asking = lambda _call: written.append(len(regions.written()))

    with opened(regions, limits=Limits(deletes=1.0)) as run:
        assert run.apply().complete

    assert set(written) == {0}
    assert regions.secondary.entities == regions.expected()


def test_a_plan_reads_all_and_writes_nothing(regions: Regions) -> None:
    regions.primary.put(*a_device("pump-1"))

    with opened(regions) as run:
        planned = run.plan()
        assert run.journal.unfinished == ""

    assert planned.steps[Kind.THING_PRINCIPAL, Step.CREATE] == 1
    assert regions.written() == []


@pytest.mark.parametrize("compared_first", [False, True])
def test_a_run_that_was_cut_off_is_resumed_and_forgets_nothing_that_it_has_done(
    regions: Regions, compared_first: bool
) -> None:
    regions.primary.put(*a_device("pump-1"), a_thing("refused"))
    regions.refuse(lambda entity: entity.key == thing_key("refused"), AccessDenied("no right"))

    with opened(regions, compared_first=compared_first) as run, pytest.raises(AccessDenied):
        run.apply()

    with opened(regions, compared_first=compared_first) as run:
        done = run.journal.numbers(Ending.DONE).total()
        assert run.taken_up
        assert run.comparison.store.fact("applied") == ""
        with pytest.raises(AccessDenied):
            run.apply()
        assert run.journal.numbers(Ending.DONE).total() >= done

    with opened(regions, began=BEGAN + 1) as run:
        assert not run.taken_up


def test_a_run_that_was_stopped_is_not_noted_as_applied(regions: Regions) -> None:
    regions.primary.put(*a_device("pump-1"))

    with opened(regions) as run:
        run.stop.set()
        run.apply()
        assert (run.journal.unfinished, run.comparison.store.fact("applied")) == (str(BEGAN), "")


def test_what_is_not_deleted_for_a_limit_stays_and_can_be_run_again(regions: Regions) -> None:
    things = [a_thing(f"old-{number}") for number in range(DEFAULT_LIMITS.at_least)]
    regions.secondary.put(*things)
    regions.own(*(one.key for one in things))

    with opened(regions) as run, pytest.raises(UnsafePlan):
        run.apply()

    assert regions.written() == []


def test_problems_are_what_failed_and_then_what_was_left(regions: Regions) -> None:
    regions.primary.put(*a_device("pump-1"))

    with opened(regions) as run:
        run.apply()
        for ending in (Ending.LEFT, Ending.FAILED):
            run.journal.settle(ChangeResult(thing_key(str(ending)), ending))
        assert [one.ending for one in run.problems()] == [Ending.FAILED, Ending.LEFT]
