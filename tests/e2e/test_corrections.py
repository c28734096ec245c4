"""Each correction of the emulator: needed by the emulator as it comes, and AWS's behaviour with it.

A test of the first kind that fails says that a new release of the emulator needs the correction no longer: remove it.
"""

import base64
import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.devices import MqttDevice, Refused
from lab.emulator import PRIMARY_REGION, REGIONS, SECONDARY_REGION, Emulator
from lab.fleet import Authority, Fleet, Identity, make_identity
from lab.waiting import until

pytestmark = pytest.mark.lab

ACCOUNT = "000000000000"
TYPE_DELETION_SECONDS = "1"


class Aws:
    """Clients of one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def client(self, service: str, region: str = PRIMARY_REGION, **keys: str) -> Any:
        return self.emulator.client(service, region, config=Config(retries={"max_attempts": 0}), **keys)


@pytest.fixture(scope="module")
def uncorrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with Emulator(tmp_path_factory.mktemp("uncorrected"), without=["all"]) as emulator:
        yield Aws(emulator)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    environ = {"LAB_TYPE_DELETION_SECONDS": TYPE_DELETION_SECONDS}
    with Emulator(tmp_path_factory.mktemp("corrected"), environ=environ) as emulator:
        yield Aws(emulator)


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


def make_function(aws: Aws, code: str, *statements: dict[str, Any], timeout: int = 10) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("function.py", code)
    arn: str = aws.client("lambda").create_function(
        FunctionName=f"function-{uuid.uuid4().hex[:8]}",
        Runtime="python3.13",
        Handler="function.handler",
        Role=make_role(aws, "lambda", *statements),
        Code={"ZipFile": archive.getvalue()},
        Timeout=timeout,
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


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


# Queues


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


# MQTT


def register_in_both_regions(aws: Aws) -> Fleet:
    identity = make_identity("pump")
    fleets = [Fleet(aws.client("iot", region), region=region, account=ACCOUNT) for region in REGIONS]
    for fleet in fleets:
        fleet.prepare()
        fleet.provision(f"pump-{identity.certificate_id[:8]}", identity=identity)
    return fleets[0]


def connect(aws: Aws, fleet: Fleet, endpoint: str) -> None:
    device = next(iter(fleet))
    with MqttDevice(
        endpoint, client_id=device.thing_name, identity=device.identity, ca_file=aws.emulator.ca_file
    ) as client:
        client.subscribe(f"devices/{device.thing_name}/echo")
        client.publish(f"devices/{device.thing_name}/echo", b"hello")
        assert client.receive() == (f"devices/{device.thing_name}/echo", b"hello")


def endpoint_of(aws: Aws, region: str) -> str:
    address: str = aws.client("iot", region).describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    return address


def test_a_certificate_active_in_both_regions_connects_to_both(corrected: Aws) -> None:
    fleet = register_in_both_regions(corrected)
    for region in REGIONS:
        connect(corrected, fleet, endpoint_of(corrected, region))


def test_the_emulator_refuses_a_certificate_active_in_both_regions(uncorrected: Aws) -> None:
    fleet = register_in_both_regions(uncorrected)
    with pytest.raises(Refused):
        connect(uncorrected, fleet, f"localhost:{uncorrected.emulator.uncorrected_mqtt_port}")


def test_the_regions_have_endpoints_of_their_own_that_devices_can_reach(corrected: Aws) -> None:
    addresses = {endpoint_of(corrected, region) for region in REGIONS}
    assert addresses == {f"localhost:{port}" for port in corrected.emulator.mqtt_ports.values()}


def test_the_emulator_names_an_endpoint_that_answers_no_mqtt(uncorrected: Aws) -> None:
    assert endpoint_of(uncorrected, PRIMARY_REGION).endswith(f":{uncorrected.emulator.port}")


def test_messages_stay_in_the_region_of_the_listener(corrected: Aws) -> None:
    fleet = register_in_both_regions(corrected)
    device = next(iter(fleet))
    here, there = (
        MqttDevice(
            endpoint_of(corrected, region),
            client_id=device.thing_name,
            identity=device.identity,
            ca_file=corrected.emulator.ca_file,
            timeout=1,
        )
        for region in REGIONS
    )
    topic = f"devices/{device.thing_name}/only-here"
    with here, there:
        here.subscribe(topic)
        there.subscribe(topic)
        here.publish(topic, b"1")
        assert here.receive() == (topic, b"1")
        with pytest.raises(TimeoutError):
            there.receive()


def test_a_client_without_a_certificate_is_refused(corrected: Aws) -> None:
    client = MqttDevice(
        endpoint_of(corrected, PRIMARY_REGION), client_id="x", identity=None, ca_file=corrected.emulator.ca_file
    )
    with pytest.raises(Refused):
        client.connect()


def test_the_emulator_accepts_a_client_without_a_certificate(uncorrected: Aws) -> None:
    client = MqttDevice(
        f"localhost:{uncorrected.emulator.uncorrected_mqtt_port}",
        client_id="x",
        identity=None,
        ca_file=uncorrected.emulator.ca_file,
    )
    with client:
        pass


def test_a_deactivated_certificate_is_refused_by_its_region_only(corrected: Aws) -> None:
    fleet = register_in_both_regions(corrected)
    certificate_id = next(iter(fleet)).identity.certificate_id
    corrected.client("iot", SECONDARY_REGION).update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    connect(corrected, fleet, endpoint_of(corrected, PRIMARY_REGION))
    with pytest.raises(Refused):
        connect(corrected, fleet, endpoint_of(corrected, SECONDARY_REGION))


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


def regions_that_know(aws: Aws, device: Identity) -> dict[str, str]:
    """Region -> status of the device's certificate."""
    return {
        region: entry["status"]
        for region in REGIONS
        for entry in aws.client("iot", region).list_certificates()["certificates"]
        if entry["certificateId"] == device.certificate_id
    }


def test_a_first_connection_registers_the_device_in_the_region_that_it_connected_to(corrected: Aws) -> None:
    authority = Authority("authority of both Regions")
    ca_ids = {authority.register(corrected.client("iot", region)) for region in REGIONS}
    device = authority.issue("pump")
    expected = {}
    for region in REGIONS:
        (event,) = first_connection(corrected, region, endpoint_of(corrected, region), device)
        assert {event["caCertificateId"]} == ca_ids
        assert (event["certificateId"], event["certificateStatus"]) == (device.certificate_id, "PENDING_ACTIVATION")
        expected[region] = "PENDING_ACTIVATION"
        assert regions_that_know(corrected, device) == expected


def test_a_certificate_that_is_known_is_registered_no_more(corrected: Aws) -> None:
    authority = Authority("authority of one Region")
    authority.register(corrected.client("iot", SECONDARY_REGION))
    device = authority.issue("pump")
    iot = corrected.client("iot", SECONDARY_REGION)
    iot.register_certificate_without_ca(certificatePem=device.certificate_pem, status="INACTIVE")
    assert first_connection(corrected, SECONDARY_REGION, endpoint_of(corrected, SECONDARY_REGION), device) == []
    assert regions_that_know(corrected, device) == {SECONDARY_REGION: "INACTIVE"}


def test_the_emulator_registers_nobody_under_an_authority_of_both_regions(uncorrected: Aws) -> None:
    authority = Authority("authority of both Regions")
    for region in REGIONS:
        authority.register(uncorrected.client("iot", region))
    device = authority.issue("pump")
    port = uncorrected.emulator.uncorrected_mqtt_port
    assert first_connection(uncorrected, PRIMARY_REGION, f"localhost:{port}", device) == []
    assert regions_that_know(uncorrected, device) == {}


# Registry


def stale_update(aws: Aws) -> None:
    iot, name = aws.client("iot"), f"thing-{uuid.uuid4().hex[:8]}"
    iot.create_thing(thingName=name)
    iot.update_thing(thingName=name, attributePayload={"attributes": {"a": "1"}}, expectedVersion=1)
    iot.update_thing(thingName=name, attributePayload={"attributes": {"a": "2"}}, expectedVersion=1)


def test_a_stale_expected_version_is_refused(corrected: Aws) -> None:
    with pytest.raises(corrected.client("iot").exceptions.VersionConflictException):
        stale_update(corrected)


def test_the_emulator_ignores_a_stale_expected_version(uncorrected: Aws) -> None:
    stale_update(uncorrected)


def search_as_user_with_rights_on_the_index(aws: Aws) -> None:
    resource = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}:index/AWS_Things"
    user = make_user(aws, {"Effect": "Allow", "Action": "iot:SearchIndex", "Resource": resource})
    aws.client("iot", **user).search_index(queryString="thingName:a*")


def test_a_search_needs_rights_on_its_index(corrected: Aws) -> None:
    corrected.client("iot").update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})

    search_as_user_with_rights_on_the_index(corrected)


