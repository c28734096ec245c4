"""A plan that would delete too large a share is refused, with the numbers."""

import pytest

from iot_dr.errors import UnsafePlan
from iot_dr.reconcile.safety import DEFAULT_LIMITS, SWEEP_OVERRIDE, Limits, ensure_few


def _ensure(deletes: int, existing: int, limits: Limits = DEFAULT_LIMITS) -> None:
    ensure_few(deletes, existing, limits, SWEEP_OVERRIDE)


def test_up_to_the_limit_a_plan_passes() -> None:
    _ensure(3, existing=10)


def test_over_the_limit_a_plan_is_refused_with_its_numbers() -> None:
    with pytest.raises(UnsafePlan, match=r"deletes 4 of 10 resources, over the limit of 30%"):
        _ensure(4, existing=10)


def test_a_refusal_says_what_to_check_and_what_overrides_it() -> None:
    with pytest.raises(UnsafePlan) as refused:
        _ensure(4, existing=10)

    assert str(refused.value) == (
        "the plan deletes 4 of 10 resources, over the limit of 30%; "
        "check the primary Region; if so many deletes are meant, run iot-dr sweep --apply with a higher --delete-share"
    )


def test_a_small_registry_may_be_emptied() -> None:
    _ensure(9, existing=9)


def test_limits_can_be_widened() -> None:
    _ensure(10, existing=10, limits=Limits(deletes=1.0))
