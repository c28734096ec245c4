"""CloudTrail's management events on EventBridge."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import cloudtrail, eventbridge, iot

from . import correction
from .patching import replace

_READS = re.compile("Describe|Get|List|Search|Test|Validate")
_DETAIL_TYPE = "AWS API Call via CloudTrail"


@correction("https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html")
def trail_tells_eventbridge_of_iot_calls() -> None:
    """Where a trail logs, EventBridge gets every call that changes AWS IoT; the emulator's trails tell it nothing."""
    handle = iot.handle_request
    telling: set[asyncio.Task[Any]] = set()  # a task that nobody holds may be collected before it is done

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        answer = await handle(method, path, headers, body, query_params)
        operation = iam_actions._match_rest_action("iot", method, path, query_params)
        if operation and not _READS.match(operation) and _logged():
            parameters = dict(_parameters(operation, path, headers or {}, body, query_params))
            task = asyncio.create_task(asyncio.to_thread(_tell, operation, parameters, answer))
            telling.add(task)
            task.add_done_callback(telling.discard)
        return answer

    replace(handle, handle_request)


def _logged() -> bool:
    return any(trail.get("IsLogging") for _, _, trail in cloudtrail._visible_trail_items())


def _parameters(
    operation: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """What the call was made with, by the names of AWS IoT's API, wherever in the request it stood."""
    model = iam_actions._load_botocore_model("iot")
    called = model["operations"][operation]
    labels = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(called["http"]["requestUri"].partition("?")[0]))
    named = re.fullmatch(labels, path)
    sent = iot._parse_body(body)
    for name, member in model["shapes"][called["input"]["shape"]].get("members", {}).items():
        where = member.get("locationName", name)
        places = {
            "uri": named.groupdict() if named else {},
            "querystring": {key: value[0] if isinstance(value, list) else value for key, value in query.items()},
            "header": headers,
        }
        value = places.get(member.get("location", ""), sent).get(where)
        if value is not None:
            yield name, value


def _tell(operation: str, parameters: Mapping[str, Any], answer: Any) -> None:
    said = iot._parse_body(answer[2])
    detail = {
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
    entry = {"Source": "aws.iot", "DetailType": _DETAIL_TYPE, "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
