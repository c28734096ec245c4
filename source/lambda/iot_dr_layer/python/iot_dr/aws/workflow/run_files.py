"""What a sync in the account keeps in the work bucket: inventories, which it reads, and results, which it writes.

Results have the form that Step Functions gives them:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from iot_dr.aws.errors import call, converted
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sync.fleet_runs import FailedRequest, results_folder

REQUIRED_ACTIONS_TO_LIST = frozenset({"s3:PutObject"})
"""What writing an inventory needs: parts of an upload are put with the same right as objects."""

REQUIRED_ACTIONS_TO_READ = frozenset({"s3:GetObject", "s3:ListBucket"})
"""What reading results needs."""

_MANIFEST = "/manifest.json"
_UNSUCCESSFUL = ("FAILED", "PENDING")


class S3Inventory:
    """`services.list_fleet.Inventory` over an `s3` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def begin(self, name: str) -> str:
        """Begin to upload an object, and return the upload's ID; S3 drops it after a week if it is not completed."""
        answer = call(
            self._client.create_multipart_upload, Bucket=self._bucket, Key=name, ContentType="application/jsonl"
        )
        return str(answer["UploadId"])

    def put_part(self, name: str, upload: str, number: int, data: bytes) -> str:
        """Upload a part, or once more, and return its tag."""
        answer = call(
            self._client.upload_part, Bucket=self._bucket, Key=name, UploadId=upload, PartNumber=number, Body=data
        )
        return str(answer["ETag"])

    def complete(self, name: str, upload: str, tags: Collection[str]) -> None:
        """Make the object of its parts."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        call(
            self._client.complete_multipart_upload,
            Bucket=self._bucket,
            Key=name,
            UploadId=upload,
            MultipartUpload={"Parts": parts},
        )


class Results:
    """The results of runs over an `s3` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def failed(self, run: str) -> Iterator[FailedRequest]:
        """Yield the requests of batches that ended badly or never began: the function died, or ran out of time."""
        for manifest in self._manifests(run):
            files = json.loads(self._read(manifest))["ResultFiles"]
            for entry in (entry for status in _UNSUCCESSFUL for entry in files.get(status, ())):
                for execution in json.loads(self._read(entry["Key"])):
                    yield from _requests_of(execution)

    def _manifests(self, run: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=results_folder(run))
        with converted():
            for page in pages:
                yield from (one["Key"] for one in page.get("Contents", ()) if one["Key"].endswith(_MANIFEST))

    def _read(self, key: str) -> bytes:
        with converted():
            answer: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return answer


def _requests_of(execution: dict[str, Any]) -> Iterator[FailedRequest]:
    status, error, cause = (str(execution.get(name) or "") for name in ("Status", "Error", "Cause"))
    reason = ": ".join(part for part in (error or status, cause) if part)
    for item in json.loads(execution["Input"])["Items"]:
        yield FailedRequest(ReconcileRequest.from_json(item).key, reason)
