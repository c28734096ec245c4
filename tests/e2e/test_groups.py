"""Thing groups, their trees, members and policies cross, whatever the order in which their events arrive."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.fleet import device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import SECONDS, Ledger, exists, policies_of_target, sweep, thing


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


def test_a_tree_of_groups_arrives_with_descriptions_and_attributes(primary: Any, secondary: Any, name: str) -> None:
    levels = [f"{name}-{level}" for level in range(5)]
    for level, child in enumerate(levels):
        parent = {"parentGroupName": levels[level - 1]} if level else {}
        primary.create_thing_group(
            thingGroupName=child, thingGroupProperties=described(f"level {level}", level=str(level)), **parent
        )

    assert until(lambda: group(secondary, levels[-1]), SECONDS)
    for child in levels:
        assert until(lambda child=child: group(secondary, child) == group(primary, child), SECONDS)  # type: ignore[misc]  # looser than the type on purpose


def test_a_changed_group_follows(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_group(thingGroupName=name, thingGroupProperties=described("old", floor="1", wing="east"))
    assert until(lambda: group(secondary, name), SECONDS)

    primary.update_thing_group(thingGroupName=name, thingGroupProperties=described("new", floor="2"))

    assert until(lambda: group(secondary, name) == group(primary, name), SECONDS)


def test_a_deleted_group_is_deleted(primary: Any, secondary: Any, name: str, ledger: Ledger) -> None:
    primary.create_thing_group(thingGroupName=name)
    assert until(lambda: group(secondary, name), SECONDS)

    primary.delete_thing_group(thingGroupName=name)

    assert until(lambda: group(secondary, name) is None, SECONDS)
    assert until(lambda: ledger(f"thing_group#{name}") == {}, SECONDS)


def test_a_group_made_anew_under_another_parent_moves(primary: Any, secondary: Any, name: str) -> None:
    for parent in ("north", "south"):
        primary.create_thing_group(thingGroupName=f"{name}-{parent}")
    primary.create_thing_group(thingGroupName=name, parentGroupName=f"{name}-north")
    assert until(lambda: group(secondary, name), SECONDS)

    primary.delete_thing_group(thingGroupName=name)
    primary.create_thing_group(thingGroupName=name, parentGroupName=f"{name}-south")

    assert until(lambda: (group(secondary, name) or {}).get("parent") == f"{name}-south", SECONDS)


def test_a_thing_put_into_groups_and_taken_out_follows(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing(thingName=name)
    for which in ("a", "b"):
        primary.create_thing_group(thingGroupName=f"{name}-{which}")
        primary.add_thing_to_thing_group(thingGroupName=f"{name}-{which}", thingName=name)
    assert until(lambda: thing(secondary, name) and groups_of(secondary, name) == {f"{name}-a", f"{name}-b"}, SECONDS)

    primary.remove_thing_from_thing_group(thingGroupName=f"{name}-a", thingName=name)

    assert until(lambda: groups_of(secondary, name) == {f"{name}-b"}, SECONDS)


def test_a_policy_of_a_group_arrives_with_the_secondarys_arns(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_policy(policyName=name, policyDocument=device_policy(pair.primary, pair.account))
    primary.create_thing_group(thingGroupName=name)
    arn = primary.describe_thing_group(thingGroupName=name)["thingGroupArn"]
    primary.attach_policy(policyName=name, target=arn)
    # Attaching raises no event; at the latest the round of the sweep brings it.
    sweep(pair)

    assert until(lambda: policies_of_target(pair, f"thinggroup/{name}") == {name}, SECONDS)
    document = json.loads(secondary.get_policy(policyName=name)["policyDocument"])
    assert document == json.loads(device_policy(pair.secondary, pair.account))


@pytest.mark.parametrize("lost", ["group", "membership"])
def test_what_a_lost_event_was_about_is_found_by_the_sweep(
    pair: Pair, primary: Any, secondary: Any, name: str, lost: str
) -> None:
    families = {"group": "THING_GROUP", "membership": "THING_GROUP_MEMBERSHIP"}
    primary.create_thing(thingName=name)
    assert until(lambda: thing(secondary, name), SECONDS)
    primary.update_event_configurations(eventConfigurations={families[lost]: {"Enabled": False}})
    try:
        primary.create_thing_group(thingGroupName=name, thingGroupProperties=described("lost"))
        primary.add_thing_to_thing_group(thingGroupName=name, thingName=name)
    finally:
        primary.update_event_configurations(eventConfigurations={families[lost]: {"Enabled": True}})

    sweep(pair)

    assert until(lambda: exists(secondary, "describe_thing_group", thingGroupName=name), SECONDS)
    assert until(lambda: groups_of(secondary, name) == {name}, SECONDS)
