"""How the parts of a launch stand at this moment: its table, stream mappings, queues and alarms, in any Region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws import clients, errors
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import MappingState, TableState

REQUIRED_ACTIONS = frozenset(
    {
        "cloudwatch:DescribeAlarms",
        "dynamodb:DescribeTable",
        "lambda:GetEventSourceMapping",
        "sqs:GetQueueAttributes",
    }
)
"""What the operator needs on the launch's table, mappings, queues and alarms."""

_NUMBERS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"})


class AwsRunningParts:
    """Reads them one call each, over clients of their Regions."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def table(self, region: str, table: str) -> TableState | None:
        """Return how a table is replicated; None if there is no such table."""
        answer = errors.read(self._client_of("dynamodb", region).describe_table, TableName=table)
        if answer is None:
            return None
        description = answer["Table"]
        # DescribeTable names the other Regions' replicas; that of its own is the table itself.
        replicas = {region: str(description.get("TableStatus", ""))}
        replicas |= {one["RegionName"]: str(one.get("ReplicaStatus", "")) for one in description.get("Replicas", ())}
        return TableState(str(description.get("GlobalTableVersion", "")), replicas)

    def mapping(self, region: str, uuid: str) -> MappingState | None:
        """Return how an event source mapping stands; None if there is none."""
        answer = errors.read(self._client_of("lambda", region).get_event_source_mapping, UUID=uuid)
        if answer is None:
            return None
        return MappingState(str(answer.get("State", "")), str(answer.get("LastProcessingResult", "")))

    def waiting(self, region: str, url: str) -> int:
        """Return roughly how many messages a queue holds, hidden and delayed ones included.

        Raises:
            ConfigurationError: there is no such queue.
        """
        client = self._client_of("sqs", region)
        with errors.converted():
            try:
                answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_NUMBERS))
            except ClientError as error:
                if errors.code_of(error) not in _NO_QUEUE:
                    raise
                raise ConfigurationError(f"there is no queue {url} in {region}") from error
        return sum(int(answer["Attributes"].get(number, 0)) for number in _NUMBERS)

    def ringing(self, region: str, stack: str) -> Mapping[str, str]:
        """Return the names and descriptions of a stack's alarms that are in ALARM."""
        paginator = self._client_of("cloudwatch", region).get_paginator("describe_alarms")
        # A name that CloudFormation generates begins with that of its stack.
        with errors.converted():
            return {
                alarm["AlarmName"]: alarm.get("AlarmDescription", "")
                for page in paginator.paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
                for alarm in page["MetricAlarms"]
            }
