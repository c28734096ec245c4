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
    chain_pem: str = ""
    """The authority's certificate, which a device shows too when it is to be registered at its first connection."""

    @cached_property
    def certificate_id(self) -> str:
        """The ID that AWS IoT gives the certificate: the SHA-256 of its DER form, the same in every Region."""
        certificate = x509.load_pem_x509_certificate(self.certificate_pem.encode("ascii"))
        return certificate.fingerprint(hashes.SHA256()).hex()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> str:
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def make_identity(common_name: str) -> Identity:
    """A new key (P-256, as AWS IoT takes it) with a self-signed certificate; no authority is needed without CA."""
    key = _new_key()
    return Identity(_certificate(common_name, key, common_name, key, ca=False), _pem(key))


class Authority:
    """The customer's own certificate authority, registered in each Region for just-in-time registration.

    https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
    """

    def __init__(self, common_name: str) -> None:
        self._name = common_name
        self._key = _new_key()
        self.certificate_pem = _certificate(common_name, self._key, common_name, self._key, ca=True)

    def issue(self, common_name: str) -> Identity:
        """A device's key with a certificate of this authority."""
        key = _new_key()
        return Identity(
            _certificate(common_name, key, self._name, self._key, ca=False), _pem(key), chain_pem=self.certificate_pem
        )

    def register(self, iot: Any) -> str:
        """Register the authority in one Region, active and registering devices as they come; the ID of its CA."""
        code = iot.get_registration_code()["registrationCode"]  # each Region wants its own proof of the private key
        ca_id: str = iot.register_ca_certificate(
            caCertificate=self.certificate_pem,
            verificationCertificate=self.issue(code).certificate_pem,
            setAsActive=True,
            allowAutoRegistration=True,
        )["certificateId"]
        return ca_id


@dataclass(frozen=True)
class Group:
    """A thing group as the customer made it; with a query it is a dynamic one."""

    name: str
    arn: str
    parent: str | None = None
    query: str | None = None


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
        self.groups: dict[str, Group] = {}

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

    def make_groups(self, *names: str, **attributes: str) -> list[Group]:
        """Make groups nested in each other, the first the root of all; with attributes, all have the same."""
        made: list[Group] = []
        for name in names:
            parent = made[-1].name if made else None
            made.append(self.make_group(name, parent=parent, attributes=attributes))
        return made

    def make_group(self, name: str, *, parent: str | None = None, attributes: Mapping[str, str] | None = None) -> Group:
        """Make one group and remember it."""
        properties: dict[str, Any] = {"thingGroupDescription": f"{name} of the lab"}
        if attributes:
            properties["attributePayload"] = {"attributes": dict(attributes)}
        request: dict[str, Any] = {"thingGroupName": name, "thingGroupProperties": properties}
        if parent:
            request["parentGroupName"] = parent
        return self._remember(Group(name, self._iot.create_thing_group(**request)["thingGroupArn"], parent))

    def make_dynamic_group(self, name: str, query: str) -> Group:
        """Make a group of the things that a query finds; thing indexing must be on."""
        arn = self._iot.create_dynamic_thing_group(thingGroupName=name, queryString=query)["thingGroupArn"]
        return self._remember(Group(name, arn, query=query))

    def _remember(self, group: Group) -> Group:
        self.groups[group.name] = group
        return group

    def attach_policy(self, group: Group) -> None:
        """Let the devices' policy hold for the things of a group and of the groups in it."""
        self._iot.attach_policy(policyName=self.policy_name, target=group.arn)

    def join(self, group: str, *thing_names: str) -> None:
        """Put devices into a group."""
        for name in thing_names:
            self._iot.add_thing_to_thing_group(thingGroupName=group, thingName=name)

    def leave(self, group: str, *thing_names: str) -> None:
        """Take devices out of a group."""
        for name in thing_names:
            self._iot.remove_thing_from_thing_group(thingGroupName=group, thingName=name)

    def remove_group(self, name: str) -> None:
        """Delete a group that has no groups in it; its devices stay."""
        group = self.groups.pop(name)
        if group.query is None:
            self._iot.delete_thing_group(thingGroupName=name)
        else:
            self._iot.delete_dynamic_thing_group(thingGroupName=name)

    def make_billing_group(self, name: str, *thing_names: str) -> None:
        """Make a billing group for these devices."""
        self._iot.create_billing_group(
            billingGroupName=name, billingGroupProperties={"billingGroupDescription": f"{name} of the lab"}
        )
        for thing in thing_names:
            self._iot.add_thing_to_billing_group(billingGroupName=name, thingName=thing)

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self.devices.values()))

    def __len__(self) -> int:
        return len(self.devices)
