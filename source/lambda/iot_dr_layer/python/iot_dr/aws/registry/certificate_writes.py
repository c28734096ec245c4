"""Writes of certificates and of their attachments to things, over an `iot` client."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call, read
from iot_dr.model.registry.entities import Certificate, CertificateStatus, ThingPrincipal

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AttachThingPrincipal",
        "iot:DeleteCertificate",
        "iot:DetachThingPrincipal",
        "iot:RegisterCertificateWithoutCA",
        "iot:UpdateCertificate",
    }
)


def register(client: Any, certificate: Certificate) -> None:
    """Register a certificate without its CA, so that any issuer's is accepted as it is, AWS IoT's own too."""
    call(client.register_certificate_without_ca, certificatePem=certificate.pem, status=str(certificate.status))


def set_status(client: Any, certificate: Certificate) -> None:
    """Give a certificate the desired status."""
    call(client.update_certificate, certificateId=certificate.certificate_id, newStatus=str(certificate.status))


def delete_certificate(client: Any, certificate: Certificate) -> None:
    """Remove a certificate; AWS deletes only what is not active.

    Raises:
        Conflict: something new hangs on it.
    """
    if certificate.status is CertificateStatus.ACTIVE:
        # This also keeps the device out should the next call fail.
        read(client.update_certificate, certificateId=certificate.certificate_id, newStatus="INACTIVE")
    read(client.delete_certificate, certificateId=certificate.certificate_id)


def attach(client: Any, attachment: ThingPrincipal, arn: str) -> None:
    """Attach a certificate to a thing, exclusively or not."""
    kind = "EXCLUSIVE_THING" if attachment.exclusive else "NON_EXCLUSIVE_THING"
    call(client.attach_thing_principal, thingName=attachment.thing, principal=arn, thingPrincipalType=kind)


def attach_anew(client: Any, attachment: ThingPrincipal, arn: str) -> None:
    """Change whether an attachment is exclusive, which AWS lets be said only when attaching."""
    detach(client, attachment, arn)
    attach(client, attachment, arn)


def detach(client: Any, attachment: ThingPrincipal, arn: str) -> None:
    """Detach a certificate from a thing."""
    read(client.detach_thing_principal, thingName=attachment.thing, principal=arn)
