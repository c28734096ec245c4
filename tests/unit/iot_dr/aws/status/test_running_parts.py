"""How the parts of a launch are read, against the SDK's stub."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.status.running_parts import AwsRunningParts
from iot_dr.errors import AccessDenied, ConfigurationError
from iot_dr.model.launch.launched_stacks import MappingState, TableState

REGION = "us-east-1"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/errors"


class Aws:
    """A stubbed client of each service that is asked for."""

    def __init__(self) -> None:
        self._clients = {name: boto3.client(name, region_name=REGION) for name in SERVICES}
        self.stubs = {name: Stubber(client) for name, client in self._clients.items()}
        self.parts = AwsRunningParts(self._client_of)

    def _client_of(self, service: str, region: str) -> object:
        assert region == REGION
        self.stubs[service].activate()
        return self._clients[service]


UUID = "0" * 8 + "-" + "0" * 27
SERVICES = ("dynamodb", "lambda", "sqs", "cloudwatch")


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    yield made
    for stub in made.stubs.values():
        stub.assert_no_pending_responses()


def test_a_global_table_tells_its_version_and_all_replicas(aws: Aws) -> None:
    description = {
        "TableStatus": "ACTIVE",
        "GlobalTableVersion": "2019.11.21",
        "Replicas": [{"RegionName": "us-west-2", "ReplicaStatus": "CREATING"}],
    }
    aws.stubs["dynamodb"].add_response("describe_table", {"Table": description}, {"TableName": "events"})

    found = aws.parts.table(REGION, "events")

    assert found == TableState("2019.11.21", {"us-east-1": "ACTIVE", "us-west-2": "CREATING"})


def test_a_table_that_is_in_one_region_only_has_no_version(aws: Aws) -> None:
    aws.stubs["dynamodb"].add_response("describe_table", {"Table": {"TableStatus": "ACTIVE"}}, {"TableName": "events"})

    assert aws.parts.table(REGION, "events") == TableState("", {"us-east-1": "ACTIVE"})


def test_a_table_or_mapping_that_is_not_there_is_none(aws: Aws) -> None:
    for service, operation in (("dynamodb", "describe_table"), ("lambda", "get_event_source_mapping")):
        aws.stubs[service].add_client_error(operation, "ResourceNotFoundException")

    assert aws.parts.table(REGION, "events") is None
    assert aws.parts.mapping(REGION, UUID) is None


def test_a_mapping_tells_its_state_and_last_result(aws: Aws) -> None:
    answer = {"State": "Enabled", "LastProcessingResult": "OK"}
    aws.stubs["lambda"].add_response("get_event_source_mapping", answer, {"UUID": UUID})

    assert aws.parts.mapping(REGION, UUID) == MappingState("Enabled", "OK")


def test_a_queue_counts_hidden_and_delayed_messages_too(aws: Aws) -> None:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    aws.stubs["sqs"].add_response(
        "get_queue_attributes",
        {"Attributes": dict(zip(names, ("1", "2", "4"), strict=True))},
        {"QueueUrl": URL, "AttributeNames": names},
    )

    assert aws.parts.waiting(REGION, URL) == 7


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AWS.SimpleQueueService.NonExistentQueue", ConfigurationError), ("AccessDenied", AccessDenied)],
)
def test_a_queue_that_cannot_be_counted_says_why(aws: Aws, code: str, kind: type[Exception]) -> None:
    aws.stubs["sqs"].add_client_error("get_queue_attributes", code)

    with pytest.raises(kind):
        aws.parts.waiting(REGION, URL)


def test_the_alarms_of_a_stack_are_read_to_the_last_page(aws: Aws) -> None:
    wanted = {"AlarmNamePrefix": "IoTDRPrimary1-", "StateValue": "ALARM"}
    first = {"MetricAlarms": [{"AlarmName": "IoTDRPrimary1-A", "AlarmDescription": "a"}], "NextToken": "more"}
    aws.stubs["cloudwatch"].add_response("describe_alarms", first, wanted)
    last = {"MetricAlarms": [{"AlarmName": "IoTDRPrimary1-B"}]}
    aws.stubs["cloudwatch"].add_response("describe_alarms", last, {**wanted, "NextToken": "more"})

    assert aws.parts.ringing(REGION, "IoTDRPrimary1") == {"IoTDRPrimary1-A": "a", "IoTDRPrimary1-B": ""}
