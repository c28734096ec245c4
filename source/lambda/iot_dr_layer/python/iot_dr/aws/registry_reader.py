"""Reads one Region's registry through the IoT control plane.

Quotas that shape the callers: DescribeCertificate, GetPolicy and ListThingPrincipals start at 10 per second.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws.errors import converted, is_missing, read
from iot_dr.model.arns import Arn, certificate_arn
from iot_dr.model.documents import canonical
from iot_dr.model.entities import Certificate, CertificateStatus, Policy, Thing, ThingType

REQUIRED_ACTIONS = frozenset(
    {
        "iot:DescribeCertificate",
        "iot:DescribeThing",
        "iot:DescribeThingType",
        "iot:GetPolicy",
        "iot:ListAttachedPolicies",
        "iot:ListThingPrincipals",
    }
)
"""What reading a device needs in both Regions."""

REQUIRED_ACTIONS_BEFORE_DELETING = frozenset({"iot:ListPrincipalThings", "iot:ListTargetsForPolicy"})
"""What is needed besides to find everything that hangs on a certificate or policy that is gone from the primary."""

LISTER_REQUIRED_ACTIONS = frozenset(
    {
        "iot:ListCertificates",
        "iot:ListPolicies",
        "iot:ListTargetsForPolicy",
        "iot:ListThings",
        "iot:ListThingTypes",
    }
)
"""What the sweep's lists need."""

PAGE_SIZE = 250
"""The most that the list calls return at once."""

_CERTIFICATE_PREFIX = "cert/"


class IotRegistryReader:
    """`ports.RegistryReader` and `ports.RegistryLister` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self._client = client
        self._region = region
        self._account = account

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""
        answer = read(self._client.describe_thing, thingName=name)
        return None if answer is None else _thing(answer)

    def thing_type(self, name: str) -> ThingType | None:
        """Read a thing type."""
        answer = read(self._client.describe_thing_type, thingTypeName=name)
        return None if answer is None else _thing_type(answer)

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM."""
        answer = read(self._client.describe_certificate, certificateId=certificate_id)
        if answer is None:
            return None
        description = answer["certificateDescription"]
        return Certificate(
            certificate_id=description["certificateId"],
            status=CertificateStatus(description["status"]),
            pem=description["certificatePem"],
        )

    def policy(self, name: str) -> Policy | None:
        """Read a policy's default version.

        Raises:
            InvalidResource: its document is not a JSON object.
        """
        answer = read(self._client.get_policy, policyName=name)
        if answer is None:
            return None
        return Policy(answer["policyName"], canonical(answer["policyDocument"]), answer["defaultVersionId"])

    def certificates_of_thing(self, thing: str) -> frozenset[str]:
        """List the IDs of the certificates attached to a thing; Cognito identities are left out."""
        principals = self._pages("list_thing_principals", "principals", thingName=thing)
        return frozenset(filter(None, map(_certificate_id, principals)))

    def policies_of_certificate(self, certificate_id: str) -> frozenset[str]:
        """List the names of the policies attached to a certificate."""
        pages = self._pages("list_attached_policies", "policies", target=self._arn_of(certificate_id))
        return frozenset(policy["policyName"] for policy in pages)

    def things_of_certificate(self, certificate_id: str) -> frozenset[str]:
        """List the names of the things that a certificate is attached to."""
        return frozenset(self._pages("list_principal_things", "things", principal=self._arn_of(certificate_id)))

    def certificates_of_policy(self, policy: str) -> frozenset[str]:
        """List the IDs of the certificates that a policy is attached to; other targets are left out."""
        targets = self._pages("list_targets_for_policy", "targets", policyName=policy)
        return frozenset(filter(None, map(_certificate_id, targets)))

    def things(self) -> Iterator[Thing]:
        """List all things with attributes and type."""
        return map(_thing, self._pages("list_things", "things"))

    def thing_types(self) -> Iterator[ThingType]:
        """List all thing types."""
        return map(_thing_type, self._pages("list_thing_types", "thingTypes"))

    def certificates(self) -> Iterator[Certificate]:
        """List all certificates with their status."""
        for summary in self._pages("list_certificates", "certificates"):
            yield Certificate(summary["certificateId"], CertificateStatus(summary["status"]))

    def policy_names(self) -> Iterator[str]:
        """List the names of all policies."""
        for summary in self._pages("list_policies", "policies"):
            yield str(summary["policyName"])

    def _arn_of(self, certificate_id: str) -> str:
        return certificate_arn(certificate_id, self._region, self._account)

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


def _thing(answer: Mapping[str, Any]) -> Thing:
    return Thing(
        name=answer["thingName"],
        attributes=MappingProxyType(dict(answer.get("attributes") or {})),
        type_name=answer.get("thingTypeName") or "",
        version=int(answer.get("version", 0)),
        thing_id=answer.get("thingId") or "",
    )


def _thing_type(answer: Mapping[str, Any]) -> ThingType:
    properties = answer.get("thingTypeProperties") or {}
    return ThingType(
        name=answer["thingTypeName"],
        description=properties.get("thingTypeDescription") or "",
        searchable_attributes=tuple(sorted(properties.get("searchableAttributes") or ())),
        deprecated=bool((answer.get("thingTypeMetadata") or {}).get("deprecated")),
    )


def _certificate_id(principal: str) -> str | None:
    if not principal.startswith("arn:"):
        return None
    resource = Arn.parse(principal).resource
    return resource.removeprefix(_CERTIFICATE_PREFIX) if resource.startswith(_CERTIFICATE_PREFIX) else None
