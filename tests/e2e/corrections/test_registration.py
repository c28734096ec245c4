"""Corrections of registration by a template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.emulator import PRIMARY_REGION
from lab.fleet import device_policy, make_identity
from tests.e2e.corrections.making import ACCOUNT, Aws, make_user, refused, unique

pytestmark = pytest.mark.lab


def template() -> str:
    """A template that makes a thing with a policy of its own for a certificate."""
    return json.dumps(
        {
            "Parameters": {"CommonName": {"Type": "String"}, "CertificateId": {"Type": "String"}},
            "Resources": {
                "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "CommonName"}}},
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {"CertificateId": {"Ref": "CertificateId"}, "Status": "ACTIVE"},
                },
                "policy": {
                    "Type": "AWS::IoT::Policy",
                    "Properties": {"PolicyDocument": device_policy(PRIMARY_REGION, ACCOUNT)},
                },
            },
        }
    )


def waiting(iot: Any, name: str) -> dict[str, Any]:
    """What RegisterThing is called with for a certificate that is not active yet."""
    identity = make_identity(name)
    iot.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="INACTIVE")
    parameters = {"CommonName": name, "CertificateId": identity.certificate_id}
    return {"templateBody": template(), "parameters": parameters}


def test_a_device_is_registered_by_a_template(corrected: Aws) -> None:
    iot, name = corrected.client("iot"), unique("registered")
    call = waiting(iot, name)

    arns = iot.register_thing(**call)["resourceArns"]

    certificate = call["parameters"]["CertificateId"]
    assert iot.describe_certificate(certificateId=certificate)["certificateDescription"]["status"] == "ACTIVE"
    assert iot.list_thing_principals(thingName=name)["principals"] == [arns["certificate"]]
    assert len(iot.list_attached_policies(target=arns["certificate"])["policies"]) == 1


def test_a_device_is_registered_with_the_rights_of_whoever_calls(corrected: Aws) -> None:
    name = unique("registered")
    call = waiting(corrected.client("iot"), name)
    call["parameters"]["Undeclared"] = "x"
    assert refused("InvalidRequestException", corrected.client("iot").register_thing, **call)
    del call["parameters"]["Undeclared"]

    user = make_user(corrected, {"Effect": "Allow", "Action": "iot:DescribeThing", "Resource": "*"})
    assert refused("AccessDeniedException", corrected.client("iot", **user).register_thing, **call)


def test_the_emulator_registers_no_device_over_http(uncorrected: Aws) -> None:
    iot = uncorrected.client("iot")

    assert refused("InvalidRequestException", iot.register_thing, **waiting(iot, unique("registered")))
