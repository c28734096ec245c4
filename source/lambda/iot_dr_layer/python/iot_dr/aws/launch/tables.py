"""Follows a global table to its replica in the secondary Region, and protects tables from deletion.

CloudFormation tells the stream of the replica in the stack's own Region only, so the other one is looked up.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-globaltable.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws import clients, errors
from iot_dr.aws.waiting import DELAY, wait_until
from iot_dr.errors import LaunchFailed

REQUIRED_ACTIONS = ("dynamodb:DescribeTable", "dynamodb:UpdateTable")


class DynamoDbGlobalTables:
    """Global tables (version 2019.11.21), seen from one Region or the other."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client, delay: float = DELAY) -> None:
        self._client_of = client_of
        self._delay = delay

    def replica_stream(self, table: str, region: str, replica_region: str) -> str:
        """Wait until the replica in `replica_region` of a table in `region` is active and return its stream's ARN.

        Raises:
            LaunchFailed: the table has no such replica, or it did not become active.
        """
        here, there = self._client_of("dynamodb", region), self._client_of("dynamodb", replica_region)
        stream = ""

        def done() -> bool:
            nonlocal stream
            if _replica_status(here, table, region, replica_region) != "ACTIVE":
                return False
            description = (errors.read(there.describe_table, TableName=table) or {}).get("Table", {})
            stream = str(description.get("LatestStreamArn", ""))
            return description.get("TableStatus") == "ACTIVE" and stream != ""

        wait_until(f"the replica of table {table} in {replica_region}", done, delay=self._delay)
        return stream

    def protect(self, table: str, region: str) -> None:
        """Have AWS refuse to delete a table; it holds for the replica of one Region.

        Raises:
            LaunchFailed: there is no such table.
        """
        client = self._client_of("dynamodb", region)
        found = errors.read(client.describe_table, TableName=table)
        if found is None:
            raise LaunchFailed(f"table {table} does not exist in {region}, though its stack is complete")
        if not found["Table"].get("DeletionProtectionEnabled", False):
            errors.call(client.update_table, TableName=table, DeletionProtectionEnabled=True)

    def remove(self, table: str, region: str) -> None:
        """Take a table's protection off and delete it; one that is not there is success."""
        if self.unprotect(table, region):
            client = self._client_of("dynamodb", region)
            errors.read(client.delete_table, TableName=table)
            wait_until(
                f"the deletion of table {table} in {region}",
                lambda: errors.read(client.describe_table, TableName=table) is None,
                delay=self._delay,
            )

    def unprotect(self, table: str, region: str) -> bool:
        """Let AWS delete a table, and tell whether there is one."""
        client = self._client_of("dynamodb", region)
        found = errors.read(client.describe_table, TableName=table)
        if found is None:
            return False
        if found["Table"].get("DeletionProtectionEnabled", False):
            errors.call(client.update_table, TableName=table, DeletionProtectionEnabled=False)
        return True


def _replica_status(client: Any, table: str, region: str, replica_region: str) -> str:
    description = errors.read(client.describe_table, TableName=table)
    if description is None:
        raise LaunchFailed(f"table {table} does not exist in {region}, though its stack is complete")
    for replica in description["Table"].get("Replicas", []):
        if replica["RegionName"] == replica_region:
            return str(replica.get("ReplicaStatus", ""))
    raise LaunchFailed(f"table {table} of {region} has no replica in {replica_region}, though its stack is complete")
