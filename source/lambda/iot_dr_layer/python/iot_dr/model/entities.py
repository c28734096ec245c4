"""What a registry holds, one frozen value per resource; two values are equal when AWS would serve devices alike.

`version` and `thing_id` are what a Region counts for itself: they guard writes and never take part in a comparison.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from iot_dr.model.keys import (
    Key,
    certificate_key,
    policy_attachment_key,
    policy_key,
    thing_key,
    thing_principal_key,
    thing_type_key,
)

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


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
class ThingType:
    """A thing type; AWS lets nothing but its deprecation change later."""

    name: str
    description: str = ""
    searchable_attributes: tuple[str, ...] = ()
    deprecated: bool = False

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
    version: int = field(default=0, compare=False)
    thing_id: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        """Name this resource."""
        return thing_key(self.name)


@dataclass(frozen=True)
class PolicyAttachment:
    """A policy attached to a certificate."""

    policy: str
    certificate_id: str

    @property
    def key(self) -> Key:
        """Name this relation."""
        return policy_attachment_key(self.policy, self.certificate_id)


@dataclass(frozen=True)
class ThingPrincipal:
    """A certificate attached to a thing."""

    thing: str
    certificate_id: str

    @property
    def key(self) -> Key:
        """Name this relation."""
        return thing_principal_key(self.thing, self.certificate_id)


Entity = ThingType | Policy | Certificate | Thing | PolicyAttachment | ThingPrincipal
