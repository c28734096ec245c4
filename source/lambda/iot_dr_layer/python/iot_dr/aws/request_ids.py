"""The IDs that AWS gave the requests of one piece of work, by which CloudTrail and AWS's support know them.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html#requestID
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)
"""Belongs to the piece of work that is under way in this thread, and in those that work for it."""

READS = ("Describe", "Get", "List")


@contextmanager
def noting_requests() -> Iterator[list[str]]:
    """Collect `OPERATION ID` of every write that is answered inside, in the order of the answers."""
    requests: list[str] = []
    before = _noted.set(requests)
    try:
        yield requests
    finally:
        _noted.reset(before)


def note_requests_of(client: Any) -> Any:
    """Have a client's writes noted by whoever asks for it, and return the client."""
    client.meta.events.register("after-call", _note)
    return client


def _note(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    requests, request_id = _noted.get(), parsed.get("ResponseMetadata", {}).get("RequestId")
    if requests is not None and request_id and not model.name.startswith(READS):
        requests.append(f"{model.name} {request_id}")
