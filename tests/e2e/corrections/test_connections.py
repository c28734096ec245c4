"""Corrections of managing connections: describe one, end it, write to it, and who is connected."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.devices import MqttDevice
from lab.emulator import PRIMARY_REGION, SECONDARY_REGION
from lab.fleet import Device
from lab.waiting import until
from tests.e2e.corrections.making import (
    ACCOUNT,
    Aws,
    endpoint_of,
    make_device,
    make_user,
    refused,
    rule_into_queue,
)

pytestmark = pytest.mark.lab


@contextmanager
def connected(aws: Aws, device: Device, **options: Any) -> Iterator[MqttDevice]:
    with MqttDevice(
        endpoint_of(aws, PRIMARY_REGION),
        client_id=device.thing_name,
        identity=device.identity,
        ca_file=aws.emulator.ca_file,
        **options,
    ) as client:
        yield client


def topic_of(device: Device, name: str) -> str:
    return f"devices/{device.thing_name}/{name}"


def told(aws: Aws, queue: str, seconds: float = 2) -> list[dict[str, Any]]:
    """What a rule put into its queue; waits for the first message."""
    sqs = aws.client("sqs")
    messages = until(lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"), seconds) or []
    return [json.loads(message["Body"]) for message in messages]


def test_a_connection_is_described(corrected: Aws) -> None:
    device, data = make_device(corrected), corrected.client("iot-data")
    with connected(corrected, device):
        found = data.get_connection(clientId=device.thing_name, includeSocketInformation=True)
        without_sockets = data.get_connection(clientId=device.thing_name)
    assert (found["connected"], found["clientId"], found["thingName"]) == (True, device.thing_name, device.thing_name)
    assert (found["cleanSession"], found["keepAliveDuration"]) == (True, 30)
    assert (found["sourceIp"], found["targetPort"]) == ("127.0.0.1", corrected.emulator.mqtt_ports[PRIMARY_REGION])
    assert "sourceIp" not in without_sockets


def test_an_ended_connection_tells_why(corrected: Aws) -> None:
    device, data = make_device(corrected), corrected.client("iot-data")
    with connected(corrected, device):
        pass

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = data.get_connection(clientId=device.thing_name)
        return None if found["connected"] else found

    found = until(ended, 3)
    assert found
    assert found["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"


def test_an_unknown_client_has_no_connection(corrected: Aws) -> None:
    data = corrected.client("iot-data")
    assert refused("ResourceNotFoundException", data.get_connection, clientId="nobody")
    assert refused("ResourceNotFoundException", data.delete_connection, clientId="nobody")
    assert refused("ResourceNotFoundException", data.list_subscriptions, clientId="nobody")
    assert refused("InvalidRequestException", data.get_connection, clientId="$internal")


def test_a_connection_of_the_other_region_is_not_touched(corrected: Aws) -> None:
    device = make_device(corrected)
    with connected(corrected, device):
        there = corrected.client("iot-data", SECONDARY_REGION)
        assert refused("ResourceNotFoundException", there.delete_connection, clientId=device.thing_name)
        assert corrected.client("iot-data").get_connection(clientId=device.thing_name)["connected"]


def test_a_deleted_connection_ends_and_its_presence_says_by_whom(corrected: Aws) -> None:
    device = make_device(corrected)
    queue = rule_into_queue(corrected, PRIMARY_REGION, f"$aws/events/presence/disconnected/{device.thing_name}")
    with connected(corrected, device) as client:
        corrected.client("iot-data").delete_connection(clientId=device.thing_name)
        assert client.ended()
    (event,) = told(corrected, queue)
    assert (event["disconnectReason"], event["clientInitiatedDisconnect"]) == ("API_INITIATED_DISCONNECT", False)


@pytest.mark.parametrize(("prevent", "wills"), [(False, [{"gone": True}]), (True, [])])
def test_the_will_of_a_deleted_connection_is_published_unless_prevented(
    corrected: Aws, prevent: bool, wills: list[dict[str, Any]]
) -> None:
    device = make_device(corrected)
    queue = rule_into_queue(corrected, PRIMARY_REGION, topic_of(device, "will"))
    with connected(corrected, device, will=(topic_of(device, "will"), b'{"gone": true}')) as client:
        corrected.client("iot-data").delete_connection(clientId=device.thing_name, preventWillMessage=prevent)
        assert client.ended()
    assert told(corrected, queue, seconds=0.5 if prevent else 2) == wills


@pytest.mark.parametrize(("clean", "kept"), [(False, True), (True, False)])
def test_a_persistent_session_outlives_a_deleted_connection_unless_it_is_cleaned(
    corrected: Aws, clean: bool, kept: bool
) -> None:
    device, data = make_device(corrected), corrected.client("iot-data")
    with connected(corrected, device, clean_session=False) as client:
        client.subscribe(topic_of(device, "orders"))
        data.delete_connection(clientId=device.thing_name, cleanSession=clean)
        assert client.ended()
    if kept:
        subscriptions = data.list_subscriptions(clientId=device.thing_name)["subscriptions"]
        assert [each["topicFilter"] for each in subscriptions] == [topic_of(device, "orders")]
    else:
        assert refused("ResourceNotFoundException", data.list_subscriptions, clientId=device.thing_name)


def test_subscriptions_are_listed_by_pages(corrected: Aws) -> None:
    device, data = make_device(corrected), corrected.client("iot-data")
    topics = [topic_of(device, name) for name in ("a", "b", "c")]
    with connected(corrected, device) as client:
        for topic in topics:
            client.subscribe(topic)
        first = data.list_subscriptions(clientId=device.thing_name, maxResults=2)
        second = data.list_subscriptions(clientId=device.thing_name, maxResults=2, nextToken=first["nextToken"])
    assert [*first["subscriptions"], *second["subscriptions"]] == [{"topicFilter": each, "qos": 1} for each in topics]
    assert "nextToken" not in second


def test_a_direct_message_reaches_a_client_that_has_not_subscribed(corrected: Aws) -> None:
    device, data = make_device(corrected), corrected.client("iot-data")
    message = {"clientId": device.thing_name, "topic": topic_of(device, "move"), "payload": b"now"}
    with connected(corrected, device) as client:
        data.send_direct_message(**message)
        assert client.receive() == (topic_of(device, "move"), b"now")
        data.send_direct_message(**message, confirmation=True)
        assert client.receive() == (topic_of(device, "move"), b"now")
        assert refused("ForbiddenException", data.send_direct_message, **{**message, "topic": "of/others"})
    assert refused("ResourceNotFoundException", data.send_direct_message, clientId="nobody", topic="a", payload=b"")


def test_the_emulator_manages_no_connections(uncorrected: Aws) -> None:
    data = uncorrected.client("iot-data")
    for call in (data.get_connection, data.delete_connection, data.list_subscriptions):
        with pytest.raises(ClientError, match="Unsupported iot-data path"):
            call(clientId="pump")
    with pytest.raises(ClientError, match="Unsupported iot-data path"):
        data.send_direct_message(clientId="pump", topic="a", payload=b"")


def delete_as_user_with_rights_on_one(aws: Aws) -> None:
    """ResourceNotFoundException is the answer to who has the right, as there is no connection."""
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}:client/mine"
    user = make_user(aws, {"Effect": "Allow", "Action": ["iot:DeleteConnection", "iot:GetConnection"], "Resource": arn})
    data = aws.client("iot-data", **user)
    for call in (data.delete_connection, data.get_connection):
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            call(clientId="mine")
        with pytest.raises(ClientError, match="Forbidden"):
            call(clientId="another")


def test_a_connection_is_authorized_on_its_client(corrected: Aws) -> None:
    delete_as_user_with_rights_on_one(corrected)


def test_the_emulator_authorizes_connections_on_everything(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Forbidden"):
        delete_as_user_with_rights_on_one(uncorrected)


def index_connectivity(aws: Aws) -> None:
    aws.client("iot").update_indexing_configuration(
        thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
    )


def test_connectivity_of_one_thing_is_told(corrected: Aws) -> None:
    device, iot = make_device(corrected), corrected.client("iot")
    index_connectivity(corrected)
    assert iot.get_thing_connectivity_data(thingName=device.thing_name)["connected"] is False
    with connected(corrected, device):
        found = iot.get_thing_connectivity_data(thingName=device.thing_name, includeSocketInformation=True)
        assert (found["connected"], found["clientId"]) == (True, device.thing_name)
        assert found["sourceIp"] == "127.0.0.1"
        corrected.client("iot-data").delete_connection(clientId=device.thing_name)
        gone = iot.get_thing_connectivity_data(thingName=device.thing_name)
    assert (gone["connected"], gone["disconnectReason"]) == (False, "API_INITIATED_DISCONNECT")
    assert gone["timestamp"] >= found["timestamp"]
    assert refused("ResourceNotFoundException", iot.get_thing_connectivity_data, thingName="nobody")


def test_connectivity_that_is_not_indexed_is_not_told(corrected: Aws) -> None:
    iot = corrected.client("iot", SECONDARY_REGION)
    assert refused("IndexNotReadyException", iot.get_thing_connectivity_data, thingName="pump")


def test_the_emulator_tells_no_connectivity_of_one_thing(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="Unsupported IoT path"):
        uncorrected.client("iot").get_thing_connectivity_data(thingName="pump")


def test_the_emulator_searches_for_what_is_connected_page_by_page(corrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    index_connectivity(corrected)
    iot, devices = corrected.client("iot"), [make_device(corrected) for _ in range(4)]
    names = {device.thing_name for device in devices[:3]}
    query: dict[str, Any] = {"queryString": "connectivity.connected:true", "maxResults": 2}
    with connected(corrected, devices[0]), connected(corrected, devices[1]), connected(corrected, devices[2]):
        first = iot.search_index(**query)
        second = iot.search_index(**query, nextToken=first["nextToken"])
    assert [len(first["things"]), len(second["things"])] == [2, 1]
    assert {thing["thingName"] for thing in [*first["things"], *second["things"]]} == names
    assert all(thing["connectivity"]["connected"] for thing in first["things"])
    assert "nextToken" not in second
