"""The table of kinds: one row for each kind that a registry holds, and what follows from the rows.

Order, dependencies, JSON, the files of a snapshot, the stages of sync and restore, and where marks stand are read from
here. What a row cannot say (how a call is named, how its answer is read) stands beside the call:
docs/adding-a-kind.md has the steps, and a test names those that a new row still lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    billing_group_key,
    certificate_key,
    group_membership_key,
    key_of_target,
    policy_attachment_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_principal_key,
    thing_type_key,
)
from iot_dr.model.registry.read_calls import ReadCall

Needs = Callable[[Any], tuple[Key, ...]]
"""Names what AWS must have before it makes an entity."""


@dataclass(frozen=True)
class RelationRow:
    """What is special about a kind that relates two others.

    Attributes:
        ends: names both ends, by the relation's key.
        checked_with: kinds of ends whose own check concludes about the relation; the first of the ends that is one of
            them keeps the relation's state in the ledger.
        keeps: kinds of ends that AWS does not delete while the relation is there.
        by_certificate: it takes a call a certificate to read it, so it is read and written in their order.
    """

    ends: Callable[[Key], tuple[Key, ...]]
    checked_with: frozenset[Kind]
    keeps: frozenset[Kind] = frozenset()
    by_certificate: bool = False


@dataclass(frozen=True)
class KindRow:
    """All that is said of one kind in one place.

    Attributes:
        kind: the kind.
        entity: its class.
        key: names one of it.
        names: the fields of its class that name it, in the order of its key; they are its first ones.
        rank: the wave in which it is made. Within a wave nothing needs anything else; deletions go the other way round.
        needs: names what AWS must have before it makes one; of a relation these are its ends.
        fixed: fields or properties that AWS lets nobody change once it is made.
        listed_by: the call that lists all of a Region; None of a relation, which is read by its ends.
        described_by: the call that describes one, where the list tells its name alone; None where the list tells all
            that a comparison of whole Regions needs.
        arn_type: what its ARNs have before the name; empty of a relation, which has no ARN.
        tags_by: the call that tells the tags of one; None where AWS has no tags for it.
        in_round: every sweep checks a slice of them whole, because its list does not show all that may differ.
        holds_many: much may hang on one, which goes when it goes and is no part of a request for anything else.
        has_depth: a request for one may take in more or less of what hangs on it.
        relation: what is special about a relation; None of everything else.
    """

    kind: Kind
    entity: type[Any]
    key: Callable[..., Key]
    rank: int
    names: tuple[str, ...] = ("name",)
    needs: Needs | None = None
    fixed: tuple[str, ...] = ()
    listed_by: ReadCall | None = None
    described_by: ReadCall | None = None
    arn_type: str = ""
    tags_by: ReadCall | None = None
    in_round: bool = True
    holds_many: bool = False
    has_depth: bool = False
    relation: RelationRow | None = None


def _needs_of_thing(thing: Thing) -> tuple[Key, ...]:
    thing_type = (thing_type_key(thing.type_name),) if thing.type_name else ()
    return (*thing_type, billing_group_key(thing.billing_group)) if thing.billing_group else thing_type


def _needs_of_group(group: ThingGroup) -> tuple[Key, ...]:
    return (thing_group_key(group.parent),) if group.parent else ()


ROWS = (
    KindRow(
        Kind.THING_TYPE,
        ThingType,
        thing_type_key,
        rank=1,
        fixed=("description", "searchable_attributes"),
        listed_by=ReadCall.THING_TYPES,
        arn_type="thingtype",
        tags_by=ReadCall.TAGS_OF_TYPE,
    ),
    KindRow(
        Kind.BILLING_GROUP,
        BillingGroup,
        billing_group_key,
        rank=1,
        listed_by=ReadCall.BILLING_GROUPS,
        described_by=ReadCall.BILLING_GROUP,
        arn_type="billinggroup",
        tags_by=ReadCall.TAGS_OF_BILLING_GROUP,
        holds_many=True,
        has_depth=True,
    ),
    KindRow(
        Kind.POLICY,
        Policy,
        policy_key,
        rank=1,
        listed_by=ReadCall.POLICIES,
        described_by=ReadCall.POLICY,
        arn_type="policy",
        tags_by=ReadCall.TAGS_OF_POLICY,
        holds_many=True,
    ),
    KindRow(
        Kind.CERTIFICATE,
        Certificate,
        certificate_key,
        rank=1,
        names=("certificate_id",),
        listed_by=ReadCall.CERTIFICATES,
        arn_type="cert",
        has_depth=True,
    ),
    KindRow(
        Kind.THING_GROUP,
        ThingGroup,
        thing_group_key,
        rank=2,
        needs=_needs_of_group,
        fixed=("parent", "ancestors", "dynamic"),
        listed_by=ReadCall.THING_GROUPS,
        described_by=ReadCall.THING_GROUP,
        arn_type="thinggroup",
        tags_by=ReadCall.TAGS_OF_GROUP,
        holds_many=True,
        has_depth=True,
    ),
    KindRow(
        Kind.THING,
        Thing,
        thing_key,
        rank=3,
        needs=_needs_of_thing,
        listed_by=ReadCall.THINGS,
        arn_type="thing",
        has_depth=True,
    ),
    KindRow(
        Kind.POLICY_ATTACHMENT,
        PolicyAttachment,
        policy_attachment_key,
        rank=4,
        names=("policy", "target"),
        in_round=False,
        relation=RelationRow(
            ends=lambda key: (policy_key(key.name), key_of_target(key.other)),
            checked_with=frozenset({Kind.CERTIFICATE, Kind.THING_GROUP}),
            # A group that goes lets go of its policies, as of its members.
            keeps=frozenset({Kind.POLICY, Kind.CERTIFICATE}),
            by_certificate=True,
        ),
    ),
    KindRow(
        Kind.THING_PRINCIPAL,
        ThingPrincipal,
        thing_principal_key,
        rank=4,
        names=("thing", "certificate_id"),
        in_round=False,
        relation=RelationRow(
            ends=lambda key: (thing_key(key.name), certificate_key(key.other)),
            checked_with=frozenset({Kind.THING, Kind.CERTIFICATE}),
            keeps=frozenset({Kind.THING, Kind.CERTIFICATE}),
            by_certificate=True,
        ),
    ),
    KindRow(
        Kind.GROUP_MEMBERSHIP,
        GroupMembership,
        group_membership_key,
        rank=4,
        names=("group", "thing"),
        in_round=False,
        relation=RelationRow(
            ends=lambda key: (thing_group_key(key.name), thing_key(key.other)),
            checked_with=frozenset({Kind.THING}),
        ),
    ),
)
"""One row a kind, in the order in which they can be created. Shadows are kept beside the registry and have none."""

ROW: Mapping[Kind, KindRow] = MappingProxyType({row.kind: row for row in ROWS})

REGISTRY_KINDS = tuple(row.kind for row in ROWS)
RESOURCE_KINDS = tuple(row.kind for row in ROWS if row.relation is None)
RELATIONS = tuple(row.kind for row in ROWS if row.relation is not None)
BY_CERTIFICATE = tuple(row.kind for row in ROWS if row.relation is not None and row.relation.by_certificate)
"""Relations that are read and written in the order of certificates."""

TAGGED_KINDS: Mapping[Kind, ReadCall] = MappingProxyType({row.kind: row.tags_by for row in ROWS if row.tags_by})
"""Kinds that have tags, with the calls that tell them."""

HOLDING_KINDS = frozenset(row.kind for row in ROWS if row.holds_many)
LISTS: Mapping[ReadCall, Kind] = MappingProxyType({row.listed_by: row.kind for row in ROWS if row.listed_by})
"""Lists of a whole Region, by the kind that they list."""


def resource_of(key: Key) -> str:
    """Return the last field of a resource's ARN."""
    return f"{ROW[key.kind].arn_type}/{key.name}"