def test_the_emulator_wants_rights_on_something_else_for_a_search(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        search_as_user_with_rights_on_the_index(uncorrected)


def with_shadows_indexed(aws: Aws, *names: str) -> Any:
    """A client of a Region that indexes classic shadows, and named ones of these names."""
    iot = aws.client("iot")
    chosen = {"namedShadowIndexingMode": "ON", "filter": {"namedShadowNames": list(names)}} if names else {}
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY_AND_SHADOW", **chosen})
    return iot


def thing_with_shadows(aws: Aws) -> str:
    """A thing with a classic shadow, which has been updated twice, and the named ones `config` and `state`."""
    iot, data, name = aws.client("iot"), aws.client("iot-data"), f"thing-{uuid.uuid4().hex[:8]}"
    iot.create_thing(thingName=name)
    for interval in (1, 2):
        state = {"desired": {"interval": interval}, "reported": {"tags": ["a"], "parts": [{"n": 1}], "on": True}}
        data.update_thing_shadow(thingName=name, payload=json.dumps({"state": state}))
    for shadow in ("config", "state"):
        payload = json.dumps({"state": {"reported": {"of": shadow}}})
        data.update_thing_shadow(thingName=name, shadowName=shadow, payload=payload)
    return name


def shown_shadows(iot: Any, query: str, name: str) -> dict[str, Any]:
    """What a search shows of a thing's shadows, without their metadata."""
    found = [one for one in pages_of_search(iot, query) if one["thingName"] == name]
    assert len(found) == 1
    shown: dict[str, Any] = json.loads(found[0].get("shadow", "{}"))
    for shadow in (shown, *shown.get("name", {}).values()):
        shadow.pop("metadata", None)
    return shown


def pages_of_search(iot: Any, query: str, size: int = 100) -> Iterator[dict[str, Any]]:
    page = iot.search_index(queryString=query, maxResults=size)
    yield from page["things"]
    while page.get("nextToken"):
        page = iot.search_index(queryString=query, maxResults=size, nextToken=page["nextToken"])
        yield from page["things"]


@pytest.mark.parametrize("query", ["thingName:*", "thingName:{name}"])
def test_a_search_shows_what_is_indexed_of_classic_and_named_shadows(corrected: Aws, query: str) -> None:
    iot, name = with_shadows_indexed(corrected, "config", "other"), thing_with_shadows(corrected)

    assert shown_shadows(iot, query.format(name=name), name) == {
        "desired": {"interval": 2},
        "reported": {"tags": ["a"], "on": True},
        "hasDelta": True,
        "version": 2,
        "name": {"config": {"reported": {"of": "config"}, "hasDelta": False, "version": 1}},
    }
    corrected.client("iot-data").delete_thing_shadow(thingName=name)
    assert set(shown_shadows(iot, query.format(name=name), name)) == {"name"}
    with_shadows_indexed(corrected)
    assert shown_shadows(iot, query.format(name=name), name) == {}


def test_the_emulator_shows_of_shadows_no_version_and_none_that_has_a_name(uncorrected: Aws) -> None:
    iot, name = with_shadows_indexed(uncorrected, "config"), thing_with_shadows(uncorrected)

    assert set(shown_shadows(iot, "thingName:*", name)) == {"desired", "reported"}


def test_a_search_of_all_things_comes_in_pages_and_takes_no_old_place(corrected: Aws) -> None:
    iot = with_shadows_indexed(corrected)
    made = {thing_with_shadows(corrected) for _ in range(3)}

    found = [one["thingName"] for one in pages_of_search(iot, "thingName:*", size=2)]

    assert made <= set(found)
    assert len(found) == len(set(found))
    stale = base64.urlsafe_b64encode(b"lab place in a search: 99999").decode()
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.search_index(queryString="thingName:*", nextToken=stale)


def attach_as_user_with_rights_on_certificates(aws: Aws) -> None:
    """What the service authorization reference asks for: AttachPolicy on the certificate, ListTargets on the policy."""
    root, policy = aws.client("iot"), f"policy-{uuid.uuid4().hex[:8]}"
    certificate = root.register_certificate_without_ca(
        certificatePem=make_identity("x").certificate_pem, status="ACTIVE"
    )["certificateArn"]
    root.create_policy(policyName=policy, policyDocument='{"Version":"2012-10-17","Statement":[]}')
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    user = make_user(
        aws,
        {"Effect": "Allow", "Action": ["iot:AttachPolicy", "iot:DetachPolicy"], "Resource": f"{arn}:cert/*"},
        {"Effect": "Allow", "Action": "iot:ListTargetsForPolicy", "Resource": f"{arn}:policy/*"},
    )
    iot = aws.client("iot", **user)
    iot.attach_policy(policyName=policy, target=certificate)
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == [certificate]
    iot.detach_policy(policyName=policy, target=certificate)


def test_policy_attachment_is_authorized_on_the_certificate(corrected: Aws) -> None:
    attach_as_user_with_rights_on_certificates(corrected)


def test_the_emulator_authorizes_policy_attachment_on_everything(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        attach_as_user_with_rights_on_certificates(uncorrected)


def test_the_emulator_refuses_deletes_that_aws_refuses(uncorrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    iot, fleet = uncorrected.client("iot"), Fleet(uncorrected.client("iot"), region=PRIMARY_REGION, account=ACCOUNT)
    fleet.prepare()
    device = fleet.provision(f"thing-{uuid.uuid4().hex[:8]}")
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.delete_thing(thingName=device.thing_name)
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy(policyName=fleet.policy_name)
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_certificate(certificateId=device.identity.certificate_id)
    iot.update_certificate(certificateId=device.identity.certificate_id, newStatus="INACTIVE")
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_certificate(certificateId=device.identity.certificate_id)
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.delete_thing(thingName=device.thing_name, expectedVersion=99)


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


def test_lists_tell_how_a_certificate_is_attached(corrected: Aws) -> None:
    iot, (alone, shared), things = (
        corrected.client("iot"),
        [register(corrected.client("iot")) for _ in "12"],
        ["a", "b"],
    )
    things = [unique(name) for name in things]
    for name in things:
        iot.create_thing(thingName=name)
        iot.attach_thing_principal(thingName=name, principal=shared)
    iot.attach_thing_principal(thingName=things[0], principal=alone, thingPrincipalType="EXCLUSIVE_THING")
    assert iot.list_thing_principals_v2(thingName=things[0])["thingPrincipalObjects"] == [
        {"principal": shared, "thingPrincipalType": "NON_EXCLUSIVE_THING"},
        {"principal": alone, "thingPrincipalType": "EXCLUSIVE_THING"},
    ]
    assert iot.list_thing_principals_v2(thingName=things[0], thingPrincipalType="EXCLUSIVE_THING")[
        "thingPrincipalObjects"
    ] == [{"principal": alone, "thingPrincipalType": "EXCLUSIVE_THING"}]
    assert iot.list_principal_things_v2(principal=shared)["principalThingObjects"] == [
        {"thingName": name, "thingPrincipalType": "NON_EXCLUSIVE_THING"} for name in things
    ]
    iot.detach_thing_principal(thingName=things[0], principal=alone)
    assert iot.list_principal_things_v2(principal=alone)["principalThingObjects"] == []
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.list_thing_principals_v2(thingName=unique("absent"))


def attachments_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """Exclusively beside another thing; beside an exclusive thing; after that one let go."""
    iot, first, second = aws.client("iot"), unique("first"), unique("second")
    shared, alone = register(iot), register(iot)
    for name in (first, second):
        iot.create_thing(thingName=name)

    def attach(thing: str, principal: str, **how: str) -> bool:
        code = "InvalidRequestException"
        return refused(code, iot.attach_thing_principal, thingName=thing, principal=principal, **how)

    attach(first, shared)
    attach(first, alone, thingPrincipalType="EXCLUSIVE_THING")
    beside = attach(second, shared, thingPrincipalType="EXCLUSIVE_THING")
    beside_exclusive = attach(second, alone)
    iot.detach_thing_principal(thingName=first, principal=alone)
    return beside, beside_exclusive, attach(second, alone, thingPrincipalType="EXCLUSIVE_THING")


def test_an_exclusive_certificate_has_one_thing(corrected: Aws) -> None:
    assert attachments_refused(corrected) == (True, True, False)


def test_the_emulator_knows_no_exclusive_certificates(uncorrected: Aws) -> None:
    assert attachments_refused(uncorrected) == (False, False, False)
    iot = uncorrected.client("iot")
    assert refused("InvalidRequestException", iot.list_principal_things_v2, principal=register(iot))


def calls_allowed_by_name(aws: Aws) -> list[bool]:
    """Calls of a user whose rights name a billing group, a dynamic group, a thing and certificates."""
    root, name = aws.client("iot"), unique("named")
    root.create_thing(thingName=name)
    certificate = register(root)
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    resources = [f"{arn}:{kind}/{name}" for kind in ("billinggroup", "thinggroup", "thing")]
    rights = {"Effect": "Allow", "Action": "iot:*", "Resource": [*resources, certificate]}
    iot = aws.client("iot", **make_user(aws, rights))
    other = {"thingName": name, "billingGroupName": unique("other")}

    def allowed(call: Callable[..., Any], **parameters: Any) -> bool:
        try:
            call(**parameters)
        except ClientError as error:
            return error.response["Error"]["Code"] != "AccessDeniedException"
        return True

    return [
        allowed(iot.create_billing_group, billingGroupName=name),
        allowed(iot.add_thing_to_billing_group, thingName=name, billingGroupName=name),
        allowed(iot.add_thing_to_billing_group, **other),
        allowed(iot.delete_dynamic_thing_group, thingGroupName=name),
        allowed(iot.list_principal_things, principal=certificate),
        allowed(iot.list_principal_things_v2, principal=certificate),
        allowed(iot.delete_billing_group, billingGroupName=other["billingGroupName"]),
        allowed(iot.create_thing, thingName=name, billingGroupName=name),
        allowed(iot.create_thing, **other),
    ]


def test_groups_and_principals_are_authorized_by_name(corrected: Aws) -> None:
    assert calls_allowed_by_name(corrected) == [True, True, False, True, True, True, False, True, False]


def test_the_emulator_authorizes_them_on_everything(uncorrected: Aws) -> None:
    assert calls_allowed_by_name(uncorrected) == [False] * 7 + [True] * 2


def attachments_allowed_to_one_thing(aws: Aws) -> list[bool]:
    """Attachments by a user who may attach any certificate to one thing, by certificate and by iot:thingArn."""
    root, mine, other = aws.client("iot"), unique("mine"), unique("other")
    for name in (mine, other):
        root.create_thing(thingName=name)
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    rights = {
        "Effect": "Allow",
        "Action": ["iot:AttachThingPrincipal", "iot:DetachThingPrincipal"],
        "Resource": f"{arn}:cert/*",
        "Condition": {"ArnEquals": {"iot:thingArn": f"{arn}:thing/{mine}"}},
    }
    iot, code, certificate = aws.client("iot", **make_user(aws, rights)), "AccessDeniedException", register(root)
    return [
        not refused(code, call, thingName=name, principal=certificate)
        for name in (mine, other)
        for call in (iot.attach_thing_principal, iot.detach_thing_principal)
    ]


def test_a_certificate_is_attached_to_a_thing_with_rights_on_the_certificate(corrected: Aws) -> None:
    assert attachments_allowed_to_one_thing(corrected) == [True, True, False, False]


def test_the_emulator_asks_for_rights_on_the_thing_instead(uncorrected: Aws) -> None:
    assert attachments_allowed_to_one_thing(uncorrected) == [False] * 4


# Groups


def group_after_stale_and_merging_updates(aws: Aws) -> tuple[bool, bool, dict[str, str]]:
    iot, name = aws.client("iot"), unique("group")
    iot.create_thing_group(
        thingGroupName=name, thingGroupProperties={"attributePayload": {"attributes": {"a": "1", "b": "1"}}}
    )
    change = {"attributePayload": {"attributes": {"a": "", "c": "1"}, "merge": True}}
    iot.update_thing_group(thingGroupName=name, thingGroupProperties=change, expectedVersion=1)
    code = "VersionConflictException"
    stale = refused(code, iot.update_thing_group, thingGroupName=name, thingGroupProperties={}, expectedVersion=1)
    attributes = iot.describe_thing_group(thingGroupName=name)["thingGroupProperties"]["attributePayload"]["attributes"]
    return stale, refused(code, iot.delete_thing_group, thingGroupName=name, expectedVersion=1), attributes


def test_a_groups_expected_version_counts_and_its_attributes_merge(corrected: Aws) -> None:
    assert group_after_stale_and_merging_updates(corrected) == (True, True, {"b": "1", "c": "1"})


def test_the_emulator_ignores_a_groups_expected_version_and_merge(uncorrected: Aws) -> None:
    assert group_after_stale_and_merging_updates(uncorrected) == (False, False, {"a": "", "c": "1"})


def ancestors_told(aws: Aws) -> list[str]:
    iot, name = aws.client("iot"), unique("group")
    Fleet(iot, region=PRIMARY_REGION, account=ACCOUNT).make_groups(f"{name}-1", f"{name}-2", f"{name}-3")
    metadata = iot.describe_thing_group(thingGroupName=f"{name}-3")["thingGroupMetadata"]
    assert metadata["parentGroupName"] == f"{name}-2"
    return [group["groupName"].rpartition("-")[2] for group in metadata.get("rootToParentThingGroups", [])]


def test_a_group_names_its_ancestors_from_the_root_down(corrected: Aws) -> None:
    assert ancestors_told(corrected) == ["1", "2"]


def test_the_emulator_names_no_ancestors(uncorrected: Aws) -> None:
    assert ancestors_told(uncorrected) == []


def memberships_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A second group of one hierarchy; the same after leaving the first; an eleventh group."""
    iot, thing, root, code = aws.client("iot"), unique("thing"), unique("root"), "InvalidRequestException"
    iot.create_thing(thingName=thing)
    iot.create_thing_group(thingGroupName=root)
    for name in ("left", "right"):
        iot.create_thing_group(thingGroupName=f"{root}-{name}", parentGroupName=root)
    iot.add_thing_to_thing_group(thingGroupName=f"{root}-left", thingName=thing)

    def join(group: str) -> bool:
        return refused(code, iot.add_thing_to_thing_group, thingGroupName=group, thingName=thing)

    second = join(f"{root}-right")
    iot.remove_thing_from_thing_group(thingGroupName=f"{root}-left", thingName=thing)
    again = join(f"{root}-right")
    for number in range(10):
        iot.create_thing_group(thingGroupName=f"{root}-{number}")
    return second, again, [join(f"{root}-{number}") for number in range(10)][-1]


def test_a_thing_joins_one_group_of_a_hierarchy_and_ten_groups(corrected: Aws) -> None:
    assert memberships_refused(corrected) == (True, False, True)


def test_the_emulator_lets_a_thing_join_every_group(uncorrected: Aws) -> None:
    assert memberships_refused(uncorrected) == (False, False, False)


def test_the_emulator_keeps_a_group_that_has_children(uncorrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    iot, parent, child = uncorrected.client("iot"), unique("parent"), unique("child")
    assert refused("InvalidRequestException", iot.create_thing_group, thingGroupName=child, parentGroupName=parent)
    iot.create_thing_group(thingGroupName=parent)
    iot.create_thing_group(thingGroupName=child, parentGroupName=parent)
    assert refused("InvalidRequestException", iot.delete_thing_group, thingGroupName=parent)


def test_a_dynamic_group_holds_what_its_query_finds(corrected: Aws) -> None:
    iot, name, site = corrected.client("iot", SECONDARY_REGION), unique("dynamic"), unique("site")
    query = f"attributes.site:{site}"
    assert refused("ResourceNotFoundException", iot.create_dynamic_thing_group, thingGroupName=name, queryString=query)
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    made = iot.create_dynamic_thing_group(thingGroupName=name, queryString=query)
    assert (made["indexName"], made["queryVersion"]) == ("AWS_Things", "2017-09-30")
    thing = unique("thing")
    iot.create_thing(thingName=thing, attributePayload={"attributes": {"site": site}})
    assert iot.list_things_in_thing_group(thingGroupName=name)["things"] == [thing]
    assert [group["groupName"] for group in iot.list_thing_groups_for_thing(thingName=thing)["thingGroups"]] == [name]
    assert name in [group["groupName"] for group in iot.list_thing_groups()["thingGroups"]]
    invalid = "InvalidRequestException"
    assert refused(invalid, iot.update_thing_group, thingGroupName=name, thingGroupProperties={})
    assert refused(invalid, iot.delete_thing_group, thingGroupName=name)
    assert refused(invalid, iot.add_thing_to_thing_group, thingGroupName=name, thingName=thing)
    change: dict[str, Any] = {
        "thingGroupName": name,
        "thingGroupProperties": {"thingGroupDescription": "all of it"},
        "expectedVersion": 1,
        "queryString": "thingName:nothing",
    }
    iot.update_dynamic_thing_group(**change)
    assert refused("VersionConflictException", iot.update_dynamic_thing_group, **change)
    group = iot.describe_thing_group(thingGroupName=name)
    assert (group["queryString"], group["version"], group["status"]) == ("thingName:nothing", 2, "ACTIVE")
    assert group["thingGroupProperties"]["thingGroupDescription"] == "all of it"
    assert iot.list_things_in_thing_group(thingGroupName=name)["things"] == []
    iot.delete_dynamic_thing_group(thingGroupName=name, expectedVersion=2)
    assert refused("ResourceNotFoundException", iot.describe_thing_group, thingGroupName=name)


def test_events_tell_a_dynamic_group_from_others(corrected: Aws) -> None:
    region = PRIMARY_REGION
    iot, sqs, name = corrected.client("iot", region), corrected.client("sqs", region), unique("dynamic")
    queue = rule_into_queue(corrected, region, f"$aws/events/thingGroup/{name}/+")
    iot.update_event_configurations(eventConfigurations={"THING_GROUP": {"Enabled": True}})
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:x")
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 2)
    assert json.loads(message["Body"])["dynamicGroupMappingId"]


def test_the_emulator_has_no_dynamic_groups(uncorrected: Aws) -> None:
    assert refused(
        "InvalidRequestException",
        uncorrected.client("iot").create_dynamic_thing_group,
        thingGroupName=unique("dynamic"),
        queryString="thingName:x",
    )


def test_things_belong_to_billing_groups(corrected: Aws) -> None:
    iot, name, thing, other = corrected.client("iot"), unique("billing"), unique("thing"), unique("other")

    def of_thing() -> str | None:
        group: str | None = iot.describe_thing(thingName=thing).get("billingGroupName")
        return group

    assert refused("ResourceNotFoundException", iot.create_thing, thingName=thing, billingGroupName=name)
    for group in (name, other):
        iot.create_billing_group(billingGroupName=group, billingGroupProperties={"billingGroupDescription": "who pays"})
    assert refused("ResourceAlreadyExistsException", iot.create_billing_group, billingGroupName=name)
    iot.create_thing(thingName=thing, billingGroupName=name)
    assert of_thing() == name
    assert refused("InvalidRequestException", iot.add_thing_to_billing_group, thingName=thing, billingGroupName=other)
    iot.remove_thing_from_billing_group(thingName=thing, billingGroupName=name)
    assert of_thing() is None
    iot.add_thing_to_billing_group(thingName=thing, billingGroupName=other)
    assert iot.list_things_in_billing_group(billingGroupName=other)["things"] == [thing]
    assert {name, other} <= {group["groupName"] for group in iot.list_billing_groups()["billingGroups"]}
    changed = iot.update_billing_group(billingGroupName=other, billingGroupProperties={}, expectedVersion=1)
    assert changed["version"] == 2
    assert refused("VersionConflictException", iot.delete_billing_group, billingGroupName=other, expectedVersion=1)
    assert iot.describe_billing_group(billingGroupName=other)["billingGroupProperties"] == {}
    iot.delete_billing_group(billingGroupName=other, expectedVersion=2)
    assert of_thing() is None
    assert refused("ResourceNotFoundException", iot.describe_billing_group, billingGroupName=other)


def test_the_emulator_has_no_billing_groups(uncorrected: Aws) -> None:
    assert refused("InvalidRequestException", uncorrected.client("iot").list_billing_groups)


# Limits


def sixth_version_refused(aws: Aws) -> bool:
    iot, name, document = aws.client("iot"), unique("policy"), '{"Version":"2012-10-17","Statement":[]}'
    iot.create_policy(policyName=name, policyDocument=document)
    for _ in range(4):
        iot.create_policy_version(policyName=name, policyDocument=document)
    return refused(
        "VersionsLimitExceededException", iot.create_policy_version, policyName=name, policyDocument=document
    )


def test_a_policy_has_five_versions(corrected: Aws) -> None:
    assert sixth_version_refused(corrected)


def test_the_emulator_takes_a_sixth_version(uncorrected: Aws) -> None:
    assert not sixth_version_refused(uncorrected)


def policies_by_size_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A policy of 2,048 characters and much white space; one character more; the same as a new version."""
    iot, name = aws.client("iot"), unique("policy")

    def of(characters: int) -> str:
        empty = '{"Version":"2012-10-17","Id":"","Statement":[]}'
        return empty.replace('"",', f'"{"x" * (characters - len(empty))}",' + " " * 1000)

    code = "MalformedPolicyException"
    return (
        refused(code, iot.create_policy, policyName=name, policyDocument=of(2048)),
        refused(code, iot.create_policy, policyName=unique("other"), policyDocument=of(2049)),
        refused(code, iot.create_policy_version, policyName=name, policyDocument=of(2049)),
    )


def test_a_policy_has_2048_characters(corrected: Aws) -> None:
    assert policies_by_size_refused(corrected) == (False, True, True)


def test_the_emulator_takes_a_policy_of_any_size(uncorrected: Aws) -> None:
    assert policies_by_size_refused(uncorrected) == (False, False, False)


def eleventh_policy_refused(aws: Aws) -> bool:
    iot, name = aws.client("iot"), unique("policy")
    certificate = register(iot)
    for number in range(11):
        iot.create_policy(policyName=f"{name}-{number}", policyDocument='{"Version":"2012-10-17","Statement":[]}')
    for number in range(10):
        iot.attach_policy(policyName=f"{name}-{number}", target=certificate)
    iot.attach_policy(policyName=f"{name}-0", target=certificate)  # which it has already
    return refused("LimitExceededException", iot.attach_policy, policyName=f"{name}-10", target=certificate)


def test_a_certificate_has_ten_policies(corrected: Aws) -> None:
    assert eleventh_policy_refused(corrected)


def test_the_emulator_takes_an_eleventh_policy(uncorrected: Aws) -> None:
    assert not eleventh_policy_refused(uncorrected)


def type_deleted_at_once(aws: Aws) -> bool:
    iot, name = aws.client("iot"), unique("type")
    iot.create_thing_type(thingTypeName=name)
    iot.deprecate_thing_type(thingTypeName=name)
    deleted = not refused("InvalidRequestException", iot.delete_thing_type, thingTypeName=name)
    if not deleted:
        wait = float(TYPE_DELETION_SECONDS) + 1
        assert until(lambda: not refused("InvalidRequestException", iot.delete_thing_type, thingTypeName=name), wait)
    return deleted


def test_a_type_is_deleted_some_time_after_its_deprecation(corrected: Aws) -> None:
    assert not type_deleted_at_once(corrected)


def test_the_emulator_deletes_a_type_right_after_its_deprecation(uncorrected: Aws) -> None:
    assert type_deleted_at_once(uncorrected)


def uses_of_a_deprecated_type_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A new thing of it; a thing changed to it; an update that names it of a thing that has it."""
    iot, type_name, before = aws.client("iot"), unique("type"), unique("before")
    iot.create_thing_type(thingTypeName=type_name)
    iot.create_thing(thingName=before, thingTypeName=type_name)
    iot.create_thing(thingName=f"{before}-2")
    iot.deprecate_thing_type(thingTypeName=type_name)
    code = "InvalidRequestException"
    return (
        refused(code, iot.create_thing, thingName=unique("after"), thingTypeName=type_name),
        refused(code, iot.update_thing, thingName=f"{before}-2", thingTypeName=type_name),
        refused(code, iot.update_thing, thingName=before, thingTypeName=type_name),
    )


def test_a_deprecated_type_takes_no_things(corrected: Aws) -> None:
    assert uses_of_a_deprecated_type_refused(corrected) == (True, True, True)


def test_the_emulator_gives_things_a_deprecated_type(uncorrected: Aws) -> None:
    assert uses_of_a_deprecated_type_refused(uncorrected) == (False, False, False)


def change_type(aws: Aws, properties: dict[str, Any]) -> dict[str, Any]:
    iot, name = aws.client("iot"), unique("type")
    iot.create_thing_type(thingTypeName=name, thingTypeProperties={"thingTypeDescription": "pumps"})
    iot.update_thing_type(thingTypeName=name, thingTypeProperties=properties)
    found: dict[str, Any] = iot.describe_thing_type(thingTypeName=name)["thingTypeProperties"]
    return found


def test_what_mqtt_5_messages_carry_can_be_changed_and_nothing_else_of_a_type(corrected: Aws) -> None:
    mqtt5 = {"propagatingAttributes": [{"userPropertyKey": "site", "thingAttribute": "site"}]}
    changed = change_type(corrected, {"mqtt5Configuration": mqtt5, "thingTypeDescription": "pumps"})
    assert (changed["mqtt5Configuration"], changed["thingTypeDescription"]) == (mqtt5, "pumps")
    with pytest.raises(corrected.client("iot").exceptions.InvalidRequestException):
        change_type(corrected, {"thingTypeDescription": "valves"})


def test_the_emulator_cannot_change_a_type(uncorrected: Aws) -> None:
    with pytest.raises(uncorrected.client("iot").exceptions.InvalidRequestException):
        change_type(uncorrected, {"mqtt5Configuration": {"propagatingAttributes": []}})


# Shadows


def make_shadows(aws: Aws, *names: str) -> str:
    """A thing with named shadows; no registry entry is needed for it."""
    thing, data = unique("pump"), aws.client("iot-data")
    for name in names:
        data.update_thing_shadow(thingName=thing, shadowName=name, payload=b'{"state": {"reported": {"a": 1}}}')
    return thing


def test_named_shadows_are_listed_by_pages(corrected: Aws) -> None:
    data, names = corrected.client("iot-data"), [f"shadow-{number}" for number in range(3)]
    thing = make_shadows(corrected, *names, "gone")
    data.update_thing_shadow(thingName=thing, payload=b'{"state": {"reported": {"classic": true}}}')
    data.delete_thing_shadow(thingName=thing, shadowName="gone")

    first = data.list_named_shadows_for_thing(thingName=thing, pageSize=2)
    second = data.list_named_shadows_for_thing(thingName=thing, pageSize=2, nextToken=first["nextToken"])

    assert [first["results"], second["results"]] == [names[:2], names[2:]]
    assert "nextToken" not in second
    assert data.list_named_shadows_for_thing(thingName="nobody")["results"] == []


def test_the_emulator_lists_no_shadows(uncorrected: Aws) -> None:
    thing = make_shadows(uncorrected, "config")

    with pytest.raises(ClientError, match="Unsupported iot-data path"):
        uncorrected.client("iot-data").list_named_shadows_for_thing(thingName=thing)


def read_shadows_as_user_with_rights_on_one(aws: Aws) -> None:
    thing = make_shadows(aws, "config", "status")
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}:thing/{thing}"
    user = make_user(aws, {"Effect": "Allow", "Action": "iot:GetThingShadow", "Resource": f"{arn}/config"})
    data = aws.client("iot-data", **user)
    data.get_thing_shadow(thingName=thing, shadowName="config")
    for shadow in ({"shadowName": "status"}, {}):
        with pytest.raises(ClientError, match="Forbidden"):
            data.get_thing_shadow(thingName=thing, **shadow)


def test_a_named_shadow_is_authorized_by_its_name(corrected: Aws) -> None:
    read_shadows_as_user_with_rights_on_one(corrected)


def test_the_emulator_authorizes_a_named_shadow_on_its_thing(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Forbidden"):
        read_shadows_as_user_with_rights_on_one(uncorrected)


def test_the_list_of_shadows_is_authorized_on_the_thing(corrected: Aws) -> None:
    thing = make_shadows(corrected, "config")
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}:thing"
    user = make_user(
        corrected, {"Effect": "Allow", "Action": "iot:ListNamedShadowsForThing", "Resource": f"{arn}/{thing}"}
    )
    data = corrected.client("iot-data", **user)

    assert data.list_named_shadows_for_thing(thingName=thing)["results"] == ["config"]
    with pytest.raises(ClientError, match="Forbidden"):
        data.list_named_shadows_for_thing(thingName="another")


def grow_a_shadow_beyond_8_kilobytes(aws: Aws) -> set[tuple[str, int]]:
    """The errors of an update that asks for too much and of one that leaves too much."""
    thing, data = unique("pump"), aws.client("iot-data")
    errors = set()
    for text in ("x" * 8200, "y" * 4200):
        data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": {"desired": {"d": "z" * 4000}}}))
        try:
            data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": {"reported": {"r": text}}}))
        except ClientError as error:
            errors.add((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]))
    return errors


def test_a_shadow_has_8_kilobytes(corrected: Aws) -> None:
    assert grow_a_shadow_beyond_8_kilobytes(corrected) == {("RequestEntityTooLargeException", 413)}
    thing, data = unique("pump"), corrected.client("iot-data")
    full = {"state": {"reported": {"r": "x" * (8192 - len('{"reported":{"r":""}}'))}}, "clientToken": "t" * 64}
    data.update_thing_shadow(thingName=thing, payload=json.dumps(full))


def test_the_emulator_takes_a_shadow_of_any_size(uncorrected: Aws) -> None:
    assert grow_a_shadow_beyond_8_kilobytes(uncorrected) == set()


def test_the_emulator_keeps_a_deleted_shadows_version_and_refuses_a_stale_one(uncorrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    thing, data = make_shadows(uncorrected, "config"), uncorrected.client("iot-data")
    update: dict[str, Any] = {"thingName": thing, "shadowName": "config"}
    data.delete_thing_shadow(**update)

    again = data.update_thing_shadow(payload=b'{"state": {"reported": {"b": 2}}}', **update)["payload"].read()

    assert json.loads(again)["version"] == 2
    with pytest.raises(data.exceptions.ConflictException):
        data.update_thing_shadow(payload=b'{"state": {"reported": {"b": 3}}, "version": 1}', **update)


# Trails


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


# Rules


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


# Functions

FAILING = """
class RegionUnavailable(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if not event.get("ok"):
        raise RegionUnavailable("us-west-2 does not answer")
    return calls
"""


def caught_by_class(aws: Aws) -> str:
    """Run a state machine that retries and catches by the class of the function's error; what the execution ends as."""
    function = make_function(aws, FAILING)
    states, name = aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    retry = {
        "ErrorEquals": ["RegionUnavailable"],
        "IntervalSeconds": 1,
        "MaxAttempts": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 5,
        "JitterStrategy": "FULL",
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": False}},
        "Retry": [retry],
        "Catch": [{"ErrorEquals": ["RegionUnavailable"], "Next": "Caught"}],
        "End": True,
    }
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Try", "States": {"Try": task, "Caught": {"Type": "Pass", "End": True}}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def ended() -> str | None:
        status: str = states.describe_execution(executionArn=execution)["status"]
        return None if status == "RUNNING" else status

    return until(ended, 15) or "RUNNING"


def test_retry_and_catch_match_the_class_of_a_functions_error(corrected: Aws) -> None:
    assert caught_by_class(corrected) == "SUCCEEDED"


def test_the_emulator_matches_no_class_of_error(uncorrected: Aws) -> None:
    assert caught_by_class(uncorrected) == "FAILED"


def invoke(aws: Aws, function: str, event: dict[str, Any]) -> Any:
    return json.loads(aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))["Payload"].read())


def test_the_environment_lives_on_after_a_handlers_error(corrected: Aws) -> None:
    function = make_function(corrected, FAILING)
    assert invoke(corrected, function, {"ok": True}) == 1
    error = invoke(corrected, function, {})
    assert (error["errorType"], error["errorMessage"]) == ("RegionUnavailable", "us-west-2 does not answer")
    assert error["stackTrace"]
    assert invoke(corrected, function, {"ok": True}) == 3


def test_the_emulator_hides_the_class_and_ends_the_environment(uncorrected: Aws) -> None:
    function = make_function(uncorrected, FAILING)
    assert invoke(uncorrected, function, {"ok": True}) == 1
    assert invoke(uncorrected, function, {})["errorType"] == "Runtime.HandlerError"
    assert invoke(uncorrected, function, {"ok": True}) == 1


DYING = """
import os, signal

def handler(event, context):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_function_that_dies_is_an_exit_error(corrected: Aws) -> None:
    error = invoke(corrected, make_function(corrected, DYING), {})
    assert error["errorType"] == "Runtime.ExitError"


def test_the_emulator_takes_a_death_for_the_handlers_error(uncorrected: Aws) -> None:
    assert invoke(uncorrected, make_function(uncorrected, DYING), {})["errorType"] == "Runtime.HandlerError"


def error_of_a_task_without_room(aws: Aws) -> str:
    """Return what a task fails with whose function may not run at all."""
    function = make_function(aws, FAILING)
    aws.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    states = aws.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": True}},
        "End": True,
    }
    machine = states.create_state_machine(
        name=f"machine-{uuid.uuid4().hex[:8]}",
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Once", "States": {"Once": task}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = until(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED", 10)
    assert ended
    return str(states.describe_execution(executionArn=execution).get("error"))


def test_a_task_whose_function_has_no_room_fails_by_its_own_name(corrected: Aws) -> None:
    assert error_of_a_task_without_room(corrected) == "Lambda.TooManyRequestsException"


def test_the_emulator_alone_does_not_tell_that_a_function_has_no_room(uncorrected: Aws) -> None:
    assert error_of_a_task_without_room(uncorrected) == "Lambda.Unknown"


def calls_after_a_stop(aws: Aws) -> int:
    """Stop an execution that waits between two calls of a function; how many calls of it there were in the end."""
    function = make_function(aws, FAILING)
    states, name = aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": True}},
    }
    each = {
        "StartAt": "Once",
        "States": {
            "Once": {**task, "Next": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Again"},
            "Again": {**task, "End": True},
        },
    }
    mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "End": True}
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Each", "States": {"Each": mapped}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"items": [1]}')["executionArn"]

    def happened(event: str) -> int:
        events = states.get_execution_history(executionArn=execution)["events"]
        return sum(one["type"] == event for one in events)

    assert until(lambda: happened("TaskSucceeded"), 10)
    states.stop_execution(executionArn=execution)
    until(lambda: happened("TaskSucceeded") > 1, 3)
    return happened("TaskSucceeded")


def test_a_stopped_execution_calls_nothing_more(corrected: Aws) -> None:
    assert calls_after_a_stop(corrected) == 1


def test_the_emulator_lets_a_stopped_execution_run_to_its_end(uncorrected: Aws) -> None:
    assert calls_after_a_stop(uncorrected) == 2


def map_run(aws: Aws, language: str = "JSONPath", **fields: Any) -> dict[str, Any]:
    """Run a Distributed Map over an inventory of five items, and return its execution; `bucket` holds its files."""
    s3, states, name = aws.client("s3"), aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="items.jsonl", Body="\n".join(json.dumps({"n": n}) for n in range(5)))
    jsonata = language == "JSONata"
    place = {"Bucket": name, "Key": "{% $states.input.key %}" if jsonata else "items.jsonl"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments" if jsonata else "Parameters": place,
    }
    each = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Done",
        "States": {"Done": {"Type": "Pass", "End": True}},
    }
    if fields.pop("writes", False):
        where = {"Bucket": name, "Prefix": "results"}
        fields["ResultWriter"] = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": where}
    state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": each, "End": True, **fields}
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states"),
        definition=json.dumps({"QueryLanguage": language, "StartAt": "All", "States": {"All": state}}),
    )["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input='{"key": "items.jsonl", "at_once": 2}')["executionArn"]
    assert until(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING", 10)
    execution: dict[str, Any] = states.describe_execution(executionArn=arn)
    runs = states.list_map_runs(executionArn=arn)["mapRuns"]
    return execution | {
        "bucket": name,
        "runs": [states.describe_map_run(mapRunArn=one["mapRunArn"]) for one in runs],
    }


def test_a_distributed_map_hands_its_items_over_in_batches_and_counts_items(corrected: Aws) -> None:
    execution = map_run(corrected, ItemBatcher={"MaxItemsPerBatch": 2})

    assert [len(batch["Items"]) for batch in json.loads(execution["output"])] == [2, 2, 1]
    (run,) = execution["runs"]
    assert (run["executionCounts"]["succeeded"], run["itemCounts"]["succeeded"]) == (3, 5)
    assert run["itemCounts"]["total"] == 5


def test_the_emulator_hands_every_item_over_by_itself(uncorrected: Aws) -> None:
    execution = map_run(uncorrected, ItemBatcher={"MaxItemsPerBatch": 2})

    assert json.loads(execution["output"]) == [{"n": n} for n in range(5)]


def test_a_distributed_map_writes_its_results_to_a_bucket(corrected: Aws) -> None:
    execution = map_run(corrected, writes=True)

    where, s3 = json.loads(execution["output"])["ResultWriterDetails"], corrected.client("s3")
    manifest = json.loads(s3.get_object(Bucket=where["Bucket"], Key=where["Key"])["Body"].read())
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    results = json.loads(s3.get_object(Bucket=where["Bucket"], Key=file["Key"])["Body"].read())
    assert sorted(json.loads(one["Input"])["n"] for one in results) == list(range(5))
    assert {one["Status"] for one in results} == {"SUCCEEDED"}


def test_the_emulator_writes_no_results(uncorrected: Aws) -> None:
    execution = map_run(uncorrected, writes=True)

    found = uncorrected.client("s3").list_objects_v2(Bucket=execution["bucket"])
    assert [one["Key"] for one in found["Contents"]] == ["items.jsonl"]


JSONATA = {"MaxConcurrency": "{% $states.input.at_once %}", "Output": "{% $count($states.result) %}"}


def test_a_distributed_map_understands_jsonata(corrected: Aws) -> None:
    execution = map_run(corrected, "JSONata", **JSONATA)

    assert (execution["status"], execution["output"]) == ("SUCCEEDED", "5")
    assert [run["maxConcurrency"] for run in execution["runs"]] == [2]


def test_the_emulator_takes_jsonata_of_a_distributed_map_for_plain_text(uncorrected: Aws) -> None:
    assert map_run(uncorrected, "JSONata", **JSONATA)["status"] == "FAILED"


SLOW = """
import os, time

def handler(event, context):
    time.sleep(0.2)
    return os.getpid()
"""


def environments_of_a_burst(aws: Aws) -> int:
    """How many environments twelve invocations at once get, once the first is warm."""
    function = make_function(aws, SLOW)
    invoke(aws, function, {})
    with ThreadPoolExecutor(12) as pool:
        return len(set(pool.map(lambda _: invoke(aws, function, {}), range(12))))


def test_a_burst_waits_for_environments_instead_of_starting_a_crowd(corrected: Aws) -> None:
    assert environments_of_a_burst(corrected) <= 2 * (os.cpu_count() or 2)


def test_the_emulator_starts_an_environment_for_every_invocation_of_a_burst(uncorrected: Aws) -> None:
    assert environments_of_a_burst(uncorrected) > 2 * (os.cpu_count() or 2)


# Stream mappings

READER = """
import boto3, os
table = boto3.resource("dynamodb").Table("TABLE")

def handler(event, context):
    failures = []
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["k"]["S"]
        table.update_item(
            Key={"k": key}, UpdateExpression="ADD tries :one", ExpressionAttributeValues={":one": 1},
        )
        if key.startswith("bad"):
            MODE
            break
    return {"batchItemFailures": failures}
"""
RAISE = "raise ValueError(key)"
REPORT = 'failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})'


class Stream:
    """A table whose stream feeds a function that notes in another table what it got."""

    def __init__(self, aws: Aws, mode: str, **settings: Any) -> None:
        self.dynamodb, self.s3 = aws.client("dynamodb"), aws.client("s3")
        self.source, self.seen, self.bucket = (
            f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("source", "seen", "failed")
        )
        self.s3.create_bucket(Bucket=self.bucket)
        for name in (self.source, self.seen):
            self.dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
        function = make_function(
            aws,
            READER.replace("TABLE", self.seen).replace("MODE", mode),
            {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*"},
        )
        self.mapping = aws.client("lambda").create_event_source_mapping(
            EventSourceArn=self.dynamodb.describe_table(TableName=self.source)["Table"]["LatestStreamArn"],
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{self.bucket}"}},
            Enabled=False,
            **settings,
        )["UUID"]
        self.functions = aws.client("lambda")

    def feed(self, *keys: str) -> None:
        """Write the items first and enable the mapping then, so that they come as one batch."""
        for key in keys:
            self.dynamodb.put_item(TableName=self.source, Item={"k": {"S": key}})
        self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=True)

    def tries(self) -> dict[str, int]:
        items = self.dynamodb.scan(TableName=self.seen)["Items"]
        return {item["k"]["S"]: int(item["tries"]["N"]) for item in items}

    def failed(self) -> list[dict[str, Any]]:
        objects = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [
            json.loads(self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()) for entry in objects
        ]

    def close(self) -> None:
        self.functions.delete_event_source_mapping(UUID=self.mapping)


def failed_keys(record: dict[str, Any]) -> list[str]:
    return [entry["dynamodb"]["Keys"]["k"]["S"] for entry in json.loads(record["payload"])["Records"]]


def test_a_record_that_keeps_failing_is_kept_in_the_failure_destination_and_the_rest_goes_on(corrected: Aws) -> None:
    stream = Stream(corrected, RAISE, MaximumRetryAttempts=2, BisectBatchOnFunctionError=True, BatchSize=10)
    stream.feed("a", "b", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["bad"]]
    assert failed[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failed[0]["DDBStreamBatchInfo"]["batchSize"] == 1
    assert until(lambda: "c" in stream.tries(), 5)
    stream.close()


def test_without_bisecting_the_whole_batch_is_given_up_after_its_retries(corrected: Aws) -> None:
    stream = Stream(corrected, RAISE, MaximumRetryAttempts=1, BatchSize=10)
    stream.feed("a", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["a", "bad", "c"]]
    assert stream.tries() == {"a": 2, "bad": 2}
    stream.close()


def test_item_failures_are_tried_again_from_the_failed_record_on(corrected: Aws) -> None:
    stream = Stream(
        corrected,
        REPORT,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BatchSize=10,
    )
    stream.feed("a", "b", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["bad"]]
    assert until(lambda: "c" in stream.tries(), 5)
    assert (stream.tries()["a"], stream.tries()["b"]) == (1, 1)
    stream.close()


def test_the_emulator_loses_reported_item_failures(uncorrected: Aws) -> None:
    stream = Stream(
        uncorrected, REPORT, MaximumRetryAttempts=1, FunctionResponseTypes=["ReportBatchItemFailures"], BatchSize=10
    )
    stream.feed("a", "bad", "c")
    assert until(lambda: "bad" in stream.tries(), 10)
    assert not until(lambda: stream.failed() or stream.tries()["bad"] > 1, 2)
    stream.close()


def test_the_emulator_retries_a_failing_batch_beyond_every_limit(uncorrected: Aws) -> None:
    stream = Stream(uncorrected, RAISE, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, BatchSize=10)
    stream.feed("bad", "c")
    assert until(lambda: stream.tries().get("bad", 0) > 1, 10)
    assert stream.failed() == []
    stream.close()


def test_a_shard_is_read_as_often_as_is_asked_for_and_no_more(tmp_path: Path) -> None:
    with Emulator(tmp_path, environ={"LAB_STREAM_READS_A_SECOND": "0.5"}) as emulator:
        stream = Stream(Aws(emulator), RAISE, BatchSize=10)
        stream.feed("a")
        assert until(lambda: "a" in stream.tries(), 10)
        seen = time.monotonic()
        stream.feed("b")
        assert until(lambda: "b" in stream.tries(), 10)
        assert time.monotonic() - seen > 1
        stream.close()


SLEEPER = """
import boto3, time

def handler(event, context):
    time.sleep(3)
    return {}
"""


def other_stream_waits_for_a_slow_function(aws: Aws) -> bool:
    slow, quick = Stream(aws, RAISE, BatchSize=10), Stream(aws, RAISE, BatchSize=10)
    aws.client("lambda").update_event_source_mapping(UUID=slow.mapping, FunctionName=make_function(aws, SLEEPER))
    slow.feed("a")
    quick.feed("b")
    waited = not until(lambda: "b" in quick.tries(), 2)
    slow.close()
    quick.close()
    return waited


def test_a_slow_function_keeps_no_other_mapping_waiting(corrected: Aws) -> None:
    assert not other_stream_waits_for_a_slow_function(corrected)


def test_the_emulator_serves_one_mapping_after_the_other(uncorrected: Aws) -> None:
    assert other_stream_waits_for_a_slow_function(uncorrected)


# Stacks


def global_table() -> dict[str, Any]:
    return {
        "Table": {
            "Type": "AWS::DynamoDB::GlobalTable",
            "Properties": {
                "TableName": f"global-{uuid.uuid4().hex[:8]}",
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                "Replicas": [{"Region": region} for region in REGIONS],
            },
        }
    }


def test_a_global_table_has_its_replicas_with_streams_and_loses_them_with_the_stack(corrected: Aws) -> None:
    resources = global_table()
    name = resources["Table"]["Properties"]["TableName"]
    stack = make_stack(corrected, resources)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    here, there = (corrected.client("dynamodb", region) for region in REGIONS)
    replicas = here.describe_table(TableName=name)["Table"]["Replicas"]
    assert {(replica["RegionName"], replica["ReplicaStatus"]) for replica in replicas} == {
        (SECONDARY_REGION, "ACTIVE")
    } or {replica["RegionName"] for replica in replicas} == set(REGIONS)
    assert SECONDARY_REGION in there.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    for client in (here, there):
        assert client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    here.put_item(TableName=name, Item={"k": {"S": "x"}})
    assert there.get_item(TableName=name, Key={"k": {"S": "x"}})["Item"] == {"k": {"S": "x"}}
    corrected.client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert until(lambda: name not in there.list_tables()["TableNames"], 10)


def test_the_emulator_makes_no_replica(uncorrected: Aws) -> None:
    resources = global_table()
    make_stack(uncorrected, resources)
    there = uncorrected.client("dynamodb", SECONDARY_REGION)
    assert resources["Table"]["Properties"]["TableName"] not in there.list_tables()["TableNames"]


def region_condition_holds(aws: Aws) -> bool:
    stack = make_stack(
        aws,
        {"Queue": {"Type": "AWS::SQS::Queue"}},
        Conditions={"Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, PRIMARY_REGION]}},
        Outputs={"Here": {"Condition": "Here", "Value": "yes"}},
    )
    return outputs(stack) == {"Here": "yes"}


def test_a_condition_may_compare_the_region(corrected: Aws) -> None:
    assert region_condition_holds(corrected)


def test_the_emulator_compares_the_name_of_the_pseudo_parameter(uncorrected: Aws) -> None:
    assert not region_condition_holds(uncorrected)


def secret_stack(aws: Aws) -> tuple[dict[str, str], str]:
    stack = make_stack(
        aws,
        {
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"GenerateSecretString": {"PasswordLength": 43}},
            },
            "Mirror": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::Sub": "/{{resolve:secretsmanager:${Secret}}}"}},
            },
        },
        Outputs={"Ref": {"Value": {"Ref": "Secret"}}, "Mirror": {"Value": {"Ref": "Mirror"}}},
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return outputs(stack), stack["StackName"]


def test_ref_of_a_secret_is_its_arn_and_resolves(corrected: Aws) -> None:
    values, stack_name = secret_stack(corrected)
    secrets = corrected.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=values["Ref"])
    assert values["Ref"] == secret["ARN"]
    mirror = corrected.client("ssm").get_parameter(Name=values["Mirror"])["Parameter"]["Value"]
    assert mirror == f"/{secret['SecretString']}"
    corrected.client("cloudformation").delete_stack(StackName=stack_name)
    gone = secrets.exceptions.ResourceNotFoundException

    def deleted() -> bool:
        try:
            return "DeletedDate" in secrets.describe_secret(SecretId=values["Ref"])
        except gone:
            return True

    assert until(deleted, 10)


def test_the_emulator_gives_the_name_of_a_secret(uncorrected: Aws) -> None:
    assert not secret_stack(uncorrected)[0]["Ref"].startswith("arn:")


def generated_secret(aws: Aws) -> str:
    generate = {"PasswordLength": 200, "ExcludePunctuation": True}
    stack = make_stack(
        aws,
        {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generate}}},
        Outputs={"Ref": {"Value": {"Ref": "Secret"}}},
    )
    secret: str = aws.client("secretsmanager").get_secret_value(SecretId=outputs(stack)["Ref"])["SecretString"]
    return secret


def test_a_generated_secret_leaves_out_excluded_kinds_of_character(corrected: Aws) -> None:
    assert generated_secret(corrected).isalnum()


def test_the_emulator_puts_excluded_kinds_in_all_the_same(uncorrected: Aws) -> None:
    assert not generated_secret(uncorrected).isalnum()


HEALTH_CHECK = {
    "Check": {
        "Type": "AWS::Route53::HealthCheck",
        "Properties": {
            "HealthCheckConfig": {
                "Type": "HTTPS",
                "FullyQualifiedDomainName": "health.example.com",
                "ResourcePath": "/health",
                "Port": 443,
                "RequestInterval": 30,
                "FailureThreshold": 3,
                "EnableSNI": True,
            }
        },
    }
}


def test_a_health_check_can_be_a_resource(corrected: Aws) -> None:
    stack = make_stack(
        corrected,
        HEALTH_CHECK,
        Outputs={"Id": {"Value": {"Ref": "Check"}}, "Same": {"Value": {"Fn::GetAtt": ["Check", "HealthCheckId"]}}},
    )
    values, route53 = outputs(stack), corrected.client("route53")
    assert values["Id"] == values["Same"]
    check = route53.get_health_check(HealthCheckId=values["Id"])["HealthCheck"]
    assert check["HealthCheckConfig"]["ResourcePath"] == "/health"
    corrected.client("cloudformation").delete_stack(StackName=stack["StackName"])
    assert until(lambda: not route53.list_health_checks()["HealthChecks"], 10)


def test_the_emulator_refuses_a_template_with_a_health_check(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        make_stack(uncorrected, HEALTH_CHECK)


ANSWERING = """
import json, urllib.request

def handler(event, context):
    answer = {
        "Status": "STATUS", "Reason": "thing indexing is off; run: aws iot update-indexing-configuration",
        "PhysicalResourceId": "x", "StackId": event["StackId"], "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Scheme": event["ResponseURL"].split(":")[0], "Text": "answered", "Request": event["RequestType"]},
    }
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


def custom_resource(aws: Aws, status: str) -> dict[str, Any]:
    function = make_function(aws, ANSWERING.replace("STATUS", status))
    return make_stack(
        aws,
        {"Check": {"Type": "Custom::Check", "Properties": {"ServiceToken": function}}},
        Outputs={"Scheme": {"Value": {"Fn::GetAtt": ["Check", "Scheme"]}}},
    )


def test_a_custom_resource_answers_over_https_with_a_certificate_it_can_check(corrected: Aws) -> None:
    assert outputs(custom_resource(corrected, "SUCCESS")) == {"Scheme": "https"}


def test_the_emulator_takes_a_custom_resources_answer_in_the_clear(uncorrected: Aws) -> None:
    assert outputs(custom_resource(uncorrected, "SUCCESS")) == {"Scheme": "http"}


def last_request(aws: Aws, before: dict[str, str], after: dict[str, str]) -> str:
    """What a custom resource was last asked for, when its stack was updated to other properties and another output."""
    function = make_function(aws, ANSWERING.replace("STATUS", "SUCCESS"))

    def body(properties: dict[str, str], text: str) -> str:
        resource = {"Type": "Custom::Check", "Properties": {"ServiceToken": function, **properties}}
        told = {"Request": {"Value": {"Fn::GetAtt": ["Check", "Request"]}}, "Text": {"Value": text}}
        return json.dumps({"Resources": {"Check": resource}, "Outputs": told})

    cloudformation, name = aws.client("cloudformation"), f"stack-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=body(before, "before"))
    assert until(lambda: status_of(cloudformation, name) == "CREATE_COMPLETE", 20)
    cloudformation.update_stack(StackName=name, TemplateBody=body(after, "after"))
    assert until(lambda: status_of(cloudformation, name) == "UPDATE_COMPLETE", 20)
    told = outputs(cloudformation.describe_stacks(StackName=name)["Stacks"][0])
    assert told["Text"] == "after"
    return told["Request"]


def status_of(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def test_a_custom_resource_is_asked_to_update_only_when_its_properties_changed(corrected: Aws) -> None:
    assert last_request(corrected, {"Version": "v1.0.0"}, {"Version": "v1.0.0"}) == "Create"
    assert last_request(corrected, {"Version": "v1.0.0"}, {"Version": "v1.0.1"}) == "Update"


def names_in_both_regions(aws: Aws) -> set[str]:
    """The role that stacks of one name, in two Regions, get for the same logical ID."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}
    name = f"stack-{uuid.uuid4().hex[:8]}"
    return {
        outputs(make_stack(aws, {"Role": role}, region=region, name=name, **ROLE_OUTPUT))["Role"] for region in REGIONS
    }


ROLE_OUTPUT = {"Outputs": {"Role": {"Value": {"Ref": "Role"}}}}


def test_stacks_of_one_name_in_two_regions_have_roles_of_their_own(corrected: Aws) -> None:
    assert len(names_in_both_regions(corrected)) == 2


def test_the_emulator_gives_them_the_same_role(uncorrected: Aws) -> None:
    assert len(names_in_both_regions(uncorrected)) == 1


def what_a_bounded_function_is_told(aws: Aws) -> str:
    """What S3 answers to a function whose role allows all of S3, made by a stack with a boundary of other actions."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    boundary = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    rights = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    code = (
        "import boto3, botocore.exceptions\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        return str(bool(boto3.client('s3').list_buckets()))\n"
        "    except botocore.exceptions.ClientError as error:\n"
        "        return error.response['Error']['Code']\n"
    )
    stack = make_stack(
        aws,
        {
            "Boundary": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document(boundary)}},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": document(trust),
                    "PermissionsBoundary": {"Ref": "Boundary"},
                    "Policies": [{"PolicyName": "rights", "PolicyDocument": document(rights)}],
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": code},
                },
            },
        },
        Outputs={"Function": {"Value": {"Ref": "Function"}}},
    )
    answer = aws.client("lambda").invoke(FunctionName=outputs(stack)["Function"])
    return str(json.load(answer["Payload"]))


