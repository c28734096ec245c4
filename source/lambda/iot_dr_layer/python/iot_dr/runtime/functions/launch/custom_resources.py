"""The boundary of a function behind a custom resource: whatever happens inside, CloudFormation gets an answer.

A resource that does not answer holds its stack for an hour. So success, a foreseen error, a bug and an approaching
time-out are all answered here; only then does a bug propagate, for Lambda to count it. crhelper serves the same end
but cuts the reason to 240 characters, which is where the commands that mend a refused launch have to stand.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import urllib3

from iot_dr.errors import IotDrError, RegionUnavailable
from iot_dr.observability import logs

_TELLING_URLS = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection", "urllib3.response")

MAX_RESPONSE_BYTES = 4096
"""CloudFormation's limit for the whole response body."""
CUT = " ... (cut; the whole text is in the function's log)"
NOT_CREATED = "not-created"
"""Physical ID of a resource whose creation failed; CloudFormation hands it back with the Delete that cleans up."""
SECONDS_TO_ANSWER = 2.0
"""Kept back from the function's time-out for sending the answer."""
BACKOFF = 0.2
"""Seconds before the answer is sent once more, doubled each time."""

logger = logs.logger()


@dataclass(frozen=True)
class Request:
    """What CloudFormation asks for; every property arrives as text."""

    kind: Literal["Create", "Update", "Delete"]
    properties: Mapping[str, Any]
    physical_id: str
    stack_id: str
    request_id: str

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Self:
        """Read the event of https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html."""
        return cls(
            kind=event["RequestType"],
            properties=event.get("ResourceProperties", {}),
            physical_id=event.get("PhysicalResourceId", ""),
            stack_id=event["StackId"],
            request_id=event["RequestId"],
        )


@dataclass(frozen=True)
class ResourceAnswer:
    """What the stack gets: the resource's identity and the values that `Fn::GetAtt` reads.

    A physical ID that differs from the request's makes CloudFormation delete the old resource afterwards.
    """

    physical_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


class CustomResource(Protocol):
    """One resource type of ours; each method may be repeated by CloudFormation and must end the same."""

    def create(self, request: Request) -> ResourceAnswer:
        """Bring the resource into being."""
        ...

    def update(self, request: Request) -> ResourceAnswer:
        """Follow changed properties; also called, with the old ones, when an update is rolled back."""
        ...

    def delete(self, request: Request) -> ResourceAnswer:
        """Remove what create made, also after a create that failed half-way."""
        ...


def answering(wire: Callable[[], CustomResource]) -> Callable[[dict[str, Any], Any], None]:
    """Make a Lambda handler of a custom resource; `wire` runs inside, so that its errors are answered too."""

    def lambda_handler(event: dict[str, Any], context: Any) -> None:
        with _Reply(event, context) as reply:
            request = Request.parse(event)
            resource = wire()
            match request.kind:
                case "Create":
                    reply.answer = resource.create(request)
                case "Update":
                    reply.answer = resource.update(request)
                case "Delete":
                    reply.answer = resource.delete(request)

    return lambda_handler


class _Reply:
    """Sends exactly one response, at the end of the block or shortly before the function's time is up."""

    def __init__(self, event: Mapping[str, Any], context: Any) -> None:
        self._event = event
        self._context = context
        self._lock = threading.Lock()
        self._sent = False
        self._timer = threading.Timer(
            max(context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_ANSWER, 0), self._time_is_up
        )
        self.answer: ResourceAnswer | None = None

    def __enter__(self) -> Self:
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._timer.cancel()
        if error is None and self.answer is not None:
            self._send("SUCCESS", self.answer)
            return True
        if isinstance(error, IotDrError):
            logger.error("custom resource failed", extra={"error": type(error).__name__, "reason": str(error)})
            self._send("FAILED", self._failure(str(error)))
            return True
        # A bug: its text may hold anything, so only its class goes into the stack's events.
        name = type(error).__name__ if error else "no answer"
        logger.error("custom resource failed by a bug", extra={"error": name}, exc_info=error)
        self._send("FAILED", self._failure(f"internal error ({name}); {self._log_hint()}"))
        return False

    def _time_is_up(self) -> None:
        logger.error("custom resource is about to time out")
        self._send("FAILED", self._failure(f"the function did not finish in time; {self._log_hint()}"))

    def _failure(self, reason: str) -> ResourceAnswer:
        return ResourceAnswer(physical_id=self._event.get("PhysicalResourceId") or NOT_CREATED, reason=reason)

    def _log_hint(self) -> str:
        return f"see log stream {self._context.log_stream_name} in log group {self._context.log_group_name}"

    def _send(self, status: Literal["SUCCESS", "FAILED"], answer: ResourceAnswer) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
            _put(self._event["ResponseURL"], response_body(self._event, status, answer))
        logger.info("answered CloudFormation", extra={"status": status, "physical_id": answer.physical_id})


def response_body(event: Mapping[str, Any], status: str, answer: ResourceAnswer) -> bytes:
    """Return the response as JSON, its reason cut so that CloudFormation accepts the whole."""

    def encode(reason: str) -> bytes:
        return json.dumps(
            {
                "Status": status,
                "Reason": reason,
                "PhysicalResourceId": answer.physical_id,
                "StackId": event["StackId"],
                "RequestId": event["RequestId"],
                "LogicalResourceId": event["LogicalResourceId"],
                "Data": dict(answer.data),
            }
        ).encode()

    reason = answer.reason
    body = encode(reason)
    while len(body) > MAX_RESPONSE_BYTES and reason:
        # A character takes at most twelve bytes of JSON, so this never cuts too much and takes a few rounds at worst.
        reason = reason[: -max(1, (len(body) - MAX_RESPONSE_BYTES) // 12)]
        body = encode(reason + CUT)
    return body


def _put(url: str, body: bytes) -> None:
    try:
        with _unlogged():
            # The URL is presigned for an empty content type; any other breaks its signature.
            response = urllib3.PoolManager().request(
                "PUT",
                url,
                body=body,
                headers={"Content-Type": ""},
                timeout=urllib3.Timeout(connect=2, read=5),
                retries=urllib3.Retry(
                    total=4, backoff_factor=BACKOFF, status_forcelist=(500, 502, 503), allowed_methods=None
                ),
            )
    except urllib3.exceptions.HTTPError as error:
        # Its text has the URL, and so has what it was raised from.
        raise RegionUnavailable(f"CloudFormation could not be answered: {type(error).__name__}") from None
    if response.status >= 300:
        logger.error("CloudFormation refused the answer", extra={"http_status": response.status})


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep urllib3 from logging inside this block: its lines have the whole URL, whose holder can answer for us."""

    def nothing(_record: logging.LogRecord) -> bool:
        return False

    logs_of_urllib3 = [logging.getLogger(name) for name in _TELLING_URLS]
    for log in logs_of_urllib3:
        log.addFilter(nothing)
    try:
        yield
    finally:
        for log in logs_of_urllib3:
            log.removeFilter(nothing)
