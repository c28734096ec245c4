"""What must hold for a plan between any two registries."""

from __future__ import annotations

import random
from collections.abc import Collection

from hypothesis import assume, given
from hypothesis import strategies as st

from iot_dr.errors import IotDrError
from iot_dr.model.changes import Action, Create, Delete, Plan, Skip, Snapshot, Update
from iot_dr.model.keys import Key
from iot_dr.reconcile.modes import Mode
from iot_dr.reconcile.plan import plan
from tests.fakes import InMemoryRegistry
from tests.strategies import Registry, registries


def _snapshots(desired: Registry, actual: Registry) -> tuple[Snapshot, Snapshot]:
    """Both registries as they look when everything could be read."""
    return (
        Snapshot(desired, frozenset(actual.keys() - desired.keys())),
        Snapshot(actual, frozenset(desired.keys() - actual.keys())),
    )


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

    for action in _plan(b, secondary.entities).actions:
        _apply(action, secondary)

    assert secondary.entities == b


@given(registries())
def test_equal_registries_need_no_change(a: Registry) -> None:
    assert not _plan(a, a).changes


@given(registries(), registries())
def test_a_plan_touches_what_differs_once_and_nothing_else(b: Registry, a: Registry) -> None:
    differing = [key for key in b.keys() | a.keys() if b.get(key) != a.get(key)]

    changed = [change.key for change in _plan(b, a)]

    assert sorted(changed) == sorted(differing)


@given(registries(), registries(), st.integers(0, 2**32))
def test_any_order_loss_and_repetition_of_applying_converges(b: Registry, a: Registry, seed: int) -> None:
    secondary, chance = _registry(a), random.Random(seed)

    for _ in range(12):
        actions = list(_plan(b, secondary.entities).actions) * 2
        chance.shuffle(actions)
        for action in actions[: chance.randint(1, len(actions)) if actions else 0]:
            _apply_if_aws_lets(action, secondary)
    for action in _plan(b, secondary.entities).actions:
        _apply(action, secondary)

    assert secondary.entities == b


def _apply_if_aws_lets(action: Action, registry: InMemoryRegistry) -> None:
    try:
        _apply(action, registry)
    except IotDrError:
        return


@given(registries(), registries(), registries(), st.sampled_from(Mode))
def test_nothing_is_deleted_that_the_primary_did_not_say_is_absent(
    b: Registry, a: Registry, hidden: Registry, mode: Mode
) -> None:
    desired, actual = _snapshots(b, a)
    unreadable = dict.fromkeys(hidden, "denied")
    desired = Snapshot(
        {key: entity for key, entity in desired.entities.items() if key not in unreadable},
        desired.absent - unreadable.keys(),
        unreadable,
    )

    changes = plan(desired, actual, owned=a.keys(), mode=mode)

    assert all(change.key in desired.absent for change in changes.deletes)
    assert all(isinstance(change, Skip) for change in changes if change.key in unreadable)


@given(registries())
def test_a_primary_of_which_nothing_was_read_deletes_nothing(a: Registry) -> None:
    changes = plan(Snapshot(), Snapshot(a), owned=a.keys())

    assert not changes.actions


@given(registries(), registries(), registries(), st.sampled_from(Mode))
def test_nothing_is_deleted_that_replication_does_not_own(
    b: Registry, a: Registry, owned: Registry, mode: Mode
) -> None:
    changes = plan(*_snapshots(b, a), owned=owned.keys(), mode=mode)

    assert all(change.key in owned for change in changes.deletes)


@given(registries(), registries())
def test_a_mode_only_ever_takes_away(b: Registry, a: Registry) -> None:
    mirror, upsert, create_only = (
        plan(*_snapshots(b, a), owned=a.keys(), mode=mode).actions
        for mode in (Mode.MIRROR, Mode.UPSERT, Mode.CREATE_ONLY)
    )

    assert upsert == tuple(action for action in mirror if not isinstance(action, Delete))
    assert create_only == tuple(action for action in mirror if isinstance(action, Create))


@given(registries(), registries())
def test_a_plan_tells_no_content(b: Registry, a: Registry) -> None:
    assume(b != a)

    reasons = " ".join(change.reason for change in _plan(b, a))

    assert "PEM" not in reasons
    assert "arn:" not in reasons