def document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_role_goes_no_further_than_the_boundary_that_its_stack_gives_it(corrected: Aws) -> None:
    assert what_a_bounded_function_is_told(corrected) == "AccessDenied"


def test_the_emulator_lets_it_go_further(uncorrected: Aws) -> None:
    assert what_a_bounded_function_is_told(uncorrected) == "True"


def stack_from_a_template_that_a_condition_names(aws: Aws, bucket: str) -> str:
    """What CloudFormation answers to a user who may make stacks from the templates of the bucket `published`."""
    published = {"StringLike": {"cloudformation:TemplateUrl": "https://published.s3.*.amazonaws.com/v1/*"}}
    rights = {"Effect": "Allow", "Action": "cloudformation:CreateStack", "Resource": "*", "Condition": published}
    user = aws.client("cloudformation", **make_user(aws, rights))
    aws.client("s3").create_bucket(Bucket=bucket)
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    aws.client("s3").put_object(Bucket=bucket, Key="v1/a.template", Body=template.encode())
    url = f"{aws.emulator.endpoint_url}/{bucket}/v1/a.template"
    try:
        return str(user.create_stack(StackName=f"stack-{uuid.uuid4().hex[:8]}", TemplateURL=url)["StackId"])
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def test_a_condition_on_the_templates_address_admits_the_published_ones(corrected: Aws) -> None:
    assert stack_from_a_template_that_a_condition_names(corrected, "published").startswith("arn:aws:cloudformation:")
    assert stack_from_a_template_that_a_condition_names(corrected, "another") == "AccessDenied"


