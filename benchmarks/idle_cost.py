"""What the schedules cost while nothing changes: AWS calls an hour and their price, by the size of the fleet.

The calls are counted where the product's adapters make them, on clients that answer for a fleet of which both Regions
hold the same: every device a thing with a classic shadow and a certificate, all of one type and with one policy. Only
the calls of big fleets are reckoned, from the pages of their lists; a test holds that reckoning to the counts of
smaller ones, and the table of docs/cost.md to this module.

    .venv/bin/python -m benchmarks.idle_cost
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.standing_fleet import (
    SLICE,
    CountingTable,
    RecordingQueue,
    standing_replication,
    standing_retry,
    standing_shadows,
    standing_sweep,
)
from docs import prices
from iot_dr.aws.registry.reader import PAGE_SIZE
from iot_dr.model.registry.keys import SHADOW_KINDS, Key
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH

FLEETS = (1_000, 100_000, 1_000_000)
SWEEPS_AN_HOUR = 4
RETRIES_AN_HOUR = 60
"""The default of the secondary stack's parameter SweepMinutes, and its retry schedule."""

LISTED_ONCE_A_DEVICE = ("ListThings", "ListCertificates")
METERED = frozenset(
    {
        "DescribeThing",
        "DescribeThingType",
        "ListBillingGroups",
        "ListPrincipalThingsV2",
        "ListThingGroups",
        "ListThingGroupsForThing",
        "ListThingPrincipalsV2",
        "ListThingTypes",
        "ListTagsForResource",
        "ListThings",
    }
)
"""Registry operations, as AWS counts them: calls about things, not about certificates and policies."""

SHADOW_OPERATIONS = ("GetThingShadow", "ListNamedShadowsForThing")

LISTED_KB = 0.3
"""What a list holds of one thing, for the case that AWS meters lists by what they return."""

BATCH_SECONDS, WORKER_GB, RUNNER_GB = 1.0, 0.5, 0.25
PAGE_SECONDS, SWEEP_GB = 0.1, 1.0
RETRY_SECONDS = 0.1
EXECUTION_SECONDS, EXPRESS_GB = 1.2, 64 / 1024
LOG_BYTES = 1_200
"""Assumptions: a batch of requests, a page of a list at its quota of ten a second, a retry with nothing due, an
execution
and the function that waits for it, a request's log line."""

MESSAGE_CALLS = 3
"""Requests of SQS that a message costs after it was sent: received, deleted, and the question whether events wait."""


@dataclass(frozen=True)
class Idle:
    """What one sweep of a fleet, the requests that it starts, and one retry with nothing due call."""

    devices: int
    lists: Counter[str]
    sweep_ledger: Counter[str]
    requests: int
    messages: int
    sendings: int
    request_calls: Counter[str]
    retry: Counter[str]

    @property
    def list_calls_an_hour(self) -> int:
        """Calls of the sweeps' lists in both Regions."""
        return SWEEPS_AN_HOUR * self.lists.total()

    @property
    def request_calls_an_hour(self) -> int:
        """Calls of the requests that the round has made, their outcomes among them."""
        return SWEEPS_AN_HOUR * self.request_calls.total()

    @property
    def other_calls_an_hour(self) -> int:
        """Calls to queue the requests and to run each batch, to keep the round's place, and to ask what is due."""
        return (
            SWEEPS_AN_HOUR * (self.sendings + 2 * self.messages + self.sweep_ledger.total())
            + RETRIES_AN_HOUR * self.retry.total()
        )

    @property
    def days_of_a_round(self) -> float:
        """Days until every device has been checked whole."""
        return self.devices / SLICE / SWEEPS_AN_HOUR / 24

    @property
    def dollars_an_hour(self) -> float:
        """The price, with lists metered by the call."""
        reads = self.sweep_ledger["GetItem"] + self.sweep_ledger["BatchGetItem"] + self.request_calls["GetItem"]
        # The write gate reads two items by one call.
        reads += 2 * self.request_calls["BatchGetItem"]
        writes = self.sweep_ledger["UpdateItem"] + self.request_calls["UpdateItem"] + self.request_calls["DeleteItem"]
        shadows = sum(self.request_calls[name] for name in SHADOW_OPERATIONS)
        metered = sum(count for name, count in (self.lists + self.request_calls).items() if name in METERED)
        # One Region's lists are read beside the other's.
        sweep_seconds = self.lists.total() / 2 * PAGE_SECONDS
        a_sweep = (
            metered * prices.REGISTRY_OPERATION
            + shadows * prices.SHADOW_OPERATION
            + reads * prices.DYNAMODB_READ
            + writes * prices.DYNAMODB_WRITE
            + self._invocations(self.messages, BATCH_SECONDS, WORKER_GB)
            + self._invocations(self.messages, EXECUTION_SECONDS, RUNNER_GB)
            + (self.sendings + MESSAGE_CALLS * self.messages) * prices.SQS_REQUEST
            + self._invocations(1, sweep_seconds, SWEEP_GB)
            + self.messages * (prices.EXPRESS_REQUEST + EXECUTION_SECONDS * EXPRESS_GB * prices.EXPRESS_GB_HOUR / 3600)
            + self.requests * LOG_BYTES / 1e9 * prices.LOG_GB
        )
        a_retry = self._invocations(1, RETRY_SECONDS, SWEEP_GB) + self.retry.total() * prices.DYNAMODB_READ
        return SWEEPS_AN_HOUR * a_sweep + RETRIES_AN_HOUR * a_retry

    @property
    def dollars_an_hour_by_the_kilobyte(self) -> float:
        """The price, should AWS meter a list by what it returns."""
        more = 2 * self.devices * LISTED_KB - self.lists["ListThings"]
        return self.dollars_an_hour + SWEEPS_AN_HOUR * more * prices.REGISTRY_OPERATION

    @staticmethod
    def _invocations(count: int, seconds: float, gigabytes: float) -> float:
        return count * (prices.LAMBDA_REQUEST + seconds * gigabytes * prices.LAMBDA_GB_SECOND)


