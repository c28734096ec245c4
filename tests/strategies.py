"""Hypothesis strategies for what a registry can hold; names come from small pools, so that two registries meet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from iot_dr.model.documents import canonical
from iot_dr.model.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.keys import Key
from tests.builders import ACCOUNT, PRIMARY, SECONDARY, a_certificate, a_thing_type

Registry = Mapping[Key, Entity]

THINGS = ("pump-1", "pump-2", PRIMARY)
TYPES = ("pump", "valve")
POLICIES = ("pumps", "valves")
CERTIFICATES = tuple(a_certificate(of).certificate_id for of in ("one", "two", "three"))

other_text = st.text(alphabet="ab-:/#${}*.", max_size=8)
regions = st.sampled_from((PRIMARY, SECONDARY, "eu-central-1", "", "*"))
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


def _subset(pool: tuple[Any, ...]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), unique=True) if pool else st.just([])


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """Draw a registry that AWS would hold: whatever points, points at something that is there."""
    types = draw(_subset(TYPES))
    things = [Thing(name, draw(attributes), draw(st.sampled_from(("", *types)))) for name in draw(_subset(THINGS))]
    used = {thing.type_name for thing in things}
    certificates = [Certificate(one, draw(statuses), f"PEM {one}") for one in draw(_subset(CERTIFICATES))]
    policies = [Policy(name, draw(documents)) for name in draw(_subset(POLICIES))]
    entities: list[Entity] = [
        # A type that is in use is not deprecated: AWS gives a deprecated type to no thing.
        *(a_thing_type(name, deprecated=name not in used and draw(st.booleans())) for name in types),
        *things,
        *certificates,
        *policies,
        *draw(_subset(tuple(PolicyAttachment(p.name, c.certificate_id) for p in policies for c in certificates))),
        *draw(_subset(tuple(ThingPrincipal(t.name, c.certificate_id) for t in things for c in certificates))),
    ]
    return {entity.key: entity for entity in entities}
