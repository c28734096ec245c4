"""What is believed of what devices see: events, shadow topics, connections. Each needs port 8883 of the endpoint."""

from __future__ import annotations

import json
import socket
import ssl
import time
from typing import Any

from lab.devices import MqttDevice, Refused, tls_context
from tests.real_account.account import Account
from tests.real_account.doubts import Doubt, Finding, confirmed, found, refuted, unknown

CONNACK_ACCEPTED = b"\x20\x02\x00\x00"


def raises_its_own_event(account: Account) -> Finding:
    """Give a thing a type, take it away, and hear the thing's own events."""
    thing, identity = account.provision(account.primary, _listening("$aws/events/thing/*"))
    kind, iot = account.thing_type(account.primary), account.iot(account.primary)
    with account.device(account.primary, thing, identity) as device:
        device.subscribe(f"$aws/events/thing/{thing}/updated")
        iot.update_thing(thingName=thing, thingTypeName=kind)
        given = _event(device)
        iot.update_thing(thingName=thing, removeThingType=True)
        taken = _event(device)
    if given is None and taken is None:
        enabled = iot.describe_event_configurations()["eventConfigurations"].get("THING", {}).get("Enabled")
        if not enabled:
            return unknown("events of things are off in the primary Region")
    seen = f"type given: {_type_of(given)}; type removed: {_type_of(taken)}"
    return found(_type_of(given) == kind and _type_of(taken) == "none", seen.replace(kind, "its name"))


def attaches_silently(account: Account) -> Finding:
    """Attach a certificate exclusively, and hear no event of the thing."""
    thing, identity = account.provision(account.primary, _listening("$aws/events/*"))
    iot, other = account.iot(account.primary), account.thing(account.primary)
    certificate = account.certificate(account.primary)
    with account.device(account.primary, thing, identity) as device:
        device.subscribe(f"$aws/events/thing/{other}/#")
        iot.attach_thing_principal(thingName=other, principal=certificate, thingPrincipalType="EXCLUSIVE_THING")
        iot.update_thing(thingName=other, attributePayload={"attributes": {"after": "it"}})
        first = _event(device)
    if first is None:
        return unknown("no event came at all; are events of things on?")
    told = first.get("attributes", {}).get("after")
    return found(told == "it", "the first event is that of the update after it" if told else f"an event came: {first}")


def tells_the_deleted_version(account: Account) -> Finding:
    """Delete a shadow, and compare the version that is told with the document's."""
    own = "$aws/things/{}/shadow/delete/accepted"
    thing, identity = account.provision(account.primary, _listening("$aws/things/*"))
    account.shadow(account.primary, thing, '{"state":{"reported":{"n":1}}}')
    version = account.shadow(account.primary, thing, '{"state":{"reported":{"n":2}}}')["version"]
    with account.device(account.primary, thing, identity) as device:
        device.subscribe(own.format(thing))
        account.data(account.primary).delete_thing_shadow(thingName=thing)
        told = _event(device)
    if told is None:
        return unknown("nothing was told of the deletion")
    return found(told.get("version") == version, f"version {version} was deleted; told: {json.dumps(told)}")


def may_lie(account: Account) -> Finding:
    """Publish, as a device whose policy admits it, where AWS tells of shadows."""
    topic = "$aws/things/{}/shadow/update/documents"
    actions = {**_listening("$aws/things/*"), "iot:Publish": ["topic/$aws/things/*"]}
    thing, identity = account.provision(account.primary, actions)
    state = {"reported": {"n": 1}}
    version = account.shadow(account.primary, thing, json.dumps({"state": state}))["version"]
    # What is true already, so that a launch which hears it does nothing.
    told = {"current": {"state": state, "version": version}, "timestamp": int(time.time()), "clientToken": "a device"}
    with account.device(account.primary, thing, identity) as device:
        device.subscribe(topic.format(thing))
        try:
            device.publish(topic.format(thing), json.dumps(told).encode())
        except Refused as error:
            return refuted(f"AWS does not take it: {error}")
        heard = _event(device)
    return found(heard == told, "it is delivered as AWS's own word" if heard else "it is taken, and not delivered")


