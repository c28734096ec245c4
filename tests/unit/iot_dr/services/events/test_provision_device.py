"""A device of the primary is registered once, by what its certificate says and the template asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import InvalidResource
from iot_dr.model.registry.entities import Certificate, CertificateStatus
from iot_dr.services.events.provision_device import ProvisionDevice
from lab.fleet import make_identity

WAITING = CertificateStatus.PENDING_ACTIVATION
IDENTITY = make_identity("pump-17")


@dataclass
class Template:
    """A provisioning template in memory, and what was made by it."""

    text: str
    applied: list[Mapping[str, str]] = field(default_factory=list)

    def body(self) -> str:
        return self.text

    def apply(self, body: str, parameters: Mapping[str, str]) -> None:
        assert body == self.text
        self.applied.append(parameters)


def declaring(*parameters: str) -> Template:
    return Template(json.dumps({"Parameters": {name: {"Type": "String"} for name in parameters}, "Resources": {}}))


def registered(template: Template, status: CertificateStatus = WAITING) -> bool:
    certificate = Certificate(IDENTITY.certificate_id, status, IDENTITY.certificate_pem)
    device = ProvisionDevice({IDENTITY.certificate_id: certificate}.get, template)
    return device.provision(IDENTITY.certificate_id)


def test_a_template_is_given_what_it_declares_of_what_the_certificate_says_and_no_more() -> None:
    template = declaring("AWS::IoT::Certificate::CommonName", "AWS::IoT::Certificate::Country", "Elsewhere")

    assert registered(template)

    assert template.applied == [
        {"AWS::IoT::Certificate::CommonName": "pump-17", "AWS::IoT::Certificate::Id": IDENTITY.certificate_id}
    ]


@pytest.mark.parametrize("status", sorted(set(CertificateStatus) - {WAITING}))
def test_a_certificate_that_does_not_wait_for_it_is_left_alone(status: CertificateStatus) -> None:
    template = declaring("CommonName")

    assert not registered(template, status)
    assert template.applied == []


def test_a_certificate_that_is_gone_is_left_alone() -> None:
    template = declaring("CommonName")

    assert not ProvisionDevice(lambda _: None, template).provision("abc")
    assert template.applied == []


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_template_that_is_no_json_object_is_an_error(text: str) -> None:
    with pytest.raises(InvalidResource, match="no JSON object"):
        registered(Template(text))


def test_a_template_is_given_the_certificate_whether_it_declares_it_or_not() -> None:
    template = Template('{"Resources": {}}')

    assert registered(template)
    assert template.applied == [{"AWS::IoT::Certificate::Id": IDENTITY.certificate_id}]
