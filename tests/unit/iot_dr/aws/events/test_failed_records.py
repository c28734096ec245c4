"""What Lambda keeps in the bucket, against the SDK's stub."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from iot_dr.aws.events.failed_records import S3FailedRecords
from iot_dr.errors import AccessDenied, ConfigurationError, EventError, IotDrError, RegionUnavailable
from iot_dr.model.events.dead_letters import FailedBatch

BUCKET = "iot-dr-secondary-5f0c2a"
KEY = "aws/lambda/mapping/shard/2026/11/24/one"
IMAGE = {"resource": {"S": "pump-17"}, "expires": {"N": "7"}, "payload": {"S": "e30="}}


class Bucket:
    """The bucket and what its stub expects."""

    def __init__(self) -> None:
        client = boto3.client("s3", region_name="us-west-2", config=Config(retries={"total_max_attempts": 1}))
        self.stub = Stubber(client)
        self.records = S3FailedRecords(client, BUCKET)

    def holds(self, value: Any) -> None:
        text = json.dumps(value).encode()
        body = StreamingBody(io.BytesIO(text), len(text))
        self.stub.add_response("get_object", {"Body": body}, {"Bucket": BUCKET, "Key": KEY})

    def expects_deletion(self, keys: list[str], *errors: dict[str, str]) -> None:
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        self.stub.add_response("delete_objects", {"Errors": list(errors)}, {"Bucket": BUCKET, "Delete": wanted})


@pytest.fixture
def aws() -> Iterator[Bucket]:
    made = Bucket()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def test_all_that_lambda_and_the_trigger_keep_is_listed(aws: Bucket) -> None:
    request = {"Bucket": BUCKET, "Prefix": "aws/lambda/"}
    aws.stub.add_response(
        "list_objects_v2", {"Contents": [{"Key": "a"}], "IsTruncated": True, "NextContinuationToken": "n"}, request
    )
    aws.stub.add_response("list_objects_v2", {"Contents": [{"Key": "b"}]}, request | {"ContinuationToken": "n"})

    aws.stub.add_response("list_objects_v2", {"Contents": [{"Key": "c"}]}, request | {"Prefix": "unreadable/"})

    assert aws.records.keys() == ("a", "b", "c")


def test_an_empty_bucket_holds_nothing(aws: Bucket) -> None:
    for prefix in ("aws/lambda/", "unreadable/"):
        aws.stub.add_response("list_objects_v2", {}, {"Bucket": BUCKET, "Prefix": prefix})

    assert aws.records.keys() == ()


def test_a_bucket_that_is_not_there_is_explained(aws: Bucket) -> None:
    aws.stub.add_client_error("list_objects_v2", "NoSuchBucket", http_status_code=404)

    with pytest.raises(ConfigurationError, match=f"no bucket {BUCKET}; SECONDARY_BUCKET must be the output"):
        aws.records.keys()


def test_the_records_items_are_given_back_as_plain_values(aws: Bucket) -> None:
    records = {"Records": [{"dynamodb": {"NewImage": IMAGE}}]}
    aws.holds({"requestContext": {"condition": "RetryAttemptsExhausted"}, "payload": json.dumps(records)})

    assert aws.records.read(KEY) == FailedBatch(
        ({"resource": "pump-17", "expires": 7, "payload": "e30="},), "RetryAttemptsExhausted"
    )


@pytest.mark.parametrize("image", [{"resource": {"X": "a"}}, {"resource": "a"}, []])
def test_an_item_that_is_not_dynamodbs_is_refused(aws: Bucket, image: Any) -> None:
    aws.holds({"payload": {"Records": [{"dynamodb": {"NewImage": image}}]}})

    with pytest.raises(EventError, match="not DynamoDB's JSON"):
        aws.records.read(KEY)


def test_what_somebody_else_has_replayed_meanwhile_holds_nothing(aws: Bucket) -> None:
    aws.stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)

    assert aws.records.read(KEY) == FailedBatch((), "")


def test_what_was_replayed_is_deleted_by_the_thousand(aws: Bucket) -> None:
    keys = [f"k-{number}" for number in range(1001)]
    aws.expects_deletion(keys[:1000])
    aws.expects_deletion(keys[1000:])

    aws.records.delete(keys)


def test_nothing_is_deleted_without_a_call(aws: Bucket) -> None:
    aws.records.delete([])


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", AccessDenied), ("InternalError", RegionUnavailable)])
def test_what_s3_did_not_delete_is_an_error(aws: Bucket, code: str, kind: type[IotDrError]) -> None:
    aws.expects_deletion([KEY], {"Key": KEY, "Code": code, "Message": "no"})

    with pytest.raises(kind, match=r"did not delete .*one, which is replayed: no"):
        aws.records.delete([KEY])
