"""Reads one Region's registry through the IoT control plane.

Quotas that shape the callers: DescribeCertificate, GetPolicy and ListThingPrincipals start at 10 per second.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws.errors import converted, is_missing, read
from iot_dr.aws.registry import answers as registry_answers
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.differences import Unreadable
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    Entity,
    Policy,
    Tags,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Key, Kind, certificate_target
from iot_dr.model.registry.kinds import LISTS, resource_of

REQUIRED_ACTIONS = frozenset(
    {
        "iot:DescribeBillingGroup",
        "iot:DescribeCertificate",
        "iot:DescribeThing",
        "iot:DescribeThingGroup",
        "iot:DescribeThingType",
        "iot:GetPolicy",
        "iot:ListAttachedPolicies",
        "iot:ListPrincipalThingsV2",
        "iot:ListTagsForResource",
        "iot:ListThingGroupsForThing",
        "iot:ListThingPrincipalsV2",
        "iot:ListThingsInBillingGroup",
        "iot:ListThingsInThingGroup",
    }
)
"""What comparing needs in both Regions."""

REQUIRED_ACTIONS_BEFORE_DELETING = frozenset({"iot:ListTargetsForPolicy"})
"""What is needed besides to find everything that hangs on a policy that is gone from the primary."""

REQUIRED_ACTIONS_TO_CONFIRM = frozenset({"iot:ListAttachedPolicies", "iot:ListThingPrincipalsV2"})
"""What is needed in the primary to see that nothing more was attached to a device."""

LISTER_REQUIRED_ACTIONS = frozenset({"iot:ListTargetsForPolicy", *(f"iot:{question}" for question in LISTS)})
"""What the sweep's lists need; a list is named like its right."""

PAGE_SIZE = 250
"""The most that the list calls return at once."""


