"""Has the workflow take the requests of one message, and sends on what is to come again.

The message is deleted after this has ended well. Whatever cuts it off, the message comes again, and its requests are
taken once more. A request that only confirms a complete device takes no worker. Where AWS has no room, the requests go
back to the queue and come later: a pause holds no worker, and nothing is asked for twice at the same time.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from iot_dr.errors import Throttled
from iot_dr.model.replication.messages import Delivery, RequestMessage, messages
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.replication import ReplicationRun, RequestQueues
from iot_dr.services.replication.record_failure import UNFINISHED, record_failure
from iot_dr.services.replication.superseding import last_reads, without_superseded

MOST_RECEIVES = 5
"""How often a message is handed out; then its requests are recorded as failed, and the ledger has them tried again."""

STEP_BACK = 15
"""Seconds at most for which what can wait leaves the workers to others."""

LATE = 2000
"""Milliseconds after it was due that a message shows, by being handed out so late, that others wait too."""

PATIENCE = 180_000
"""Milliseconds from the event, or from the note, for which a request that can wait does so."""

ALONE_PAUSE = 5
"""Seconds at most until requests whose worker failed are taken one by one."""


class Ended(enum.StrEnum):
    """What became of a message."""

    RUN = "run"
    BUSY = "busy"
    TAKEN_APART = "taken apart"
    STEPPED_BACK = "stepped back"
    GIVEN_UP = "given up"
    HANDED_BACK = "handed back"
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class WorkflowRunner:
    """The use case, over ports."""

    workflow: ReplicationRun
    queues: RequestQueues
    ledger: Ledger
    clock: Clock
    confirm: Callable[[Sequence[ReconcileRequest]], Sequence[ReconcileRequest]]
    """Confirms that devices have stood still, and returns the requests that are to come."""

    def handle(self, message: RequestMessage, receives: int) -> Ended:
        """Have the requests of a message taken; `receives` is how often it was handed out, this time included.

        Raises:
            RetryableError: it is to be handed out again.
        """
        if receives > MOST_RECEIVES:
            cause = f"its message was handed out {receives} times and never handled to its end"
            for request in message.requests:
                record_failure(request, UNFINISHED, cause, ledger=self.ledger, clock=self.clock)
            return Ended.GIVEN_UP
        if self._others_first(message):
            self.queues.send([self._stepped_back(message)])
            return Ended.STEPPED_BACK
        if not message.background and all(request.confirms for request in message.requests):
            self.queues.send(messages(self.confirm(message.requests), self.clock()))
            return Ended.CONFIRMED
        return self._run(message)

    def _run(self, message: RequestMessage) -> Ended:
        try:
            run = self.workflow.run(message)
        except Throttled:
            self.queues.send([message.put_off()])
            return Ended.BUSY
        if run.busy:
            self.queues.send([message.put_off()])
            return Ended.BUSY
        if run.failed:
            self.queues.send(_one_by_one(message))
            return Ended.TAKEN_APART
        self.queues.send(messages(run.again, self.clock(), background=message.background))
        return Ended.RUN

    def without_superseded(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return the deliveries with the requests that are still to be taken, those too that have none left.

        Raises:
            RetryableError: the ledger cannot be asked; all are to be taken.
        """
        read = last_reads(
            (request for one in deliveries for request in one.message.requests), self.ledger, self.clock()
        )
        if not read:
            return [*deliveries]
        return [
            replace(one, message=replace(one.message, requests=without_superseded(one.message.requests, read)))
            for one in deliveries
        ]

    def hand_back(self, message: RequestMessage) -> Ended:
        """Have a message come again at once, which there was no time to begin with."""
        self.queues.send([replace(message, delay=0)])
        return Ended.HANDED_BACK

    def _stepped_back(self, message: RequestMessage) -> RequestMessage:
        """Return the message as it comes again, due no earlier, so that it shows anew whether it comes late."""
        delay = message.spread(STEP_BACK)
        due = self.clock() + delay * 1000
        return replace(message, delay=delay, requests=tuple(replace(request, due=due) for request in message.requests))

    def _others_first(self, message: RequestMessage) -> bool:
        """Tell whether events wait for a worker that this message can wait for.

        Background work asks. A request that confirms, or checks once more, knows it from being late itself, without a
        call.
        """
        if message.background:
            return self.queues.waiting() > 0
        now = self.clock()
        return all(
            request.can_wait
            and now - request.due > LATE
            and now - max(request.occurred_at, request.noted_at) < PATIENCE
            for request in message.requests
        )


def _one_by_one(message: RequestMessage) -> Iterator[RequestMessage]:
    """Return each request of a message whose worker failed in a message of its own: one of them may be to blame."""
    for request in message.requests:
        alone: ReconcileRequest = replace(request, tries=request.tries + 1)
        single = RequestMessage((alone,), message.background)
        yield replace(single, delay=single.spread(ALONE_PAUSE))
