"""One Region's registry: read by itself, listed, and written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from iot_dr.model.registry.changes import Action
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import (
    Certificate,
    Entity,
    Tags,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, Kind


class RegistryReader(Protocol):
    """Reads one Region's registry, one resource or one relation list at a time."""

    def resource(self, key: Key) -> Entity | None:
        """Read a resource of any kind, without its tags; not a relation, which the lists below tell.

        Raises:
            InvalidResource: this release cannot read it, for example because of a value that it does not know.
        """

    def tags(self, key: Key) -> Tags:
        """Read the tags of a resource of a kind that has some, AWS's own left out; none of what does not exist."""

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""

    def thing_group(self, name: str) -> ThingGroup | None:
        """Read a thing group, static or dynamic."""

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM."""

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """List the certificates attached to a thing; empty if there is no such thing."""

    def things_of_certificate(self, certificate_id: str, at_most: int | None = None) -> frozenset[ThingPrincipal]:
        """List the things that a certificate is attached to; empty if there is no such certificate.

        With `at_most` the list ends after so many, whichever they are: of a longer one nothing follows for the others.
        """

    def policies_of(self, target: str) -> frozenset[str]:
        """List the names of the policies attached to a certificate or group; empty if there is none."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """List the names of the groups that a thing is in; empty if there is no such thing."""

    def things_of_group(self, name: str, at_most: int | None = None) -> frozenset[str]:
        """List the names of the things in a group itself, not in the groups below it; empty if there is no such group.

        Of a dynamic group they are what its query finds. With `at_most` the list ends after so many.
        """

    def things_of_billing_group(self, name: str) -> frozenset[str]:
        """List the names of the things in a billing group; empty if there is no such group."""


class RegistryLister(Protocol):
    """Lists one Region's registry page by page; what a list does not show, such as a PEM, is left empty.

    One entry that cannot be read does not keep the others from being listed.
    """

    def listed(self, kind: Kind) -> Iterator[Entity | Unreadable]:
        """List all resources of a kind; of a kind whose list tells names alone, a policy has the document `{}`."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""


class RegistryWriter(Protocol):
    """Writes one Region's registry."""

    def write(self, change: Action) -> None:
        """Make a change, under the version that was read; it may be repeated.

        Raises:
            Conflict: somebody else changed the resource since it was read.
            NotReadyYet: a dependency is missing, or AWS's waiting time has not passed.
        """


class ReadableRegistry(RegistryReader, RegistryLister, Protocol):
    """One Region's registry, by its lists and one by one."""


class SourceReader(Protocol):
    """The registry that is copied, one key at a time."""

    def now(self, key: Key, since: int) -> Entity | None:
        """Return what it has, asked for after `since`, epoch milliseconds; None if it has none."""
