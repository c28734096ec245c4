"""Hypothesis strategies for what a registry can hold; names come from small pools, so that two registries meet."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from iot_dr.model.registry.documents import canonical
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    PropagatingAttribute,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, certificate_target, thing_group_target
from tests.builders import ACCOUNT, PRIMARY, SECONDARY, a_certificate, a_dynamic_group, a_thing_type

Registry = Mapping[Key, Entity]

THINGS = ("pump-1", "pump-2", PRIMARY)
TYPES = ("pump", "valve")
POLICIES = ("pumps", "valves")
GROUPS = ("site", "floor", "room")
DYNAMIC_GROUPS = ("hot",)
BILLING_GROUPS = ("costs", "losses")
CERTIFICATES = tuple(a_certificate(of).certificate_id for of in ("one", "two", "three"))

other_text = st.text(alphabet="ab-:/#${}*.", max_size=8)
regions = st.sampled_from((PRIMARY, SECONDARY, "eu-central-1", "", "*", "us-*"))
accounts = st.sampled_from((ACCOUNT, "000000000000", "*"))
iot_resources = st.one_of(
    st.sampled_from(
        (
            "*",
            "client/${iot:Connection.Thing.ThingName}",
            f"client/{PRIMARY}-pump-1",
            f"topic/{PRIMARY}/pumps/${{iot:ClientId}}/arn:aws:iot:{PRIMARY}:{ACCOUNT}:x",
            "topicfilter/sites/+/#",
        )
    ),
    other_text.map(lambda text: f"topic/{text}"),
)
arns = st.builds(
    lambda partition, service, region, account, resource: f"arn:{partition}:{service}:{region}:{account}:{resource}",
    st.sampled_from(("aws", "aws-cn", "*")),
    st.sampled_from(("iot", "s3", "iot*")),
    regions,
    accounts,
    iot_resources,
)
texts = st.one_of(arns, other_text, st.sampled_from(("*", PRIMARY, f"about {PRIMARY}", f"arn:aws:iot:{PRIMARY}")))
one_or_many = st.one_of(texts, st.lists(texts, max_size=3))
conditions = st.dictionaries(
    st.sampled_from(("StringEquals", "StringLike", "ArnLike", "ArnEqualsIfExists", "ForAnyValue:ArnNotLike", "Bool")),
    st.dictionaries(
        st.sampled_from(("aws:SourceArn", "iot:Connection.Thing.ThingName", "aws:PrincipalTag/site")), one_or_many
    ),
    max_size=2,
)
statements: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"Effect": st.sampled_from(("Allow", "Deny")), "Action": one_or_many},
    optional={"Sid": texts, "Resource": one_or_many, "NotResource": one_or_many, "Condition": conditions},
)
policies_as_values: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"Version": st.just("2012-10-17"), "Statement": st.one_of(statements, st.lists(statements, max_size=2))},
    optional={"Id": texts},
)
documents = policies_as_values.map(lambda value: canonical(json.dumps(value)))

attributes = st.dictionaries(st.sampled_from(("site", "unit")), st.sampled_from(("", "north", "south")), max_size=2)
statuses = st.sampled_from((CertificateStatus.ACTIVE, CertificateStatus.INACTIVE, CertificateStatus.REVOKED))


# Making a strategy takes longer than drawing from it, and registries are drawn from the same few pools.
_one_of = functools.cache(st.sampled_from)


@functools.cache
def _subset(pool: tuple[Any, ...]) -> st.SearchStrategy[list[Any]]:
    return st.lists(_one_of(pool), unique=True) if pool else st.just([])


tags = st.dictionaries(st.sampled_from(("team", "cost")), st.sampled_from(("", "one", "two")), max_size=2)
descriptions = st.sampled_from(("", "a description"))
propagating = st.sampled_from(((), (PropagatingAttribute("site", "thingAttribute", "site"),)))


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """Draw a registry that AWS would hold: whatever points, points at something that is there."""
    types = draw(_subset(TYPES))
    billing_groups = draw(_subset(BILLING_GROUPS))
    things = [
        Thing(name, draw(attributes), draw(_one_of(("", *types))), draw(_one_of(("", *billing_groups))))
        for name in draw(_subset(THINGS))
    ]
    certificates = [Certificate(one, draw(statuses), f"PEM {one}") for one in draw(_subset(CERTIFICATES))]
    policies = [Policy(name, draw(documents), tags=draw(tags)) for name in draw(_subset(POLICIES))]
    groups = draw(trees())
    targets = [certificate_target(one.certificate_id) for one in certificates]
    targets += [thing_group_target(group.name) for group in groups]
    entities: list[Entity] = [
        *(
            replace(
                a_thing_type(name, deprecated=draw(st.booleans())),
                propagating_attributes=draw(propagating),
                tags=draw(tags),
            )
            for name in types
        ),
        *(BillingGroup(name, draw(descriptions), tags=draw(tags)) for name in billing_groups),
        *things,
        *certificates,
        *policies,
        *groups,
        *(
            replace(a_dynamic_group(name, draw(_one_of(("a", "b")))), tags=draw(tags))
            for name in draw(_subset(DYNAMIC_GROUPS))
        ),
        *draw(_subset(tuple(PolicyAttachment(policy.name, target) for policy in policies for target in targets))),
        *(one for certificate in certificates for one in draw(principals(certificate, things))),
        *(one for thing in things for one in draw(memberships(thing, groups))),
    ]
    return {entity.key: entity for entity in entities}


@st.composite
def trees(draw: st.DrawFn) -> list[ThingGroup]:
    """Draw static groups, each below none or one of those before it."""
    groups: dict[str, ThingGroup] = {}
    for name in draw(_subset(GROUPS)):
        parent = draw(_one_of(("", *groups)))
        ancestors = (*groups[parent].ancestors, parent) if parent else ()
        groups[name] = ThingGroup(
            name, draw(descriptions), draw(attributes), parent, ancestors=ancestors, tags=draw(tags)
        )
    return list(groups.values())


@st.composite
def principals(draw: st.DrawFn, certificate: Certificate, things: list[Thing]) -> list[ThingPrincipal]:
    """Draw what a certificate is attached to: one thing exclusively, or any number of them."""
    attached = draw(_subset(tuple(thing.name for thing in things)))
    exclusive = len(attached) == 1 and draw(st.booleans())
    return [ThingPrincipal(thing, certificate.certificate_id, exclusive) for thing in attached]


@st.composite
def memberships(draw: st.DrawFn, thing: Thing, groups: list[ThingGroup]) -> list[GroupMembership]:
    """Draw the groups of a thing: one of a hierarchy at most."""
    of_roots = {(*group.ancestors, group.name)[0]: group.name for group in draw(st.permutations(groups))}
    return [GroupMembership(name, thing.name) for name in draw(_subset(tuple(of_roots.values())))]
