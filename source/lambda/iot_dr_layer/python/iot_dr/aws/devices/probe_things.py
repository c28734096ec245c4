"""The health checker's thing, certificate and policy, through the IoT control plane of the function's own Region."""

from __future__ import annotations

import json
from typing import Any

from botocore.waiter import WaiterModel, create_waiter_with_client

from iot_dr.aws.errors import call, converted, read
from iot_dr.model.launch.probes import NewCertificate
from iot_dr.model.registry.arns import Arn

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AttachPolicy",
        "iot:AttachThingPrincipal",
        "iot:CreateKeysAndCertificate",
        "iot:CreatePolicy",
        "iot:CreatePolicyVersion",
        "iot:CreateThing",
        "iot:DeleteCertificate",
        "iot:DeletePolicy",
        "iot:DeletePolicyVersion",
        "iot:DeleteThing",
        "iot:DescribeCertificate",
        "iot:DescribeEndpoint",
        "iot:DescribeThing",
        "iot:DetachPolicy",
        "iot:DetachThingPrincipal",
        "iot:GetPolicy",
        "iot:ListPolicyVersions",
        "iot:ListTargetsForPolicy",
        "iot:ListThingPrincipals",
        "iot:UpdateCertificate",
    }
)
"""What the provisioning of the probe may do in its own Region."""

POLICY_DETACH_SECONDS = 330
"""The function's time-out has to be longer by the rest of its work."""

_PAUSE_SECONDS = 5
_GONE = {"state": "success", "matcher": "error", "expected": "ResourceNotFoundException"}
_STILL_ATTACHED = {"state": "retry", "matcher": "error", "expected": "DeleteConflictException"}
_STILL_ACTIVE = {"state": "retry", "matcher": "error", "expected": "CertificateStateException"}
_DELETED = {"state": "success", "matcher": "status", "expected": 200}


def _until_detached(operation: str, seconds: int) -> dict[str, Any]:
    return {
        "operation": operation,
        "delay": _PAUSE_SECONDS,
        "maxAttempts": seconds // _PAUSE_SECONDS,
        "acceptors": [_DELETED, _GONE, _STILL_ATTACHED, _STILL_ACTIVE],
    }


_WAITERS = WaiterModel(
    {
        "version": 2,
        "waiters": {
            "CertificateDeleted": _until_detached("DeleteCertificate", 120),
            "PolicyDeleted": _until_detached("DeletePolicy", POLICY_DETACH_SECONDS),
        },
    }
)
"""Detaching takes effect later, for a policy up to five minutes; until then AWS refuses to delete.

A certificate that was made inactive a moment ago may still count as active.
https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePolicy.html
https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteCertificate.html
"""


class IotProbeThings:
    """`services.provision_probe.ProbeThings` over an `iot` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def endpoint(self) -> str:
        """Return the endpoint that this Region's devices connect to, signed by Amazon's own roots."""
        return str(call(self._client.describe_endpoint, endpointType="iot:Data-ATS")["endpointAddress"])

    def create_thing(self, name: str) -> tuple[str, bool]:
        """Return the thing's ARN and whether this call made it.

        Raises:
            Conflict: a thing of this name exists with other attributes.
        """
        # CreateThing answers with success too when the same thing is there, so it cannot tell who made it.
        found = read(self._client.describe_thing, thingName=name)
        if found is not None:
            return str(found["thingArn"]), False
        return str(call(self._client.create_thing, thingName=name)["thingArn"]), True

    def put_policy(self, name: str, document: str) -> bool:
        """Make the document the policy's default version; tell whether this call made the policy."""
        found = read(self._client.get_policy, policyName=name)
        if found is None:
            call(self._client.create_policy, policyName=name, policyDocument=document)
            return True
        if json.loads(found["policyDocument"]) != json.loads(document):
            # Only one version is ever kept, so AWS's limit of five is never met.
            self._delete_old_versions(name)
            call(self._client.create_policy_version, policyName=name, policyDocument=document, setAsDefault=True)
        return False

    def create_certificate(self) -> NewCertificate:
        """Have AWS issue a certificate, inactive until everything else is in place."""
        issued = call(self._client.create_keys_and_certificate, setAsActive=False)
        return NewCertificate(issued["certificateId"], issued["certificatePem"], issued["keyPair"]["PrivateKey"])

    def attach(self, name: str, certificate_id: str) -> None:
        """Attach the policy and the thing of this name to a certificate."""
        arn = self._describe(certificate_id)["certificateArn"]
        call(self._client.attach_policy, policyName=name, target=arn)
        call(self._client.attach_thing_principal, thingName=name, principal=arn)

    def activate(self, certificate_id: str) -> None:
        """Let the certificate connect."""
        call(self._client.update_certificate, certificateId=certificate_id, newStatus="ACTIVE")

    def certificates(self, name: str) -> frozenset[str]:
        """List the IDs of certificates attached to the thing or the policy of this name."""
        principals = self._listed("list_thing_principals", "principals", thingName=name)
        targets = self._listed("list_targets_for_policy", "targets", policyName=name)
        return frozenset(_certificate_id(arn) for arn in principals | targets if ":cert/" in arn)

    def is_active(self, certificate_id: str) -> bool:
        """Tell whether the certificate can connect."""
        found = read(self._client.describe_certificate, certificateId=certificate_id)
        return found is not None and found["certificateDescription"]["status"] == "ACTIVE"

    def remove_certificate(self, name: str, certificate_id: str) -> None:
        """Detach, deactivate and delete a certificate; one that is gone already is success."""
        found = read(self._client.describe_certificate, certificateId=certificate_id)
        if found is None:
            return
        arn = found["certificateDescription"]["certificateArn"]
        # First of all, so that the key is worthless even if the rest fails.
        read(self._client.update_certificate, certificateId=certificate_id, newStatus="INACTIVE")
        read(self._client.detach_thing_principal, thingName=name, principal=arn)
        read(self._client.detach_policy, policyName=name, target=arn)
        self._wait("CertificateDeleted", certificateId=certificate_id)

    def remove_thing(self, name: str) -> None:
        """Delete the thing; one that is gone already is success."""
        read(self._client.delete_thing, thingName=name)

    def remove_policy(self, name: str) -> None:
        """Delete the policy with all versions, waiting for its detachment to take effect."""
        if read(self._client.get_policy, policyName=name) is not None:
            self._delete_old_versions(name)
            self._wait("PolicyDeleted", policyName=name)

    def _describe(self, certificate_id: str) -> dict[str, Any]:
        answer = call(self._client.describe_certificate, certificateId=certificate_id)
        description: dict[str, Any] = answer["certificateDescription"]
        return description

    def _delete_old_versions(self, policy: str) -> None:
        versions = call(self._client.list_policy_versions, policyName=policy)["policyVersions"]
        for version in versions:
            if not version["isDefaultVersion"]:
                read(self._client.delete_policy_version, policyName=policy, policyVersionId=version["versionId"])

    def _listed(self, operation: str, field: str, **parameters: str) -> set[str]:
        pages = self._client.get_paginator(operation).paginate(**parameters)
        first = read(lambda: {"items": [item for page in pages for item in page[field]]})
        return set() if first is None else set(first["items"])

    def _wait(self, waiter: str, **parameters: str) -> None:
        with converted():
            create_waiter_with_client(waiter, _WAITERS, self._client).wait(**parameters)


def _certificate_id(arn: str) -> str:
    return Arn.parse(arn).resource.removeprefix("cert/")
