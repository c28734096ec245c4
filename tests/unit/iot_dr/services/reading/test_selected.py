"""Of a selection each thing is read with all that hangs on it, in both Regions, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.entities import GroupMembership
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.reconcile.translate import translate
from iot_dr.services.comparison import differences
from iot_dr.services.reading.selected import SelectedShadows, read_selected, selected_in
from iot_dr.services.replication.scopes import ScopeReader
from tests.builders import REGIONS, a_device, a_group, a_thing
from tests.fakes import InMemoryRegistry
from tests.shadow_fakes import InMemoryShadows


def test_a_selection_is_compared_like_the_whole(tmp_path: Path) -> None:
    primary, secondary = InMemoryRegistry(), InMemoryRegistry()
    primary.put(*a_device("pump-1"), *a_device("pump-2"), *a_device("valve-1"), a_group("site"))
    primary.put(GroupMembership("site", "pump-1"))
    secondary.put(*(translate(entity, REGIONS) for entity in (*a_device("pump-1"), a_group("site"))))
    secondary.put(a_thing("pump-2", {"site": "elsewhere"}), a_thing("pump-surplus"))

    with SqliteComparisonStore(tmp_path / "comparison.sqlite") as store:
        shadows = {side: InMemoryShadows() for side in Side}
        shadows[Side.SOURCE].put(shadow_key("pump-1", "config"), '{"desired": {"on": true}}')
        shadows[Side.TARGET].put(shadow_key("pump-1"), '{"desired": {"on": true}}')
        number = read_selected(
            ["pump-1", "pump-2", "pump-surplus"],
            ScopeReader(primary, secondary, REGIONS),
            store,
            shadows=SelectedShadows(shadows, ShadowSelection()),
        )
        found = {(str(one.sigil), one.key.kind, one.key.name) for one in differences(store, REGIONS)}

    certificate = a_device("pump-2")[1].key.name
    assert number == 3
    assert found == {
        ("*", Kind.THING, "pump-2"),
        ("-", Kind.THING, "pump-surplus"),
        ("+", Kind.CERTIFICATE, certificate),
        ("+", Kind.POLICY_ATTACHMENT, "pumps"),
        ("+", Kind.THING_PRINCIPAL, "pump-2"),
        ("+", Kind.GROUP_MEMBERSHIP, "site"),
        ("+", Kind.SHADOW, "pump-1"),
        ("-", Kind.SHADOW, "pump-1"),
    }


def test_a_query_selects_the_things_of_either_region_each_once() -> None:
    names = {"us-east-1": lambda _: iter(["a", "b"]), "us-west-2": lambda query: iter(["b", query])}

    assert list(selected_in("c", names)) == ["a", "b", "c"]


def test_a_query_that_selects_nothing_is_refused_with_the_regions_that_were_asked() -> None:
    with pytest.raises(ConfigurationError, match="the query 'x' selects no thing in us-east-1 or us-west-2; see how"):
        next(selected_in("x", {"us-east-1": lambda _: iter(()), "us-west-2": lambda _: iter(())}))
