"""What a registry holds, one frozen value per resource; two values are equal when AWS would serve devices alike.

`version` and `thing_id` are what a Region counts for itself: they guard writes and never take part in a comparison.
`tags` are read by a call of their own: None says that nobody asked for them (see `model.registry.tagging`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_attachment_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_principal_key,
    thing_type_key,
)
from iot_dr.model.shadows.shadow import Shadow

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})

Tags = Mapping[str, str]
"""Tags of a resource, by their keys; those whose key begins with `aws:` are AWS's own and left out."""


class CertificateStatus(enum.StrEnum):
    """The statuses of https://docs.aws.amazon.com/iot/latest/apireference/API_CertificateDescription.html."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    REVOKED = "REVOKED"
    PENDING_TRANSFER = "PENDING_TRANSFER"
    REGISTER_INACTIVE = "REGISTER_INACTIVE"
    PENDING_ACTIVATION = "PENDING_ACTIVATION"


SETTABLE_STATUSES = frozenset({CertificateStatus.ACTIVE, CertificateStatus.INACTIVE, CertificateStatus.REVOKED})
"""Statuses that UpdateCertificate admits; the others are set by AWS itself."""


@dataclass(frozen=True)
class PropagatingAttribute:
    """One attribute that AWS IoT adds to a device's MQTT 5 messages as a user property.

    `source` says of what it is an attribute: `thingAttribute` or `connectionAttribute`.
    """

    user_property: str
    source: str
    attribute: str


@dataclass(frozen=True)
class ThingType:
    """A thing type; AWS lets its deprecation and its propagating attributes change later, and nothing else."""

    name: str
    description: str = ""
    searchable_attributes: tuple[str, ...] = ()
    propagating_attributes: tuple[PropagatingAttribute, ...] = ()
    deprecated: bool = False
    tags: Tags | None = field(default=None, hash=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return thing_type_key(self.name)


@dataclass(frozen=True)
class Policy:
    """A policy with its default version's document, as canonical JSON text (see `model.documents`)."""

    name: str
    document: str
    version_id: str = field(default="", compare=False)
    tags: Tags | None = field(default=None, hash=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return policy_key(self.name)


@dataclass(frozen=True)
class Certificate:
    """A device certificate; the PEM is determined by the ID, so the status is all that can differ."""

    certificate_id: str
    status: CertificateStatus
    pem: str = field(default="", compare=False, repr=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return certificate_key(self.certificate_id)


@dataclass(frozen=True)
class Thing:
    """A thing with all its attributes; no attribute and an empty attribute are not the same."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=lambda: NO_ATTRIBUTES)
    type_name: str = ""
    billing_group: str = ""
    version: int = field(default=0, compare=False)
    thing_id: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return thing_key(self.name)


@dataclass(frozen=True)
class ThingGroup:
    """A thing group. One with a query is dynamic: AWS keeps its members by the index, and lets no policy be attached.

    `ancestors` are the names from the root to the parent, which AWS tells with the group: a parent of the same name,
    standing elsewhere, is another parent.
    """

    name: str
    description: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: NO_ATTRIBUTES)
    parent: str = ""
    query: str = ""
    query_version: str = ""
    index_name: str = ""
    ancestors: tuple[str, ...] = ()
    version: int = field(default=0, compare=False)
    tags: Tags | None = field(default=None, hash=False)

    @property
    def dynamic(self) -> bool:
        """Tell whether AWS keeps the members by a query."""
        return bool(self.query)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return thing_group_key(self.name)


@dataclass(frozen=True)
class BillingGroup:
    """A billing group; the things in it say so themselves."""

    name: str
    description: str = ""
    version: int = field(default=0, compare=False)
    tags: Tags | None = field(default=None, hash=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return billing_group_key(self.name)


@dataclass(frozen=True)
class PolicyAttachment:
    """A policy attached to a certificate or a thing group; the target is the last field of its ARN."""

    policy: str
    target: str

    @property
    def key(self) -> Key:
        """Name this relation."""
        return policy_attachment_key(self.policy, self.target)


@dataclass(frozen=True)
class ThingPrincipal:
    """A certificate attached to a thing; an exclusive one cannot be attached to another."""

    thing: str
    certificate_id: str
    exclusive: bool = False

    @property
    def key(self) -> Key:
        """Name this relation."""
        return thing_principal_key(self.thing, self.certificate_id)


@dataclass(frozen=True)
class GroupMembership:
    """A thing in a static thing group."""

    group: str
    thing: str

    @property
    def key(self) -> Key:
        """Name this relation."""
        return group_membership_key(self.group, self.thing)


Entity = (
    ThingType
    | BillingGroup
    | Policy
    | Certificate
    | ThingGroup
    | Thing
    | PolicyAttachment
    | ThingPrincipal
    | GroupMembership
    | Shadow
)