class IotRegistryReader:
    """`ports.RegistryReader` and `ports.RegistryLister` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self._client = client
        self._region = region
        self._account = account

    def resource(self, key: Key) -> Entity | None:
        """Read a resource of any kind."""
        return DESCRIBED[key.kind](self, key.name)

    def tags(self, key: Key) -> Tags:
        """Read the tags of a resource of a kind that has some; none if there is no such resource."""
        arn = self._arn(resource_of(key))
        return registry_answers.tags(self._pages("list_tags_for_resource", "tags", sized=False, resourceArn=arn))

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""
        answer = read(self._client.describe_thing, thingName=name)
        return None if answer is None else registry_answers.thing(answer)

    def thing_type(self, name: str) -> ThingType | None:
        """Read a thing type."""
        answer = read(self._client.describe_thing_type, thingTypeName=name)
        return None if answer is None else registry_answers.thing_type(answer)

    def thing_group(self, name: str) -> ThingGroup | None:
        """Read a thing group, static or dynamic."""
        answer = read(self._client.describe_thing_group, thingGroupName=name)
        return None if answer is None else registry_answers.thing_group(answer)

    def billing_group(self, name: str) -> BillingGroup | None:
        """Read a billing group."""
        answer = read(self._client.describe_billing_group, billingGroupName=name)
        return None if answer is None else registry_answers.billing_group(answer)

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM.

        Raises:
            InvalidResource: this release does not know its status.
        """
        answer = read(self._client.describe_certificate, certificateId=certificate_id)
        return None if answer is None else registry_answers.certificate(answer["certificateDescription"])

    def policy(self, name: str) -> Policy | None:
        """Read a policy's default version.

        Raises:
            InvalidResource: its document is not a JSON object.
        """
        answer = read(self._client.get_policy, policyName=name)
        return None if answer is None else registry_answers.policy(answer)

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """List the certificates attached to a thing; Cognito identities are left out."""
        pages = self._pages("list_thing_principals_v2", "thingPrincipalObjects", thingName=thing)
        found = ((registry_answers.certificate_id(entry["principal"]), entry) for entry in pages)
        return frozenset(
            ThingPrincipal(thing, name, registry_answers.exclusive(entry)) for name, entry in found if name
        )

    def things_of_certificate(self, certificate_id: str, at_most: int | None = None) -> frozenset[ThingPrincipal]:
        """List the things that a certificate is attached to, or so many of them; no page is read in vain."""
        arn = self._arn(certificate_target(certificate_id))
        pages = self._pages("list_principal_things_v2", "principalThingObjects", principal=arn)
        return frozenset(
            ThingPrincipal(entry["thingName"], certificate_id, registry_answers.exclusive(entry))
            for entry in islice(pages, at_most)
        )

    def policies_of(self, target: str) -> frozenset[str]:
        """List the names of the policies attached to a certificate or group."""
        pages = self._pages("list_attached_policies", "policies", target=self._arn(target))
        return frozenset(policy["policyName"] for policy in pages)

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to; other targets are left out."""
        pages = self._pages("list_targets_for_policy", "targets", policyName=policy)
        return frozenset(registry_answers.targets(pages))

    def few_targets_of(self, policy: str) -> frozenset[str] | None:
        """List what a policy is attached to, in one call; None if it is more than one call tells."""
        answer = read(self._client.list_targets_for_policy, policyName=policy, pageSize=PAGE_SIZE)
        if answer is None:
            return frozenset()
        return None if answer.get("nextMarker") else frozenset(registry_answers.targets(answer["targets"]))

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """List the names of the groups that a thing is in."""
        pages = self._pages("list_thing_groups_for_thing", "thingGroups", thingName=thing)
        return frozenset(group["groupName"] for group in pages)

    def things_of_group(self, name: str, at_most: int | None = None) -> frozenset[str]:
        """List the names of the things in a group itself, or so many of them; of a dynamic one, of its query's."""
        pages = self._pages("list_things_in_thing_group", "things", thingGroupName=name, recursive=False)
        return frozenset(islice(pages, at_most))

    def things_of_billing_group(self, name: str) -> frozenset[str]:
        """List the names of the things in a billing group."""
        return frozenset(self._pages("list_things_in_billing_group", "things", billingGroupName=name))

    def listed(self, kind: Kind) -> Iterator[Entity | Unreadable]:
        """List all resources of a kind; groups (dynamic ones too), billing groups and policies by name alone."""
        called = LISTED[kind]
        pages = self._pages(called.operation, called.member, **called.parameters)
        return registry_answers.listed(kind, called.name, called.read, pages)

    def _arn(self, resource: str) -> str:
        return iot_arn(resource, self._region, self._account)

    def _pages(self, operation: str, member: str, *, sized: bool = True, **parameters: Any) -> Iterator[Any]:
        paginator = self._client.get_paginator(operation)
        # Of tags AWS decides itself how many a page has.
        pages = paginator.paginate(**parameters, PaginationConfig={"PageSize": PAGE_SIZE} if sized else {})
        with converted():
            try:
                for page in pages:
                    yield from page[member]
            except ClientError as error:
                # A list of what hangs on something that does not exist is empty, and AWS has said so.
                if not is_missing(error):
                    raise


@dataclass(frozen=True)
class _ListCall:
    """How all resources of a kind are listed: `member` is the list in the answer, `name` what names an entry of it."""

    operation: str
    member: str
    name: str
    read: Callable[[Mapping[str, Any]], Entity]
    parameters: Mapping[str, Any] = field(default_factory=dict)


DESCRIBED: Mapping[Kind, Callable[[IotRegistryReader, str], Entity | None]] = {
    Kind.THING_TYPE: IotRegistryReader.thing_type,
    Kind.BILLING_GROUP: IotRegistryReader.billing_group,
    Kind.POLICY: IotRegistryReader.policy,
    Kind.CERTIFICATE: IotRegistryReader.certificate,
    Kind.THING_GROUP: IotRegistryReader.thing_group,
    Kind.THING: IotRegistryReader.thing,
}

LISTED: Mapping[Kind, _ListCall] = {
    Kind.THING_TYPE: _ListCall("list_thing_types", "thingTypes", "thingTypeName", registry_answers.thing_type),
    Kind.BILLING_GROUP: _ListCall(
        "list_billing_groups", "billingGroups", "groupName", lambda entry: BillingGroup(entry["groupName"])
    ),
    Kind.POLICY: _ListCall("list_policies", "policies", "policyName", lambda entry: Policy(entry["policyName"], "{}")),
    Kind.CERTIFICATE: _ListCall("list_certificates", "certificates", "certificateId", registry_answers.certificate),
    Kind.THING_GROUP: _ListCall(
        "list_thing_groups",
        "thingGroups",
        "groupName",
        lambda entry: ThingGroup(entry["groupName"]),
        {"recursive": True},
    ),
    Kind.THING: _ListCall("list_things", "things", "thingName", registry_answers.thing),
}
