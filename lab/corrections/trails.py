"""CloudTrail's management events on EventBridge."""

import asyncio
import contextvars
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ministack.core import iam_actions
from ministack.services import cloudtrail, eventbridge, iot, lambda_svc

from . import correction
from .patching import replace

_READS = re.compile("Describe|Get|List|Search|Test|Validate")
_DETAIL_TYPE = "AWS API Call via CloudTrail"
_THROTTLED = 429

_telling: dict[asyncio.Task[Any], Mapping[str, Any]] = {}
"""Calls that EventBridge is still to be told of; a task that nobody holds may be collected before it is done."""
_invoking: dict[threading.Thread, Any] = {}
"""Events that functions of EventBridge's rules are still to take, by the threads that see to it."""


@correction("https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html")
def trail_tells_eventbridge_of_iot_calls() -> None:
    """Where a trail logs, EventBridge gets every call that changes AWS IoT; the emulator's trails tell it nothing."""
    handle = iot.handle_request

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        answer = await handle(method, path, headers, body, query_params)
        operation = iam_actions._match_rest_action("iot", method, path, query_params)
        if operation and not _READS.match(operation) and _logged():
            parameters = dict(_parameters(operation, path, headers or {}, body, query_params))
            detail = _detail(operation, parameters, answer)
            task = asyncio.create_task(asyncio.to_thread(_tell, detail))
            _telling[task] = detail
            task.add_done_callback(_telling.pop)
        return answer

    replace(handle, handle_request)


@cache
def model() -> Any:
    """AWS IoT's API as botocore describes it; the emulator reads the file anew for whoever asks."""
    return iam_actions._load_botocore_model("iot")


def _logged() -> bool:
    return any(trail.get("IsLogging") for _, _, trail in cloudtrail._visible_trail_items())


def _parameters(
    operation: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """What the call was made with, by the names of AWS IoT's API, wherever in the request it stood."""
    api = model()
    called = api["operations"][operation]
    labels = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(called["http"]["requestUri"].partition("?")[0]))
    named = re.fullmatch(labels, path)
    sent = iot._parse_body(body)
    for name, member in api["shapes"][called["input"]["shape"]].get("members", {}).items():
        where = member.get("locationName", name)
        places = {
            "uri": named.groupdict() if named else {},
            "querystring": {key: value[0] if isinstance(value, list) else value for key, value in query.items()},
            "header": headers,
        }
        value = places.get(member.get("location", ""), sent).get(where)
        if value is not None:
            yield name, value


@correction("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html")
def eventbridge_invokes_a_function_until_it_succeeds() -> None:
    """Lambda takes EventBridge's event over and tries a function that fails again; the emulator tries it once.

    Each try is one of those that the function's settings admit, unless Lambda was too busy to begin it. The pauses are
    a second and two, where AWS's are minutes. An event that is given up goes where the settings say.
    """
    dispatch = eventbridge._dispatch_to_lambda

    def _dispatch_to_lambda(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            dispatch(arn, payload)  # which says that there is none
            return
        event = json.loads(payload)
        record = lambda_svc._execution_record_for_config(function, config)
        settings = lambda_svc._event_invoke_config(function, "$LATEST") or {}
        thread = threading.Thread(
            target=contextvars.copy_context().run, args=(_invoke, record, event, settings), daemon=True
        )
        _invoking[thread] = event
        thread.start()

    replace(dispatch, _dispatch_to_lambda)


def _invoke(record: Any, event: Any, settings: Mapping[str, Any]) -> None:
    tries, pause = 1 + int(settings.get("MaximumRetryAttempts", 2)), 1.0
    try:
        while True:
            result = lambda_svc._execute_function_with_config_scope(record, event)
            if not result.get("error"):
                return
            tries -= not result.get("throttle")
            if not tries:
                break
            threading.Event().wait(pause)
            pause = min(2 * pause, 30.0)
        destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if destination:
            name = (record.get("config") or record).get("FunctionName", "")
            lambda_svc._route_async_failure(destination, name, event, result)
    finally:
        _invoking.pop(threading.current_thread(), None)


def underway() -> list[Any]:
    """Details of the calls that a trail has recorded, and no function of a rule has taken yet."""
    invoking = [event for event in list(_invoking.values()) if event.get("detail-type") == _DETAIL_TYPE]
    return [*list(_telling.values()), *(event["detail"] for event in invoking)]


def _detail(operation: str, parameters: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    said = iot._parse_body(answer[2])
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "eventSource": "iot.amazonaws.com",
        "eventName": operation,
        "awsRegion": iot.get_region(),
        "requestParameters": parameters or None,
        "responseElements": {key: value for key, value in said.items() if key != "keyPair"} or None,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": iot.get_account_id(),
        "eventCategory": "Management",
    }
    if answer[0] >= 300:
        detail |= {"errorCode": said.get("__type"), "errorMessage": said.get("message"), "responseElements": None}
    return detail


def _tell(detail: Mapping[str, Any]) -> None:
    entry = {"Source": "aws.iot", "DetailType": _DETAIL_TYPE, "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
