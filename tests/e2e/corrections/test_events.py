"""Corrections of queues, trails and rules.

Of each correction there is a test of the emulator as it comes, and one of what AWS does. A test of the first kind that
fails says that a new release of the emulator needs the correction no longer: remove it.
"""

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.emulator import PRIMARY_REGION
from lab.fleet import Authority
from lab.waiting import until
from tests.e2e.corrections.making import (
    Aws,
    endpoint_of,
    first_connection,
    make_function,
    make_role,
    make_stack,
    refused,
    register,
    unique,
)

pytestmark = pytest.mark.lab

CONSUMER = """
import time

import boto3

def handler(event, context):
    table, key = boto3.resource("dynamodb").Table("TABLE"), context.aws_request_id
    table.put_item(Item={"k": key, "begun": str(time.time())})
    time.sleep(SECONDS)
    table.put_item(Item={"k": key, "begun": table.get_item(Key={"k": key})["Item"]["begun"], "ended": str(time.time())})
"""


class Consumed:
    """A queue whose function notes when each of its invocations begins and ends."""

    def __init__(self, aws: Aws, seconds: float = 0) -> None:
        self.aws, self.sqs, name = aws, aws.client("sqs"), f"consumed-{uuid.uuid4().hex[:8]}"
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self.table, self.dynamodb = name, aws.client("dynamodb")
        self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        everything = {"Effect": "Allow", "Action": ["dynamodb:*", "sqs:*"], "Resource": "*"}
        self.function = make_function(aws, CONSUMER.replace("TABLE", name).replace("SECONDS", str(seconds)), everything)

    def invocations(self) -> list[tuple[float, float]]:
        """Those that have ended."""
        items = self.dynamodb.scan(TableName=self.table)["Items"]
        return [(float(item["begun"]["S"]), float(item["ended"]["S"])) for item in items if "ended" in item]


def at_once(invocations: list[tuple[float, float]]) -> int:
    return max(sum(begun <= moment < ended for begun, ended in invocations) for moment, _ in invocations)


def bounded_by_a_template(aws: Aws, number: int) -> Consumed:
    consumed = Consumed(aws, seconds=0.3)
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": consumed.arn,
            "FunctionName": consumed.function,
            "BatchSize": 1,
            "ScalingConfig": {"MaximumConcurrency": {"Ref": "AtOnce"}},
        },
    }
    parameters = {"AtOnce": {"Type": "Number", "Default": number}}
    make_stack(aws, {"Mapping": mapping}, Parameters=parameters)
    for body in range(8):
        consumed.sqs.send_message(QueueUrl=consumed.url, MessageBody=str(body))
    return consumed


def test_a_mapping_bounded_by_a_templates_parameter_has_so_many_invocations_at_once_and_no_more(corrected: Aws) -> None:
    consumed = bounded_by_a_template(corrected, 2)

    assert until(lambda: len(consumed.invocations()) == 8, 30)
    assert at_once(consumed.invocations()) == 2


def test_the_emulator_alone_polls_no_queue_once_a_template_bounds_a_mapping_by_a_parameter(uncorrected: Aws) -> None:
    consumed, functions = bounded_by_a_template(uncorrected, 2), uncorrected.client("lambda")

    assert not until(consumed.invocations, 3)

    for mapping in functions.list_event_source_mappings(FunctionName=consumed.function)["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])  # nor does it for any other mapping


def delays(aws: Aws) -> list[float]:
    """Return by how much messages came later than their delay of a second, while others come in between."""
    consumed = Consumed(aws)
    other = consumed.sqs.create_queue(QueueName=f"other-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    aws.client("lambda").create_event_source_mapping(EventSourceArn=consumed.arn, FunctionName=consumed.function)
    late: list[float] = []
    for number in range(6):
        time.sleep(0.3)
        sent = time.time()
        consumed.sqs.send_message(QueueUrl=consumed.url, MessageBody=str(number), DelaySeconds=1)
        time.sleep(0.4)
        consumed.sqs.send_message(QueueUrl=other, MessageBody="wakes the loop")
        assert until(lambda: len(consumed.invocations()) == number + 1, 10)  # noqa: B023  # asked in its turn
        late.append(max(begun for begun, _ in consumed.invocations()) - sent - 1)
    return late[1:]  # the first started the function


def test_a_delayed_message_is_handed_over_when_its_delay_ends(corrected: Aws) -> None:
    assert sorted(delays(corrected))[2] < 0.25


def test_the_emulator_alone_lets_a_delayed_message_wait_for_its_next_request(uncorrected: Aws) -> None:
    assert max(delays(uncorrected)) > 0.25


def send_batch_with_the_right_to_send(aws: Aws) -> Any:
    sqs, iam, name = aws.client("sqs"), aws.client("iam"), f"sender-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="send", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    sender = aws.client("sqs", key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])
    return sender.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "x"}])


