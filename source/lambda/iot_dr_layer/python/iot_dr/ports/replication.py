"""Who is asked to have resources looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from iot_dr.model.replication.messages import LookMessage, Run
from iot_dr.model.replication.requests import Look


class Workflow(Protocol):
    """Has the state machine look at resources."""

    def start(self, looks: Sequence[Look], *, background: bool = False) -> None:
        """Have these looks taken, soon; or beside what events tell, if they are background work.

        Raises:
            RetryableError: some or all are not asked for; asking for all again does no harm.
        """


class LookQueues(Workflow, Protocol):
    """The queues of looks: one for what events tell, one for background work."""

    def send(self, messages: Iterable[LookMessage]) -> None:
        """Send messages, each to its queue and after its delay.

        Raises:
            RetryableError: some or all were not taken; sending all again does no harm.
        """

    def waiting(self) -> int:
        """Return roughly how many messages of events could be taken now and wait for a free worker."""

    def set_aside(self, body: str) -> None:
        """Keep a message that cannot be read where somebody looks at it."""


class ReplicationRun(Protocol):
    """Runs the state machine for the looks of one message, and waits for its end."""

    def run(self, message: LookMessage) -> Run:
        """Run it.

        Raises:
            Throttled: AWS runs too many at this time.
            RetryableError: it did not come to an end.
        """
