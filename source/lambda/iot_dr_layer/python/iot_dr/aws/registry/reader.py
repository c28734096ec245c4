"""Reads one Region's registry through the IoT control plane.

Quotas that shape the callers: DescribeCertificate, GetPolicy and ListThingPrincipals start at 10 per second.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html
"""

from __future__ import annotations

from collections.abc import Iterator
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
    Policy,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Kind, certificate_target

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

LISTER_REQUIRED_ACTIONS = frozenset(
    {
        "iot:ListBillingGroups",
        "iot:ListCertificates",
        "iot:ListPolicies",
        "iot:ListTargetsForPolicy",
        "iot:ListThingGroups",
        "iot:ListThingTypes",
        "iot:ListThings",
    }
)
"""What the sweep's lists need."""

PAGE_SIZE = 250
"""The most that the list calls return at once."""


class IotRegistryReader:
    """`ports.RegistryReader` and `ports.RegistryLister` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self._client = client
        self._region = region
        self._account = account

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

    def things(self) -> Iterator[Thing | Unreadable]:
        """List all things with attributes and type."""
        return registry_answers.listed(Kind.THING, registry_answers.thing, self._pages("list_things", "things"))

    def thing_types(self) -> Iterator[ThingType | Unreadable]:
        """List all thing types."""
        pages = self._pages("list_thing_types", "thingTypes")
        return registry_answers.listed(Kind.THING_TYPE, registry_answers.thing_type, pages)

    def certificates(self) -> Iterator[Certificate | Unreadable]:
        """List all certificates with their status."""
        pages = self._pages("list_certificates", "certificates")
        return registry_answers.listed(Kind.CERTIFICATE, registry_answers.certificate, pages)

    def policy_names(self) -> Iterator[str]:
        """List the names of all policies."""
        for summary in self._pages("list_policies", "policies"):
            yield str(summary["policyName"])

    def thing_group_names(self) -> Iterator[str]:
        """List the names of all thing groups, static and dynamic."""
        for summary in self._pages("list_thing_groups", "thingGroups", recursive=True):
            yield str(summary["groupName"])

    def billing_group_names(self) -> Iterator[str]:
        """List the names of all billing groups."""
        for summary in self._pages("list_billing_groups", "billingGroups"):
            yield str(summary["groupName"])

    def _arn(self, resource: str) -> str:
        return iot_arn(resource, self._region, self._account)

    def _pages(self, operation: str, member: str, **parameters: Any) -> Iterator[Any]:
        paginator = self._client.get_paginator(operation)
        pages = paginator.paginate(**parameters, PaginationConfig={"PageSize": PAGE_SIZE})
        with converted():
            try:
                for page in pages:
                    yield from page[member]
            except ClientError as error:
                # A list of what hangs on something that does not exist is empty, and AWS has said so.
                if not is_missing(error):
                    raise