def test_the_right_to_send_a_message_is_the_right_to_send_several(corrected: Aws) -> None:
    assert len(send_batch_with_the_right_to_send(corrected)["Successful"]) == 1


def test_the_emulator_alone_wants_a_right_of_its_own_to_send_several(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="SendMessageBatch"):
        send_batch_with_the_right_to_send(uncorrected)


def calls_told(aws: Aws, *, trail: bool) -> dict[str, dict[str, Any]]:
    """What EventBridge gets to know of a few calls, by the calls' names."""
    iot, sqs, events, name = aws.client("iot"), aws.client("sqs"), aws.client("events"), unique("trail")
    queue: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.iot"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    if trail:
        aws.client("s3").create_bucket(Bucket=name)
        aws.client("cloudtrail").create_trail(Name=name, S3BucketName=name)
        aws.client("cloudtrail").start_logging(Name=name)
    certificate = register(iot)
    iot.create_thing(thingName=name)
    iot.attach_thing_principal(thingName=name, principal=certificate, thingPrincipalType="EXCLUSIVE_THING")
    iot.describe_thing(thingName=name)
    assert refused("InvalidRequestException", iot.delete_thing, thingName=name)
    found: dict[str, dict[str, Any]] = {}

    def all_told() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            assert event["detail-type"] == "AWS API Call via CloudTrail"
            found[event["detail"]["eventName"]] = event["detail"]
        return len(found) == 4

    until(all_told, 3 if trail else 0.5)
    events.remove_targets(Rule=name, Ids=["queue"])
    if trail:
        aws.client("cloudtrail").delete_trail(Name=name)
    return found


def test_a_trail_tells_eventbridge_of_calls_that_change_something(corrected: Aws) -> None:
    told = calls_told(corrected, trail=True)
    assert told.keys() == {"RegisterCertificateWithoutCA", "CreateThing", "AttachThingPrincipal", "DeleteThing"}
    assert told["RegisterCertificateWithoutCA"]["responseElements"]["certificateId"]
    assert told["AttachThingPrincipal"]["requestParameters"] == {
        "thingName": told["CreateThing"]["requestParameters"]["thingName"],
        "principal": told["RegisterCertificateWithoutCA"]["responseElements"]["certificateArn"],
        "thingPrincipalType": "EXCLUSIVE_THING",
    }
    assert {name for name, call in told.items() if "errorCode" in call} == {"DeleteThing"}


def test_without_a_trail_eventbridge_hears_nothing(corrected: Aws) -> None:
    assert calls_told(corrected, trail=False) == {}


def test_the_emulators_trails_tell_eventbridge_nothing(uncorrected: Aws) -> None:
    assert calls_told(uncorrected, trail=True) == {}


FAILING_TWICE = """
import os, pathlib
def handler(event, context):
    tries = pathlib.Path(event["detail"]["tries"])
    with tries.open("a") as file:
        file.write("x")
    if len(tries.read_text()) < 3:
        os._exit(1)
"""


