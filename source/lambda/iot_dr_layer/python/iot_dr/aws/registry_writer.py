"""Writes one Region's registry through the IoT control plane; every method may be repeated.

Versions that were read guard what is updated or deleted (`expectedVersion`), so an old state is never put back.
"""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call, read
from iot_dr.errors import Conflict, InvalidResource, NotReadyYet
from iot_dr.model.arns import certificate_arn
from iot_dr.model.changes import Create, Delete, Update
from iot_dr.model.entities import (
    Certificate,
    CertificateStatus,
    Policy,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
    ThingType,
)

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AttachPolicy",
        "iot:AttachThingPrincipal",
        "iot:CreatePolicy",
        "iot:CreatePolicyVersion",
        "iot:CreateThing",
        "iot:CreateThingType",
        "iot:DeleteCertificate",
        "iot:DeletePolicy",
        "iot:DeletePolicyVersion",
        "iot:DeleteThing",
        "iot:DeleteThingType",
        "iot:DeprecateThingType",
        "iot:DetachPolicy",
        "iot:DetachThingPrincipal",
        "iot:ListPolicyVersions",
        "iot:RegisterCertificateWithoutCA",
        "iot:UpdateCertificate",
        "iot:UpdateThing",
    }
)
"""What the replication worker may do in the secondary Region."""

MAX_POLICY_VERSIONS = 5
"""https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicyVersion.html"""


