"""Both Regions behind one name: devices, their connections, a broker that closes, and replicas that are apart."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from lab.counting import Fault, Silence
from lab.devices import MqttDevice, Refused
from lab.fleet import Device, Fleet, make_identity
from lab.pair import ACCOUNT, FLEET, Pair
from lab.progress import QuietProgress
from lab.waiting import until

REFUSED = "EOF|reset|unrecognized"
"""How a device sees that the server broke off the handshake; the server's own word for it need not come through."""


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both Regions without the product, which has no part in this: its name served and its connectivity indexed."""
    with Pair(tmp_path_factory.mktemp("fleet"), QuietProgress()) as pair:
        pair.configure_fleet()
        for region in (pair.primary, pair.secondary):
            pair.client("iot", region).update_indexing_configuration(
                thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
            )
        yield pair


@pytest.fixture
def device(configured: Pair, name: str) -> Device:
    """A device that both Regions know, by one certificate."""
    identity = make_identity(name)
    fleets = [
        Fleet(configured.client("iot", region), region=region, account=ACCOUNT, policy_name=f"{name}-policy")
        for region in (configured.primary, configured.secondary)
    ]
    for fleet in fleets:
        fleet.prepare()
    made, _ = (fleet.provision(name, identity=identity) for fleet in fleets)
    return made


def client_of(pair: Pair, device: Device, region: str, **options: Any) -> MqttDevice:
    """The device, whose resolver says that this Region serves."""
    return MqttDevice(
        f"{options.pop('called', FLEET)}:{pair.fleet_port}",
        client_id=device.thing_name,
        identity=device.identity,
        ca_file=pair.emulator.ca_file,
        resolve=lambda _: pair.fleet_address(region),
        **options,
    )


def echo(client: MqttDevice, device: Device) -> None:
    topic = f"devices/{device.thing_name}/echo"
    client.subscribe(topic)
    client.publish(topic, b"hello")
    assert client.receive() == (topic, b"hello")


def connected_things(pair: Pair, region: str) -> set[str]:
    """Who is connected in a Region, by the index."""
    pages = pair.client("iot", region)
    found: set[str] = set()
    query: dict[str, Any] = {"queryString": "connectivity.connected:true", "maxResults": 1}
    while True:
        page = pages.search_index(**query)
        found |= {thing["thingName"] for thing in page["things"]}
        if not page.get("nextToken"):
            return found
        query["nextToken"] = page["nextToken"]


def test_one_certificate_connects_by_one_name_to_the_region_that_the_resolver_says(
    configured: Pair, device: Device
) -> None:
    assert configured.fleet_address(configured.primary) != configured.fleet_address(configured.secondary)
    for here, there in ((configured.primary, configured.secondary), (configured.secondary, configured.primary)):
        with client_of(configured, device, here) as client:
            echo(client, device)
            assert device.thing_name in connected_things(configured, here)
            assert device.thing_name not in connected_things(configured, there)


def configurations_of_fleet(pair: Pair, region: str) -> list[str]:
    """Names of the domain configurations that serve the fleet's name in a Region."""
    iot = pair.client("iot", region)
    pages = iot.get_paginator("list_domain_configurations").paginate()
    names = [each["domainConfigurationName"] for page in pages for each in page["domainConfigurations"]]
    return [
        name for name in names if iot.describe_domain_configuration(domainConfigurationName=name)["domainName"] == FLEET
    ]


def test_the_fleets_name_is_configured_once(configured: Pair) -> None:
    configured.configure_fleet()
    for region in (configured.primary, configured.secondary):
        assert len(configurations_of_fleet(configured, region)) == 1


def test_a_name_that_nobody_configured_is_refused(configured: Pair, device: Device) -> None:
    with pytest.raises(Refused, match=REFUSED):
        client_of(configured, device, configured.primary, called="another.iot-dr.test").connect()


def test_a_disabled_name_takes_no_new_connection_in_its_region(configured: Pair, device: Device) -> None:
    iot = configured.client("iot", configured.primary)
    (configuration,) = configurations_of_fleet(configured, configured.primary)
    iot.update_domain_configuration(domainConfigurationName=configuration, domainConfigurationStatus="DISABLED")
    try:
        with pytest.raises(Refused, match=REFUSED):
            client_of(configured, device, configured.primary).connect()
        with client_of(configured, device, configured.secondary) as client:
            echo(client, device)
    finally:
        iot.update_domain_configuration(domainConfigurationName=configuration, domainConfigurationStatus="ENABLED")
    with client_of(configured, device, configured.primary) as client:
        echo(client, device)


def test_an_evicted_device_goes_where_the_name_leads_then_and_leaves_no_will(configured: Pair, device: Device) -> None:
    will = f"devices/{device.thing_name}/will"
    witness_queue = _rule(configured, configured.primary, will)
    data = configured.client("iot-data", configured.primary)
    with client_of(configured, device, configured.primary, will=(will, b'{"gone": true}')) as client:
        data.delete_connection(clientId=device.thing_name, preventWillMessage=True)
        assert client.ended()
    found = data.get_connection(clientId=device.thing_name)
    assert (found["connected"], found["disconnectReason"]) == (False, "API_INITIATED_DISCONNECT")
    with client_of(configured, device, configured.secondary) as client:
        echo(client, device)
        connected = configured.client("iot", configured.secondary).get_thing_connectivity_data(
            thingName=device.thing_name
        )
        assert connected["connected"]
    assert _told(configured, witness_queue, 0.5) == []


