"""A batch shares an invocation and nothing else: what one request meets is no other's affair."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied, Conflict, InvalidResource, IotDrError, NotReadyYet, RegionUnavailable, Throttled
from iot_dr.model.registry.changes import Plan
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.concurrency import on_threads
from iot_dr.services.replication.batch import RETRY_PAUSES, BatchResult, handle_batch
from iot_dr.services.replication.replicate import ReplicationResult
from tests.fakes import FakeClock, InMemoryLedger

PUMP, VALVE, METER = (ReconcileRequest(thing_key(name)) for name in ("pump", "valve", "meter"))


def _replicate(
    faults: Mapping[ReconcileRequest, IotDrError] | None = None, pauses: Mapping[ReconcileRequest, int] | None = None
) -> Callable[[ReconcileRequest, int], ReplicationResult]:
    by_key = {request.key: error for request, error in (faults or {}).items()}
    seconds = {request.key: pause for request, pause in (pauses or {}).items()}

    def replicate(request: ReconcileRequest, _beside: int) -> ReplicationResult:
        if request.key in by_key:
            raise by_key[request.key]
        outcome = Outcome(request.key, State.IN_SYNC, "", at=0)
        return ReplicationResult(
            outcome, Plan(), replace(request, checks=request.checks + 1), seconds.get(request.key, 0)
        )

    return replicate


def _take(
    *requests: ReconcileRequest,
    replicate: Callable[[ReconcileRequest, int], ReplicationResult],
    clock: FakeClock,
    ledger: InMemoryLedger,
) -> BatchResult:
    return handle_batch(requests, replicate, ledger=ledger, clock=clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger()


def test_what_is_settled_does_not_come_again(clock: FakeClock, ledger: InMemoryLedger) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate(), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.checked] == [PUMP.key, VALVE.key]
    assert (taken.again, taken.pause, taken.failed) == ((), 0, ())


def test_the_batch_comes_again_when_its_first_request_is_due_and_the_others_wait_on_at_no_call(
    clock: FakeClock, ledger: InMemoryLedger
) -> None:
    first = _take(PUMP, VALVE, METER, replicate=_replicate(pauses={PUMP: 3, VALVE: 8}), clock=clock, ledger=ledger)
    assert first.pause == 3

    clock.advance(3)
    second = _take(*first.again, replicate=_replicate(pauses={PUMP: 21}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in second.checked] == [PUMP.key]
    assert [request.key for request in second.again] == [PUMP.key, VALVE.key]
    assert second.pause == 5


def test_what_a_request_asks_for_further_comes_too_when_it_is_due(clock: FakeClock, ledger: InMemoryLedger) -> None:
    further = replace(VALVE, due=clock() + 5000, noted_at=clock(), can_wait=True)
    plain = _replicate()

    taken = _take(
        PUMP,
        replicate=lambda request, beside: replace(plain(request, beside), further=(further,)),
        clock=clock,
        ledger=ledger,
    )

    assert (taken.again, taken.pause) == ((further,), 5)


def test_requests_with_the_same_pause_come_back_together(clock: FakeClock, ledger: InMemoryLedger) -> None:
    first = _take(PUMP, VALVE, replicate=_replicate(pauses={PUMP: 3, VALVE: 3}), clock=clock, ledger=ledger)
    clock.advance(first.pause)

    second = _take(*first.again, replicate=_replicate(), clock=clock, ledger=ledger)

    assert len(second.checked) == 2


@pytest.mark.parametrize("kind", [Throttled, RegionUnavailable, NotReadyYet, Conflict])
def test_a_fault_that_may_pass_brings_the_check_again_and_stops_no_other(
    kind: type[IotDrError], clock: FakeClock, ledger: InMemoryLedger
) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate({PUMP: kind("later")}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.checked] == [VALVE.key]
    assert [(request.key, request.tries) for request in taken.again] == [(PUMP.key, 1)]
    assert (taken.repeated, taken.pause, taken.failed) == (1, 1, ())


def test_repetitions_are_bounded_then_the_ledger_has_the_request(clock: FakeClock, ledger: InMemoryLedger) -> None:
    replicate = _replicate({PUMP: Throttled("slow down")})
    taken, seconds = _take(PUMP, replicate=replicate, clock=clock, ledger=ledger), 0
    tries = 1
    while taken.again:
        assert 1 <= taken.pause <= RETRY_PAUSES[tries - 1]
        seconds, tries = seconds + taken.pause, tries + 1
        clock.advance(taken.pause)
        taken = _take(*taken.again, replicate=replicate, clock=clock, ledger=ledger)

    assert tries == len(RETRY_PAUSES) + 1
    assert seconds <= sum(RETRY_PAUSES)
    (outcome,) = taken.failed
    assert (outcome.state, outcome.reason) == (State.PENDING, "Throttled: slow down")
    clock.advance(61)
    assert list(ledger.due(clock())) == [PUMP.key]


def test_a_request_that_went_well_has_all_its_tries_again(clock: FakeClock, ledger: InMemoryLedger) -> None:
    tried = replace(PUMP, tries=len(RETRY_PAUSES))

    taken = _take(tried, replicate=_replicate(pauses={PUMP: 1}), clock=clock, ledger=ledger)

    assert [request.tries for request in taken.again] == [0]


def test_what_was_throttled_together_does_not_come_back_together(clock: FakeClock, ledger: InMemoryLedger) -> None:
    requests = [ReconcileRequest(thing_key(f"pump-{number}"), tries=4) for number in range(50)]
    replicate = _replicate(dict.fromkeys(requests, Throttled("slow down")))

    taken = _take(*requests, replicate=replicate, clock=clock, ledger=ledger)

    assert len({request.due for request in taken.again}) > RETRY_PAUSES[4] / 2


@pytest.mark.parametrize("kind", [AccessDenied, InvalidResource])
def test_what_nothing_mends_is_recorded_at_once_and_stops_no_other(
    kind: type[IotDrError], clock: FakeClock, ledger: InMemoryLedger
) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate({PUMP: kind("no")}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.checked] == [VALVE.key]
    assert taken.again == ()
    (outcome,) = taken.failed
    assert ledger.outcome(PUMP.key) == outcome
    assert (outcome.state, outcome.reason) == (State.FAILED, f"{kind.__name__}: no")


def test_a_bug_leaves_the_function_once_the_others_have_ended(clock: FakeClock, ledger: InMemoryLedger) -> None:
    ended = []

    def replicate(request: ReconcileRequest, beside: int) -> ReplicationResult:
        if request == PUMP:
            raise KeyError("a bug")
        ended.append(request)
        return _replicate()(request, beside)

    with ThreadPoolExecutor(2) as executor, pytest.raises(KeyError):
        handle_batch([PUMP, VALVE], replicate, ledger=ledger, clock=clock, together=on_threads(executor))

    assert ended == [VALVE]


def test_each_request_is_told_how_many_new_ones_are_beside_it(clock: FakeClock, ledger: InMemoryLedger) -> None:
    told = []

    def replicate(request: ReconcileRequest, beside: int) -> ReplicationResult:
        told.append(beside)
        return _replicate()(request, beside)

    new = [replace(request, created=True) for request in (PUMP, VALVE)]
    _take(*new, METER, replicate=replicate, clock=clock, ledger=ledger)

    assert told == [2, 2, 2]


def test_an_event_of_the_future_counts_as_one_of_now(clock: FakeClock, ledger: InMemoryLedger) -> None:
    begun, past = clock(), clock() - 5000
    taken = _take(
        replace(PUMP, occurred_at=2**53 - 1),
        replace(VALVE, occurred_at=past),
        replace(METER, occurred_at=2**53 - 1, due=begun + 10_000),
        replicate=_replicate(pauses={PUMP: 3, VALVE: 3}),
        clock=clock,
        ledger=ledger,
    )

    pump, valve, meter = (request.occurred_at for request in taken.again)
    assert valve == past
    assert begun < pump == meter < clock()


def test_pauses_grow_by_the_new_devices_that_are_checked_now_alone(clock: FakeClock, ledger: InMemoryLedger) -> None:
    told: list[int] = []

    def replicate(request: ReconcileRequest, beside: int) -> ReplicationResult:
        told.append(beside)
        return _replicate()(request, beside)

    later = replace(VALVE, created=True, due=clock() + 60_000)
    _take(replace(PUMP, created=True), METER, later, replicate=replicate, clock=clock, ledger=ledger)

    assert told == [1, 1]
