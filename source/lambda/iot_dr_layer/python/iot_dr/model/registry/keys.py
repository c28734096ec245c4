"""What names a resource of the registry, the same in both Regions; relations have keys of their own."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Self

from iot_dr.errors import EventError


class Kind(enum.StrEnum):
    """The kinds of resource that one registry can hold, in the order in which they can be created."""

    THING_TYPE = "thing_type"
    BILLING_GROUP = "billing_group"
    POLICY = "policy"
    CERTIFICATE = "certificate"
    THING_GROUP = "thing_group"
    THING = "thing"
    POLICY_ATTACHMENT = "policy_attachment"
    THING_PRINCIPAL = "thing_principal"
    GROUP_MEMBERSHIP = "group_membership"
    SHADOW = "shadow"
    THING_SHADOWS = "thing_shadows"
    """All shadows of one thing, whatever their names."""


def plural(kind: Kind) -> str:
    """Return what several of a kind are called.

    >>> plural(Kind.POLICY), plural(Kind.THING_GROUP), plural(Kind.THING_SHADOWS)
    ('policies', 'thing groups', 'thing shadows')
    """
    words = kind.replace("_", " ")
    if words.endswith("s"):
        return words
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


SHADOW_KINDS = frozenset({Kind.SHADOW, Kind.THING_SHADOWS})
"""Kinds that AWS keeps beside the registry; a shadow needs no thing."""

RESERVED_PREFIX = "iot-dr-probe-"
"""Names of the health checker's own resources, which belong to one Region and are never replicated."""

SEPARATOR = "#"
"""Stands between the fields of a key's text; no name that AWS IoT admits contains it."""


@dataclass(frozen=True, order=True)
class Key:
    """One resource or relation. `name` is a name or a certificate ID, `other` is a relation's far end.

    Policy attachment: (policy name, target, as in `certificate_target`). Thing principal: (thing name, certificate ID).
    Group membership: (thing group name, thing name). Shadow: (thing name, shadow name, empty for the classic one).
    """

    kind: Kind
    name: str
    other: str = ""

    @property
    def reserved(self) -> bool:
        """Tell whether this is the health checker's own."""
        return self.name.startswith(RESERVED_PREFIX) or self.other.startswith(RESERVED_PREFIX)

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


def thing_group_key(name: str) -> Key:
    """Name a thing group, static or dynamic."""
    return Key(Kind.THING_GROUP, name)


def billing_group_key(name: str) -> Key:
    """Name a billing group."""
    return Key(Kind.BILLING_GROUP, name)


def certificate_target(certificate_id: str) -> str:
    """Name a certificate as what a policy is attached to: the last field of its ARN."""
    return f"cert/{certificate_id}"


def thing_group_target(name: str) -> str:
    """Name a thing group as what a policy is attached to."""
    return f"thinggroup/{name}"


def key_of_target(target: str) -> Key:
    """Name what a policy is attached to, a certificate or a thing group, by itself."""
    kind, _, name = target.partition("/")
    return certificate_key(name) if kind == "cert" else thing_group_key(name)


def policy_attachment_key(policy: str, target: str) -> Key:
    """Name the attachment of a policy to a target."""
    return Key(Kind.POLICY_ATTACHMENT, policy, target)


def thing_principal_key(thing: str, certificate_id: str) -> Key:
    """Name the attachment of a certificate to a thing."""
    return Key(Kind.THING_PRINCIPAL, thing, certificate_id)


def group_membership_key(group: str, thing: str) -> Key:
    """Name a thing's membership in a static thing group."""
    return Key(Kind.GROUP_MEMBERSHIP, group, thing)


def shadow_key(thing: str, name: str = "") -> Key:
    """Name a shadow of a thing; the classic one has no name."""
    return Key(Kind.SHADOW, thing, name)


def thing_shadows_key(thing: str) -> Key:
    """Name all shadows of a thing together."""
    return Key(Kind.THING_SHADOWS, thing)
