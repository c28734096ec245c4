"""A device of a registered authority registers itself in each Region by connecting, and the secondary lets it in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.devices import MqttDevice, Refused
from lab.fleet import Authority, Identity, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    await_quiet,
    certificate_status,
    certificates_of,
    policies_of,
    thing,
)
from tests.e2e.ringing import Launched

pytestmark = pytest.mark.row("R12")

WAITING = "PENDING_ACTIVATION"
PATIENCE = 40.0
"""Seconds: each try ends in a refusal that takes a while, each refusal is told to a function that may start cold."""


@pytest.fixture
def device(pair: Pair, primary: Any, secondary: Any, name: str) -> Identity:
    """A device of an authority that both Regions know; neither Region has met the device."""
    authority = Authority(f"authority of {name}")
    for iot in (primary, secondary):
        authority.register(iot)
    return authority.issue(name)


def test_a_device_that_the_primary_let_in_is_let_in_by_the_secondary_with_all_that_it_needs(
    pair: Pair, primary: Any, secondary: Any, device: Identity, name: str
) -> None:
    assert not _connects(pair, pair.secondary, device, name)
    assert certificate_status(secondary, device) == WAITING
    assert not _connects(pair, pair.primary, device, name)
    _let_in(pair, primary, device, name)

    assert until(lambda: _connects(pair, pair.secondary, device, name), PATIENCE)

    assert certificate_status(secondary, device) == "ACTIVE"
    assert policies_of(pair, device) == {name}
    assert certificates_of(secondary, name) == {device.certificate_id}


@pytest.fixture
def only_just_in_time(pair: Pair) -> Iterator[None]:
    """The worker as the parameter CertificateMode = jitr makes it."""
    found = pair.client("cloudformation", pair.secondary).describe_stack_resource(
        StackName=f"IoTDRSecondary{pair.outputs['StackPostfix']}", LogicalResourceId="ReplicateResourceFunction"
    )
    worker, functions = found["StackResourceDetail"]["PhysicalResourceId"], pair.client("lambda", pair.secondary)
    variables = functions.get_function_configuration(FunctionName=worker)["Environment"]["Variables"]

    def set_mode(mode: str) -> None:
        environment = {"Variables": {**variables, "CERTIFICATE_MODE": mode}}
        functions.update_function_configuration(FunctionName=worker, Environment=environment)
        functions.get_waiter("function_updated_v2").wait(FunctionName=worker)

    set_mode("jitr")
    yield
    set_mode(variables["CERTIFICATE_MODE"])


@pytest.mark.usefixtures("only_just_in_time")
def test_in_jitr_mode_a_certificate_comes_with_its_devices_first_connection_and_not_before(
    pair: Pair, primary: Any, secondary: Any, device: Identity, name: str
) -> None:
    assert not _connects(pair, pair.primary, device, name)
    _let_in(pair, primary, device, name)
    assert until(lambda: thing(secondary, name), SECONDS)
    await_quiet(pair)
    assert certificate_status(secondary, device) is None

    assert not _connects(pair, pair.secondary, device, name)

    assert until(lambda: certificate_status(secondary, device) == "ACTIVE", SECONDS)
    assert until(lambda: _connects(pair, pair.secondary, device, name), PATIENCE)
    assert certificates_of(secondary, name) == {device.certificate_id}
    assert policies_of(pair, device) == {name}


@pytest.fixture
def provisioning(pair: Pair, primary: Any, name: str) -> Iterator[None]:
    """The primary's stack as the parameter ProvisioningTemplate makes it."""
    made_by_all = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": f"{name}-all"}}
    body = {
        "Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
                    "AttributePayload": {"made": "just-in-time"},
                },
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"},
            },
            "policy": made_by_all,
        },
    }
    primary.create_policy(policyName=f"{name}-all", policyDocument=device_policy(pair.primary, pair.account))
    template = f"t{name}"[:36]
    role = f"arn:aws:iam::{pair.account}:role/unused"
    primary.create_provisioning_template(
        templateName=template, templateBody=json.dumps(body), enabled=True, provisioningRoleArn=role, type="JITP"
    )
    _set_template(pair, template)
    yield
    _set_template(pair, "none")
    primary.delete_provisioning_template(templateName=template)


