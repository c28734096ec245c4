"""Removes the stacks, tables and buckets of a launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws import clients, errors
from iot_dr.aws.launch.stacks import CloudFormationStackDeployer
from iot_dr.aws.launch.tables import DynamoDbGlobalTables
from iot_dr.aws.waiting import DELAY
from iot_dr.errors import TerminalError
from iot_dr.model.launch.launches import StackEvent

REQUIRED_ACTIONS = frozenset(
    {
        "cloudformation:DeleteStack",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:UpdateTerminationProtection",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTable",
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
        "s3:ListBucketVersions",
    }
)
"""What the operator needs, beside all that CloudFormation deletes with the operator's rights."""


class AwsLaunchRemover:
    """`ports.LaunchRemover` in any Region."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client, delay: float = DELAY) -> None:
        self._client_of = client_of
        self._stacks = CloudFormationStackDeployer(client_of, delay)
        self._tables = DynamoDbGlobalTables(client_of, delay)

    def take_down(self, region: str, name: str, report: Callable[[StackEvent], None]) -> None:
        """Take a stack's protection off, delete it and wait.

        Raises:
            LaunchFailed: it could not be deleted; the message names the first failing resource and why.
        """
        self._stacks.take_down(region, name, report)

    def unprotect(self, table: str, region: str) -> bool:
        """Let AWS delete a table, and tell whether there is one."""
        return self._tables.unprotect(table, region)

    def remove_table(self, table: str, region: str) -> None:
        """Take a table's protection off, delete it and wait.

        Raises:
            LaunchFailed: it was not deleted in time.
        """
        self._tables.remove(table, region)

    def remove_bucket(self, bucket: str, region: str) -> int:
        """Delete all versions of all that a bucket holds, then the bucket, and tell how many versions there were.

        Raises:
            TerminalError: S3 does not delete some of them.
        """
        s3 = self._client_of("s3", region)
        if errors.read(s3.head_bucket, Bucket=bucket) is None:
            return 0
        number = 0
        with errors.converted():
            # A page has as many as one call deletes.
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                number += len(found)
                _delete(s3, bucket, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found])
        errors.read(s3.delete_bucket, Bucket=bucket)
        return number


def _delete(s3: Any, bucket: str, versions: list[dict[str, str]]) -> None:
    if not versions:
        return
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
    for refused in answer.get("Errors", ()):
        raise TerminalError(f"S3 does not delete {refused['Key']} in {bucket}: {refused.get('Message', '')}")
