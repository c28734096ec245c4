"""Who is told how far a run is: the command line implements these, and whoever else watches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from iot_dr.model.drill.fleet import FleetStand
from iot_dr.model.events.dead_letters import DeadLetterSource
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.launch.distribution import Bucket, Upload
from iot_dr.model.launch.launches import StackEvent
from iot_dr.model.registry.differences import Difference
from iot_dr.model.sync.progress import SyncProgress


class ReadingObserver(Protocol):
    """Is told how far the reading is."""

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Begin with a stage of so many calls at least; None where nobody can tell.

        `ahead`: how many calls of later stages are known by now.
        """

    def advance(self, calls: int, found: int) -> None:
        """So many more calls were answered, and told of so many resources."""


class RoundsObserver(Protocol):
    """Is told how far the rounds of a trial are; may be called from several threads."""

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""

    def advance(self, number: int) -> None:
        """Say that it went on by so many."""


class ReplayObserver(Protocol):
    """Is told how far the replay is."""

    def found(self, source: DeadLetterSource, total: int) -> None:
        """Begin with a source that holds about so many."""

    def done(self, number: int) -> None:
        """Count on."""


class SyncObserver(Protocol):
    """Is told how far the run is, several times a second at most."""

    def reached(self, progress: SyncProgress) -> None:
        """So far it is."""


class PublishObserver(Protocol):
    """Is told how far the publication is; rates and remaining time are the observer's business."""

    def comparing(self, bucket: Bucket) -> None:
        """Say that a bucket is ready and its objects are being compared."""

    def uploading(self, uploads: Sequence[Upload]) -> None:
        """Say what is about to be uploaded, in that order."""

    def sent(self, size: int) -> None:
        """Count bytes that S3 has taken."""


class LaunchObserver(Protocol):
    """Is told how far the launch is."""

    def step(self, text: str) -> None:
        """Begin a step."""

    def event(self, event: StackEvent) -> None:
        """Show what happened to a resource; may be called from several threads."""


class SyncRunObserver(ReadingObserver, SyncObserver, Protocol):
    """Is told how far the reading and the applying are."""


class RestoreObserver(SyncRunObserver, Protocol):
    """Is told how far the reading and the applying are, and first what becomes of policies."""

    def policies(self, changes: Iterable[Difference]) -> None:
        """Show which policies are created or changed: who may do what is worth a look before it is done."""


class FailoverObserver(RoundsObserver, Protocol):
    """Is told how far the devices are on their way to the Region that leads now."""

    def step(self, text: str) -> None:
        """Say what is waited for now, or what was seen."""

    def moved(self, counts: DeviceCounts, per_second: float | None) -> None:
        """Show who is connected where, and how many a second come to the Region that leads; None before it is known."""


class DrillObserver(RoundsObserver, Protocol):
    """Is told how far a drill is."""

    def step(self, text: str) -> None:
        """Say which phase begins, or what was seen."""


class FleetDrillObserver(FailoverObserver, Protocol):
    """Is told how far a drill with the fleet is, and where the fleet stands, so that a stopped one can tell it."""

    def stands(self, where: FleetStand) -> None:
        """Say where the fleet may be from now on; told before it is sent there, and once it is back."""


class FailbackObserver(SyncRunObserver, Protocol):
    """Is told which step of a failback comes next, and how far the reading and the applying are."""

    def step(self, text: str) -> None:
        """Say what comes next."""
