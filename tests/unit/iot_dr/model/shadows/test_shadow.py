"""Shadows, their events, and which of them are replicated."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from iot_dr.errors import EventError
from iot_dr.model.exact_json import Number, parse
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.shadow import (
    Operation,
    ShadowEvent,
    ShadowNote,
    ShadowSelection,
    ShadowState,
    decode_shadow_event,
    digest,
    document_of,
)

STATE = '{"desired":{"on":true},"reported":{"on":false,"temperature":20.50}}'


def an_item(**changes: Any) -> dict[str, Any]:
    item = {
        "resource": "pump-17",
        "event_id": "e-1",
        "operation": "UPDATED",
        "version": Decimal(7),
        "timestamp": Decimal(1_700_000_000),
        "accepted_at": Decimal(1_700_000_000_123),
        "payload": base64.b64encode(STATE.encode()).decode(),
    }
    return {name: value for name, value in (item | changes).items() if value is not None}


def test_an_update_tells_the_whole_document() -> None:
    assert decode_shadow_event(an_item()) == ShadowEvent(
        key=shadow_key("pump-17"),
        operation=Operation.UPDATED,
        version=7,
        updated_at=1_700_000_000_000,
        accepted_at=1_700_000_000_123,
        event_id="e-1",
        document=parse(STATE),
    )


def test_a_named_shadow_has_its_name_in_the_key() -> None:
    assert decode_shadow_event(an_item(shadow="config")).key == shadow_key("pump-17", "config")


def test_a_deletion_tells_no_document() -> None:
    event = decode_shadow_event(an_item(operation="DELETED", payload=None))

    assert event.deleted
    assert event.document is None


def test_an_update_without_payload_is_an_event_that_does_not_tell_the_document() -> None:
    assert decode_shadow_event(an_item(payload=None)).document is None


@pytest.mark.parametrize("literal", ["1" * 34, "0." + "1" * 34, "1e999", "1e-999"])
def test_a_number_that_the_rule_engine_may_have_rounded_makes_the_document_unknown(literal: str) -> None:
    payload = base64.b64encode(f'{{"reported":{{"a":[{{"n":{literal}}}]}}}}'.encode())

    assert decode_shadow_event(an_item(payload=payload)).document is None


@pytest.mark.parametrize("literal", ["1" * 33, "0.1", "1e998", "-1.7976931348623157e308"])
def test_a_number_that_it_keeps_is_believed(literal: str) -> None:
    payload = base64.b64encode(f'{{"reported":{{"n":{literal}}}}}'.encode())

    assert decode_shadow_event(an_item(payload=payload)).document == {"reported": {"n": Number(literal)}}


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": None},
        {"resource": ""},
        {"event_id": None},
        {"operation": "MOVED"},
        {"version": None},
        {"version": "seven"},
        {"version": Decimal("NaN")},
        {"version": Decimal(2**53)},
        {"version": Decimal("1E+100")},
        {"version": Decimal("1.5")},
        {"version": Decimal(-1)},
        {"timestamp": "soon"},
        {"timestamp": Decimal("1E+100")},
        {"timestamp": Decimal(-1)},
        {"accepted_at": Decimal("1E+100")},
        {"payload": "%"},
        {"payload": base64.b64encode(b"[1]").decode()},
        {"payload": base64.b64encode(b'{"reported":7}').decode()},
        {"payload": 7},
    ],
)
def test_what_is_missing_or_garbled_is_an_event_error(changes: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        decode_shadow_event(an_item(**changes))


def test_an_error_repeats_nothing_of_the_state() -> None:
    payload = base64.b64encode(b'{"reported":"secret').decode()

    with pytest.raises(EventError) as raised:
        decode_shadow_event(an_item(payload=payload))

    assert "secret" not in str(raised.value)


def test_of_a_state_only_the_sections_that_devices_and_apps_write_are_kept() -> None:
    state = parse('{"desired":{"on":true},"reported":{},"delta":{"on":true}}')

    assert document_of(state) == {"desired": {"on": True}}
    assert document_of(None) == {}


def test_the_digest_is_of_the_content_and_not_of_its_order() -> None:
    assert digest(parse('{"reported":{"a":1,"b":2}}')) == digest(parse('{"reported":{"b":2,"a":1}}'))
    assert digest(parse('{"reported":{"a":1}}')) != digest(parse('{"reported":{"a":"1"}}'))


def test_a_note_tells_whether_its_last_claim_was_of_a_state() -> None:
    note = ShadowNote(claims=3, version=7)

    assert note.brings_about(ShadowState(7, 0, {}))
    assert not note.brings_about(ShadowState(7, 0, None))
    assert not note.brings_about(ShadowState(8, 0, {}))
    assert not ShadowNote().brings_about(ShadowState(0, 0, {}))


@pytest.mark.parametrize(
    ("selection", "classic", "config", "config_2"),
    [
        (ShadowSelection(), True, True, True),
        (ShadowSelection("classic"), True, False, False),
        (ShadowSelection("named"), False, True, True),
        (ShadowSelection("none"), False, False, False),
        (ShadowSelection("all", "config"), True, True, False),
    ],
)
def test_shadows_are_selected_by_mode_and_the_named_by_their_whole_name(
    selection: ShadowSelection, classic: bool, config: bool, config_2: bool
) -> None:
    assert [selection.selects(name) for name in ("", "config", "config-2")] == [classic, config, config_2]