def _set_template(pair: Pair, template: str) -> None:
    stacks = pair.client("cloudformation", pair.primary)
    stack = f"IoTDRPrimary{pair.outputs['StackPostfix']}"
    (found,) = stacks.describe_stacks(StackName=stack)["Stacks"]
    kept = [
        {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True}
        for one in found["Parameters"]
        if one["ParameterKey"] != "ProvisioningTemplate"
    ]
    stacks.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[*kept, {"ParameterKey": "ProvisioningTemplate", "ParameterValue": template}],
    )
    stacks.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.mark.usefixtures("provisioning")
def test_a_device_is_registered_in_the_primary_by_the_template_and_let_in_by_both_regions(
    pair: Pair, primary: Any, secondary: Any, device: Identity, name: str
) -> None:
    assert until(lambda: _connects(pair, pair.primary, device, name), PATIENCE)
    assert thing(primary, name)
    _an_alarm_rings_if_a_message_is_left(pair)

    assert until(lambda: _connects(pair, pair.secondary, device, name), PATIENCE)

    assert certificates_of(secondary, name) == {device.certificate_id}
    assert policies_of(pair, device) == {f"{name}-all"}


def _an_alarm_rings_if_a_message_is_left(pair: Pair) -> None:
    launched, since, sqs = Launched.of(pair), time.time(), pair.client("sqs", pair.primary)
    name = launched.watched(pair.primary, "DeviceProvisioningAlarm")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="of a device that could not be registered")
    try:
        assert launched.rings(pair.primary, "DeviceProvisioningAlarm", since)
    finally:
        sqs.purge_queue(QueueUrl=url)


def test_a_device_that_the_primary_has_not_let_in_is_checked_and_not_let_in(
    pair: Pair, secondary: Any, device: Identity, name: str, ledger: Ledger
) -> None:
    for region in (pair.primary, pair.secondary):
        assert not _connects(pair, region, device, name)

    assert until(lambda: ledger(f"certificate#{device.certificate_id}"), SECONDS)

    assert certificate_status(secondary, device) != "ACTIVE"
    assert not _connects(pair, pair.secondary, device, name)


def test_a_device_that_the_primary_revoked_is_not_let_in_by_the_secondary(
    pair: Pair, primary: Any, secondary: Any, device: Identity, name: str
) -> None:
    assert not _connects(pair, pair.primary, device, name)
    primary.update_certificate(certificateId=device.certificate_id, newStatus="REVOKED")

    assert not _connects(pair, pair.secondary, device, name)

    assert until(lambda: certificate_status(secondary, device) == "REVOKED", PATIENCE)
    assert not _connects(pair, pair.secondary, device, name)


def _let_in(pair: Pair, primary: Any, device: Identity, name: str) -> None:
    """Do what the customer's own function does in the primary: policy, thing, activation."""
    arn = f"arn:aws:iot:{pair.primary}:{pair.account}:cert/{device.certificate_id}"
    primary.create_policy(policyName=name, policyDocument=device_policy(pair.primary, pair.account))
    primary.attach_policy(policyName=name, target=arn)
    primary.create_thing(thingName=name)
    primary.attach_thing_principal(thingName=name, principal=arn)
    primary.update_certificate(certificateId=device.certificate_id, newStatus="ACTIVE")


def _connects(pair: Pair, region: str, device: Identity, name: str) -> bool:
    client = MqttDevice(
        pair.device_endpoint(region), client_id=name, identity=device, ca_file=pair.emulator.ca_file, timeout=2
    )
    try:
        client.connect()
    except Refused:
        return False
    client.close()
    return True