def ends_of(key: Key) -> tuple[Key, ...]:
    """Return both ends of a relation; nothing of what is no relation."""
    row = ROW.get(key.kind)
    return row.relation.ends(key) if row and row.relation else ()


def marked(key: Key) -> frozenset[Key]:
    """Return where a mark stands: at all that a request for it might draw a wrong conclusion about meanwhile."""
    return frozenset({key, *_checked_with(key)})


def root_of(key: Key) -> Key:
    """Return what the ledger keeps the state of: a thing, certificate or group for what hangs on it."""
    return next(iter(_checked_with(key)), key)


def certificate_of(key: Key) -> Key | None:
    """Return the certificate that this is, or hangs on; None of everything else."""
    return next((one for one in (key, *ends_of(key)) if one.kind is Kind.CERTIFICATE), None)


def kept_by(key: Key) -> tuple[Key, ...]:
    """Return the ends of a relation that AWS deletes only when it is detached."""
    row = ROW.get(key.kind)
    return tuple(end for end in ends_of(key) if end.kind in row.relation.keeps) if row and row.relation else ()


def _checked_with(key: Key) -> tuple[Key, ...]:
    row = ROW.get(key.kind)
    return tuple(end for end in ends_of(key) if end.kind in row.relation.checked_with) if row and row.relation else ()
