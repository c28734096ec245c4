"""What a Region is asked when its whole registry is read: calls of AWS IoT by name, and their answers, page by page."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Kind


class ReadCall(enum.StrEnum):
    """An API of AWS IoT, as one call of it asks."""

    THING_TYPES = "ListThingTypes"
    BILLING_GROUPS = "ListBillingGroups"
    POLICIES = "ListPolicies"
    CERTIFICATES = "ListCertificates"
    THING_GROUPS = "ListThingGroups"
    THINGS = "ListThings"
    BILLING_GROUP = "DescribeBillingGroup"
    POLICY = "GetPolicy"
    THING_GROUP = "DescribeThingGroup"
    THINGS_OF_BILLING_GROUP = "ListThingsInBillingGroup"
    TARGETS_OF_POLICY = "ListTargetsForPolicy"
    THINGS_OF_GROUP = "ListThingsInThingGroup"
    THINGS_OF_CERTIFICATE = "ListPrincipalThingsV2"
    CERTIFICATES_OF_THING = "ListThingPrincipalsV2"
    POLICIES_OF_CERTIFICATE = "ListAttachedPolicies"
    POLICIES_OF_GROUP = "ListAttachedPolicies of a group"
    TAGS_OF_TYPE = "ListTagsForResource of a thing type"
    TAGS_OF_BILLING_GROUP = "ListTagsForResource of a billing group"
    TAGS_OF_POLICY = "ListTagsForResource of a policy"
    TAGS_OF_GROUP = "ListTagsForResource of a thing group"
    NAMED_SHADOWS = "ListNamedShadowsForThing"
    SHADOW = "GetThingShadow"
    SHADOW_INDEX = "SearchIndex"

    @property
    def api(self) -> str:
        """Return the name of the API alone, which may serve several kinds of subjects."""
        return self.partition(" ")[0]


SUBJECTS: dict[ReadCall, Kind] = {
    ReadCall.BILLING_GROUP: Kind.BILLING_GROUP,
    ReadCall.POLICY: Kind.POLICY,
    ReadCall.THING_GROUP: Kind.THING_GROUP,
    ReadCall.THINGS_OF_BILLING_GROUP: Kind.BILLING_GROUP,
    ReadCall.TARGETS_OF_POLICY: Kind.POLICY,
    ReadCall.THINGS_OF_GROUP: Kind.THING_GROUP,
    ReadCall.THINGS_OF_CERTIFICATE: Kind.CERTIFICATE,
    ReadCall.CERTIFICATES_OF_THING: Kind.THING,
    ReadCall.POLICIES_OF_CERTIFICATE: Kind.CERTIFICATE,
    ReadCall.POLICIES_OF_GROUP: Kind.THING_GROUP,
    ReadCall.NAMED_SHADOWS: Kind.THING,
    ReadCall.SHADOW: Kind.SHADOW,
    ReadCall.TAGS_OF_TYPE: Kind.THING_TYPE,
    ReadCall.TAGS_OF_BILLING_GROUP: Kind.BILLING_GROUP,
    ReadCall.TAGS_OF_POLICY: Kind.POLICY,
    ReadCall.TAGS_OF_GROUP: Kind.THING_GROUP,
}
"""Questions about one resource each, by the kind of resource."""

SEARCHES = frozenset({ReadCall.SHADOW_INDEX})
"""Searches of a Region's index of things: pages of all of them, with the shadows that the index holds of each."""


@dataclass(frozen=True)
class PageRequest:
    """One call: a page of a list, or what is asked about one subject; `token` is where the page before ended.

    A subject is a name or a certificate ID; of a shadow, the thing's name and its own as in the text of a key.
    """

    question: ReadCall
    subject: str = ""
    token: str = ""


@dataclass(frozen=True)
class Page:
    """What one call told.

    `token` asks for the next page; empty at the end. `missing`: AWS answered that there is no such subject.
    `unreadable`: why the subject cannot be read, however often it is asked. `told`: the things of which a search's page
    tells every shadow that the index holds.
    """

    entities: tuple[Entity, ...] = ()
    token: str = ""
    missing: bool = False
    unreadable: str = ""
    told: tuple[str, ...] = ()
