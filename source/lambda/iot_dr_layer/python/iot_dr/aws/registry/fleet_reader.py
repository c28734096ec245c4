"""Reads one Region's whole registry, one call at a time: lists of 250 first, single reads for what no list tells.

No call lists what is attached to many certificates or things at once, so that takes one call each; nothing else of a
device does. API pages: https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from iot_dr.aws.errors import read
from iot_dr.aws.registry import answers as registry_answers
from iot_dr.aws.registry.reader import PAGE_SIZE
from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Tags,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import SEPARATOR, Key, Kind, certificate_target, shadow_key, thing_group_target
from iot_dr.model.registry.kinds import LISTS, TAGGED_KINDS, resource_of
from iot_dr.model.registry.read_calls import SUBJECTS, Page, PageRequest, ReadCall
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.ports.shadows import ShadowIndex, ShadowReader

REQUIRED_ACTIONS = frozenset(f"iot:{question.api}" for question in (*LISTS, *SUBJECTS))
"""What reading a whole Region needs; every question is named like its API. What no search tells is read one by one."""


@dataclass(frozen=True)
class _Paging:
    """How a list is turned over: what asks for a page, and what the answer calls the next.

    A list without `size` has pages of AWS's choice.
    """

    size: str
    token: str
    next_token: str


_TOKENS = _Paging("maxResults", "nextToken", "nextToken")
_MARKERS = _Paging("pageSize", "marker", "nextMarker")
_OF_ITS_OWN_SIZE = _Paging("", "nextToken", "nextToken")

Read = Callable[[str, Any], Entity | None]
"""Reads one entry of an answer about a subject; None leaves it out."""


@dataclass(frozen=True)
class _Form:
    """How a question is put, and how an entry of its answer is read.

    `subject` is the parameter that names what is asked about, `member` the list in the answer; a description has none
    and is read as a whole.
    """

    operation: str
    entry: Read
    subject: str = ""
    member: str = ""
    paging: _Paging = _TOKENS
    parameters: Mapping[str, Any] = field(default_factory=dict)


def _principal(thing: str, entry: Any) -> ThingPrincipal | None:
    certificate_id = registry_answers.certificate_id(entry["principal"])
    exclusive = registry_answers.exclusive(entry)
    return None if certificate_id is None else ThingPrincipal(thing, certificate_id, exclusive)


def _attachment(policy: str, arn: str) -> PolicyAttachment | None:
    return next((PolicyAttachment(policy, target) for target in registry_answers.targets([arn])), None)


def _resource(kind: Kind, name: str) -> str:
    return resource_of(Key(kind, name))


def _nothing(_subject: str, _entry: Any) -> None:
    """Read no entry by itself: tags make sense together."""


FORMS: Mapping[ReadCall, _Form] = {
    ReadCall.THING_TYPES: _Form(
        "list_thing_types", lambda _, entry: registry_answers.thing_type(entry), member="thingTypes"
    ),
    ReadCall.BILLING_GROUPS: _Form(
        "list_billing_groups", lambda _, entry: BillingGroup(entry["groupName"]), member="billingGroups"
    ),
    ReadCall.POLICIES: _Form(
        "list_policies", lambda _, entry: Policy(entry["policyName"], ""), member="policies", paging=_MARKERS
    ),
    ReadCall.CERTIFICATES: _Form(
        "list_certificates",
        lambda _, entry: Certificate(entry["certificateId"], CertificateStatus(entry["status"])),
        member="certificates",
        paging=_MARKERS,
    ),
    ReadCall.THING_GROUPS: _Form(
        "list_thing_groups",
        lambda _, entry: ThingGroup(entry["groupName"]),
        member="thingGroups",
        parameters={"recursive": True},
    ),
    ReadCall.THINGS: _Form("list_things", lambda _, entry: registry_answers.thing(entry), member="things"),
    ReadCall.BILLING_GROUP: _Form(
        "describe_billing_group", lambda _, answer: registry_answers.billing_group(answer), subject="billingGroupName"
    ),
    ReadCall.POLICY: _Form("get_policy", lambda _, answer: registry_answers.policy(answer), subject="policyName"),
    ReadCall.THING_GROUP: _Form(
        "describe_thing_group", lambda _, answer: registry_answers.thing_group(answer), subject="thingGroupName"
    ),
    ReadCall.THINGS_OF_BILLING_GROUP: _Form(
        "list_things_in_billing_group",
        lambda group, name: Thing(name, billing_group=group),
        subject="billingGroupName",
        member="things",
    ),
    ReadCall.TARGETS_OF_POLICY: _Form(
        "list_targets_for_policy", _attachment, subject="policyName", member="targets", paging=_MARKERS
    ),
    ReadCall.THINGS_OF_GROUP: _Form(
        "list_things_in_thing_group", GroupMembership, subject="thingGroupName", member="things"
    ),
    ReadCall.THINGS_OF_CERTIFICATE: _Form(
        "list_principal_things_v2",
        lambda one, entry: ThingPrincipal(entry["thingName"], one, registry_answers.exclusive(entry)),
        subject="principal",
        member="principalThingObjects",
    ),
    ReadCall.CERTIFICATES_OF_THING: _Form(
        "list_thing_principals_v2", _principal, subject="thingName", member="thingPrincipalObjects"
    ),
    ReadCall.POLICIES_OF_CERTIFICATE: _Form(
        "list_attached_policies",
        lambda one, entry: PolicyAttachment(entry["policyName"], certificate_target(one)),
        subject="target",
        member="policies",
        paging=_MARKERS,
    ),
    ReadCall.POLICIES_OF_GROUP: _Form(
        "list_attached_policies",
        lambda group, entry: PolicyAttachment(entry["policyName"], thing_group_target(group)),
        subject="target",
        member="policies",
        paging=_MARKERS,
    ),
    **{
        question: _Form(
            "list_tags_for_resource", _nothing, subject="resourceArn", member="tags", paging=_OF_ITS_OWN_SIZE
        )
        for question in TAGGED_KINDS.values()
    },
}

TAGS: Mapping[ReadCall, Callable[[str, Tags], Entity]] = {
    ReadCall.TAGS_OF_TYPE: lambda name, tags: ThingType(name, tags=tags),
    ReadCall.TAGS_OF_BILLING_GROUP: lambda name, tags: BillingGroup(name, tags=tags),
    ReadCall.TAGS_OF_POLICY: lambda name, tags: Policy(name, "", tags=tags),
    ReadCall.TAGS_OF_GROUP: lambda name, tags: ThingGroup(name, tags=tags),
}
"""What the tags of a page belong to, known by its name alone."""

_ASKED_BY_ARN: Mapping[ReadCall, Callable[[str], str]] = {
    ReadCall.THINGS_OF_CERTIFICATE: certificate_target,
    ReadCall.POLICIES_OF_CERTIFICATE: certificate_target,
    ReadCall.POLICIES_OF_GROUP: thing_group_target,
    **{question: partial(_resource, kind) for kind, question in TAGGED_KINDS.items()},
}
"""Questions that name their subject by its ARN, and the last field of that."""


class IotFleetReader:
    """`ports.FleetReader` over an `iot` client of one Region."""

    def __init__(
        self,
        client: Any,
        region: str,
        account: str,
        shadows: ShadowReader | None = None,
        index: ShadowIndex | None = None,
    ) -> None:
        self._client = client
        self._region = region
        self._account = account
        self._shadows = shadows
        self._index = index

    def ask(self, call: PageRequest) -> Page:
        """Make exactly one call; what the SDK repeats by itself is the same call."""
        if self._shadows and call.question in (ReadCall.NAMED_SHADOWS, ReadCall.SHADOW):
            return _shadows(call, self._shadows)
        if self._index and call.question is ReadCall.SHADOW_INDEX:
            return self._index.page(call.token)
        form = FORMS[call.question]
        answer = read(getattr(self._client, form.operation), **self._parameters(form, call))
        if answer is None:
            return Page(missing=True)
        if of := TAGS.get(call.question):
            tagged = of(call.subject, registry_answers.tags(answer[form.member]))
            return Page((tagged,), answer.get(form.paging.next_token) or "")
        try:
            entries: Iterable[Any] = answer[form.member] if form.member else (answer,)
            found = (form.entry(call.subject, entry) for entry in entries)
            return Page(tuple(entity for entity in found if entity), answer.get(form.paging.next_token) or "")
        except InvalidResource as error:
            return Page(unreadable=str(error))

    def _parameters(self, form: _Form, call: PageRequest) -> dict[str, Any]:
        parameters = dict(form.parameters)
        if form.member and form.paging.size:
            parameters[form.paging.size] = PAGE_SIZE
        if call.token:
            parameters[form.paging.token] = call.token
        if target_of := _ASKED_BY_ARN.get(call.question):
            parameters[form.subject] = iot_arn(target_of(call.subject), self._region, self._account)
        elif form.subject:
            parameters[form.subject] = call.subject
        return parameters


def _shadows(call: PageRequest, shadows: ShadowReader) -> Page:
    thing, _, name = call.subject.partition(SEPARATOR)
    if call.question is ReadCall.NAMED_SHADOWS:
        names = sorted(shadows.shadow_names(thing))
        return Page(tuple(Shadow(shadow_key(thing, one), {}) for one in names))
    try:
        found = shadows.shadow(shadow_key(thing, name))
    except InvalidResource as error:
        return Page(unreadable=str(error))
    return Page(missing=True) if found is None else Page((found,))
