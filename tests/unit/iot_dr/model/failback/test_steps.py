"""The steps of a failback, and how its result tells them."""

from __future__ import annotations

from iot_dr.model.failback.steps import APPLYING, SWITCHING, FailbackResult, FailbackStep


def test_every_step_is_of_the_applying_or_of_the_switch_in_one_order() -> None:
    assert (*APPLYING, *SWITCHING) == tuple(FailbackStep)


def test_the_old_primary_is_written_down_before_it_follows_and_leads_before_the_other_one_follows() -> None:
    order = list(FailbackStep)

    assert order.index(FailbackStep.SNAPSHOT) < order.index(FailbackStep.FOLLOW) < order.index(FailbackStep.BRING)
    assert order.index(FailbackStep.LEAD) < order.index(FailbackStep.CARRY) < order.index(FailbackStep.LEAVE)


def test_a_result_is_complete_unless_a_step_stopped() -> None:
    assert FailbackResult().complete
    assert not FailbackResult(FailbackStep.BRING, "why").complete
