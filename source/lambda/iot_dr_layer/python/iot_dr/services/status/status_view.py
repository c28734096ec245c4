"""How replication stands as a whole: control state, lag, what waits, drift, releases; each part told by itself.

The ledger is what the answer rests on, so what keeps it from being read is raised. Any other part that cannot be read
says why, and the rest is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswers
from iot_dr.model.launch.launched_stacks import REQUEST_QUEUES, LaunchedStack
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.ports.clock import Clock
from iot_dr.ports.ledger import LedgerReader
from iot_dr.ports.status import MetricsReader
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.status.status import Backlog, Progress, backlog

Part = TypeVar("Part")

FUNCTION = "AWS::Lambda::Function"
STREAM_FUNCTIONS = ("StartReplicationFunction", "ReplicateShadowsFunction")
"""Logical IDs of the functions that streams are mapped to."""

_QUEUE_URL = "QueueUrl"

NO_LAUNCH = Unread("no launch is named; read its settings: . ./toolsrc")
NO_STACKS = (
    "there is no stack of this launch in either Region; see that STACK_POSTFIX and the Regions are those of its toolsrc"
)
NO_NAME = Unread("the fleet has no name")


@dataclass(frozen=True)
class StatusView:
    """All of it at one moment, epoch milliseconds; `drift` is None where nothing was ever verified.

    `requests` are the messages, each of up to ten resources, in the queues that resources wait in for a worker, those
    that are worked on or are to come again included. `queues` are the messages of what could not be handled, and
    `records` the objects of stream records that are kept in the bucket, which `iot-dr replay` counts. `names` is what
    the servers of the fleet's name answer, and `domains` each Region's domain configuration of it, None where there is
    none.
    """

    at: int
    backlog: Backlog
    leadership: Leadership | Unread
    stacks: Sequence[LaunchedStack] | Unread
    lags: Sequence[Lag] | Unread
    streams: Sequence[StreamAge] | Unread
    requests: Mapping[str, int] | Unread
    queues: Mapping[str, int] | Unread
    drift: Drift | Unread | None
    records: int | Unread = 0
    names: NameAnswers | Unread = NO_NAME
    domains: Mapping[str, FleetDomain | Unread | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """Where the parts are read; those that belong to a launch are None where none is named."""

    ledger: LedgerReader
    drift: Callable[[], Drift | None]
    leadership: Callable[[], Leadership] | None
    stacks: Callable[[], Sequence[LaunchedStack]] | None
    metrics: MetricsReader
    waiting: Callable[[str, str], int]
    """Counts the messages of a queue, given its Region and URL."""
    records: Callable[[], int] | None = None
    """Counts the stream records that are kept in the launch's bucket."""
    names: Callable[[], NameAnswers] | None = None
    """Asks the name servers of the fleet's name; None if the fleet has none."""
    domains: Mapping[str, Callable[[], FleetDomain | None]] = field(default_factory=dict)
    """Reads each Region's domain configuration of the fleet's name."""


def status_view(
    sources: Sources, clock: Clock, progress: Progress = lambda _read: None, together: Together = one_by_one
) -> StatusView:
    """Read all parts; raises what reading the ledger meets.

    Raises:
        ConfigurationError: a launch is named, and there is no stack of it.
    """
    at = clock()
    stacks: Sequence[LaunchedStack] | Unread = read_or_unread(sources.stacks) if sources.stacks else NO_LAUNCH
    if not isinstance(stacks, Unread) and not stacks:
        raise ConfigurationError(NO_STACKS)
    found = () if isinstance(stacks, Unread) else stacks
    parts: tuple[Callable[[], object], ...] = (
        lambda: backlog(sources.ledger, progress),
        lambda: read_or_unread(sources.leadership) if sources.leadership else NO_LAUNCH,
        lambda: read_or_unread(lambda: sources.metrics.lags(at)),
        lambda: read_or_unread(lambda: sources.metrics.stream_ages(stream_functions(found), at)),
        lambda: (
            stacks
            if isinstance(stacks, Unread)
            else read_or_unread(lambda: _queues(found, sources.waiting, _is_of_requests))
        ),
        lambda: (
            stacks
            if isinstance(stacks, Unread)
            else read_or_unread(lambda: _queues(found, sources.waiting, _is_of_letters))
        ),
        lambda: read_or_unread(sources.records) if sources.records else 0,
        lambda: read_or_unread(sources.drift),
        lambda: read_or_unread(sources.names) if sources.names else NO_NAME,
        lambda: {region: read_or_unread(domain) for region, domain in sources.domains.items()},
    )
    waiting, control, lags, streams, requests, queues, records, drift, names, domains = together(
        lambda part: part(), parts
    )
    return StatusView(at, waiting, control, stacks, lags, streams, requests, queues, drift, records, names, domains)  # type: ignore[arg-type]  # each is what its part returns, which a list of results does not tell


def read_or_unread(read: Callable[[], Part]) -> Part | Unread:
    """Return what is read, or why it cannot be."""
    try:
        return read()
    except IotDrError as error:
        return Unread(error_line(error))


def stream_functions(stacks: Iterable[LaunchedStack]) -> Mapping[str, str]:
    """Return the names of the functions that streams are mapped to, by logical ID."""
    functions = {title: name for stack in stacks for title, name in stack.of_type(FUNCTION).items()}
    return {title: functions[title] for title in STREAM_FUNCTIONS if title in functions}


def _is_of_requests(output: str) -> bool:
    return output in REQUEST_QUEUES


def _is_of_letters(output: str) -> bool:
    return output.endswith(_QUEUE_URL) and output not in REQUEST_QUEUES


def _queues(
    stacks: Iterable[LaunchedStack], waiting: Callable[[str, str], int], wanted: Callable[[str], bool]
) -> Mapping[str, int]:
    return {
        output.removesuffix("Url"): waiting(stack.region, url)
        for stack in stacks
        for output, url in stack.outputs.items()
        if wanted(output)
    }
