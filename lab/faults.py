"""Faults of AWS as a client meets them, drawn by a seed: `CountingProxy.intercept = FaultPlan(rate=0.3, seed=1)`.

Only calls that go through the proxy are spoiled: what functions send to AWS IoT, DynamoDB and Step Functions. Steps
between the emulator's own services (rule, stream, workflow) take place in its process and never meet a fault.
"""

import asyncio
import hashlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lab.counting import Call, CountingProxy, Fault, Forward, Intercept, Refusal, Reset, Silence, Slow


class FaultKind(StrEnum):
    """What can happen to a call."""

    THROTTLING = "throttling"
    INTERNAL_ERROR = "internal error"
    UNAVAILABLE = "unavailable"
    TIME_OUT = "time-out"
    RESET = "reset"
    ANSWER_LOST = "answer lost"
    """Carried out, then reset: the client cannot know whether its change counts."""
    SLOW = "slow"


ALL_KINDS = tuple(FaultKind)

_DEFAULT = "iot"
# By signing name, as botocore's model of the service has them; the JSON protocol answers 400 where REST has more.
_ERRORS: dict[FaultKind, dict[str, Refusal]] = {
    FaultKind.THROTTLING: {
        _DEFAULT: Refusal(400, "ThrottlingException", "Rate exceeded"),
        "iotdata": Refusal(429, "ThrottlingException", "Rate exceeded"),
        "dynamodb": Refusal(400, "ThrottlingException", "Throughput exceeds the current capacity of your table"),
        "states": Refusal(400, "ThrottlingException", "Rate exceeded"),
    },
    FaultKind.INTERNAL_ERROR: {
        _DEFAULT: Refusal(500, "InternalFailureException", "An unexpected error has occurred."),
        "dynamodb": Refusal(500, "InternalServerError", "Internal server error"),
        "states": Refusal(500, "InternalFailure", "An unexpected error has occurred."),
    },
    FaultKind.UNAVAILABLE: {
        _DEFAULT: Refusal(503, "ServiceUnavailableException", "The service is temporarily unavailable."),
        "dynamodb": Refusal(503, "ServiceUnavailable", "Service is unavailable"),
        "states": Refusal(503, "ServiceUnavailable", "Service is unavailable"),
    },
}


@dataclass
class FaultPlan:
    """Spoils a share of the calls, the same ones for the same seed.

    Whether the n-th DescribeThing in a Region is spoiled, and how, depends on the seed and n only, not on what other
    calls come between. Made again, a call is drawn anew: at any rate below one a client that retries comes through.
    """

    rate: float
    kinds: Collection[FaultKind] = ALL_KINDS
    apis: Collection[str] | None = None
    """Names of the calls that can be spoiled; all if not given."""
    regions: Collection[str] | None = None
    seed: int = 0
    silent_seconds: float = 1.0
    """How long a time-out takes here: the connection is reset then, because a client's own patience is too long."""
    slow_seconds: float = 0.3
    injected: Counter[tuple[FaultKind, Call]] = field(default_factory=Counter, init=False)
    _calls: Counter[Call] = field(default_factory=Counter, init=False, repr=False)

    def __call__(self, call: Call) -> Fault | None:
        """The fault of this call, if it has one."""
        if self.apis is not None and call.operation not in self.apis:
            return None
        if self.regions is not None and call.region not in self.regions:
            return None
        self._calls[call] += 1
        if self._drawn("whether", call) >= self.rate:
            return None
        kinds = list(self.kinds)
        kind = kinds[int(self._drawn("which", call) * len(kinds))]
        self.injected[kind, call] += 1
        return self.fault(kind, call)

    def fault(self, kind: FaultKind, call: Call) -> Fault:
        """What a kind means for a call."""
        match kind:
            case FaultKind.TIME_OUT:
                return Silence(self.silent_seconds)
            case FaultKind.RESET:
                return Reset()
            case FaultKind.ANSWER_LOST:
                return Reset(carried_out=True)
            case FaultKind.SLOW:
                return Slow(self.slow_seconds)
            case _:
                errors = _ERRORS[kind]
                return errors.get(call.service, errors[_DEFAULT])

    def _drawn(self, purpose: str, call: Call) -> float:
        """A number from 0 up to 1."""
        drawn_from = (self.seed, purpose, call.service, call.operation, call.region, self._calls[call])
        digest = hashlib.sha256(repr(drawn_from).encode()).digest()
        return int.from_bytes(digest[:7]) / 2**56


@dataclass(frozen=True)
class Killed:
    """Kill the function that sent the request, before it is carried out or after."""

    carried_out: bool = False

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:
        """End the process at the other end of the connection at once, and the connection with it."""
        if self.carried_out:
            await forward()
        ports = client.get_extra_info("peername")[1], client.get_extra_info("sockname")[1]
        with suppress(ProcessLookupError):  # another of its calls was its death already
            os.kill(_process_between(*ports), signal.SIGKILL)
        client.transport.abort()
        return False


@dataclass
class Death:
    """Kills the function that makes one of these calls, once for each of them; `killed` says which have had it."""

    apis: Collection[str]
    region: str
    carried_out: bool = False
    killed: set[str] = field(default_factory=set, init=False)

    def __call__(self, call: Call) -> Fault | None:
        """The end of the caller, if its call is one of them and the first."""
        if call.region != self.region or call.operation not in self.apis or call.operation in self.killed:
            return None
        self.killed.add(call.operation)
        return Killed(self.carried_out)


def _process_between(port: int, remote_port: int) -> int:
    """The process that holds a connection's end on this machine, by the end's port and the other end's."""
    held = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    ends = ([int(address.rpartition(":")[2], 16) for address in fields[1:3]] + [fields[9]] for fields in held)
    wanted = {f"socket:[{inode}]" for *ports, inode in ends if ports == [port, remote_port]}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # not ours, or gone meanwhile
            if any(str(link.readlink()) in wanted for link in folder.iterdir()):
                return int(folder.parent.name)
    message = f"nobody on this machine holds port {port}"
    raise ProcessLookupError(message)


class Outage:
    """Regions that can be taken away and given back while calls are on their way; `fault` is what their clients see."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault: Fault = fault or Reset()
        self._regions: set[str] = set()
        self._lock = threading.Lock()

    def take_away(self, region: str) -> None:
        """From now on nothing in this Region answers."""
        with self._lock:
            self._regions.add(region)

    def give_back(self, region: str) -> None:
        """From now on it answers again."""
        with self._lock:
            self._regions.discard(region)

    def __call__(self, call: Call) -> Fault | None:
        """The fault of a call to a Region that is gone."""
        with self._lock:
            return self.fault if call.region in self._regions else None


def first_of(*intercepts: Intercept) -> Intercept:
    """The fault of the first of these that has one for a call."""

    def intercept(call: Call) -> Fault | None:
        return next(filter(None, (each(call) for each in intercepts)), None)

    return intercept


@contextmanager
def injected(proxy: CountingProxy, intercept: Intercept) -> Iterator[None]:
    """Spoil calls for the length of a `with` block."""
    before, proxy.intercept = proxy.intercept, intercept
    try:
        yield
    finally:
        proxy.intercept = before


@contextmanager
def without_region(proxy: CountingProxy, region: str, fault: Fault | None = None) -> Iterator[None]:
    """Take a Region away for the length of a `with` block; faults that are injected already go on in the others."""
    outage = Outage(fault)
    outage.take_away(region)
    with injected(proxy, first_of(outage, proxy.intercept) if proxy.intercept else outage):
        yield
