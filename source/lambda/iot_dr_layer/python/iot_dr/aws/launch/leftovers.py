"""Looks for stacks, tables and buckets of a launch in both Regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from iot_dr.aws import clients, errors
from iot_dr.aws.launch.stacks import describe
from iot_dr.model.launch.launches import LaunchResource, LaunchResourceKind

REQUIRED_ACTIONS = ("cloudformation:DescribeStacks", "dynamodb:DescribeTable", "s3:ListBucket")


class RegionalLeftovers:
    """Answers from AWS's own word: only "it does not exist" means gone."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def exists(self, resource: LaunchResource) -> bool:
        """Tell whether it is there in any state but deleted."""
        match resource.kind:
            case LaunchResourceKind.STACK:
                return describe(self._client_of("cloudformation", resource.region), resource.name) is not None
            case LaunchResourceKind.TABLE:
                dynamodb = self._client_of("dynamodb", resource.region)
                return errors.read(dynamodb.describe_table, TableName=resource.name) is not None
            case LaunchResourceKind.BUCKET:
                s3 = self._client_of("s3", resource.region)
                return errors.read(s3.head_bucket, Bucket=resource.name) is not None
        assert_never(resource.kind)