def ends_connections(account: Account) -> Finding:
    """End a live connection of a client that has a will."""
    thing, identity = account.provision(account.primary, {**_listening(f"{account.run}/*"), "iot:Publish": ["topic/*"]})
    will = f"{account.run}/will"
    ear, ear_identity = account.provision(account.primary, _listening(f"{account.run}/*"))
    with account.device(account.primary, ear, ear_identity, timeout=3.0) as listener:
        listener.subscribe(will)
        with account.device(account.primary, thing, identity, will=(will, b'{"gone":1}')) as device:
            account.data(account.primary).delete_connection(clientId=thing, cleanSession=False, preventWillMessage=True)
            ended = device.ended()
        sent = _event(listener)
    seen = f"the connection {'ends' if ended else 'stays'}; the will is {'sent' if sent else 'not sent'}"
    return found(ended and sent is None, seen)


def is_refused_without_sni(account: Account) -> Finding:
    """Connect in the secondary Region without naming the server, then with its name."""
    thing, identity = account.provision(account.secondary, {})
    with account.device(account.secondary, thing, identity):
        pass  # with SNI it connects
    host, _, port = account.endpoint(account.secondary).partition(":")
    context = tls_context(identity, account.ca_file)
    context.check_hostname = False
    packet = _connect_packet(thing)
    try:
        with (
            socket.create_connection((host, int(port or 8883)), 10) as plain,
            context.wrap_socket(plain, server_hostname=None) as wrapped,
        ):
            wrapped.sendall(packet)
            answer = wrapped.recv(4)
    except (ssl.SSLError, OSError) as error:
        return confirmed(f"refused: {error}")
    return found(answer != CONNACK_ACCEPTED, f"CONNACK {answer.hex(' ')}" if answer else "the connection is closed")


def _connect_packet(client: str) -> bytes:
    """The CONNECT of MQTT 3.1.1, clean session, keep alive 30 s; a name of fewer than 100 bytes."""
    body = b"\x00\x04MQTT\x04\x02\x00\x1e" + len(client).to_bytes(2) + client.encode()
    return b"\x10" + bytes([len(body)]) + body


def _listening(topics: str) -> dict[str, list[str]]:
    return {"iot:Subscribe": [f"topicfilter/{topics}"], "iot:Receive": [f"topic/{topics}"]}


def _event(device: MqttDevice) -> dict[str, Any] | None:
    try:
        return dict(json.loads(device.receive()[1]))
    except TimeoutError:
        return None


def _type_of(event: dict[str, Any] | None) -> str:
    return "no event" if event is None else str(event.get("thingTypeName") or "none")


DOUBTS = (
    Doubt(
        "event-of-a-type",
        "UpdateThing that gives or removes a type raises the thing's own event, which names the type.",
        "subscribe to `$aws/events/thing/NAME/updated`; UpdateThing with `thingTypeName`, then `removeThingType`",
        "Such a change waits for the sweep; then the family of type associations is captured (ADR 0005).",
        raises_its_own_event,
        35,
    ),
    Doubt(
        "event-of-an-attachment",
        "Attaching a certificate exclusively raises no event of the thing.",
        "subscribe to `$aws/events/thing/NAME/#`; AttachThingPrincipal with EXCLUSIVE_THING",
        "Attachments could cross at once instead of by the sweep.",
        attaches_silently,
        35,
    ),
    Doubt(
        "shadow-tells-the-deleted-version",
        "The `version` in `delete/accepted` is that of the deleted document.",
        "subscribe to `$aws/things/NAME/shadow/delete/accepted`; DeleteThingShadow",
        "A deletion is checked once more.",
        tells_the_deleted_version,
        30,
    ),
    Doubt(
        "device-may-lie",
        "AWS takes `$aws/things/NAME/shadow/update/documents` from a device whose policy admits it.",
        "publish there as such a device, subscribed to the same topic",
        "A stranger has one way less.",
        may_lie,
        30,
    ),
    Doubt(
        "connection-is-ended",
        "DeleteConnection ends a live connection, and with `preventWillMessage` its will is not sent.",
        "DeleteConnection with `cleanSession=false`, `preventWillMessage=true` while the client is connected",
        "`failover --evict` moves nobody, and says who is left.",
        ends_connections,
        45,
    ),
    Doubt(
        "connection-needs-sni",
        "A device whose certificate was registered without a CA is refused without SNI.",
        "TLS to the secondary's endpoint without a server name, then CONNECT",
        "Then such devices can fail over too.",
        is_refused_without_sni,
        25,
    ),
)
