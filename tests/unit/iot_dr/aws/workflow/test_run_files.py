"""Files of a sync in the account, against the SDK's stub."""

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

from iot_dr.aws.workflow.run_files import Results, S3Inventory
from iot_dr.errors import AccessDenied
from iot_dr.model.registry.keys import thing_key
from iot_dr.model.sync.fleet_runs import FailedRequest

BUCKET, NAME = "iot-dr-secondary-5f0c2a", "sync/r/inventory/thing.jsonl"
UPLOAD = {"Bucket": BUCKET, "Key": NAME, "UploadId": "u"}


@pytest.fixture
def s3() -> Iterator[Stubber]:
    client = boto3.client("s3", region_name="us-west-2", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def holds(s3: Stubber, key: str, value: Any) -> None:
    text = json.dumps(value).encode()
    body = {"Body": StreamingBody(io.BytesIO(text), len(text))}
    s3.add_response("get_object", body, {"Bucket": BUCKET, "Key": key})


def test_an_inventory_is_uploaded_part_by_part(s3: Stubber) -> None:
    inventories = S3Inventory(s3.client, BUCKET)
    s3.add_response(
        "create_multipart_upload",
        {"UploadId": "u"},
        {"Bucket": BUCKET, "Key": NAME, "ContentType": "application/jsonl"},
    )
    s3.add_response("upload_part", {"ETag": "one"}, {**UPLOAD, "PartNumber": 1, "Body": b"{}\n"})
    parts = {"Parts": [{"PartNumber": 1, "ETag": "one"}, {"PartNumber": 2, "ETag": "two"}]}
    s3.add_response("complete_multipart_upload", {}, {**UPLOAD, "MultipartUpload": parts})

    assert inventories.begin(NAME) == "u"
    assert inventories.put_part(NAME, "u", 1, b"{}\n") == "one"
    inventories.complete(NAME, "u", ["one", "two"])


def test_requests_of_batches_that_ended_badly_or_never_began_are_told_with_their_reason(s3: Stubber) -> None:
    folder = "sync/r/results/thing/5"
    contents = [{"Key": f"{folder}/FAILED_0.json"}, {"Key": f"{folder}/manifest.json"}]
    s3.add_response("list_objects_v2", {"Contents": contents}, {"Bucket": BUCKET, "Prefix": "sync/r/results/"})
    files = {name: [{"Key": f"{folder}/{name}_0.json", "Size": 9}] for name in ("FAILED", "PENDING", "SUCCEEDED")}
    holds(s3, f"{folder}/manifest.json", {"DestinationBucket": BUCKET, "ResultFiles": files})
    lost = {"Status": "FAILED", "Error": "FailureLost", "Cause": "no ledger", "Input": batch("a", "b")}
    holds(s3, f"{folder}/FAILED_0.json", [lost, {"Status": "TIMED_OUT", "Input": batch("c")}])
    holds(s3, f"{folder}/PENDING_0.json", [{"Status": "PENDING", "Input": batch("d")}])

    assert list(Results(s3.client, BUCKET).failed("r")) == [
        FailedRequest(thing_key("a"), "FailureLost: no ledger"),
        FailedRequest(thing_key("b"), "FailureLost: no ledger"),
        FailedRequest(thing_key("c"), "TIMED_OUT"),
        FailedRequest(thing_key("d"), "PENDING"),
    ]


def test_a_run_without_results_has_none_that_failed(s3: Stubber) -> None:
    s3.add_response("list_objects_v2", {}, {"Bucket": BUCKET, "Prefix": "sync/r/results/"})

    assert list(Results(s3.client, BUCKET).failed("r")) == []


def test_results_that_may_not_be_read_are_never_taken_for_none(s3: Stubber) -> None:
    s3.add_client_error("list_objects_v2", "AccessDenied")

    with pytest.raises(AccessDenied):
        list(Results(s3.client, BUCKET).failed("r"))


def batch(*things: str) -> str:
    return json.dumps({"Items": [{"kind": "thing", "name": name} for name in things]})