def test_a_closed_broker_drops_all_and_refuses_until_it_is_opened(configured: Pair, device: Device) -> None:
    broker = configured.broker(configured.primary)
    own = MqttDevice(
        configured.device_endpoint(configured.primary),
        client_id=device.thing_name,
        identity=device.identity,
        ca_file=configured.emulator.ca_file,
    )
    with client_of(configured, device, configured.primary) as live, broker.closed():
        assert live.ended()
        with pytest.raises(Refused, match="refused"):
            client_of(configured, device, configured.primary).connect()
        with pytest.raises(Refused, match="refused"):
            own.connect()
        assert until(lambda: device.thing_name not in connected_things(configured, configured.primary), 3)
        with client_of(configured, device, configured.secondary) as there:
            echo(there, device)
    for client in (client_of(configured, device, configured.primary), own):
        with client:
            echo(client, device)


def test_a_silent_broker_drops_nothing_and_answers_nobody_until_it_is_opened(
    configured: Pair, device: Device, name: str
) -> None:
    broker = configured.broker(configured.primary)
    with client_of(configured, device, configured.primary, timeout=1) as live:
        with broker.closed(silent=True):
            with pytest.raises(Refused, match="not confirmed"):
                live.publish(f"devices/{name}/echo", b"unheard")
            with pytest.raises(TimeoutError):
                client_of(configured, device, configured.primary, timeout=1).connect()
            assert not live.ended()
        echo(live, device)


def test_a_silent_broker_can_be_closed_altogether(configured: Pair, device: Device) -> None:
    broker = configured.broker(configured.primary)
    with client_of(configured, device, configured.primary) as live:
        broker.close(silent=True)
        with broker.closed():
            assert live.ended()
            with pytest.raises(Refused, match="refused"):
                client_of(configured, device, configured.primary).connect()
    with client_of(configured, device, configured.primary) as client:
        echo(client, device)


def test_a_broker_can_be_closed_and_opened_again_and_again(configured: Pair, device: Device) -> None:
    broker = configured.broker(configured.secondary)
    broker.open()  # it is open already
    for _ in range(3):
        broker.close()
        broker.close()
        broker.open()
    with client_of(configured, device, configured.secondary) as client:
        echo(client, device)


@pytest.fixture
def through_proxy(configured: Pair) -> Iterator[Mapping[str, Any]]:
    """Clients that call each Region through the proxy, as functions do, and are out of patience after a second."""
    clients = {
        region: boto3.client(
            "dynamodb",
            region_name=region,
            endpoint_url=configured.proxy.environ()["AWS_ENDPOINT_URL_DYNAMODB"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, read_timeout=1),
        )
        for region in (configured.primary, configured.secondary)
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize(
    ("fault", "seen_by_device", "seen_by_caller"),
    [(None, Refused, ConnectionClosedError), (Silence(), TimeoutError, ReadTimeoutError)],
    ids=["gone", "silent"],
)
def test_a_region_that_is_away_has_neither_broker_nor_apis(
    configured: Pair,
    device: Device,
    through_proxy: Mapping[str, Any],
    fault: Fault | None,
    seen_by_device: type[Exception],
    seen_by_caller: type[Exception],
) -> None:
    with configured.away(configured.primary, fault):
        with pytest.raises(seen_by_device):
            client_of(configured, device, configured.primary, timeout=1).connect()
        with pytest.raises(seen_by_caller):
            through_proxy[configured.primary].list_tables()
        with client_of(configured, device, configured.secondary) as client:
            echo(client, device)
        through_proxy[configured.secondary].list_tables()
    with client_of(configured, device, configured.primary) as client:
        echo(client, device)
    through_proxy[configured.primary].list_tables()


def test_replicas_part_and_come_together(configured: Pair, name: str) -> None:
    regions = (configured.primary, configured.secondary)
    tables = {region: configured.client("dynamodb", region) for region in regions}
    tables[configured.primary].create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tables[configured.primary].update_table(
        TableName=name, ReplicaUpdates=[{"Create": {"RegionName": configured.secondary}}]
    )

    def put(region: str, value: str) -> None:
        tables[region].put_item(TableName=name, Item={"key": {"S": "a"}, "value": {"S": value}})

    def values() -> list[str]:
        key = {"key": {"S": "a"}}
        return [tables[region].get_item(TableName=name, Key=key)["Item"]["value"]["S"] for region in regions]

    with configured.replicas.paused():
        put(configured.primary, "first")
        put(configured.secondary, "second")
        assert values() == ["first", "second"]
    assert values() == ["second", "second"]


def _rule(pair: Pair, region: str, topic: str) -> str:
    """A rule that puts the messages of a topic into a queue; the queue's address."""
    name, iam = f"witness_{uuid.uuid4().hex[:8]}", pair.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    right = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="send", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [right]})
    )
    queue: str = pair.client("sqs", region).create_queue(QueueName=name)["QueueUrl"]
    pair.client("iot", region).create_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": f"SELECT * FROM '{topic}'",
            "awsIotSqlVersion": "2016-03-23",
            "actions": [{"sqs": {"roleArn": role, "queueUrl": queue}}],
        },
    )
    return queue


def _told(pair: Pair, queue: str, seconds: float) -> list[Any]:
    sqs = pair.client("sqs", pair.primary)
    messages = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), seconds) or []
    return [json.loads(message["Body"]) for message in messages]
