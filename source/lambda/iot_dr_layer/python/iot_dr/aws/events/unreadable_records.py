"""Keeps stream records that no repetition would make readable, whole and with the reason, beside those Lambda gives up.

Failing such a record instead would have Lambda repeat it and hold up its shard meanwhile. The object has the form of
what Lambda itself keeps, so that one reader serves both.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from iot_dr.aws.errors import call

REQUIRED_ACTIONS = frozenset({"s3:PutObject"})
"""What the trigger needs on the objects below the prefix."""

PREFIX = "unreadable/"


class UnreadableRecords:
    """Objects of the work bucket, over an `s3` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, record: Mapping[str, Any], reason: str) -> None:
        """Keep a record under its own ID, so that a repetition keeps it once.

        Raises:
            RetryableError: S3 did not take it; the record must be handed in again.
        """
        kept = {"requestContext": {"condition": reason}, "payload": {"Records": [record]}}
        call(
            self._client.put_object,
            Bucket=self._bucket,
            Key=f"{PREFIX}{record['eventID']}.json",
            Body=json.dumps(kept).encode(),
            ContentType="application/json",
        )
