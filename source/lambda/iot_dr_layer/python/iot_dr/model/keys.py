"""What names a resource of the registry, the same in both Regions; relations have keys of their own."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Self

from iot_dr.errors import EventError


class Kind(enum.StrEnum):
    """The kinds of resource that one registry can hold, in the order in which they can be created."""

    THING_TYPE = "thing_type"
    POLICY = "policy"
    CERTIFICATE = "certificate"
    THING = "thing"
    POLICY_ATTACHMENT = "policy_attachment"
    THING_PRINCIPAL = "thing_principal"


ROOT_KINDS = frozenset({Kind.THING_TYPE, Kind.POLICY, Kind.CERTIFICATE, Kind.THING})
"""Kinds that an event, the schedule or an operator can ask to look at; relations hang on them."""

RESERVED_PREFIX = "iot-dr-probe-"
"""Names of the health checker's own resources, which belong to one Region and are never replicated."""

SEPARATOR = "#"
"""Stands between the fields of a key's text; no name that AWS IoT admits contains it."""


@dataclass(frozen=True, order=True)
class Key:
    """One resource or relation. `name` is a thing, type or policy name or a certificate ID.

    `other` is a relation's far end.
    Policy attachment: (policy name, certificate ID). Thing principal: (thing name, certificate ID).
    """

    kind: Kind
    name: str
    other: str = ""

    @property
    def reserved(self) -> bool:
        """Tell whether this is the health checker's own."""
        return self.name.startswith(RESERVED_PREFIX)

    def __str__(self) -> str:
        return SEPARATOR.join(part for part in (self.kind, self.name, self.other) if part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key back from the text that `str` gives.

        Raises:
            EventError: the text is not a key.
        """
        kind, _, rest = text.partition(SEPARATOR)
        name, _, other = rest.partition(SEPARATOR)
        if not name or kind not in set(Kind):
            raise EventError(f"not a resource key: {text!r}")
        return cls(Kind(kind), name, other)


def thing_key(name: str) -> Key:
    """Name a thing."""
    return Key(Kind.THING, name)


def thing_type_key(name: str) -> Key:
    """Name a thing type."""
    return Key(Kind.THING_TYPE, name)


def certificate_key(certificate_id: str) -> Key:
    """Name a certificate by its ID, the SHA-256 of its DER form, which is the same in every Region."""
    return Key(Kind.CERTIFICATE, certificate_id)


def policy_key(name: str) -> Key:
    """Name a policy."""
    return Key(Kind.POLICY, name)


def policy_attachment_key(policy: str, certificate_id: str) -> Key:
    """Name the attachment of a policy to a certificate."""
    return Key(Kind.POLICY_ATTACHMENT, policy, certificate_id)


def thing_principal_key(thing: str, certificate_id: str) -> Key:
    """Name the attachment of a certificate to a thing."""
    return Key(Kind.THING_PRINCIPAL, thing, certificate_id)
