"""A snapshot never says two things of one key; a plan sorts its changes by what they do."""

import pytest

from iot_dr.model.registry.changes import Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.registry.keys import thing_key
from tests.builders import a_snapshot, a_thing

THING = a_thing("pump-17")


@pytest.mark.parametrize(
    ("entities", "absent", "unreadable"),
    [
        ({THING.key: THING}, frozenset({THING.key}), {}),
        ({THING.key: THING}, frozenset(), {THING.key: "denied"}),
        ({}, frozenset({THING.key}), {THING.key: "denied"}),
    ],
)
def test_a_key_cannot_be_both_there_and_not_there(entities: dict, absent: frozenset, unreadable: dict) -> None:
    with pytest.raises(ValueError, match="both there and not there"):
        Snapshot(entities, absent, unreadable)


def test_a_snapshot_knows_every_key_that_it_says_something_about() -> None:
    snapshot = a_snapshot(THING, absent=[thing_key("gone")], unreadable={thing_key("hidden"): "denied"})

    assert snapshot.keys == {THING.key, thing_key("gone"), thing_key("hidden")}


def test_a_plan_tells_what_it_creates_deletes_and_leaves() -> None:
    create, delete = Create(THING, "missing"), Delete(a_thing("old"), "absent")
    update, skip = Update(THING, THING, "differs"), Skip(thing_key("hidden"), "unreadable")
    plan = Plan((skip, create, update, delete))

    assert tuple(plan) == (skip, create, update, delete)
    assert plan.actions == (create, update, delete)
    assert (plan.creates, plan.deletes, plan.skips) == ((create,), (delete,), (skip,))
    assert [change.key for change in plan] == [skip.key, THING.key, THING.key, thing_key("old")]
