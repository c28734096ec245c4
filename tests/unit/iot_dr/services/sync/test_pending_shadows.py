from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.files.journal import SqliteJournal
from iot_dr.model.registry.keys import Key, shadow_key, thing_shadows_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sites import Side
from iot_dr.model.sync.progress import ChangeResult, Ending
from iot_dr.services.shadows.replicate import Applied
from iot_dr.services.sync.marking import Marking
from iot_dr.services.sync.pending_changes import PendingChanges
from iot_dr.services.sync.pending_shadows import PendingShadows, Replicate
from tests.builders import REGIONS, a_thing
from tests.fakes import FakeClock, FixedWriteGate, InMemoryLedger

KEY = thing_shadows_key("pump-17")


def arranged(applied: Applied) -> Replicate:
    """Return a replication of shadows that ends as a test says."""
    return lambda _keys: applied


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteComparisonStore]:
    with SqliteComparisonStore(tmp_path / "c.sqlite") as store:
        store.put(Side.SOURCE, [a_thing("a"), a_thing("b")])
        store.put(Side.TARGET, [a_thing("b"), a_thing("c")])
        yield store


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "j.sqlite") as journal:
        yield journal


def test_the_primarys_things_are_pending_until_their_shadows_are_settled(
    store: SqliteComparisonStore, journal: SqliteJournal
) -> None:
    shadows = PendingShadows(store, journal, arranged(Applied()))
    journal.settle(ChangeResult(thing_shadows_key("a"), Ending.DONE))

    assert list(shadows.unsettled()) == [thing_shadows_key("b")]
    assert shadows.things == 2


def test_nothing_is_pending_where_shadows_are_not_replicated(
    store: SqliteComparisonStore, journal: SqliteJournal
) -> None:
    shadows = PendingShadows(store, journal, None)

    assert (shadows.things, list(shadows.unsettled())) == (0, [])


@pytest.mark.parametrize(
    ("states", "ending"),
    [
        ((), Ending.DONE),
        ((State.IN_SYNC, State.ABSENT, State.SUPERSEDED), Ending.DONE),
        ((State.UNSUPPORTED,), Ending.DONE),
        ((State.IN_SYNC, State.PENDING), Ending.LEFT),
        ((State.FAILED,), Ending.FAILED),
    ],
)
def test_the_shadows_of_a_thing_end_as_the_first_that_has_a_problem(
    store: SqliteComparisonStore, journal: SqliteJournal, states: tuple[State, ...], ending: Ending
) -> None:
    outcomes = tuple(Outcome(shadow_key("pump-17", str(state)), state, "why", at=1) for state in states)

    settled = PendingShadows(store, journal, arranged(Applied(outcomes))).settle(KEY)

    assert (settled.key, settled.ending) == (KEY, ending)


def test_a_shadow_of_which_not_even_the_ledger_could_be_told_is_left(
    store: SqliteComparisonStore, journal: SqliteJournal
) -> None:
    applied = Applied(unrecorded=frozenset({shadow_key("pump-17", "config")}))

    settled = PendingShadows(store, journal, arranged(applied)).settle(KEY)

    assert settled.ending is Ending.LEFT
    assert "shadow#pump-17#config" in settled.reason


def test_shadows_that_may_not_be_written_for_the_moment_are_left(
    store: SqliteComparisonStore, journal: SqliteJournal
) -> None:
    def unable(_keys: Iterable[Key]) -> Applied:
        raise RegionUnavailable("the control item cannot be read")

    settled = PendingShadows(store, journal, unable).settle(KEY)

    assert settled == ChangeResult(KEY, Ending.LEFT, "the control item cannot be read")


def test_shadows_that_have_been_compared_are_pending_if_they_differ(
    store: SqliteComparisonStore, journal: SqliteJournal
) -> None:
    shadow = Shadow(shadow_key("a"), {})
    store.put(Side.SOURCE, [shadow, Shadow(shadow_key("b", "config"), {})])
    store.put(Side.TARGET, [shadow])
    marks = Marking(InMemoryLedger(), FixedWriteGate(), FakeClock())
    compared = PendingChanges(comparison=store, journal=journal, direction=REGIONS, marks=marks)

    shadows = PendingShadows(store, journal, arranged(Applied()), compared)

    assert list(shadows.unsettled()) == [shadow_key("b", "config")]
    assert shadows.things == 0
