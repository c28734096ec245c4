"""Takes the looks that one invocation of the worker is given, side by side; what one of them meets is its own affair.

A burst is paid for by the invocation, so a batch shares it. Nothing else is shared: a look that fails is tried again
after a pause of its own, or recorded as failed, and the others of the batch go on. Pauses are returned, never slept:
what is to come again goes back to the queue, and holds no worker until it is due.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError, RetryableError
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.replication.requests import Look
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import Ledger
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.replication.record_failure import record_failure
from iot_dr.services.replication.replicate import Replicated

RETRY_PAUSES = (1, 2, 4, 8, 16, 30)
"""Seconds at most before each repetition of a look that a repetition may mend; after the last the ledger has it."""


@dataclass(frozen=True)
class Taken:
    """What became of a batch: looks that ended, failures that were recorded, and looks to come, each when it is due.

    `repeated` counts the looks among those to come that met a fault. `pause` is the seconds until the first of those to
    come, 0 if there is none.
    """

    looked: tuple[Replicated, ...] = ()
    failed: tuple[Outcome, ...] = ()
    again: tuple[Look, ...] = ()
    repeated: int = 0
    pause: int = 0


@dataclass(frozen=True)
class _Fault:
    """A look that met a fault."""

    look: Look
    error: IotDrError


def take_looks(
    looks: Sequence[Look],
    replicate: Callable[[Look, int], Replicated],
    *,
    ledger: Ledger,
    clock: Clock,
    together: Together = one_by_one,
) -> Taken:
    """Take the looks that are due; the others of the batch wait on, at no call.

    Args:
        looks: the batch.
        replicate: takes one look; its second argument is how many new resources are looked at beside each other.
        ledger: where what fails for good is recorded.
        clock: the time, epoch milliseconds.
        together: takes the looks side by side.

    Raises:
        IotDrError: the ledger could not be told of a failure, so the whole batch is to be taken again.
    """
    begun = clock()
    looks = [_in_time(look, begun) for look in looks]
    due = [look for look in looks if look.due <= begun]
    beside = sum(look.created for look in due)

    def take(look: Look) -> Replicated | _Fault:
        try:
            return replicate(look, beside)
        except IotDrError as error:
            return _Fault(look, error)

    ended = together(take, due)
    now = clock()
    looked = tuple(one for one in ended if isinstance(one, Replicated))
    faults = [one for one in ended if isinstance(one, _Fault)]
    repeated = tuple(_repetition(fault.look, now) for fault in faults if _may_be_mended(fault))
    failed = tuple(
        record_failure(fault.look, type(fault.error).__name__, str(fault.error), ledger=ledger, clock=clock)
        for fault in faults
        if not _may_be_mended(fault)
    )
    # All of one time, so that looks with the same pause come back together.
    settling = (_confirmation(one, now) for one in looked if one.pause)
    waiting = (look for look in looks if look.due > begun)
    again = (*settling, *repeated, *waiting)
    return Taken(looked, failed, again, len(repeated), _seconds_until_due(again, now))


def _in_time(look: Look, now: int) -> Look:
    """Return a look whose event is not of the future, where a device would settle for as long."""
    return replace(look, occurred_at=now) if look.occurred_at > now else look


def _may_be_mended(fault: _Fault) -> bool:
    return isinstance(fault.error, RetryableError) and fault.look.tries < len(RETRY_PAUSES)


def _repetition(look: Look, now: int) -> Look:
    longest = RETRY_PAUSES[look.tries]
    # Spread over the pause, so that what was throttled together does not come back together.
    pause = 1 + zlib.crc32(f"{look.key} {look.tries}".encode()) % longest
    return replace(look, due=now + pause * 1000, tries=look.tries + 1)


def _confirmation(taken: Replicated, now: int) -> Look:
    """Return the next look at a device that settles; one that is complete can wait for others."""
    due, complete = now + taken.pause * 1000, taken.outcome.state is State.IN_SYNC
    return replace(taken.next_look, due=due, tries=0, can_wait=complete)


def _seconds_until_due(looks: Sequence[Look], now: int) -> int:
    """Return the whole seconds after which the first is due, at least one; 0 for no looks."""
    return max(1, -((now - min(look.due for look in looks)) // 1000)) if looks else 0
