"""What must hold for a plan between any two registries."""

from __future__ import annotations

import random
from collections.abc import Collection

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iot_dr.errors import InvalidResource, IotDrError
from iot_dr.model.registry.changes import Action, Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.reconcile.plan import deletable, fixed_fields, plan
from tests.fakes import InMemoryRegistry
from tests.strategies import Registry, registries

DEPRECATED, TAKEN_BACK = "deprecated in the primary", "a thing is to be made in it"
"""Reasons of the steps that bring a thing into a deprecated type."""


def _snapshots(desired: Registry, actual: Registry) -> tuple[Snapshot, Snapshot]:
    """Both registries as they look when everything could be read."""
    return (
        Snapshot(desired, frozenset(actual.keys() - desired.keys())),
        Snapshot(actual, frozenset(desired.keys() - actual.keys())),
    )


def _made_anew(desired: Registry, actual: Registry) -> set[Key]:
    """What differs in something that AWS lets nobody change."""
    return {key for key in desired.keys() & actual.keys() if fixed_fields(desired[key]) != fixed_fields(actual[key])}


def _plan(desired: Registry, actual: Registry, owned: Collection[Key] | None = None) -> Plan:
    return plan(*_snapshots(desired, actual), owned=actual.keys() if owned is None else owned)


def _registry(entities: Registry) -> InMemoryRegistry:
    registry = InMemoryRegistry(deprecation_wait=0)
    registry.put(*entities.values())
    return registry


def _apply(action: Action, registry: InMemoryRegistry) -> None:
    match action:
        case Create():
            registry.create(action)
        case Update():
            registry.update(action)
        case Delete():
            registry.delete(action)


@given(registries(), registries())
def test_applying_the_plan_makes_the_secondary_equal_and_aws_refuses_no_step_of_it(b: Registry, a: Registry) -> None:
    secondary = _registry(a)

    for _ in range(2):
        # What was made anew is deleted by one plan and created, with what hung on it, by the next.
        changes = _plan(b, secondary.with_tags)
        groups_go = any(change.key.kind is Kind.THING_GROUP and change.key in b for change in changes.deletes)
        for action in changes.actions:
            try:
                _apply(action, secondary)
            except InvalidResource:
                # A thing leaves its group only with the group, so its place in the hierarchy is not free before.
                assert groups_go
                assert action.key.kind is Kind.GROUP_MEMBERSHIP

    assert secondary.with_tags == b


@given(registries())
def test_equal_registries_need_no_change(a: Registry) -> None:
    assert not _plan(a, a).changes


@given(registries(), registries())
def test_a_plan_touches_what_differs_once_and_nothing_else(b: Registry, a: Registry) -> None:
    differing = {key for key in b.keys() | a.keys() if b.get(key) != a.get(key)}

    changes = _plan(b, a)

    deprecating = {change.key for change in changes if change.reason in (DEPRECATED, TAKEN_BACK)}
    changed = [change.key for change in changes if change.key not in deprecating]
    assert {key.kind for key in deprecating} <= {Kind.THING_TYPE}
    assert len(changed) == len(set(changed))
    assert set(changed) <= differing
    if not _made_anew(b, a):
        # Otherwise some wait for what goes to be gone.
        assert set(changed) == differing - deprecating


@pytest.mark.row("C3")
@given(registries(), registries(), st.integers(0, 2**32))
def test_any_order_loss_and_repetition_of_applying_converges(b: Registry, a: Registry, seed: int) -> None:
    secondary, chance = _registry(a), random.Random(seed)

    for _ in range(12):
        actions = list(_plan(b, secondary.with_tags).actions) * 2
        chance.shuffle(actions)
        for action in actions[: chance.randint(1, len(actions)) if actions else 0]:
            _apply_if_aws_lets(action, secondary)
    for _ in range(3):
        for action in _plan(b, secondary.with_tags).actions:
            _apply_if_aws_lets(action, secondary)

    assert secondary.with_tags == b


def _apply_if_aws_lets(action: Action, registry: InMemoryRegistry) -> None:
    try:
        _apply(action, registry)
    except IotDrError:
        return


@pytest.mark.row("C5")
@given(registries(), registries(), registries())
def test_nothing_is_deleted_that_the_primary_did_not_say_is_absent(b: Registry, a: Registry, hidden: Registry) -> None:
    desired, actual = _snapshots(b, a)
    unreadable = dict.fromkeys(hidden, "denied")
    desired = Snapshot(
        {key: entity for key, entity in desired.entities.items() if key not in unreadable},
        desired.absent - unreadable.keys(),
        unreadable,
    )

    changes = plan(desired, actual, owned=a.keys())

    assert all(change.key in desired.absent | _made_anew(b, a) for change in changes.deletes)
    assert {change.key for change in changes.deletes} <= deletable(desired, actual)
    hidden_changes = [change for change in changes if change.key in unreadable and not isinstance(change, Skip)]
    # A deprecated type is taken back for a moment whatever the primary's is like, and ends as it was.
    assert {change.reason for change in hidden_changes} <= {DEPRECATED, TAKEN_BACK}
    assert [change.key.kind for change in hidden_changes] in ([], [Kind.THING_TYPE] * len(hidden_changes))


@pytest.mark.row("C5")
@given(registries())
def test_a_primary_of_which_nothing_was_read_deletes_nothing(a: Registry) -> None:
    changes = plan(Snapshot(), Snapshot(a), owned=a.keys())

    assert not changes.actions


@pytest.mark.row("R3")
@given(registries(), registries(), registries())
def test_nothing_is_deleted_that_replication_does_not_own(b: Registry, a: Registry, owned: Registry) -> None:
    changes = plan(*_snapshots(b, a), owned=owned.keys())

    assert all(change.key in owned for change in changes.deletes)


@given(registries(), registries())
def test_a_plan_tells_no_content(b: Registry, a: Registry) -> None:
    assume(b != a)

    reasons = " ".join(change.reason for change in _plan(b, a))

    assert "PEM" not in reasons
    assert "arn:" not in reasons