class IotRegistryWriter:
    """`ports.RegistryWriter` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self._client = client
        self._region = region
        self._account = account

    def create(self, change: Create) -> None:
        """Make what the plan says is missing.

        Raises:
            Conflict: it exists by now, with other values.
            NotReadyYet: something it points to is missing.
        """
        match change.desired:
            case ThingType() as thing_type:
                self._create_thing_type(thing_type)
            case Policy(name=name, document=document):
                call(self._client.create_policy, policyName=name, policyDocument=document)
            case Certificate() as certificate:
                self._register(certificate)
            case Thing() as thing:
                self._create_thing(thing)
            case PolicyAttachment(policy=policy, certificate_id=certificate_id):
                call(self._client.attach_policy, policyName=policy, target=self._arn_of(certificate_id))
            case ThingPrincipal(thing=name, certificate_id=certificate_id):
                call(self._client.attach_thing_principal, thingName=name, principal=self._arn_of(certificate_id))

    def update(self, change: Update) -> None:
        """Bring what is there to the desired values.

        Raises:
            Conflict: it was changed since it was read.
        """
        match change.desired, change.actual:
            case ThingType(name=name, deprecated=deprecated), ThingType():
                call(self._client.deprecate_thing_type, thingTypeName=name, undoDeprecate=not deprecated)
            case Policy() as policy, Policy():
                self._put_policy_version(policy)
            case Certificate() as certificate, Certificate():
                self._set_status(certificate.certificate_id, certificate.status)
            case Thing() as thing, Thing(version=version):
                self._update_thing(thing, version)
            case _:
                raise InvalidResource(f"{change.key} has no field that could be updated")

    def delete(self, change: Delete) -> None:
        """Remove it; already gone is success.

        Raises:
            Conflict: it was changed since it was read, or something new hangs on it.
            NotReadyYet: AWS's waiting time after a deprecation has not passed.
        """
        match change.actual:
            case ThingType() as thing_type:
                self._delete_thing_type(thing_type)
            case Policy(name=name):
                self._delete_policy(name)
            case Certificate() as certificate:
                self._delete_certificate(certificate)
            case Thing(name=name, version=version):
                self._delete_thing(name, version)
            case PolicyAttachment(policy=policy, certificate_id=certificate_id):
                read(self._client.detach_policy, policyName=policy, target=self._arn_of(certificate_id))
            case ThingPrincipal(thing=name, certificate_id=certificate_id):
                read(self._client.detach_thing_principal, thingName=name, principal=self._arn_of(certificate_id))

    def _create_thing_type(self, thing_type: ThingType) -> None:
        properties: dict[str, Any] = {}
        if thing_type.description:
            properties["thingTypeDescription"] = thing_type.description
        if thing_type.searchable_attributes:
            properties["searchableAttributes"] = list(thing_type.searchable_attributes)
        call(self._client.create_thing_type, thingTypeName=thing_type.name, thingTypeProperties=properties)
        if thing_type.deprecated:
            call(self._client.deprecate_thing_type, thingTypeName=thing_type.name)

    def _create_thing(self, thing: Thing) -> None:
        parameters: dict[str, Any] = {"thingName": thing.name}
        if thing.type_name:
            parameters["thingTypeName"] = thing.type_name
        if thing.attributes:
            parameters["attributePayload"] = {"attributes": dict(thing.attributes)}
        call(self._client.create_thing, **parameters)

    def _update_thing(self, thing: Thing, version: int) -> None:
        parameters: dict[str, Any] = {
            "thingName": thing.name,
            # Without merge the map that is sent replaces the one that is there, so removed keys go too.
            "attributePayload": {"attributes": dict(thing.attributes), "merge": False},
            "expectedVersion": version,
        }
        if thing.type_name:
            parameters["thingTypeName"] = thing.type_name
        else:
            parameters["removeThingType"] = True
        call(self._client.update_thing, **parameters)

    def _delete_thing(self, name: str, version: int) -> None:
        try:
            read(self._client.delete_thing, thingName=name, expectedVersion=version)
        except InvalidResource as error:
            # So AWS says that a certificate has been attached to it since it was read.
            # https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThing.html
            raise Conflict(str(error)) from error

    def _register(self, certificate: Certificate) -> None:
        # Without CA, so that certificates of any issuer, AWS IoT's own too, are accepted as they are.
        call(
            self._client.register_certificate_without_ca,
            certificatePem=certificate.pem,
            status=str(certificate.status),
        )

    def _set_status(self, certificate_id: str, status: CertificateStatus) -> None:
        call(self._client.update_certificate, certificateId=certificate_id, newStatus=str(status))

    def _delete_certificate(self, certificate: Certificate) -> None:
        if certificate.status is CertificateStatus.ACTIVE:
            # AWS deletes only what is not active; this also keeps the device out should the next call fail.
            read(self._client.update_certificate, certificateId=certificate.certificate_id, newStatus="INACTIVE")
        read(self._client.delete_certificate, certificateId=certificate.certificate_id)

    def _put_policy_version(self, policy: Policy) -> None:
        self._make_room_for_a_version(policy.name)
        call(
            self._client.create_policy_version,
            policyName=policy.name,
            policyDocument=policy.document,
            setAsDefault=True,
        )

    def _make_room_for_a_version(self, name: str) -> None:
        versions = call(self._client.list_policy_versions, policyName=name)["policyVersions"]
        if len(versions) < MAX_POLICY_VERSIONS:
            return
        spare = [version for version in versions if not version["isDefaultVersion"]]
        oldest = min(spare, key=lambda version: int(version["versionId"]))
        read(self._client.delete_policy_version, policyName=name, policyVersionId=oldest["versionId"])

    def _delete_policy(self, name: str) -> None:
        answer = read(self._client.list_policy_versions, policyName=name)
        for version in [] if answer is None else answer["policyVersions"]:
            if not version["isDefaultVersion"]:
                read(self._client.delete_policy_version, policyName=name, policyVersionId=version["versionId"])
        read(self._client.delete_policy, policyName=name)

    def _delete_thing_type(self, thing_type: ThingType) -> None:
        if not thing_type.deprecated:
            read(self._client.deprecate_thing_type, thingTypeName=thing_type.name)
        try:
            read(self._client.delete_thing_type, thingTypeName=thing_type.name)
        except InvalidResource as error:
            # AWS wants five minutes between deprecation and deletion, and no thing that still uses the type.
            # https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html
            raise NotReadyYet(str(error)) from error

    def _arn_of(self, certificate_id: str) -> str:
        return certificate_arn(certificate_id, self._region, self._account)
