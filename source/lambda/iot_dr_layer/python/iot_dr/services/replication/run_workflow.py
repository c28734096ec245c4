"""Has the workflow take the looks of one message, and sends on what is to come again.

The message is deleted after this has ended well. Whatever cuts it off, the message comes again, and its looks are taken
once more. Where AWS has no room, the looks go back to the queue and come later: a pause holds no worker, and nothing is
asked for twice at the same time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from iot_dr.errors import Throttled
from iot_dr.model.replication.messages import Delivery, LookMessage, messages
from iot_dr.model.replication.requests import Look
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.replication import LookQueues, ReplicationRun
from iot_dr.services.replication.record_failure import record_failure
from iot_dr.services.replication.superseding import last_reads, without_superseded

MOST_RECEIVES = 5
"""How often a message is handed out; then its looks are recorded as failed, and the ledger has them tried again."""

UNFINISHED = "Unfinished"
"""The error of looks whose message was never handled to its end."""

STEP_BACK = 15
"""Seconds at most for which what can wait leaves the workers to others."""

LATE = 2000
"""Milliseconds after it was due that a message shows, by being handed out so late, that others wait too."""

PATIENCE = 180_000
"""Milliseconds from the event for which a look that can wait does so."""

ALONE_PAUSE = 5
"""Seconds at most until looks whose worker failed are taken one by one."""


class Ended(enum.StrEnum):
    """What became of a message."""

    RUN = "run"
    BUSY = "busy"
    TAKEN_APART = "taken apart"
    STEPPED_BACK = "stepped back"
    GIVEN_UP = "given up"
    HANDED_BACK = "handed back"


@dataclass(frozen=True)
class WorkflowRunner:
    """The use case, over ports."""

    workflow: ReplicationRun
    queues: LookQueues
    ledger: Ledger
    clock: Clock

    def handle(self, message: LookMessage, receives: int) -> Ended:
        """Have the looks of a message taken; `receives` is how often it was handed out, this time included.

        Raises:
            RetryableError: it is to be handed out again.
        """
        if receives > MOST_RECEIVES:
            cause = f"its message was handed out {receives} times and never handled to its end"
            for look in message.looks:
                record_failure(look, UNFINISHED, cause, ledger=self.ledger, clock=self.clock)
            return Ended.GIVEN_UP
        if self._others_first(message):
            self.queues.send([self._stepped_back(message)])
            return Ended.STEPPED_BACK
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
        """Return the deliveries with the looks that are still to be taken, those too that have none left.

        Raises:
            RetryableError: the ledger cannot be asked; all are to be taken.
        """
        read = last_reads((look for one in deliveries for look in one.message.looks), self.ledger, self.clock())
        if not read:
            return [*deliveries]
        return [
            replace(one, message=replace(one.message, looks=without_superseded(one.message.looks, read)))
            for one in deliveries
        ]

    def hand_back(self, message: LookMessage) -> Ended:
        """Have a message come again at once, which there was no time to begin with."""
        self.queues.send([replace(message, delay=0)])
        return Ended.HANDED_BACK

    def _stepped_back(self, message: LookMessage) -> LookMessage:
        """Return the message as it comes again, due no earlier, so that it shows anew whether it comes late."""
        delay = message.spread(STEP_BACK)
        due = self.clock() + delay * 1000
        return replace(message, delay=delay, looks=tuple(replace(look, due=due) for look in message.looks))

    def _others_first(self, message: LookMessage) -> bool:
        """Tell whether events wait for a worker that this message can wait for.

        Background work asks. A look that confirms a complete device knows it from being late itself, without a call.
        """
        if message.background:
            return self.queues.waiting() > 0
        now = self.clock()
        return all(
            look.can_wait and now - look.due > LATE and now - look.occurred_at < PATIENCE for look in message.looks
        )


def _one_by_one(message: LookMessage) -> Iterator[LookMessage]:
    """Return each look of a message whose worker failed in a message of its own: one of them may be to blame."""
    for look in message.looks:
        alone: Look = replace(look, tries=look.tries + 1)
        single = LookMessage((alone,), message.background)
        yield replace(single, delay=single.spread(ALONE_PAUSE))
