"""Requests for stacks, tables and buckets of a launch in both Regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from iot_dr.aws import clients, errors
from iot_dr.aws.launch.stacks import describe
from iot_dr.model.launch.launches import Remainder, RemainderKind

REQUIRED_ACTIONS = ("cloudformation:DescribeStacks", "dynamodb:DescribeTable", "s3:ListBucket")


class RegionalRemains:
    """Answers from AWS's own word: only "it does not exist" means gone."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def exists(self, remainder: Remainder) -> bool:
        """Tell whether it is there in any state but deleted."""
        match remainder.kind:
            case RemainderKind.STACK:
                return describe(self._client_of("cloudformation", remainder.region), remainder.name) is not None
            case RemainderKind.TABLE:
                dynamodb = self._client_of("dynamodb", remainder.region)
                return errors.read(dynamodb.describe_table, TableName=remainder.name) is not None
            case RemainderKind.BUCKET:
                s3 = self._client_of("s3", remainder.region)
                return errors.read(s3.head_bucket, Bucket=remainder.name) is not None
        assert_never(remainder.kind)
