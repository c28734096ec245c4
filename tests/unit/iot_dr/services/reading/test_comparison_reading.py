"""A comparison that was cut off is resumed where it stopped, and any other is begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.keys import Kind
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Direction, Side, Site
from iot_dr.services.reading.comparison_reading import KEPT_FOR, ComparisonReading, ComparisonScope, resume_or_begin
from iot_dr.services.reading.reading import Reading
from tests.builders import REGIONS, a_thing
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet

NOW = 1_000_000
ALL = ComparisonScope(REGIONS, ShadowSelection("none"))
SELECTED = replace(ALL, select="thingName:a")


def cut_off(store: SqliteComparisonStore, scope: ComparisonScope = ALL) -> None:
    """Begin, and read a thing before the end."""
    assert not resume_or_begin(store, scope, NOW)
    store.put(Side.SOURCE, [a_thing("pump-1")])


def ended(store: SqliteComparisonStore, scope: ComparisonScope = ALL) -> None:
    cut_off(store, scope)
    store.set_fact("ended", str(NOW + 1))


def reading(store: SqliteComparisonStore, scope: ComparisonScope = ALL, **selected: object) -> ComparisonReading:
    registry = InMemoryRegistry()
    registry.put(a_thing("pump-1"))
    resumed = resume_or_begin(store, scope, NOW)
    fleets = {side: InMemoryFleet(registry) for side in Side}
    return ComparisonReading(store, Reading(store, fleets), lambda: NOW, resumed, **selected)  # type: ignore[arg-type]


def test_what_was_read_before_it_was_cut_off_is_kept(store: SqliteComparisonStore) -> None:
    cut_off(store)

    assert resume_or_begin(store, ALL, NOW + 1)
    assert store.number(Side.SOURCE, Kind.THING) == 1
    assert store.fact("began") == str(NOW)


@pytest.mark.parametrize(
    ("other", "at"),
    [
        (replace(ALL, anew=True), NOW),
        (replace(ALL, select="thingName:a"), NOW),
        (replace(ALL, sample=5), NOW),
        (replace(ALL, shadows=ShadowSelection("classic")), NOW),
        (replace(ALL, shadows=ShadowSelection("none", "config")), NOW),
        (replace(ALL, direction=Direction(REGIONS.source, Site("eu-west-1", REGIONS.target.account))), NOW),
        (replace(ALL, direction=Direction(Site(REGIONS.source.region, "999999999999"), REGIONS.target)), NOW),
        (ALL, NOW + KEPT_FOR),
    ],
)
def test_what_is_no_beginning_of_the_same_is_begun_anew(
    store: SqliteComparisonStore, other: ComparisonScope, at: int
) -> None:
    cut_off(store)

    assert not resume_or_begin(store, other, at)
    assert store.number(Side.SOURCE, Kind.THING) == 0
    assert store.fact("began") == str(at)


@pytest.mark.parametrize(
    ("kept", "later", "resumed"),
    [
        (ALL, 1, False),
        (replace(ALL, keep_ended_for=60), 59, True),
        (replace(ALL, keep_ended_for=60), 60, False),
        (replace(ALL, being_applied=str(NOW)), 1, True),
        (replace(ALL, being_applied=str(NOW - 1)), 1, False),
        (replace(ALL, being_applied=str(NOW)), KEPT_FOR, False),
    ],
)
def test_what_came_to_its_end_serves_while_it_is_new_enough_or_being_applied(
    store: SqliteComparisonStore, kept: ComparisonScope, later: int, resumed: bool
) -> None:
    ended(store)

    assert resume_or_begin(store, kept, NOW + later) is resumed


def test_what_has_been_applied_is_begun_anew_however_new_it_is(store: SqliteComparisonStore) -> None:
    ended(store)
    store.set_fact("applied", "1")

    assert not resume_or_begin(store, replace(ALL, keep_ended_for=60), NOW + 1)


def test_a_selection_serves_once_it_was_read_and_not_if_it_was_cut_off(store: SqliteComparisonStore) -> None:
    kept = replace(SELECTED, keep_ended_for=60)
    cut_off(store, kept)
    assert not resume_or_begin(store, kept, NOW + 1)

    ended(store, replace(kept, anew=True))
    assert resume_or_begin(store, kept, NOW + 1)
    assert not resume_or_begin(store, replace(kept, select="thingName:b"), NOW + 1)


@pytest.mark.parametrize(("by_index", "resumed"), [(True, True), (False, False)])
def test_a_reading_by_the_index_is_resumed_by_one_that_may_use_it_alone(
    store: SqliteComparisonStore, by_index: bool, resumed: bool
) -> None:
    classic = replace(ALL, shadows=ShadowSelection("classic"), by_index=True)
    cut_off(store, classic)
    store.set_fact("shadow index", '{"classic": true, "named": []}')

    assert resume_or_begin(store, replace(classic, by_index=by_index), NOW + 1) is resumed


def test_a_reading_notes_its_end_once_all_was_read(store: SqliteComparisonStore) -> None:
    reading(store).read()

    assert store.number(Side.SOURCE, Kind.THING) == 1
    assert (store.fact("ended"), store.fact("selected")) == (str(NOW), "")


def test_a_selection_is_read_once_and_its_number_is_kept(store: SqliteComparisonStore) -> None:
    answers: Iterator[RegionUnavailable | int] = iter([RegionUnavailable("no answer"), 3])

    def selected() -> int:
        answer = next(answers)
        if isinstance(answer, RegionUnavailable):
            raise answer
        return answer

    run = reading(store, SELECTED, selected=selected)
    with pytest.raises(RegionUnavailable):
        run.read()
    assert store.fact("ended") == ""
    for _ in range(2):
        run.read()

    assert (store.fact("ended"), store.fact("selected")) == (str(NOW), "3")
    assert store.number(Side.SOURCE, Kind.THING) == 0