def test_the_emulator_admits_none(uncorrected: Aws) -> None:
    assert stack_from_a_template_that_a_condition_names(uncorrected, "published") == "AccessDenied"


def variables_of_a_build(aws: Aws) -> dict[str, str]:
    codebuild, name = aws.client("codebuild"), f"project-{uuid.uuid4().hex[:8]}"
    codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "VERSION", "value": "v1"}, {"name": "UUID", "value": ""}],
        },
        serviceRole=make_role(aws, "codebuild"),
    )
    started = codebuild.start_build(
        projectName=name, environmentVariablesOverride=[{"name": "UUID", "value": "1234", "type": "PLAINTEXT"}]
    )["build"]["id"]
    build = codebuild.batch_get_builds(ids=[started])["builds"][0]
    return {entry["name"]: entry["value"] for entry in build["environment"]["environmentVariables"]}


def test_a_build_keeps_the_variables_that_it_was_started_with(corrected: Aws) -> None:
    assert variables_of_a_build(corrected) == {"VERSION": "v1", "UUID": "1234"}


def test_the_emulator_forgets_them(uncorrected: Aws) -> None:
    assert variables_of_a_build(uncorrected) == {"VERSION": "v1", "UUID": ""}


def test_a_failing_custom_resource_fails_the_stack_with_its_reason(corrected: Aws) -> None:
    stack = custom_resource(corrected, "FAILED")
    assert stack["StackStatus"] == "CREATE_FAILED"
    events = corrected.client("cloudformation").describe_stack_events(StackName=stack["StackName"])["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "Check"]
    assert any("aws iot update-indexing-configuration" in reason for reason in reasons)


def a_role_that_makes_things_in_the_secondary(aws: Aws) -> str:
    things = f"arn:aws:iot:{SECONDARY_REGION}:{ACCOUNT}:thing/*"
    in_region = {"StringEquals": {"aws:RequestedRegion": SECONDARY_REGION}}
    return make_role(
        aws,
        "lambda",
        {"Effect": "Allow", "Action": "iot:CreateThing", "Resource": things},
        {"Effect": "Allow", "Action": "iot:ListThings", "Resource": "*", "Condition": in_region},
    )


def simulated(aws: Aws, role: str, region: str) -> dict[str, set[str]]:
    """What a simulation of the role says of each action, for a thing and for everything, called in a Region."""
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["iot:CreateThing", "iot:ListThings"],
        ResourceArns=["*", f"arn:aws:iot:{SECONDARY_REGION}:{ACCOUNT}:thing/pump-17"],
        ContextEntries=[
            {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [region], "ContextKeyType": "string"}
        ],
    )
    return {
        result["EvalActionName"]: {one["EvalResourceDecision"] for one in result.get("ResourceSpecificResults", ())}
        | {result["EvalDecision"]}
        for result in answer["EvaluationResults"]
    }


