"""Of any two registries a verification finds exactly the differences: those that the plan finds, and no others."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.changes import Snapshot
from iot_dr.model.registry.differences import Sigil
from iot_dr.model.registry.entities import Entity, ThingType
from iot_dr.model.registry.keys import Key
from iot_dr.model.sites import Side
from iot_dr.reconcile.plan import plan
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import differences
from iot_dr.services.reading.reading import Documents, Reading
from iot_dr.services.verify import Verification
from tests.builders import REGIONS
from tests.fakes import InMemoryRegistry
from tests.fleets import InMemoryFleet
from tests.strategies import Registry, registries

page_sizes = st.integers(1, 4)


def filled(entities: Registry) -> InMemoryRegistry:
    registry = InMemoryRegistry()
    registry.put(*entities.values())
    return registry


def verified(primary: Registry, secondary: Registry, page_size: int, documents: Documents) -> dict[Key, Sigil]:
    registries = {Side.SOURCE: filled(primary), Side.TARGET: filled(secondary)}
    fleets = {side: InMemoryFleet(registry, page_size) for side, registry in registries.items()}
    with tempfile.TemporaryDirectory() as folder, SqliteComparisonStore(Path(folder) / "comparison.sqlite") as store:
        Reading(store, fleets, threads=1).read(documents=documents)
        by_lists = {one.key: one.sigil for one in differences(store, REGIONS)}
        verification = Verification(
            findings=store, direction=REGIONS, source=registries[Side.SOURCE], target=registries[Side.TARGET]
        )
        again = {one.key: one.sigil for one in verification.differences()}
        numbers = verification.numbers()
    # A second check a registry that stands still finds the same as the lists.
    assert again == by_lists
    for kind, each in numbers.items():
        assert each.source == sum(key.kind is kind for key in primary)
        assert each.sigils[Sigil.SAME] == sum(
            key.kind is kind and key in secondary and key not in by_lists for key in primary
        )
    return by_lists


def differing(primary: Registry, secondary: Registry) -> Mapping[Key, Sigil]:
    """Say what a reader of both registries would, with neither store nor plan."""
    desired = {key: translate(entity, REGIONS) for key, entity in primary.items()}
    found = dict.fromkeys(desired.keys() - secondary.keys(), Sigil.MISSING)
    found |= dict.fromkeys(secondary.keys() - desired.keys(), Sigil.SURPLUS)
    return found | {key: Sigil.DIFFERENT for key in desired.keys() & secondary.keys() if desired[key] != secondary[key]}


@given(registries(), registries(), page_sizes, st.sampled_from(Documents))
def test_a_verification_finds_exactly_what_differs(
    primary: Registry, secondary: Registry, page_size: int, documents: Documents
) -> None:
    assert verified(primary, secondary, page_size, documents) == differing(primary, secondary)


@given(registries(), page_sizes)
def test_what_was_copied_has_no_difference(primary: Registry, page_size: int) -> None:
    copied: dict[Key, Entity] = {key: translate(entity, REGIONS) for key, entity in primary.items()}

    assert verified(primary, copied, page_size, Documents.SHARED) == {}


@given(registries(), registries(), page_sizes)
def test_whatever_the_plan_would_change_is_a_difference(primary: Registry, secondary: Registry, page_size: int) -> None:
    desired = {key: translate(entity, REGIONS) for key, entity in primary.items()}
    everything = plan(
        Snapshot(desired, frozenset(secondary.keys() - desired.keys())),
        Snapshot(secondary, frozenset(desired.keys() - secondary.keys())),
        owned=secondary.keys(),
    )

    changed = {change.key for change in everything}

    found = verified(primary, secondary, page_size, Documents.SHARED)
    # A type that is the same is taken back for a moment, for what is to be made in it.
    assert {key for key in changed if key in found or not isinstance(secondary.get(key), ThingType)} <= found.keys()
