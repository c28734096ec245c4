"""Events in any order and number, and checks the same time, end in the primary's state."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from lab.counting import Call, Slow
from lab.faults import injected
from lab.pair import Pair
from lab.quiet import untold
from lab.waiting import until
from tests.e2e.observing import SECONDS, exists, stays, thing
from tests.e2e.telling import Event, group_event, membership_event, tell, thing_event

pytestmark = pytest.mark.row("C1")

LIFE = ("CREATED", "UPDATED", "DELETED")
ORDERS = list(itertools.permutations(LIFE))
LEVELS = 7
"""As deep as AWS nests groups. https://docs.aws.amazon.com/general/latest/gr/iot-core.html"""
HELD = 2.0
"""Seconds that a write is on its way, long enough for another worker to read, write and be done."""


def in_turns(lives: Sequence[Sequence[Event]]) -> list[Event]:
    """Of each life its first event, then of each its second: every life's order holds, and they mingle."""
    return [event for turn in itertools.zip_longest(*lives) for event in turn if event]


@pytest.mark.row("R1", "R3")
def test_every_order_of_a_life_told_twice_ends_as_the_primary_is(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    def told(thing_name: str, order: Sequence[str]) -> list[Event]:
        numbered = {operation: number for number, operation in enumerate(LIFE, 1)}
        once = [thing_event(thing_name, operation, versionNumber=numbered[operation]) for operation in order]
        return [*once, *once]

    alive = {f"{name}-alive-{number}": order for number, order in enumerate(ORDERS)}
    dead = {f"{name}-dead-{number}": order for number, order in enumerate(ORDERS)}
    for one in dead:
        primary.create_thing(thingName=one)
    assert until(lambda: all(thing(secondary, one) for one in dead), SECONDS)
    with untold(pair, "THING"):
        for one in alive:
            primary.create_thing(thingName=one, attributePayload={"attributes": {"life": "second"}})
        for one in dead:
            primary.delete_thing(thingName=one)

    tell(pair, in_turns([told(one, order) for one, order in (alive | dead).items()]))

    def equal() -> bool:
        there = all(thing(secondary, one) == ({"life": "second"}, "") for one in alive)
        return there and not any(thing(secondary, one) for one in dead)

    assert until(equal, 2 * SECONDS)
    assert stays(equal)


@pytest.mark.row("R9", "R10")
def test_a_tree_as_deep_as_aws_has_them_told_from_its_leaf_up_and_its_member_first(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    levels = [f"{name}-{level}" for level in range(LEVELS)]
    with untold(pair, "THING", "THING_GROUP", "THING_GROUP_MEMBERSHIP"):
        for level, group in enumerate(levels):
            parent = {"parentGroupName": levels[level - 1]} if level else {}
            primary.create_thing_group(thingGroupName=group, **parent)
        primary.create_thing(thingName=name)
        primary.add_thing_to_thing_group(thingGroupName=levels[-1], thingName=name)

    member_first = [membership_event(levels[-1], name, "ADDED"), thing_event(name, "CREATED")]
    tell(pair, [*member_first, *(group_event(group, "CREATED") for group in reversed(levels))])

    def ancestors() -> list[str]:
        if not exists(secondary, "describe_thing_group", thingGroupName=levels[-1]):
            return []
        found = secondary.describe_thing_group(thingGroupName=levels[-1])["thingGroupMetadata"]
        return [entry["groupName"] for entry in found["rootToParentThingGroups"]]

    def groups() -> list[str]:
        if not thing(secondary, name):
            return []
        return [entry["groupName"] for entry in secondary.list_thing_groups_for_thing(thingName=name)["thingGroups"]]

    assert until(lambda: ancestors() == levels[:-1], 2 * SECONDS)
    assert until(lambda: groups() == levels[-1:], 2 * SECONDS)

    with untold(pair, "THING_GROUP"):
        for group in reversed(levels):
            primary.delete_thing_group(thingGroupName=group)

    tell(pair, (group_event(group, "DELETED") for group in levels))

    def any_left() -> bool:
        return any(exists(secondary, "describe_thing_group", thingGroupName=group) for group in levels)

    assert until(lambda: not any_left(), 4 * SECONDS)


@pytest.mark.row("R2")
def test_of_two_workers_on_one_thing_the_late_one_puts_no_old_state_back(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    held: list[Call] = []

    def hold_the_first_update(call: Call) -> Slow | None:
        if held or call.operation != "UpdateThing" or call.region != pair.secondary:
            return None
        held.append(call)
        return Slow(HELD)

    primary.create_thing(thingName=name)
    assert until(lambda: thing(secondary, name), SECONDS)
    with injected(pair.proxy, hold_the_first_update):
        primary.update_thing(thingName=name, attributePayload={"attributes": {"state": "old"}})
        assert until(lambda: held, SECONDS)
        primary.update_thing(thingName=name, attributePayload={"attributes": {"state": "new"}})
        assert until(lambda: thing(secondary, name) == ({"state": "new"}, ""), HELD)

        assert stays(lambda: thing(secondary, name) == ({"state": "new"}, ""), 1.5 * HELD)

    assert secondary.describe_thing(thingName=name)["version"] == 2  # the old state was refused, not overwritten
