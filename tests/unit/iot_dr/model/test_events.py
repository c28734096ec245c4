"""Registry events are decoded from the table's items; what cannot be read is named, never guessed."""

import json

import pytest

from iot_dr.errors import EventError, UnsupportedEvent
from iot_dr.model.events import REPLICATED_EVENT_FAMILIES, decode
from iot_dr.model.keys import thing_key, thing_type_key
from tests.builders import a_thing_payload, a_type_payload, an_item


def test_a_things_event_tells_which_thing_when_and_that_it_is_new() -> None:
    event = decode(an_item(a_thing_payload("pump-17", "CREATED")))

    assert event.key == thing_key("pump-17")
    assert event.timestamp == 1234567890123
    assert event.event_id == "f5ae9b94-8b8e-4d8e-8c8f-b3266dd89853"
    assert event.created
    assert not event.updated


@pytest.mark.parametrize(
    ("operation", "created", "updated"),
    [("CREATED", True, False), ("UPDATED", False, True), ("DELETED", False, False)],
)
def test_an_operation_is_new_or_changed_or_neither(operation: str, created: bool, updated: bool) -> None:
    event = decode(an_item(a_thing_payload(operation=operation)))

    assert (event.created, event.updated) == (created, updated)


def test_a_types_event_tells_which_type() -> None:
    assert decode(an_item(a_type_payload("pump"))).key == thing_type_key("pump")


def test_every_family_that_must_be_on_has_a_branch() -> None:
    payloads = {"THING": a_thing_payload(), "THING_TYPE": a_type_payload()}

    assert set(payloads) == set(REPLICATED_EVENT_FAMILIES)
    assert all(decode(an_item(payload)) for payload in payloads.values())


def test_an_event_without_an_id_of_its_own_has_the_rules() -> None:
    assert decode(an_item(a_thing_payload(eventId=None), event_id="rule-made-id")).event_id == "rule-made-id"


@pytest.mark.parametrize("event_type", ["THING_GROUP_EVENT", "JOB_EVENT", "", None])
def test_a_family_without_branch_is_unsupported(event_type: str | None) -> None:
    with pytest.raises(UnsupportedEvent, match="no branch replicates"):
        decode(an_item(a_thing_payload() | {"eventType": event_type}))


@pytest.mark.parametrize("missing", ["thingName", "operation", "timestamp"])
def test_an_event_that_lacks_what_its_type_promises_cannot_be_read(missing: str) -> None:
    payload = a_thing_payload()
    del payload[missing]

    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(payload))


@pytest.mark.parametrize("timestamp", ["soon", None, {}])
def test_a_garbled_time_cannot_be_read(timestamp: object) -> None:
    with pytest.raises(EventError, match="lacks or garbles"):
        decode(an_item(a_thing_payload(timestamp=timestamp)))


@pytest.mark.parametrize("payload", ["", "no base64!", "bm8ganNvbg==", "gICA"])
def test_a_payload_that_is_not_base64_of_json_cannot_be_read(payload: str) -> None:
    with pytest.raises(EventError, match="not base64 of JSON"):
        decode({"event_id": "e", "payload": payload})


@pytest.mark.parametrize("item", [{}, {"payload": None}, {"payload": 7}])
def test_an_item_without_payload_cannot_be_read(item: dict) -> None:
    with pytest.raises(EventError):
        decode(item)


def test_a_payload_that_is_no_object_cannot_be_read() -> None:
    with pytest.raises(EventError, match="not a JSON object"):
        decode(an_item(json.loads("[1]")))
