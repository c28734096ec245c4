"""All of one moment inside the emulator: `GET /_lab/moment`, which AWS has not.

Both Regions' registries, and what is on its way from one to the other. Read by calls, the registries are of many
moments while customers change them; and between a change and its crossing nothing of AWS's own tells who will check
it: how far a mapping has read its stream, what Lambda has taken over, with what an Express workflow was started.

Runs on the emulator's interpreter, in its process, and holds up all calls as long as it reads.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from typing import Any

from lab import registry

PATH = "/_lab/moment"

App = Callable[[Any, Any, Any], Awaitable[None]]


class Moment:
    """Answers for PATH before the emulator's own application, and counts from its beginning what functions do."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._functions = _Functions()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or hand on what is not asked of this."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        body = json.dumps(self._read(scope["query_string"].decode().split(","))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _read(self, regions: list[str]) -> dict[str, Any]:
        # Events first, executions last: what moves on meanwhile is seen twice rather than not at all.
        from lab.corrections import streams, trails  # noqa: PLC0415 - the emulator is imported once it is guarded

        return {
            "registries": {region: _registry(region) for region in regions},
            "events": trails.underway(),
            "records": list(streams.unread()),
            "messages": list(_messages()),
            **_executions(),
            "functions": self._functions.read(),
        }


class _Functions:
    """How many invocations there are at once, and how many found no room."""

    def __init__(self) -> None:
        from ministack.services import lambda_svc  # noqa: PLC0415 - as above

        from lab.corrections.patching import replace  # noqa: PLC0415 - as above

        self._lock = threading.Lock()
        self._most = 0
        self._throttled = 0
        acquire = lambda_svc._acquire_execution_slot

        def _acquire_execution_slot(func: Any, config: Any) -> Any:
            slot, limit = acquire(func, config)
            total, _ = lambda_svc.executions_in_flight()
            with self._lock:
                self._throttled += slot is None
                self._most = max(self._most, total)
            return slot, limit

        replace(acquire, _acquire_execution_slot)

    def read(self) -> dict[str, Any]:
        """The most at once since the reading before, and how often one was throttled since the beginning."""
        from ministack.services import lambda_svc  # noqa: PLC0415 - as above

        with self._lock:
            most, self._most = self._most, lambda_svc.executions_in_flight()[0]
            return {"most": most, "throttled": self._throttled}


def _registry(region: str) -> dict[str, Any]:
    from ministack.core.responses import _request_region  # noqa: PLC0415 - as above

    token = _request_region.set(region)
    try:
        return dict(registry.read(_Iot(), region).kinds)
    finally:
        _request_region.reset(token)


class _Refused(Exception):
    """An answer of AWS IoT that is an error."""


class _Missing(_Refused):
    """What was asked about is not there."""


class _Iot:
    """What `lab.registry` needs of an `iot` client, answered by the emulator's own code in the Region of the moment."""

    class exceptions:  # noqa: N801 - boto3's spelling
        """As boto3 has them."""

        ResourceNotFoundException = _Missing

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        """A call by boto3's name."""
        return lambda **parameters: _call(operation, parameters)

    def get_paginator(self, operation: str) -> "_Iot._Pages":
        """A list, which is one page where no size is asked for."""
        return _Iot._Pages(operation)

    class _Pages:
        def __init__(self, operation: str) -> None:
            self._operation = operation

        def paginate(self, **parameters: Any) -> list[dict[str, Any]]:
            """The page."""
            return [_call(self._operation, parameters)]


def _call(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Have the emulator answer; none of these calls waits for anything, so its coroutine ends at once."""
    from ministack.services import iot  # noqa: PLC0415 - as above

    from lab.corrections import trails  # noqa: PLC0415 - as above

    api, name = trails.model(), _names()[operation]
    called = api["operations"][name]
    path, query = called["http"]["requestUri"].partition("?")[0], {}
    for member, value in parameters.items():
        placed = api["shapes"][called["input"]["shape"]]["members"][member]
        where = placed.get("locationName", member)
        if placed.get("location") == "uri":
            path = path.replace(f"{{{where}}}", value)
        else:
            query[where] = json.dumps(value) if isinstance(value, bool) else value
    answering = iot._route_request(called["http"]["method"], path, {}, b"", query)
    try:
        answering.send(None)
    except StopIteration as ended:
        status, _, body = ended.value
    else:
        raise LookupError(f"the emulator's {name} waits for something")
    if status == 404:
        raise _Missing(name)
    if status != 200:
        raise _Refused(f"{name}: {body}")
    answer: dict[str, Any] = json.loads(body)
    return answer


@cache
def _names() -> dict[str, str]:
    """Names of AWS IoT's operations by boto3's: `list_thing_principals_v2` is `ListThingPrincipalsV2`."""
    from lab.corrections import trails  # noqa: PLC0415 - as above

    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in trails.model()["operations"]}


def _messages() -> Iterator[str]:
    """The messages of queues that functions read, taken or not; what failed for good is on no way."""
    from ministack.services import lambda_svc, sqs  # noqa: PLC0415 - as above

    read = {mapping.get("EventSourceArn") for _, _, mapping in lambda_svc._iter_all_esms()}
    for _, queue in sqs._queues.all_items():
        if queue.get("attributes", {}).get("QueueArn") in read:
            yield from (message["body"] for message in list(queue.get("messages") or ()))


def _executions() -> dict[str, Any]:
    """The inputs of executions that run, and how many have which status."""
    from ministack.services import stepfunctions  # noqa: PLC0415 - as above

    found = [execution for _, execution in stepfunctions._executions.all_items()]
    return {
        "running": [execution["input"] for execution in found if execution["status"] == "RUNNING"],
        "executions": Counter(execution["status"] for execution in found),
    }