def test_a_role_is_simulated_with_every_resource_and_region(corrected: Aws) -> None:
    role = a_role_that_makes_things_in_the_secondary(corrected)

    assert simulated(corrected, role, SECONDARY_REGION) == {
        "iot:CreateThing": {"allowed", "implicitDeny"},
        "iot:ListThings": {"allowed"},
    }
    assert simulated(corrected, role, PRIMARY_REGION)["iot:ListThings"] == {"implicitDeny"}


def test_the_emulator_simulates_a_role_with_one_resource_in_its_own_region(uncorrected: Aws) -> None:
    role = a_role_that_makes_things_in_the_secondary(uncorrected)

    decisions = simulated(uncorrected, role, SECONDARY_REGION)

    assert decisions == {"iot:CreateThing": {"implicitDeny"}, "iot:ListThings": {"implicitDeny"}}


def validity_of(aws: Aws) -> Any:
    iot, identity = aws.client("iot"), make_identity(f"valid-{uuid.uuid4().hex[:8]}")
    iot.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")
    answer = iot.describe_certificate(certificateId=identity.certificate_id)
    return answer["certificateDescription"].get("validity")


def test_a_certificate_tells_its_validity(corrected: Aws) -> None:
    validity = validity_of(corrected)

    assert validity["notBefore"].timestamp() < time.time() < validity["notAfter"].timestamp()