def counted(devices: int) -> Idle:
    """Let a sweep, its requests and a retry run over a fleet, and count their calls."""
    lists, sweep_ledger, request_calls, retry = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    queue = RecordingQueue()
    standing_sweep(devices, lists, CountingTable(sweep_ledger), queue).sweep()
    requests, messages = list(queue.requests), queue.messages
    replication = standing_replication(devices, request_calls)
    for request in requests:
        if request.key.kind not in SHADOW_KINDS:
            replication.replicate(request)
    _check_shadows([request.key for request in requests if request.key.kind in SHADOW_KINDS], request_calls)
    standing_retry(CountingTable(retry), RecordingQueue()).start()
    return Idle(devices, lists, sweep_ledger, len(requests), messages, queue.calls, request_calls, retry)


def _check_shadows(keys: Sequence[Key], made: Counter[str]) -> None:
    """Check shadows in batches as the workflow does, each of which asks for the control item once."""
    shadows = standing_shadows(made)
    for start in range(0, len(keys), REQUESTS_PER_BATCH):
        shadows.check(keys[start : start + REQUESTS_PER_BATCH])


def reckoned(devices: int, sample: Idle) -> Idle:
    """Return what a fleet of another size calls: its lists have more pages, all else is the same for every size.

    The sample must be bigger than a slice of the round.
    """
    pages = 2 * math.ceil(devices / PAGE_SIZE)
    lists = Counter({**sample.lists, **dict.fromkeys(LISTED_ONCE_A_DEVICE, pages)})
    return replace(sample, devices=devices, lists=lists)


def table() -> str:
    """Return the table of docs/cost.md."""
    sample = counted(FLEETS[0])
    rows = [
        "| Devices | Lists | Requests | Other | USD an hour | USD a month | with lists by the KB | full check of all |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for devices in FLEETS:
        idle = reckoned(devices, sample)
        calls = (idle.list_calls_an_hour, idle.request_calls_an_hour, idle.other_calls_an_hour)
        month = idle.dollars_an_hour * prices.HOURS_A_MONTH
        by_kilobyte = idle.dollars_an_hour_by_the_kilobyte * prices.HOURS_A_MONTH
        cells = (
            f"{devices:,}",
            *(f"{count:,}" for count in calls),
            f"{idle.dollars_an_hour:.4f}",
            f"{month:.2f}",
            f"{by_kilobyte:,.2f}",
            f"{idle.days_of_a_round:.1f} days",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Print the table."""
    print(table())


if __name__ == "__main__":
    main()
