"""Who is asked to have resources checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from iot_dr.model.replication.messages import Delivery, RequestMessage, Run
from iot_dr.model.replication.requests import ReconcileRequest


class Workflow(Protocol):
    """Has the state machine check resources."""

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Have these requests taken, soon; or beside what events tell, if they are background work.

        Raises:
            RetryableError: some or all are not asked for; asking for all again does no harm.
        """


class RequestQueues(Workflow, Protocol):
    """The queues of requests: one for what events tell, one for background work."""

    def send(self, messages: Iterable[RequestMessage]) -> None:
        """Send messages, each to its queue and after its delay.

        Raises:
            RetryableError: some or all were not taken; sending all again does no harm.
        """

    def waiting(self) -> int:
        """Return roughly how many messages of events could be taken now and wait for a free worker."""

    def set_aside(self, body: str) -> None:
        """Keep a message that cannot be read where somebody checks it."""


class TakenQueues(RequestQueues, Protocol):
    """The queues, for whoever was handed messages of them."""

    def show_again(self, delivery: Delivery) -> None:
        """Have messages that were not handled come again after their pause."""


class ReplicationRun(Protocol):
    """Runs the state machine for the requests of one message, and waits for its end."""

    def run(self, message: RequestMessage) -> Run:
        """Run it.

        Raises:
            Throttled: AWS runs too many at this time.
            RetryableError: it did not come to an end.
        """


class SweepFunction(Protocol):
    """The function that the schedule calls to sweep."""

    def run(self, delete_share: float) -> Mapping[str, Any]:
        """Run it to its end; at most this share of the target may be deleted.

        Raises:
            UnsafePlan: too many deletions wait for an operator; all else was started.
            TerminalError: it failed, or could not read everything; the message is its own.
            RetryableError: it was not run, or did not answer.
        """
