"""What is believed of RegisterThing, by which new devices of the primary are registered."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from lab.fleet import make_identity
from tests.real_account.account import Account
from tests.real_account.doubts import Doubt, Finding, found, refuted
from tests.real_account.made import Kind, Made

PREFIX = "AWS::IoT::Certificate::"
ID, COMMON_NAME = f"{PREFIX}Id", f"{PREFIX}CommonName"


def takes_names_of_certificates(account: Account) -> Finding:
    """Register a device by a template that declares the common name and refers to the certificate's ID."""
    region, iot = account.primary, account.iot(account.primary)
    identity, thing = make_identity(account.run), account.name()
    account.journal.note(Made(Kind.THING, region, thing))
    arn = account.certificate(region, identity, status="INACTIVE")
    connect = {"Effect": "Allow", "Action": "iot:Connect", "Resource": account.arn(region, f"client/{thing}")}
    policy = account.policy(region, {"Version": "2012-10-17", "Statement": [connect]})
    try:
        iot.register_thing(
            templateBody=json.dumps(_template(policy)),
            parameters={ID: identity.certificate_id, COMMON_NAME: thing},
        )
    except ClientError as error:
        return refuted(f"it is refused: {error}")
    status = iot.describe_certificate(certificateId=identity.certificate_id)["certificateDescription"]["status"]
    attached = arn in iot.list_thing_principals(thingName=thing)["principals"]
    policies = [one["policyName"] for one in iot.list_attached_policies(target=arn)["policies"]]
    seen = f"certificate {status}, attached: {attached}, {len(policies)} policies"
    return found((status, attached, policies) == ("ACTIVE", True, [policy]), seen)


def _template(policy: str) -> dict[str, Any]:
    return {
        "Parameters": {COMMON_NAME: {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": COMMON_NAME}}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": ID}, "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": policy}},
        },
    }


DOUBTS = (
    Doubt(
        "register-thing-takes-names-of-certificates",
        "RegisterThing takes parameters with the names of just-in-time provisioning, `AWS::IoT::Certificate::Id`"
        " without a declaration, and makes all that the template says.",
        "RegisterThing with the template's text and these parameters; DescribeCertificate, ListThingPrincipals,"
        " ListAttachedPolicies",
        "`provision_device` fails, DeviceProvisioningAlarm rings; attach the template to the CA instead.",
        takes_names_of_certificates,
        20,
    ),
)
