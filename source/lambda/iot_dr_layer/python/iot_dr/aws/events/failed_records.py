"""Stream records that the secondary Region's work bucket keeps: what Lambda gave up, and what could not be read.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from iot_dr.aws import errors
from iot_dr.aws.events import unreadable_records
from iot_dr.errors import AccessDenied, ConfigurationError, EventError, RegionUnavailable
from iot_dr.model.events.dead_letters import FailedBatch, read_invocation

REQUIRED_ACTIONS = frozenset({"s3:DeleteObject", "s3:GetObject", "s3:ListBucket"})
"""What the operator needs on the bucket and its objects."""

PREFIXES = ("aws/lambda/", unreadable_records.PREFIX)
"""Lambda's own choice for what it keeps of event source mappings, and the trigger's."""

_BATCH = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


class S3FailedRecords:
    """Objects of a bucket over an `s3` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keys(self) -> tuple[str, ...]:
        """Return the keys of what is kept.

        Raises:
            ConfigurationError: there is no such bucket.
        """
        paginator = self._client.get_paginator("list_objects_v2")
        with self._explained():
            return tuple(
                entry["Key"]
                for prefix in PREFIXES
                for page in paginator.paginate(Bucket=self._bucket, Prefix=prefix)
                for entry in page.get("Contents", ())
            )

    def read(self, key: str) -> FailedBatch:
        """Read what is kept under a key; nothing if somebody else has replayed it.

        Raises:
            EventError: it is not what Lambda keeps.
        """
        answer = errors.read(self._client.get_object, Bucket=self._bucket, Key=key)
        if answer is None:
            return FailedBatch((), "")
        with errors.converted():
            text = answer["Body"].read()
        images, reason = read_invocation(text)
        return FailedBatch(tuple(map(_plain, images)), reason)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete what was replayed; the bucket keeps the old versions for a while.

        Raises:
            AccessDenied: S3 kept some because a right is missing.
            RegionUnavailable: S3 kept some.
        """
        for first in range(0, len(keys), _BATCH):
            objects = [{"Key": key} for key in keys[first : first + _BATCH]]
            wanted = {"Objects": objects, "Quiet": True}
            for failure in errors.call(self._client.delete_objects, Bucket=self._bucket, Delete=wanted).get(
                "Errors", ()
            ):
                kind = AccessDenied if failure.get("Code") == "AccessDenied" else RegionUnavailable
                raise kind(f"S3 did not delete {failure.get('Key')}, which is replayed: {failure.get('Message')}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with errors.converted():
            try:
                yield
            except self._client.exceptions.NoSuchBucket as error:
                raise ConfigurationError(
                    f"there is no bucket {self._bucket}; SECONDARY_BUCKET must be the output WorkBucketName of the "
                    "stack IoTDRSecondary<postfix>, as toolsrc has it"
                ) from error


def _plain(image: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return {name: TypeDeserializer().deserialize(value) for name, value in image.items()}
    except (TypeError, AttributeError, ValueError) as error:
        raise EventError(f"a kept record's item is not DynamoDB's JSON: {error}") from error
