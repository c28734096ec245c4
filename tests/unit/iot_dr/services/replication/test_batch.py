"""A batch shares an invocation and nothing else: what one look meets is no other's affair."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied, Conflict, InvalidResource, IotDrError, NotReadyYet, RegionUnavailable, Throttled
from iot_dr.model.registry.changes import Plan
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import Look
from iot_dr.services.concurrency import on
from iot_dr.services.replication.batch import RETRY_PAUSES, Taken, take_looks
from iot_dr.services.replication.replicate import Replicated
from tests.fakes import FakeClock, InMemoryLedger

PUMP, VALVE, METER = (Look(thing_key(name)) for name in ("pump", "valve", "meter"))


def _replicate(
    faults: Mapping[Look, IotDrError] | None = None, pauses: Mapping[Look, int] | None = None
) -> Callable[[Look, int], Replicated]:
    by_key = {look.key: error for look, error in (faults or {}).items()}
    seconds = {look.key: pause for look, pause in (pauses or {}).items()}

    def replicate(look: Look, _beside: int) -> Replicated:
        if look.key in by_key:
            raise by_key[look.key]
        outcome = Outcome(look.key, State.IN_SYNC, "", at=0)
        return Replicated(outcome, Plan(), replace(look, looks=look.looks + 1), seconds.get(look.key, 0))

    return replicate


def _take(
    *looks: Look, replicate: Callable[[Look, int], Replicated], clock: FakeClock, ledger: InMemoryLedger
) -> Taken:
    return take_looks(looks, replicate, ledger=ledger, clock=clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger()


def test_what_is_settled_does_not_come_again(clock: FakeClock, ledger: InMemoryLedger) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate(), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.looked] == [PUMP.key, VALVE.key]
    assert (taken.again, taken.pause, taken.failed) == ((), 0, ())


def test_the_batch_comes_again_when_its_first_look_is_due_and_the_others_wait_on_at_no_call(
    clock: FakeClock, ledger: InMemoryLedger
) -> None:
    first = _take(PUMP, VALVE, METER, replicate=_replicate(pauses={PUMP: 3, VALVE: 8}), clock=clock, ledger=ledger)
    assert first.pause == 3

    clock.advance(3)
    second = _take(*first.again, replicate=_replicate(pauses={PUMP: 21}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in second.looked] == [PUMP.key]
    assert [look.key for look in second.again] == [PUMP.key, VALVE.key]
    assert second.pause == 5


def test_looks_with_the_same_pause_come_back_together(clock: FakeClock, ledger: InMemoryLedger) -> None:
    first = _take(PUMP, VALVE, replicate=_replicate(pauses={PUMP: 3, VALVE: 3}), clock=clock, ledger=ledger)
    clock.advance(first.pause)

    second = _take(*first.again, replicate=_replicate(), clock=clock, ledger=ledger)

    assert len(second.looked) == 2


@pytest.mark.parametrize("kind", [Throttled, RegionUnavailable, NotReadyYet, Conflict])
def test_a_fault_that_may_pass_brings_the_look_again_and_stops_no_other(
    kind: type[IotDrError], clock: FakeClock, ledger: InMemoryLedger
) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate({PUMP: kind("later")}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.looked] == [VALVE.key]
    assert [(look.key, look.tries) for look in taken.again] == [(PUMP.key, 1)]
    assert (taken.repeated, taken.pause, taken.failed) == (1, 1, ())


def test_repetitions_are_bounded_then_the_ledger_has_the_look(clock: FakeClock, ledger: InMemoryLedger) -> None:
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


def test_a_look_that_went_well_has_all_its_tries_again(clock: FakeClock, ledger: InMemoryLedger) -> None:
    tried = replace(PUMP, tries=len(RETRY_PAUSES))

    taken = _take(tried, replicate=_replicate(pauses={PUMP: 1}), clock=clock, ledger=ledger)

    assert [look.tries for look in taken.again] == [0]


def test_what_was_throttled_together_does_not_come_back_together(clock: FakeClock, ledger: InMemoryLedger) -> None:
    looks = [Look(thing_key(f"pump-{number}"), tries=4) for number in range(50)]
    replicate = _replicate(dict.fromkeys(looks, Throttled("slow down")))

    taken = _take(*looks, replicate=replicate, clock=clock, ledger=ledger)

    assert len({look.due for look in taken.again}) > RETRY_PAUSES[4] / 2


@pytest.mark.parametrize("kind", [AccessDenied, InvalidResource])
def test_what_nothing_mends_is_recorded_at_once_and_stops_no_other(
    kind: type[IotDrError], clock: FakeClock, ledger: InMemoryLedger
) -> None:
    taken = _take(PUMP, VALVE, replicate=_replicate({PUMP: kind("no")}), clock=clock, ledger=ledger)

    assert [one.outcome.key for one in taken.looked] == [VALVE.key]
    assert taken.again == ()
    (outcome,) = taken.failed
    assert ledger.outcome(PUMP.key) == outcome
    assert (outcome.state, outcome.reason) == (State.FAILED, f"{kind.__name__}: no")


def test_a_bug_leaves_the_function_once_the_others_have_ended(clock: FakeClock, ledger: InMemoryLedger) -> None:
    ended = []

    def replicate(look: Look, beside: int) -> Replicated:
        if look == PUMP:
            raise KeyError("a bug")
        ended.append(look)
        return _replicate()(look, beside)

    with ThreadPoolExecutor(2) as executor, pytest.raises(KeyError):
        take_looks([PUMP, VALVE], replicate, ledger=ledger, clock=clock, together=on(executor))

    assert ended == [VALVE]


def test_each_look_is_told_how_many_new_ones_are_beside_it(clock: FakeClock, ledger: InMemoryLedger) -> None:
    told = []

    def replicate(look: Look, beside: int) -> Replicated:
        told.append(beside)
        return _replicate()(look, beside)

    new = [replace(look, created=True) for look in (PUMP, VALVE)]
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

    pump, valve, meter = (look.occurred_at for look in taken.again)
    assert valve == past
    assert begun < pump == meter < clock()
