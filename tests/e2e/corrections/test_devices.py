"""Corrections of what devices see: connections and shadows."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.devices import MqttDevice, Refused
from lab.emulator import PRIMARY_REGION, REGIONS, SECONDARY_REGION
from lab.fleet import Authority, Fleet, Identity, make_identity
from tests.e2e.corrections.making import ACCOUNT, Aws, endpoint_of, first_connection, make_user, unique

pytestmark = pytest.mark.lab


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
