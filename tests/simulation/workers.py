"""The queues of requests, what takes their messages, and the workflow with its functions; and the trigger.

The queues have SQS's rules: a message that is handed out is hidden for a while, it is deleted when its function has
said so, and it may be handed out twice. The function is the product's own, and so is all that it decides. Of the
workflow only the definition's few ways are told anew here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from iot_dr.errors import IotDrError, RegionUnavailable, RetryableError
from iot_dr.model.registry.keys import SHADOW_KINDS, Key
from iot_dr.model.replication.messages import Delivery, RequestMessage, Run, messages
from iot_dr.model.replication.outcomes import Outcome
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.observability.logs import Logger
from iot_dr.observability.metrics import ReplicationMetrics
from iot_dr.ports.replication import TakenQueues
from iot_dr.runtime.functions.run_workflow import messages_handler
from iot_dr.services.replication.batch import BatchResult
from iot_dr.services.replication.run_workflow import WorkflowRunner
from templates.replication_workflow import LAST_TRY, RECORDER_SECONDS, WORKER_SECONDS
from templates.request_queues import HIDDEN_SECONDS, MESSAGES, RUNNER_SECONDS
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler

BACKGROUND = "background"

Confirm = Callable[[Sequence[ReconcileRequest]], Sequence[ReconcileRequest]]

_SILENT = Logger(service="simulation", level="CRITICAL")


class _Uncounted(ReplicationMetrics):
    """Counts nothing."""

    def __init__(self) -> None:
        pass

    def count(self, name: str, value: int, kind: str | None = None) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Write nothing."""


@dataclass
class Function:
    """One of the workers that may run at once: a process, and what it runs."""

    process: Process
    take: Callable[[Sequence[ReconcileRequest]], BatchResult]
    record: Callable[[ReconcileRequest, str], Outcome]
    take_shadows: Callable[[Sequence[ReconcileRequest]], BatchResult] | None = None


@dataclass(eq=False)
class _Message:
    """A message in a queue."""

    number: int
    body: str
    requests: tuple[ReconcileRequest, ...]
    background: bool
    receives: int = 0
    hidden_until: int = 0
    visible: bool = False
    deleted: bool = False

    def record(self) -> dict[str, Any]:
        """Return it as Lambda hands it to a function."""
        return {
            "messageId": str(self.number),
            "receiptHandle": str(self.number),
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "eventSourceARN": f"arn:aws:sqs:us-west-2:123456789012:{BACKGROUND if self.background else 'events'}",
        }


@dataclass
class _Execution:
    """An execution of the workflow: how it ended, and who waits for that."""

    ended: Run | IotDrError | None = None
    waiting: greenlet | None = None

    def __str__(self) -> str:
        """Return what a story says of it, the same in every process."""
        return "no room" if isinstance(self.ended, Run) and self.ended.busy else "an execution"


