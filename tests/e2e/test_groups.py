"""Thing groups, their trees, members and policies cross, whatever the order in which their events arrive."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lab.waiting import until
from tests.e2e.observing import SECONDS, Ledger, thing

LEVELS = 7
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html"""


def group(iot: Any, name: str) -> dict[str, Any] | None:
    """A group's description, attributes and parent; None if there is none."""
    try:
        found = iot.describe_thing_group(thingGroupName=name)
    except iot.exceptions.ResourceNotFoundException:
        return None
    properties, metadata = found.get("thingGroupProperties") or {}, found.get("thingGroupMetadata") or {}
    return {
        "description": properties.get("thingGroupDescription") or "",
        "attributes": (properties.get("attributePayload") or {}).get("attributes") or {},
        "parent": metadata.get("parentGroupName") or "",
    }


def groups_of(iot: Any, name: str) -> set[str]:
    """The groups of a thing."""
    return {entry["groupName"] for entry in iot.list_thing_groups_for_thing(thingName=name)["thingGroups"]}


def described(text: str, **attributes: str) -> dict[str, Any]:
    """Properties of a group."""
    return {"thingGroupDescription": text, "attributePayload": {"attributes": attributes}}


@pytest.mark.row("R9")
def test_a_tree_as_deep_as_aws_has_them_arrives_with_descriptions_and_attributes(
    primary: Any, secondary: Any, name: str
) -> None:
    levels = [f"{name}-{level}" for level in range(LEVELS)]
    for level, child in enumerate(levels):
        parent = {"parentGroupName": levels[level - 1]} if level else {}
        primary.create_thing_group(
            thingGroupName=child, thingGroupProperties=described(f"level {level}", level=str(level)), **parent
        )

    for child in reversed(levels):
        assert until(lambda child=child: group(secondary, child) == group(primary, child), SECONDS)  # type: ignore[misc]  # bound now


@pytest.mark.row("R9")
def test_a_changed_group_follows(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_group(thingGroupName=name, thingGroupProperties=described("old", floor="1", wing="east"))
    assert until(lambda: group(secondary, name), SECONDS)

    primary.update_thing_group(thingGroupName=name, thingGroupProperties=described("new", floor="2"))

    assert until(lambda: group(secondary, name) == group(primary, name), SECONDS)


@pytest.mark.row("R9")
def test_a_deleted_group_is_deleted(primary: Any, secondary: Any, name: str, ledger: Ledger) -> None:
    primary.create_thing_group(thingGroupName=name)
    assert until(lambda: group(secondary, name), SECONDS)

    primary.delete_thing_group(thingGroupName=name)

    assert until(lambda: group(secondary, name) is None, SECONDS)
    assert until(lambda: ledger(f"thing_group#{name}") == {}, SECONDS)


@pytest.mark.row("R9")
def test_a_group_made_anew_under_another_parent_moves(primary: Any, secondary: Any, name: str) -> None:
    for parent in ("north", "south"):
        primary.create_thing_group(thingGroupName=f"{name}-{parent}")
    primary.create_thing_group(thingGroupName=name, parentGroupName=f"{name}-north")
    assert until(lambda: group(secondary, name), SECONDS)

    primary.delete_thing_group(thingGroupName=name)
    primary.create_thing_group(thingGroupName=name, parentGroupName=f"{name}-south")

    assert until(lambda: (group(secondary, name) or {}).get("parent") == f"{name}-south", SECONDS)


@pytest.mark.row("R10")
def test_a_thing_put_into_groups_and_taken_out_follows(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing(thingName=name)
    for which in ("a", "b"):
        primary.create_thing_group(thingGroupName=f"{name}-{which}")
        primary.add_thing_to_thing_group(thingGroupName=f"{name}-{which}", thingName=name)
    assert until(lambda: thing(secondary, name) and groups_of(secondary, name) == {f"{name}-a", f"{name}-b"}, SECONDS)

    primary.remove_thing_from_thing_group(thingGroupName=f"{name}-a", thingName=name)

    assert until(lambda: groups_of(secondary, name) == {f"{name}-b"}, SECONDS)


@pytest.mark.row("R10")
def test_a_thing_moved_within_a_tree_follows_though_it_may_be_in_one_of_its_groups_only(
    primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing(thingName=name)
    primary.create_thing_group(thingGroupName=f"{name}-site")
    floors = [f"{name}-{floor}" for floor in range(3)]
    for floor in floors:
        primary.create_thing_group(thingGroupName=floor, parentGroupName=f"{name}-site")
    primary.add_thing_to_thing_group(thingGroupName=floors[0], thingName=name)
    assert until(lambda: thing(secondary, name) and groups_of(secondary, name) == {floors[0]}, SECONDS)

    for before, after in itertools.pairwise(floors):
        primary.remove_thing_from_thing_group(thingGroupName=before, thingName=name)
        primary.add_thing_to_thing_group(thingGroupName=after, thingName=name)

    assert until(lambda: groups_of(secondary, name) == {floors[-1]}, 2 * SECONDS)


@pytest.mark.row("R10")
def test_a_dynamic_group_arrives_with_its_query_and_follows_until_it_goes(
    primary: Any, secondary: Any, name: str
) -> None:
    def query() -> tuple[str, str, str] | None:
        try:
            found = secondary.describe_thing_group(thingGroupName=name)
        except secondary.exceptions.ResourceNotFoundException:
            return None
        return found["queryString"], found["indexName"], found["thingGroupProperties"].get("thingGroupDescription")

    primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "mill"}})
    primary.create_dynamic_thing_group(
        thingGroupName=name, queryString="attributes.site:mill", thingGroupProperties=described("at the mill")
    )
    assert until(query, SECONDS) == ("attributes.site:mill", "AWS_Things", "at the mill")
    assert until(lambda: thing(secondary, name) and groups_of(secondary, name) == {name}, SECONDS)

    primary.update_dynamic_thing_group(
        thingGroupName=name, queryString="attributes.site:quarry", thingGroupProperties=described("in the quarry")
    )
    assert until(lambda: query() == ("attributes.site:quarry", "AWS_Things", "in the quarry"), SECONDS)

    primary.delete_dynamic_thing_group(thingGroupName=name)
    assert until(lambda: query() is None, SECONDS)
