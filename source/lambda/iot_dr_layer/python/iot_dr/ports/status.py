"""What the doctor and the status view read of a launch, its Regions and its fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from iot_dr.model.launch.launched_stacks import LaunchedStack, MappingState, Need, TableState
from iot_dr.model.registry.entities import Policy
from iot_dr.model.status.fleets import FleetSize, Sample, Validity
from iot_dr.model.status.parity import Family, Settings
from iot_dr.model.status.quotas import ApiQuota
from iot_dr.model.status.status_parts import Lag, StreamAge


class RegionSettings(Protocol):
    """Reads the settings of any Region."""

    def enabled_events(self, region: str) -> frozenset[str]:
        """Return the families of registry events that are on."""

    def indexing_mode(self, region: str) -> str:
        """Return how things are indexed."""

    def endpoint(self, region: str) -> str:
        """Return the address that devices connect to."""

    def concurrency(self, region: str) -> int:
        """Return how many functions without reserved concurrency may run at once."""


class Network(Protocol):
    """Reaches the endpoint of devices as a device would."""

    def connect(self, endpoint: str) -> None:
        """Open a connection and close it; raises `RegionUnavailable`."""


class StackReader(Protocol):
    """Reads stacks."""

    def read(self, region: str, name: str) -> LaunchedStack | None:
        """Return a stack with its outputs and resources; None if there is none."""


class RunningParts(Protocol):
    """Reads how parts of a launch stand, in any Region."""

    def table(self, region: str, table: str) -> TableState | None:
        """Return how a table is replicated; None if there is no such table."""

    def mapping(self, region: str, uuid: str) -> MappingState | None:
        """Return how an event source mapping stands; None if there is none."""

    def waiting(self, region: str, url: str) -> int:
        """Return roughly how many messages a queue holds; raises `ConfigurationError` if there is none."""

    def ringing(self, region: str, stack: str) -> Mapping[str, str]:
        """Return the names and descriptions of a stack's alarms that are in ALARM."""


class Rights(Protocol):
    """Asks IAM what a role may do."""

    def denied(self, need: Need) -> Mapping[str, str]:
        """Return the actions that the role cannot do, each with what denies it."""


class Quotas(Protocol):
    """Reads the API quotas of AWS IoT that an account has in one Region."""

    def read_or_defaults(self) -> tuple[Mapping[str, ApiQuota], str]:
        """Return them by operation, and why they are AWS's defaults if the account's own cannot be read."""


class FleetFacts(Protocol):
    """Reads of one Region's fleet what says whether it can be copied and can serve."""

    def size(self) -> FleetSize:
        """Count the things."""

    def oldest(self, number: int) -> Iterable[Validity]:
        """Return until when the certificates hold that were registered first, at most so many."""

    def of_policy(self, policy: str) -> Iterable[Validity]:
        """Return until when the certificates hold that a policy is attached to; none if there is no such policy."""

    def policies(self, number: int) -> tuple[Sequence[Policy], Sample]:
        """Return the policies that are listed first, at most so many, and of how many these are."""

    def first_dynamic_group(self) -> str:
        """Return the name of a thing group that a query fills; empty if there is none."""


class ParityReader(Protocol):
    """Reads one family of settings of a Region."""

    def read(self, family: Family) -> Settings:
        """Return those of the account's own; AWS's and this product's are left out."""


class MetricsReader(Protocol):
    """Reads what the functions measured."""

    def lags(self, now: int) -> Sequence[Lag]:
        """Return the lag of each kind that changed within three hours."""

    def stream_ages(self, functions: Mapping[str, str], now: int) -> Sequence[StreamAge]:
        """Return how far behind each function is, given their names by logical ID."""


class ActivityReader(Protocol):
    """Reads how much a fleet changed."""

    def changes(self, now: int, days: int) -> Mapping[str, int]:
        """Return how many changes crossed in the last days, by kind."""
