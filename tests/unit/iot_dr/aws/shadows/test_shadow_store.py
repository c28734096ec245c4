"""Shadows over an `iot-data` client: the calls themselves, and answers that are no shadows."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.errors import (
    AccessDenied,
    Conflict,
    InvalidResource,
    LimitExceeded,
    NotReadyYet,
    RegionUnavailable,
    Throttled,
)
from iot_dr.model.exact_json import Number
from iot_dr.model.registry.keys import shadow_key

STUBBED = ("iot-data", "us-west-2")
KEY, NAMED = shadow_key("pump-17"), shadow_key("pump-17", "config")


@pytest.fixture
def shadows(stub: Stubber) -> IotShadowStore:
    return IotShadowStore(stub.client)


def a_payload(text: str) -> dict[str, Any]:
    return {"payload": StreamingBody(BytesIO(text.encode()), len(text.encode()))}


def test_a_named_shadow_is_asked_for_by_its_name(stub: Stubber, shadows: IotShadowStore) -> None:
    answer = '{"state":{"reported":{"n":1.50},"delta":{}},"metadata":{},"version":3,"timestamp":1700000000}'
    stub.add_response("get_thing_shadow", a_payload(answer), {"thingName": "pump-17", "shadowName": "config"})

    found = shadows.shadow(NAMED)

    assert found is not None
    assert found.document == {"reported": {"n": Number("1.50")}}
    assert (found.version, found.read_at) == (3, 1_700_000_000_000)


def test_a_write_names_the_version_that_was_read_and_can_be_told_from_a_devices(
    stub: Stubber, shadows: IotShadowStore
) -> None:
    payload = b'{"clientToken":"iot-dr","state":{"reported":{"n":1E+2,"old":null}},"version":3}'
    stub.add_response("update_thing_shadow", a_payload('{"version":4}'), {"thingName": "pump-17", "payload": payload})

    assert shadows.update(KEY, {"reported": {"n": Number("1E+2"), "old": None}}, 3) == 4


def test_the_list_of_names_is_read_to_its_end(stub: Stubber, shadows: IotShadowStore) -> None:
    stub.add_response("list_named_shadows_for_thing", {"results": ["a"], "nextToken": "next"}, {"thingName": "pump-17"})
    stub.add_response("list_named_shadows_for_thing", {"results": ["b"]}, {"thingName": "pump-17", "nextToken": "next"})

    assert shadows.shadow_names("pump-17") == {"a", "b"}


def test_a_thing_that_is_unknown_has_no_named_shadows(stub: Stubber, shadows: IotShadowStore) -> None:
    stub.add_client_error("list_named_shadows_for_thing", "ResourceNotFoundException", http_status_code=404)

    assert shadows.shadow_names("pump-17") == frozenset()


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"state":[],"version":1,"timestamp":1}', '{"state":{},"version":"1","timestamp":1}']
)
def test_an_answer_that_is_no_shadow_is_not_guessed_at(stub: Stubber, shadows: IotShadowStore, answer: str) -> None:
    stub.add_response("get_thing_shadow", a_payload(answer), {"thingName": "pump-17"})

    with pytest.raises(InvalidResource):
        shadows.shadow(KEY)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ConflictException", 409, Conflict),
        ("RequestEntityTooLargeException", 413, LimitExceeded),
        ("ThrottlingException", 429, Throttled),
        ("ForbiddenException", 403, AccessDenied),
        ("UnauthorizedException", 401, AccessDenied),
        ("InvalidRequestException", 400, InvalidResource),
        ("ResourceNotFoundException", 404, NotReadyYet),
        ("InternalFailureException", 500, RegionUnavailable),
        ("ServiceUnavailableException", 503, RegionUnavailable),
    ],
)
def test_what_aws_refuses_is_told_by_who_must_act(
    stub: Stubber, shadows: IotShadowStore, code: str, status: int, error: type[Exception]
) -> None:
    stub.add_client_error("update_thing_shadow", code, http_status_code=status)

    with pytest.raises(error):
        shadows.update(KEY, {}, 1)


def test_a_deletion_that_is_refused_is_no_success(stub: Stubber, shadows: IotShadowStore) -> None:
    stub.add_client_error("delete_thing_shadow", "ForbiddenException", http_status_code=403)

    with pytest.raises(AccessDenied):
        shadows.delete(KEY)


def test_no_error_repeats_the_state(stub: Stubber, shadows: IotShadowStore) -> None:
    stub.add_response("get_thing_shadow", a_payload(json.dumps({"state": {"reported": "secret"}})))

    with pytest.raises(InvalidResource) as raised:
        shadows.shadow(KEY)

    assert "secret" not in str(raised.value)
