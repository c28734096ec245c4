"""What a Region is asked when its whole registry is read: calls of AWS IoT by name, and their answers, page by page."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Kind


class Question(enum.StrEnum):
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
    NAMED_SHADOWS = "ListNamedShadowsForThing"
    SHADOW = "GetThingShadow"
    SHADOW_INDEX = "SearchIndex"

    @property
    def api(self) -> str:
        """Return the name of the API alone, which may serve two kinds of subjects."""
        return self.partition(" ")[0]


LISTS: dict[Question, Kind] = {
    Question.THING_TYPES: Kind.THING_TYPE,
    Question.BILLING_GROUPS: Kind.BILLING_GROUP,
    Question.POLICIES: Kind.POLICY,
    Question.CERTIFICATES: Kind.CERTIFICATE,
    Question.THING_GROUPS: Kind.THING_GROUP,
    Question.THINGS: Kind.THING,
}
"""Lists of a whole Region, by the kind that they list. Of policies and groups they tell names alone."""

SUBJECTS: dict[Question, Kind] = {
    Question.BILLING_GROUP: Kind.BILLING_GROUP,
    Question.POLICY: Kind.POLICY,
    Question.THING_GROUP: Kind.THING_GROUP,
    Question.THINGS_OF_BILLING_GROUP: Kind.BILLING_GROUP,
    Question.TARGETS_OF_POLICY: Kind.POLICY,
    Question.THINGS_OF_GROUP: Kind.THING_GROUP,
    Question.THINGS_OF_CERTIFICATE: Kind.CERTIFICATE,
    Question.CERTIFICATES_OF_THING: Kind.THING,
    Question.POLICIES_OF_CERTIFICATE: Kind.CERTIFICATE,
    Question.POLICIES_OF_GROUP: Kind.THING_GROUP,
    Question.NAMED_SHADOWS: Kind.THING,
    Question.SHADOW: Kind.SHADOW,
}
"""Questions about one resource each, by the kind of resource."""

SEARCHES = frozenset({Question.SHADOW_INDEX})
"""Searches of a Region's index of things: pages of all of them, with the shadows that the index holds of each."""


@dataclass(frozen=True)
class Call:
    """One call: a page of a list, or what is asked about one subject; `token` is where the page before ended.

    A subject is a name or a certificate ID; of a shadow, the thing's name and its own as in the text of a key.
    """

    question: Question
    subject: str = ""
    token: str = ""


@dataclass(frozen=True)
class Answer:
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