def test_the_emulator_tells_no_validity(uncorrected: Aws) -> None:
    assert validity_of(uncorrected) is None


def first_page_of_three_policies(aws: Aws) -> dict[str, Any]:
    iot = aws.client("iot")
    for _ in range(3):
        iot.create_policy(policyName=f"paged-{uuid.uuid4().hex[:8]}", policyDocument='{"Statement": []}')
    page: dict[str, Any] = iot.list_policies(pageSize=2)
    return page


def test_lists_come_in_pages_that_lead_to_each_other(corrected: Aws) -> None:
    first = first_page_of_three_policies(corrected)
    names = [policy["policyName"] for policy in first["policies"]]
    assert len(names) == 2

    pages = corrected.client("iot").get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    found = [policy["policyName"] for page in pages for policy in page["policies"]]
    assert found[:2] == names
    assert len(found) == len(set(found)) >= 3

    with pytest.raises(ClientError, match="not a place in this list"):
        corrected.client("iot").list_policies(pageSize=2, marker=first["nextMarker"][:-4] + "OTk5")


def test_the_emulator_lists_everything_at_once(uncorrected: Aws) -> None:
    page = first_page_of_three_policies(uncorrected)

    assert len(page["policies"]) >= 3
    assert "nextMarker" not in page


MEASURE = """
import json

def handler(event, context):
    metric = {"Namespace": "Lab", "Dimensions": [["kind"]], "Metrics": [{"Name": "Lag", "Unit": "Milliseconds"}]}
    about = {"Timestamp": event["at"], "CloudWatchMetrics": [metric]}
    print(json.dumps({"_aws": about, "kind": "thing", "Lag": [100, 300]}))
"""


def measured(aws: Aws) -> list[float]:
    """The longest of two lags that a function has written to its log, as CloudWatch has it."""
    at = time.time()
    function = make_function(aws, MEASURE)
    aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"at": int(at * 1000)}))
    metric = {"Namespace": "Lab", "MetricName": "Lag", "Dimensions": [{"Name": "kind", "Value": "thing"}]}

    def longest() -> list[float]:
        answer = aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
            StartTime=at - 120,
            EndTime=at + 120,
        )
        values: list[float] = answer["MetricDataResults"][0]["Values"]
        return values

    until(longest, 3)
    return longest()


def test_a_metric_in_a_functions_log_is_a_metric(corrected: Aws) -> None:
    assert measured(corrected) == [300]


def test_the_emulator_keeps_the_line_alone(uncorrected: Aws) -> None:
    assert measured(uncorrected) == []
