"""Tables lose their protection before they go, and of a bucket every version goes first; AWS is the SDK's stub."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from iot_dr.aws.launch.removal import AwsLaunchRemover
from iot_dr.errors import TerminalError


class Service:
    """A stubbed client and the remover over it."""

    def __init__(self, name: str) -> None:
        self.client = boto3.client(name, region_name="us-west-2")
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.remover = AwsLaunchRemover(lambda service, region: self.client, delay=0)

    def done(self) -> None:
        self.stub.assert_no_pending_responses()


@pytest.fixture
def dynamodb() -> Service:
    return Service("dynamodb")


@pytest.fixture
def s3() -> Service:
    return Service("s3")


def described(service: Service, *, protected: bool) -> None:
    service.stub.add_response("describe_table", {"Table": {"DeletionProtectionEnabled": protected}}, {"TableName": "t"})


def unprotected(service: Service) -> None:
    service.stub.add_response("update_table", {}, {"TableName": "t", "DeletionProtectionEnabled": False})


def test_a_protected_table_is_unprotected_deleted_and_waited_for(dynamodb: Service) -> None:
    described(dynamodb, protected=True)
    unprotected(dynamodb)
    dynamodb.stub.add_response("delete_table", {}, {"TableName": "t"})
    described(dynamodb, protected=False)
    dynamodb.stub.add_client_error("describe_table", "ResourceNotFoundException")

    dynamodb.remover.remove_table("t", "us-west-2")

    dynamodb.done()


def test_a_table_without_protection_is_left_as_it_is(dynamodb: Service) -> None:
    described(dynamodb, protected=False)

    assert dynamodb.remover.unprotect("t", "us-west-2") is True
    dynamodb.done()


def test_a_table_that_is_gone_is_no_failure(dynamodb: Service) -> None:
    for _ in range(2):
        dynamodb.stub.add_client_error("describe_table", "ResourceNotFoundException")

    dynamodb.remover.remove_table("t", "us-west-2")
    assert dynamodb.remover.unprotect("t", "us-west-2") is False
    dynamodb.done()


def version(key: str, number: str) -> dict[str, Any]:
    return {"Key": key, "VersionId": number}


def test_every_version_and_every_mark_of_deletion_goes_before_the_bucket(s3: Service) -> None:
    s3.stub.add_response("head_bucket", {}, {"Bucket": "b"})
    first, marks, second = [version("a", "1"), version("a", "2")], [version("c", "3")], [version("d", "4")]
    s3.stub.add_response(
        "list_object_versions",
        {
            "Versions": first,
            "DeleteMarkers": marks,
            "IsTruncated": True,
            "NextKeyMarker": "c",
            "NextVersionIdMarker": "3",
        },
        {"Bucket": "b"},
    )
    s3.stub.add_response("delete_objects", {}, {"Bucket": "b", "Delete": {"Objects": [*first, *marks], "Quiet": True}})
    s3.stub.add_response(
        "list_object_versions",
        {"Versions": second, "IsTruncated": False},
        {"Bucket": "b", "KeyMarker": "c", "VersionIdMarker": "3"},
    )
    s3.stub.add_response("delete_objects", {}, {"Bucket": "b", "Delete": {"Objects": second, "Quiet": True}})
    s3.stub.add_response("delete_bucket", {}, {"Bucket": "b"})

    assert s3.remover.remove_bucket("b", "us-west-2") == 4
    s3.done()


def test_an_empty_bucket_goes_at_once(s3: Service) -> None:
    s3.stub.add_response("head_bucket", {}, {"Bucket": "b"})
    s3.stub.add_response("list_object_versions", {"IsTruncated": False}, {"Bucket": "b"})
    s3.stub.add_response("delete_bucket", {}, {"Bucket": "b"})

    assert s3.remover.remove_bucket("b", "us-west-2") == 0


def test_a_bucket_that_is_gone_is_no_failure(s3: Service) -> None:
    s3.stub.add_client_error("head_bucket", "404", http_status_code=404)

    assert s3.remover.remove_bucket("b", "us-west-2") == 0


def test_an_object_that_s3_does_not_delete_is_named_and_the_bucket_stays(s3: Service) -> None:
    s3.stub.add_response("head_bucket", {}, {"Bucket": "b"})
    s3.stub.add_response(
        "list_object_versions", {"Versions": [version("a", "1")], "IsTruncated": False}, {"Bucket": ANY}
    )
    s3.stub.add_response("delete_objects", {"Errors": [{"Key": "a", "Message": "Access Denied"}]})

    with pytest.raises(TerminalError, match="does not delete a in b: Access Denied"):
        s3.remover.remove_bucket("b", "us-west-2")