@dataclass
class _Runner:
    """One of the invocations of the product's function that may run at once."""

    process: Process
    handle: Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class _Context:
    """What Lambda tells an invocation of its time."""

    process: Process
    scheduler: Scheduler

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of it."""
        return self.process.began + RUNNER_SECONDS * 1000 - self.scheduler.now


@dataclass
class Queue:
    """Both queues with what hands their messages out, and the workflow; `twice` is the share that is handed out twice.

    `waiting` has how many requests for a resource wait that no event asked for, `started` how often one was asked for.
    """

    scheduler: Scheduler
    busy: Callable[[int], None]
    lost: Callable[[ReconcileRequest, int], None]
    """Is told of a request whose message is deleted, and since when somebody must have dealt with it."""
    twice: float = 0.0
    waiting_requests: dict[Key, int] = field(default_factory=dict)
    started: Counter[Key] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._functions: list[Function] = []
        self._runners: dict[bool, list[_Runner]] = {False: [], True: []}
        self._visible: dict[bool, list[_Message]] = {False: [], True: []}
        self._messages: dict[str, _Message] = {}
        self._numbers = count(1)
        self.dealt_with: dict[Key, int] = {}
        """When a request for something was last taken to its end, sent, or recorded."""

    # How it is wired

    def add_function(self, function: Function) -> None:
        """Let one more worker run at the same time."""
        self._functions.append(function)

    def add_runner(self, process: Process, ledger: Any, confirm: Confirm, *, background: bool) -> None:
        """Let one more message of a queue be worked on at the same time."""
        queues = process.port("workflow", self, TakenQueues)
        runner = WorkflowRunner(_Executions(process, self), queues, ledger, self.scheduler.clock, confirm)
        handle = messages_handler(runner, queues, BACKGROUND, _SILENT, _Uncounted())
        self._runners[background].append(_Runner(process, handle))

    # What SQS does

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Queue requests, in as few messages as take them."""
        self.started.update(request.key for request in requests if not request.occurred_at)
        self.send(messages(requests, background=background))

    def send(self, messages: Iterable[RequestMessage]) -> None:
        """Take messages, each shown after its delay."""
        for message in messages:
            sent = _Message(next(self._numbers), message.body(), message.requests, message.background)
            self._messages[str(sent.number)] = sent
            self._count(sent, 1)
            self._deal_with(message.requests)
            pause = message.delay * 1000 + self.scheduler.chance.randrange(50)
            self.scheduler.after(pause, partial(self._show, sent, 0))

    def waiting(self) -> int:
        """Return how many messages of events could be taken now."""
        return len(self._visible[False])

    def set_aside(self, body: str) -> None:
        """Refuse it: nothing is sent that cannot be read."""
        raise ValueError(body)

    def show_again(self, delivery: Delivery) -> None:
        """Show messages again after their pause."""
        for receipt in delivery.receipts:
            if (sent := self._messages.get(receipt.message_id)) is not None:
                self._hide(sent, delivery.pause)

    def _hide(self, sent: _Message, seconds: int) -> None:
        sent.hidden_until = self.scheduler.now + seconds * 1000
        self.scheduler.after(seconds * 1000, partial(self._show, sent, sent.receives))

    def _show(self, sent: _Message, receives: int, *, once_more: bool = False) -> None:
        hidden = sent.hidden_until > self.scheduler.now and not once_more
        if sent.deleted or sent.visible or sent.receives != receives or hidden:
            return
        sent.visible = True
        self._visible[sent.background].append(sent)
        self._hand_out(background=sent.background)

    def _delete(self, sent: _Message) -> None:
        if sent.deleted:
            return
        sent.deleted = True
        if sent.visible:
            self._visible[sent.background].remove(sent)
        del self._messages[str(sent.number)]
        self._count(sent, -1)

    def _deal_with(self, requests: Iterable[ReconcileRequest]) -> None:
        self.dealt_with |= dict.fromkeys((request.key for request in requests), self.scheduler.now)

    def _count(self, sent: _Message, by: int) -> None:
        self.busy(by)
        for request in sent.requests:
            if request.occurred_at:
                continue
            left = self.waiting_requests.get(request.key, 0) + by
            if left:
                self.waiting_requests[request.key] = left
            else:
                del self.waiting_requests[request.key]

    # What Lambda does

    def _hand_out(self, *, background: bool) -> None:
        visible, runners, chance = self._visible[background], self._runners[background], self.scheduler.chance
        while visible and runners:
            runner = runners.pop(chance.randrange(len(runners)))
            number = min(chance.randint(1, MESSAGES), len(visible))
            self._run(runner, [self._handed_out(visible.pop(chance.randrange(len(visible)))) for _ in range(number)])

    def _handed_out(self, sent: _Message) -> _Message:
        sent.visible = False
        sent.receives += 1
        self._hide(sent, HIDDEN_SECONDS)
        if self.scheduler.chance.random() < self.twice:
            again = partial(self._show, sent, sent.receives, once_more=True)
            self.scheduler.after(self.scheduler.chance.randrange(5_000), again)
        return sent

    def _run(self, runner: _Runner, taken: Sequence[_Message]) -> None:
        event = {"Records": [sent.record() for sent in taken]}
        context = _Context(runner.process, self.scheduler)
        answers: list[dict[str, Any]] = []
        background = taken[0].background

        def ended(_error: BaseException | None) -> None:
            # What was cut off has said nothing of any message, so all are shown again.
            for answer in answers:
                kept = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
                for sent in taken:
                    if str(sent.number) not in kept:
                        self._delete(sent)
                        for request in sent.requests:
                            if self.dealt_with.get(request.key, 0) < runner.process.began:
                                self.lost(request, runner.process.began)
            self._runners[background].append(runner)
            self._hand_out(background=background)

        runner.process.start(lambda: answers.append(runner.handle(event, context)), ended, RUNNER_SECONDS * 1000)

    # What the workflow does

    def begin(self, message: RequestMessage) -> _Execution:
        """Have a worker take the requests of a message, if there is one."""
        execution, functions = _Execution(), self._functions
        if not functions:
            execution.ended = Run((), busy=True)
            return execution
        function, taken = functions.pop(self.scheduler.chance.randrange(len(functions))), list[BatchResult]()
        shadows = message.requests[0].key.kind in SHADOW_KINDS
        take = function.take_shadows if shadows and function.take_shadows is not None else function.take
        self.busy(1)

        def ended(error: BaseException | None) -> None:
            if error is None:
                self._deal_with(message.requests)
                self._end(execution, function, Run(taken[0].again))
            elif len(message.requests) == 1 and message.requests[0].tries >= LAST_TRY:
                self._record(execution, function, message.requests[0], type(error).__name__, tries=2)
            else:
                self._end(execution, function, Run((), failed=True, error=type(error).__name__))

        function.process.start(lambda: taken.append(take(message.requests)), ended, WORKER_SECONDS * 1000)
        return execution

    def _record(
        self, execution: _Execution, function: Function, request: ReconcileRequest, error: str, *, tries: int
    ) -> None:
        def ended(raised: BaseException | None) -> None:
            if raised is None:
                self._end(execution, function, Run())
            elif isinstance(raised, RetryableError) and tries > 1:
                again = partial(self._record, execution, function, request, error, tries=tries - 1)
                self.scheduler.after(1_000, again)
            else:
                self._end(execution, function, RegionUnavailable("the execution FAILED: FailureLost"))

        function.process.start(lambda: function.record(request, error), ended, RECORDER_SECONDS * 1000)

    def _end(self, execution: _Execution, function: Function, how: Run | IotDrError) -> None:
        execution.ended = how
        self._functions.append(function)
        self.busy(-1)
        if execution.waiting is not None:
            self.scheduler.after(0, execution.waiting.switch)


@dataclass(frozen=True)
class _Executions:
    """`ports.ReplicationRun` of one invocation: when that dies, its execution goes on."""

    process: Process
    queue: Queue

    def run(self, message: RequestMessage) -> Run:
        """Begin an execution, and wait for its end."""
        execution: _Execution = self.process.call("workflow", "begin", self.queue.begin, message)
        if execution.ended is None:
            execution.waiting = getcurrent()
            self.queue.scheduler.park()
        if isinstance(execution.ended, Run):
            return execution.ended
        raise execution.ended or RegionUnavailable("it has not ended")


def retried(process: Process, work: Callable[[], object], ended: Callable[[], None], scheduler: Scheduler) -> None:
    """Run a process until it has done its work, as the stream hands a batch in again."""

    def again(error: BaseException | None) -> None:
        if error is None:
            ended()
        else:
            scheduler.after(1_000, lambda: process.start(work, again))

    process.start(work, again)
