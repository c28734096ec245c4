"""The probe's registry adapter, its parameters checked against the service's model; the live path is in tests/e2e."""

import json
from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.devices.probe_things import POLICY_DETACH_SECONDS, REQUIRED_ACTIONS, IotProbeThings
from iot_dr.errors import AccessDenied, TerminalError

STUBBED = ("iot", "us-east-1")
NAME = "iot-dr-probe-1"
CERTIFICATE_ID = "a" * 64
ARN = f"arn:aws:iot:us-east-1:123456789012:cert/{CERTIFICATE_ID}"
DESCRIPTION = {"certificateDescription": {"certificateArn": ARN, "status": "ACTIVE"}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("botocore.waiter.time.sleep", pauses.append)
    return pauses


def test_a_new_certificate_is_inactive_until_all_else_is_in_place(stub: Stubber) -> None:
    stub.add_response(
        "create_keys_and_certificate",
        {"certificateId": CERTIFICATE_ID, "certificatePem": "PEM", "keyPair": {"PrivateKey": "KEY"}},
        {"setAsActive": False},
    )

    issued = IotProbeThings(stub.client).create_certificate()

    assert (issued.certificate_id, issued.pem, issued.private_key) == (CERTIFICATE_ID, "PEM", "KEY")


def test_a_thing_that_is_there_was_not_made_by_this_call(stub: Stubber) -> None:
    stub.add_response("describe_thing", {"thingArn": "arn"}, {"thingName": NAME})

    assert IotProbeThings(stub.client).create_thing(NAME) == ("arn", False)


def test_certificates_of_thing_and_policy_are_listed_to_the_last_page(stub: Stubber) -> None:
    other = ARN.replace("a" * 64, "b" * 64)
    third = ARN.replace("a" * 64, "c" * 64)
    stub.add_response("list_thing_principals", {"principals": [ARN], "nextToken": "more"}, {"thingName": NAME})
    stub.add_response("list_thing_principals", {"principals": [other]}, {"thingName": NAME, "nextToken": "more"})
    stub.add_response("list_targets_for_policy", {"targets": [ARN], "nextMarker": "m"}, {"policyName": NAME})
    stub.add_response("list_targets_for_policy", {"targets": [third]}, {"policyName": NAME, "marker": "m"})

    assert IotProbeThings(stub.client).certificates(NAME) == {"a" * 64, "b" * 64, "c" * 64}


def test_what_does_not_exist_has_no_certificates(stub: Stubber) -> None:
    stub.add_client_error("list_thing_principals", "ResourceNotFoundException")
    stub.add_client_error("list_targets_for_policy", "ResourceNotFoundException")

    assert IotProbeThings(stub.client).certificates(NAME) == frozenset()


def test_a_certificate_is_worthless_before_anything_else_of_it_is_removed(stub: Stubber) -> None:
    stub.add_response("describe_certificate", DESCRIPTION, {"certificateId": CERTIFICATE_ID})
    stub.add_response("update_certificate", {}, {"certificateId": CERTIFICATE_ID, "newStatus": "INACTIVE"})
    stub.add_response("detach_thing_principal", {}, {"thingName": NAME, "principal": ARN})
    stub.add_response("detach_policy", {}, {"policyName": NAME, "target": ARN})
    stub.add_response("delete_certificate", _ok(), {"certificateId": CERTIFICATE_ID})

    IotProbeThings(stub.client).remove_certificate(NAME, CERTIFICATE_ID)


def test_a_certificate_that_still_counts_as_active_is_waited_for(stub: Stubber, pauses: list[float]) -> None:
    stub.add_response("describe_certificate", DESCRIPTION)
    for operation in ("update_certificate", "detach_thing_principal", "detach_policy"):
        stub.add_response(operation, {})
    stub.add_client_error("delete_certificate", "CertificateStateException", http_status_code=406)
    stub.add_response("delete_certificate", _ok(), {"certificateId": CERTIFICATE_ID})

    IotProbeThings(stub.client).remove_certificate(NAME, CERTIFICATE_ID)

    assert pauses == [5]


def test_a_policy_whose_detachment_has_not_taken_effect_is_waited_for(stub: Stubber, pauses: list[float]) -> None:
    stub.add_response("get_policy", {"policyName": NAME}, {"policyName": NAME})
    stub.add_response("list_policy_versions", {"policyVersions": []}, {"policyName": NAME})
    for _ in range(2):
        stub.add_client_error("delete_policy", "DeleteConflictException", http_status_code=409)
    stub.add_response("delete_policy", _ok(), {"policyName": NAME})

    IotProbeThings(stub.client).remove_policy(NAME)

    assert pauses == [5, 5]


def test_waiting_lasts_the_five_minutes_that_aws_may_take_and_then_ends(stub: Stubber, pauses: list[float]) -> None:
    stub.add_response("get_policy", {"policyName": NAME}, {"policyName": NAME})
    stub.add_response("list_policy_versions", {"policyVersions": []}, {"policyName": NAME})
    for _ in range(POLICY_DETACH_SECONDS // 5):
        stub.add_client_error("delete_policy", "DeleteConflictException", http_status_code=409)

    with pytest.raises(TerminalError):
        IotProbeThings(stub.client).remove_policy(NAME)

    assert 300 <= sum(pauses) < POLICY_DETACH_SECONDS


def test_a_policy_that_is_gone_meanwhile_is_success(stub: Stubber) -> None:
    stub.add_response("get_policy", {"policyName": NAME}, {"policyName": NAME})
    stub.add_response("list_policy_versions", {"policyVersions": []}, {"policyName": NAME})
    stub.add_client_error("delete_policy", "ResourceNotFoundException", http_status_code=404)

    IotProbeThings(stub.client).remove_policy(NAME)


def test_a_policy_with_another_document_gets_a_new_version_and_keeps_room_for_the_next(stub: Stubber) -> None:
    stub.add_response("get_policy", {"policyDocument": "{}"}, {"policyName": NAME})
    versions = [{"versionId": "1", "isDefaultVersion": False}, {"versionId": "2", "isDefaultVersion": True}]
    stub.add_response("list_policy_versions", {"policyVersions": versions}, {"policyName": NAME})
    stub.add_response("delete_policy_version", {}, {"policyName": NAME, "policyVersionId": "1"})
    document = json.dumps({"Version": "2012-10-17"})
    expected = {"policyName": NAME, "policyDocument": document, "setAsDefault": True}
    stub.add_response("create_policy_version", {}, expected)

    assert IotProbeThings(stub.client).put_policy(NAME, document) is False


def test_a_missing_right_is_said_so(stub: Stubber) -> None:
    stub.add_client_error("describe_thing", "AccessDeniedException", http_status_code=403)

    with pytest.raises(AccessDenied):
        IotProbeThings(stub.client).create_thing(NAME)


def test_the_actions_that_are_declared_are_operations_of_the_service(stub: Stubber) -> None:
    operations = set(stub.client.meta.service_model.operation_names)

    assert {action.removeprefix("iot:") for action in REQUIRED_ACTIONS} <= operations


def _ok() -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": 200}}
