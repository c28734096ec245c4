"""What the tests of corrections make in an emulator."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.devices import MqttDevice, Refused
from lab.emulator import PRIMARY_REGION, Emulator
from lab.fleet import Device, Fleet, Identity, make_identity
from lab.waiting import until

ACCOUNT = "000000000000"

TYPE_DELETION_SECONDS = "1"


class Aws:
    """Clients of one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def client(self, service: str, region: str = PRIMARY_REGION, **keys: str) -> Any:
        return self.emulator.client(service, region, config=Config(retries={"max_attempts": 0}), **keys)


def make_device(aws: Aws, region: str = PRIMARY_REGION) -> Device:
    fleet = Fleet(aws.client("iot", region), region=region, account=ACCOUNT, policy_name=unique("policy"))
    fleet.prepare()
    return fleet.provision(unique("pump"))


def make_role(aws: Aws, service: str, *statements: dict[str, Any]) -> str:
    iam, name = aws.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document)
    return arn


def zipped(code: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("function.py", code)
    return archive.getvalue()


def make_function(aws: Aws, code: str, *statements: dict[str, Any], timeout: int = 10, **environ: str) -> str:
    arn: str = aws.client("lambda").create_function(
        FunctionName=f"function-{uuid.uuid4().hex[:8]}",
        Runtime="python3.13",
        Handler="function.handler",
        Role=make_role(aws, "lambda", *statements),
        Code={"ZipFile": zipped(code)},
        Timeout=timeout,
        Environment={"Variables": environ},
    )["FunctionArn"]
    return arn


def make_user(aws: Aws, *statements: dict[str, Any]) -> dict[str, str]:
    iam, name = aws.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key_id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def make_stack(
    aws: Aws, resources: dict[str, Any], *, region: str = PRIMARY_REGION, name: str | None = None, **sections: Any
) -> dict[str, Any]:
    """Create a stack and return its description once it rests."""
    cloudformation, name = aws.client("cloudformation", region), name or f"stack-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources, **sections}),
        Capabilities=["CAPABILITY_IAM"],
        OnFailure="DO_NOTHING",
    )

    def resting() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = until(resting, 20)
    assert stack, f"{name} does not come to rest"
    return stack


def endpoint_of(aws: Aws, region: str) -> str:
    address: str = aws.client("iot", region).describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    return address


def rule_into_queue(aws: Aws, region: str, topic_filter: str, policy: dict[str, Any] | None = None) -> str:
    """A rule that puts the messages of a topic into a queue; the queue's address."""
    sqs, name = aws.client("sqs", region), f"rule_{uuid.uuid4().hex[:8]}"
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [policy]})} if policy else {}
    queue: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    role = make_role(aws, "iot", {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"})
    aws.client("iot", region).create_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": f"SELECT * FROM '{topic_filter}'",
            "awsIotSqlVersion": "2016-03-23",
            "actions": [{"sqs": {"roleArn": role, "queueUrl": queue}}],
        },
    )
    return queue


def first_connection(
    aws: Aws, region: str, endpoint: str, device: Identity, policy: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Connect for the first time, which AWS ends, and return what the Region's rule told of it."""
    queue = rule_into_queue(aws, region, "$aws/events/certificates/registered/+", policy)
    client = MqttDevice(endpoint, client_id="pump", identity=device, ca_file=aws.emulator.ca_file)
    with pytest.raises(Refused):
        client.connect()
    sqs = aws.client("sqs", region)
    messages = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 1) or []
    return [json.loads(message["Body"]) for message in messages]


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def refused(code: str, call: Callable[..., Any], **parameters: Any) -> bool:
    """Whether AWS's named error is the answer; any other error is the test's."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
        return True
    return False


def register(iot: Any) -> str:
    arn: str = iot.register_certificate_without_ca(certificatePem=make_identity("x").certificate_pem, status="ACTIVE")[
        "certificateArn"
    ]
    return arn


def document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}
