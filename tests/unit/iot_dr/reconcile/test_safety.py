"""A plan that would delete too large a share is refused, with the numbers."""

import pytest

from iot_dr.errors import UnsafePlan
from iot_dr.model.changes import Create, Delete, Plan
from iot_dr.reconcile.safety import Limits, ensure_safe
from tests.builders import a_thing


def _deleting(count: int) -> Plan:
    return Plan((*(Delete(a_thing(f"pump-{n}"), "") for n in range(count)), Create(a_thing("new"), "")))


def test_up_to_the_limit_a_plan_passes() -> None:
    ensure_safe(_deleting(3), existing=10)


def test_over_the_limit_a_plan_is_refused_with_its_numbers() -> None:
    with pytest.raises(UnsafePlan, match=r"deletes 4 of 10 resources, over the limit of 30%"):
        ensure_safe(_deleting(4), existing=10)


def test_a_refusal_says_what_to_check_and_what_overrides_it() -> None:
    with pytest.raises(UnsafePlan) as refused:
        ensure_safe(_deleting(4), existing=10)

    assert str(refused.value) == (
        "the plan deletes 4 of 10 resources, over the limit of 30%; "
        'check the primary Region; if so many deletes are meant, start the sweep with a higher "delete_share"'
    )


def test_a_small_registry_may_be_emptied() -> None:
    ensure_safe(_deleting(9), existing=9)


def test_limits_can_be_widened() -> None:
    ensure_safe(_deleting(10), existing=10, limits=Limits(deletes=1.0))
