"""What the services need from the outside, as protocols; `aws/` implements them, the tests' fakes too.

Every method raises only `iot_dr.errors`. Not found on a read is None or empty, said by AWS and never guessed;
already gone on a delete is success.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from iot_dr.model.changes import Create, Delete, Update
from iot_dr.model.entities import BillingGroup, Certificate, Policy, Thing, ThingGroup, ThingPrincipal, ThingType
from iot_dr.model.keys import Key
from iot_dr.model.looks import Look
from iot_dr.model.outcomes import Outcome

Clock = Callable[[], int]
"""Tells the time in epoch milliseconds."""


class RegistryReader(Protocol):
    """Reads one Region's registry, one resource or one relation list at a time."""

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""

    def thing_type(self, name: str) -> ThingType | None:
        """Read a thing type."""

    def thing_group(self, name: str) -> ThingGroup | None:
        """Read a thing group, static or dynamic."""

    def billing_group(self, name: str) -> BillingGroup | None:
        """Read a billing group."""

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM."""

    def policy(self, name: str) -> Policy | None:
        """Read a policy's default version."""

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """List the certificates attached to a thing; empty if there is no such thing."""

    def things_of_certificate(self, certificate_id: str) -> frozenset[ThingPrincipal]:
        """List the things that a certificate is attached to; empty if there is no such certificate."""

    def policies_of(self, target: str) -> frozenset[str]:
        """List the names of the policies attached to a certificate or group; empty if there is none."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """List the names of the groups that a thing is in; empty if there is no such thing."""


class RegistryLister(Protocol):
    """Lists one Region's registry page by page; what a list does not show, such as a PEM, is left empty."""

    def things(self) -> Iterator[Thing]:
        """List all things with attributes and type."""

    def thing_types(self) -> Iterator[ThingType]:
        """List all thing types."""

    def certificates(self) -> Iterator[Certificate]:
        """List all certificates with their status."""

    def policy_names(self) -> Iterator[str]:
        """List the names of all policies."""

    def thing_group_names(self) -> Iterator[str]:
        """List the names of all thing groups, static and dynamic."""

    def billing_group_names(self) -> Iterator[str]:
        """List the names of all billing groups."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""


class RegistryWriter(Protocol):
    """Writes one Region's registry; every method may be repeated.

    Raises:
        Conflict: somebody else changed the resource since it was read.
        NotReadyYet: a dependency is missing, or AWS's waiting time has not passed.
    """

    def create(self, change: Create) -> None:
        """Make what the plan says is missing."""

    def update(self, change: Update) -> None:
        """Bring what is there to the desired values, under the version that was read."""

    def delete(self, change: Delete) -> None:
        """Remove it, under the version that was read."""


class Ledger(Protocol):
    """Remembers per resource how it stands and whether replication made it."""

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""

    def intend(self, keys: Sequence[Key], at: int) -> None:
        """Note, before creating them, that replication will own these."""

    def forget(self, keys: Collection[Key], before: int) -> None:
        """Drop the notes of resources that are gone, unless they were noted anew at or after `before`."""

    def record(self, outcome: Outcome) -> None:
        """Note how a look ended."""

    def last_read(self, keys: Collection[Key]) -> Mapping[Key, int]:
        """Return when the last reading of each began that was applied, epoch milliseconds; without those never read."""

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the primary's thing ID and version that were applied last; empty and 0 if none is known."""

    def due(self, now: int) -> Iterator[Key]:
        """Yield what failed or was left unfinished and is to be tried again by now."""

    def cursor(self, name: str) -> str:
        """Return where a round over the registry stands; empty at its start."""

    def move_cursor(self, name: str, to: str) -> None:
        """Note where a round over the registry stands."""


class Workflow(Protocol):
    """Starts the state machine that looks at resources."""

    def start(self, looks: Sequence[Look]) -> None:
        """Start as many executions as these looks need."""