def tries_of_a_function_that_dies_twice(aws: Aws, tries: Path) -> int:
    """How often a function gets an event of EventBridge of which it dies twice."""
    events, functions, name = aws.client("events"), aws.client("lambda"), unique("dies")
    function = make_function(aws, FAILING_TWICE)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    arn = events.describe_rule(Name=name)["Arn"]
    functions.add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn,
    )
    events.put_targets(Rule=name, Targets=[{"Id": "function", "Arn": function}])
    detail = json.dumps({"tries": str(tries)})
    events.put_events(Entries=[{"Source": name, "DetailType": "any", "Detail": detail}])
    until(lambda: tries.exists() and len(tries.read_text()) >= 3, 10)
    return len(tries.read_text())


def test_eventbridge_invokes_a_function_until_it_succeeds(corrected: Aws, tmp_path: Path) -> None:
    assert tries_of_a_function_that_dies_twice(corrected, tmp_path / "tries") == 3


def test_the_emulators_eventbridge_invokes_a_function_once(uncorrected: Aws, tmp_path: Path) -> None:
    assert tries_of_a_function_that_dies_twice(uncorrected, tmp_path / "tries") == 1


def item_written_by_rule(aws: Aws) -> dict[str, Any]:
    """A rule as the primary stack has it: a literal, a whole-number time to live in two spellings."""
    name = f"events_{uuid.uuid4().hex[:8]}"
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "resource", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "resource", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = make_role(aws, "iot", {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"})
    aws.client("iot").create_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": (
                "SELECT topic(2) AS resource, 'us-east-1' AS source_region, encode(*, 'base64') AS payload, "
                "floor(timestamp() / 1000) + 172800 AS expires, cast(timestamp() / 1000 AS Int) AS whole "
                f"FROM '{name}/+'"
            ),
            "awsIotSqlVersion": "2016-03-23",
            "actions": [{"dynamoDBv2": {"roleArn": role, "putItem": {"tableName": name}}}],
        },
    )
    aws.client("iot-data").publish(topic=f"{name}/pump", payload=b'{"eventType": "THING_EVENT"}')
    items = until(lambda: dynamodb.scan(TableName=name)["Items"], 5)
    item: dict[str, Any] = items[0]
    assert item["resource"] == {"S": "pump"}
    assert item["source_region"] == {"S": "us-east-1"}
    assert base64.b64decode(item["payload"]["S"]) == b'{"eventType": "THING_EVENT"}'
    return item


def test_floor_and_cast_give_a_time_to_live_in_whole_seconds(corrected: Aws) -> None:
    item = item_written_by_rule(corrected)
    assert abs(int(item["expires"]["N"]) - 172800 - time.time()) < 60
    assert abs(int(item["whole"]["N"]) - time.time()) < 60


def test_the_emulator_has_neither_floor_nor_cast(uncorrected: Aws) -> None:
    item = item_written_by_rule(uncorrected)
    assert "expires" not in item
    assert "whole" not in item


SENT_OVER_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:SendMessage",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def registered_into_a_queue_over_tls(aws: Aws, endpoint: str) -> list[dict[str, Any]]:
    """What a queue that wants TLS gets of a device's first connection."""
    authority = Authority(unique("authority"))
    authority.register(aws.client("iot", PRIMARY_REGION))
    return first_connection(aws, PRIMARY_REGION, endpoint, authority.issue("pump"), SENT_OVER_TLS)


def test_a_queue_that_wants_tls_gets_what_a_rule_sends(corrected: Aws) -> None:
    assert len(registered_into_a_queue_over_tls(corrected, endpoint_of(corrected, PRIMARY_REGION))) == 1


def test_the_emulator_takes_what_mqtt_brought_for_plain(uncorrected: Aws) -> None:
    assert (
        registered_into_a_queue_over_tls(uncorrected, f"localhost:{uncorrected.emulator.uncorrected_mqtt_port}") == []
    )
