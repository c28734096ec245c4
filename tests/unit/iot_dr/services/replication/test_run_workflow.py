"""A message is run once it can be, what is to come again is queued before it goes, and nothing is lost on the way."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from iot_dr.errors import RegionUnavailable, Throttled
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.replication.messages import RequestMessage, Run
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.replication.run_workflow import LATE, MOST_RECEIVES, PATIENCE, STEP_BACK, Ended, WorkflowRunner
from tests.fakes import FakeClock, InMemoryLedger, InMemoryRequestQueues

PUMP, VALVE = ReconcileRequest(thing_key("pump")), ReconcileRequest(thing_key("valve"))
BOTH = RequestMessage((PUMP, VALVE))


class Workflow:
    """Ends each run as a test says, and remembers what it was given."""

    def __init__(self, ends: Callable[[RequestMessage], Run]) -> None:
        self.given: list[RequestMessage] = []
        self._ends = ends

    def run(self, message: RequestMessage) -> Run:
        self.given.append(message)
        return self._ends(message)


class Bench:
    """The service over fakes."""

    def __init__(self, ends: Callable[[RequestMessage], Run] = lambda _message: Run()) -> None:
        self.workflow, self.queues = Workflow(ends), InMemoryRequestQueues()
        self.ledger, self.clock = InMemoryLedger(), FakeClock()
        self.confirmed: list[ReconcileRequest] = []
        self.to_come: tuple[ReconcileRequest, ...] = ()
        self.runner = WorkflowRunner(self.workflow, self.queues, self.ledger, self.clock, self._confirm)

    def _confirm(self, requests: Sequence[ReconcileRequest]) -> tuple[ReconcileRequest, ...]:
        self.confirmed.extend(requests)
        return self.to_come

    def handle(self, message: RequestMessage, receives: int = 1) -> Ended:
        return self.runner.handle(message, receives)


def raising(error: Exception) -> Callable[[RequestMessage], Run]:
    def run(_message: RequestMessage) -> Run:
        raise error

    return run


def a_confirming(request: ReconcileRequest) -> ReconcileRequest:
    return replace(request, checks=1, fingerprint="f", can_wait=True)


def test_a_request_that_only_confirms_takes_no_worker() -> None:
    bench = Bench()
    message = RequestMessage((a_confirming(PUMP), a_confirming(VALVE)))

    assert bench.handle(message) is Ended.CONFIRMED
    assert (bench.confirmed, bench.workflow.given, bench.queues.sent) == (list(message.requests), [], [])


def test_what_was_not_confirmed_is_queued_and_then_takes_a_worker() -> None:
    bench = Bench()
    bench.to_come = (replace(a_confirming(PUMP), can_wait=False),)
    bench.handle(RequestMessage((a_confirming(PUMP),)))
    (again,) = bench.queues.take()

    assert bench.handle(again) is Ended.RUN
    assert (again.requests, bench.workflow.given) == (bench.to_come, [again])


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(RequestMessage((a_confirming(PUMP), VALVE)), id="with others"),
        pytest.param(RequestMessage((a_confirming(PUMP),), background=True), id="of background work, which is slower"),
    ],
)
def test_other_messages_take_a_worker(message: RequestMessage) -> None:
    bench = Bench()

    assert bench.handle(message) is Ended.RUN
    assert (bench.confirmed, bench.workflow.given) == ([], [message])


def test_what_ended_leaves_nothing() -> None:
    bench = Bench()

    assert bench.handle(BOTH) is Ended.RUN
    assert (bench.workflow.given, bench.queues.sent) == ([BOTH], [])


@pytest.mark.parametrize("background", [False, True])
def test_what_is_to_come_again_goes_back_to_its_own_queue_and_comes_when_it_is_due(background: bool) -> None:
    bench = Bench(lambda _message: Run((replace(PUMP, due=bench.clock() + 3000), replace(VALVE, due=bench.clock()))))

    bench.handle(replace(BOTH, background=background))

    assert [(one.requests[0].key, one.delay, one.background) for one in bench.queues.sent] == [
        (PUMP.key, 3, background),
        (VALVE.key, 0, background),
    ]


@pytest.mark.parametrize("ends", [raising(Throttled("slow down")), lambda _message: Run(busy=True)])
def test_where_aws_has_no_room_the_message_comes_later_whole_and_without_end(
    ends: Callable[[RequestMessage], Run],
) -> None:
    bench, message = Bench(ends), BOTH

    for number in range(1, 50):
        assert bench.handle(message) is Ended.BUSY
        (message,) = bench.queues.take()
        assert (message.requests, message.returned) == (BOTH.requests, number)
        assert message.delay >= 1

    assert bench.ledger.notes == {}


def test_a_worker_that_failed_has_its_requests_taken_one_by_one() -> None:
    bench = Bench(lambda _message: Run(failed=True, error="Sandbox.Timedout"))

    assert bench.handle(BOTH) is Ended.TAKEN_APART
    assert [[(request.key, request.tries) for request in one.requests] for one in bench.queues.sent] == [
        [(PUMP.key, 1)],
        [(VALVE.key, 1)],
    ]
    assert all(one.delay >= 1 for one in bench.queues.sent)


def test_a_run_that_did_not_end_is_left_to_be_handed_out_again() -> None:
    bench = Bench(raising(RegionUnavailable("the execution FAILED")))

    with pytest.raises(RegionUnavailable):
        bench.handle(BOTH)

    assert bench.queues.sent == []


def test_the_ledger_has_what_was_never_handled_to_its_end() -> None:
    bench = Bench()

    assert bench.handle(BOTH, receives=MOST_RECEIVES) is Ended.RUN
    assert bench.handle(BOTH, receives=MOST_RECEIVES + 1) is Ended.GIVEN_UP

    assert len(bench.workflow.given) == 1
    for request in BOTH.requests:
        outcome = bench.ledger.outcome(request.key)
        assert outcome is not None
        assert (outcome.state, outcome.again) == (State.PENDING, True)


def test_background_work_steps_back_while_events_wait() -> None:
    bench, message = Bench(), replace(BOTH, background=True)
    bench.queues.backlog = 1

    assert bench.handle(message) is Ended.STEPPED_BACK
    (later,) = bench.queues.take()
    assert bench.workflow.given == []
    assert ([request.key for request in later.requests], later.background) == ([PUMP.key, VALVE.key], True)
    assert 1 <= later.delay <= STEP_BACK

    bench.queues.backlog = 0
    assert bench.handle(later) is Ended.RUN


def test_events_never_step_back() -> None:
    bench = Bench()
    bench.queues.backlog = 1000

    assert bench.handle(BOTH) is Ended.RUN


def test_a_request_that_only_confirms_steps_back_when_it_comes_so_late_that_others_must_wait() -> None:
    bench = Bench()
    confirming = RequestMessage((replace(PUMP, due=bench.clock(), occurred_at=bench.clock(), can_wait=True),))

    assert bench.handle(confirming) is Ended.RUN
    bench.clock.advance(LATE / 1000 + 1)
    assert bench.handle(confirming) is Ended.STEPPED_BACK
    bench.clock.advance(PATIENCE / 1000)
    assert bench.handle(confirming) is Ended.RUN


def test_a_request_that_checks_once_more_steps_back_too_but_not_for_ever() -> None:
    bench = Bench()
    noted = RequestMessage((replace(PUMP, due=bench.clock(), noted_at=bench.clock(), can_wait=True),))

    bench.clock.advance(LATE / 1000 + 1)
    assert bench.handle(noted) is Ended.STEPPED_BACK
    bench.clock.advance(PATIENCE / 1000)
    assert bench.handle(noted) is Ended.RUN


def test_a_request_that_must_not_wait_is_taken_however_late() -> None:
    bench = Bench()
    bench.clock.advance(3600)

    assert bench.handle(RequestMessage((replace(PUMP, due=1, occurred_at=bench.clock()),))) is Ended.RUN
