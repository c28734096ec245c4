"""Corrections of what AWS's services measure of themselves."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from lab.partition import server_certificate
from lab.waiting import until
from tests.e2e.corrections.making import Aws, make_role, unique
from tests.e2e.corrections.test_functions import RAISE, Stream

pytestmark = pytest.mark.lab


def largest(aws: Aws, namespace: str, metric: str, **dimension: str) -> float | None:
    """The largest value of a metric of the last hour; None if there is none."""
    now = datetime.now(UTC)
    ((name, value),) = dimension.items()
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max((point["Maximum"] for point in points), default=None)


def of_a_queue(aws: Aws) -> tuple[float | None, float | None]:
    """How many messages a queue with one of them shows, and whether that one has an age."""
    sqs, name = aws.client("sqs"), unique("queue")
    sqs.send_message(QueueUrl=sqs.create_queue(QueueName=name)["QueueUrl"], MessageBody="waits")
    metrics = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
    visible, age = (largest(aws, "AWS/SQS", metric, QueueName=name) for metric in metrics)
    return visible, None if age is None else float(age > 0)


def of_an_execution_that_fails(aws: Aws) -> float | None:
    states = aws.client("stepfunctions")
    machine = states.create_state_machine(
        name=unique("machine"),
        roleArn=make_role(aws, "states"),
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "E", "Cause": "C"}}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED", 10)
    return largest(aws, "AWS/States", "ExecutionsFailed", StateMachineArn=machine)


def of_a_refused_request(aws: Aws) -> float | None:
    api = aws.client("apigatewayv2").create_api(Name=unique("api"), ProtocolType="HTTP")["ApiId"]
    port = aws.emulator.port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/nothing", headers={"Host": f"{api}.execute-api.localhost:{port}"})
        assert connection.getresponse().status == 404
    return largest(aws, "AWS/ApiGateway", "4xx", ApiId=api)


def test_queues_executions_requests_and_certificates_are_measured(corrected: Aws) -> None:
    issued = server_certificate(corrected.emulator, "a.test", days=90)
    arn = corrected.client("acm").import_certificate(
        Certificate=issued.certificate_pem.encode(), PrivateKey=issued.key_pem.encode()
    )["CertificateArn"]

    assert of_a_queue(corrected) == (1, 1)
    assert of_an_execution_that_fails(corrected) == 1
    assert of_a_refused_request(corrected) == 1
    assert largest(corrected, "AWS/CertificateManager", "DaysToExpiry", CertificateArn=arn) == 89


def test_the_emulator_measures_none_of_them(uncorrected: Aws) -> None:
    assert of_a_queue(uncorrected) == (None, None)
    assert of_an_execution_that_fails(uncorrected) is None
    assert of_a_refused_request(uncorrected) is None


@pytest.mark.parametrize("dropped", [False, True], ids=["kept", "dropped"])
def test_records_that_are_given_up_are_counted_by_what_became_of_them(corrected: Aws, dropped: bool) -> None:
    stream = Stream(corrected, RAISE, MaximumRetryAttempts=0, BatchSize=10)
    if dropped:
        stream.s3.delete_bucket(Bucket=stream.bucket)
    stream.feed("bad", "c")

    def counted() -> list[float | None]:
        metrics = ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount")
        return [largest(corrected, "AWS/Lambda", one, EventSourceMappingUUID=stream.mapping) for one in metrics]

    wanted = [None, 2.0] if dropped else [2.0, None]
    assert until(lambda: counted() == wanted, 10), counted()
    function = corrected.client("lambda").get_event_source_mapping(UUID=stream.mapping)["FunctionArn"]
    age = largest(corrected, "AWS/Lambda", "IteratorAge", FunctionName=function.rpartition(":")[2])
    assert age is not None
    assert age > 0
    stream.close()
