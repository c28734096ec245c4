"""What the workflow could not do is kept, and tried again by the schedule."""

import pytest

from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.replication.record_failure import LONGEST_REASON, record_failure
from tests.fakes import FakeClock, InMemoryLedger

REQUEST = ReconcileRequest(thing_key("pump-17"), event_id="e-1")


def test_a_failure_is_kept_with_its_reason_and_waits_for_another_try() -> None:
    ledger, clock = InMemoryLedger(), FakeClock()

    outcome = record_failure(REQUEST, "AccessDenied", "no right to iot:GetPolicy", ledger=ledger, clock=clock)

    assert ledger.outcome(REQUEST.key) == outcome
    assert (outcome.state, outcome.reason) == (State.FAILED, "AccessDenied: no right to iot:GetPolicy")
    assert outcome.event_id == "e-1"
    assert not list(ledger.due(clock()))
    clock.advance(61)
    assert list(ledger.due(clock())) == [REQUEST.key]


def test_each_failure_waits_longer_than_the_one_before() -> None:
    ledger, clock = InMemoryLedger(), FakeClock()
    record_failure(REQUEST, "AccessDenied", "", ledger=ledger, clock=clock)
    clock.advance(61)

    assert ledger.postpone(REQUEST.key, clock())
    record_failure(REQUEST, "AccessDenied", "", ledger=ledger, clock=clock)
    clock.advance(61)

    assert not list(ledger.due(clock()))
    clock.advance(60)
    assert list(ledger.due(clock())) == [REQUEST.key]


@pytest.mark.parametrize("error", ["Throttled", "RegionUnavailable", "NotReadyYet", "Conflict"])
def test_what_a_retry_can_mend_is_pending(error: str) -> None:
    outcome = record_failure(REQUEST, error, "", ledger=InMemoryLedger(), clock=FakeClock())

    assert (outcome.state, outcome.again) == (State.PENDING, True)


@pytest.mark.parametrize("error", ["AccessDenied", "InvalidResource", "States.Timeout", "KeyError"])
def test_what_somebody_must_check_has_failed(error: str) -> None:
    outcome = record_failure(REQUEST, error, "", ledger=InMemoryLedger(), clock=FakeClock())

    assert (outcome.state, outcome.again) == (State.FAILED, True)


def test_a_reason_is_for_reading() -> None:
    outcome = record_failure(REQUEST, "Error", "x" * 10_000, ledger=InMemoryLedger(), clock=FakeClock())

    assert len(outcome.reason) == LONGEST_REASON
