"""A small fleet as a customer makes it: keys that never leave the device, certificates registered by themselves."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID_DAYS = 365


@dataclass(frozen=True)
class Identity:
    """A private key and the certificate that belongs to it."""

    certificate_pem: str
    key_pem: str = field(repr=False)

    @cached_property
    def certificate_id(self) -> str:
        """The ID that AWS IoT gives the certificate: the SHA-256 of its DER form, the same in every Region."""
        certificate = x509.load_pem_x509_certificate(self.certificate_pem.encode("ascii"))
        return certificate.fingerprint(hashes.SHA256()).hex()


def make_identity(common_name: str) -> Identity:
    """A new key (P-256, as AWS IoT takes it) with a self-signed certificate; no authority is needed without CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii"),
    )


@dataclass(frozen=True)
class Device:
    """One device as the customer knows it."""

    thing_name: str
    certificate_arn: str
    policy_name: str
    identity: Identity
    thing_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def device_policy(region: str, account: str) -> str:
    """A policy as AWS's examples write it: the device connects under its thing's name and keeps to its own topics."""
    arn = f"arn:aws:iot:{region}:{account}"
    thing = "${iot:Connection.Thing.ThingName}"
    statements = [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{arn}:client/{thing}"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [f"{arn}:topic/devices/{thing}/*", f"{arn}:topic/$aws/things/{thing}/shadow/*"],
        },
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": [f"{arn}:topicfilter/devices/{thing}/*", f"{arn}:topicfilter/$aws/things/{thing}/shadow/*"],
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Fleet:
    """Provisions devices in one Region in the usual order: certificate, policy, thing, attachment."""

    def __init__(self, iot: Any, *, region: str, account: str, policy_name: str = "lab-device") -> None:
        self._iot = iot
        self._region = region
        self._account = account
        self.policy_name = policy_name
        self.devices: dict[str, Device] = {}

    def prepare(self, *thing_types: str) -> None:
        """Make what the devices share: their policy and their types; what is there already stays."""
        with suppress(self._iot.exceptions.ResourceAlreadyExistsException):
            self._iot.create_policy(
                policyName=self.policy_name, policyDocument=device_policy(self._region, self._account)
            )
        for name in thing_types:
            self._iot.create_thing_type(
                thingTypeName=name,
                thingTypeProperties={"thingTypeDescription": f"{name} of the lab", "searchableAttributes": ["site"]},
            )

    def provision(
        self,
        thing_name: str,
        *,
        thing_type: str | None = None,
        attributes: Mapping[str, str] | None = None,
        identity: Identity | None = None,
    ) -> Device:
        """Make one complete device and remember it."""
        identity = identity or make_identity(thing_name)
        certificate_arn = self._iot.register_certificate_without_ca(
            certificatePem=identity.certificate_pem, status="ACTIVE"
        )["certificateArn"]
        self._iot.attach_policy(policyName=self.policy_name, target=certificate_arn)
        thing: dict[str, Any] = {"thingName": thing_name}
        if thing_type:
            thing["thingTypeName"] = thing_type
        if attributes:
            thing["attributePayload"] = {"attributes": dict(attributes)}
        self._iot.create_thing(**thing)
        self._iot.attach_thing_principal(thingName=thing_name, principal=certificate_arn)
        device = Device(thing_name, certificate_arn, self.policy_name, identity, thing_type, dict(attributes or {}))
        self.devices[thing_name] = device
        return device

    def change(self, thing_name: str, **attributes: str) -> None:
        """Give a device other attributes, keeping those not named."""
        self._iot.update_thing(thingName=thing_name, attributePayload={"attributes": dict(attributes), "merge": True})

    def retire(self, thing_name: str) -> Device:
        """Take a device out of service for good: thing, certificate and attachments."""
        device = self.devices.pop(thing_name)
        self._iot.detach_thing_principal(thingName=thing_name, principal=device.certificate_arn)
        self._iot.detach_policy(policyName=device.policy_name, target=device.certificate_arn)
        self._iot.update_certificate(certificateId=device.identity.certificate_id, newStatus="INACTIVE")
        self._iot.delete_certificate(certificateId=device.identity.certificate_id)
        self._iot.delete_thing(thingName=thing_name)
        return device

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self.devices.values()))

    def __len__(self) -> int:
        return len(self.devices)
