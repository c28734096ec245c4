"""CloudFormation's side of a custom resource: the request, and a server on this machine that takes the answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/main/1e0c"


@dataclass
class Invocation:
    """What Lambda hands to a function beside the event."""

    milliseconds: int = 60_000
    log_group_name: str = "/aws/lambda/f"
    log_stream_name: str = "2026/11/24/[$LATEST]1"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Answers:
    """The answers that came, and where they are sent to."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    def request(self, kind: str, properties: dict[str, Any], physical_id: str = "", **extra: Any) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "RequestId": "request-1",
            "StackId": STACK_ID,
            "ResponseURL": self.url,
            "LogicalResourceId": "Resource",
            "ResourceType": "Custom::Resource",
            "ResourceProperties": {"ServiceToken": "arn", **properties},
            **extra,
        }
        return event | ({"PhysicalResourceId": physical_id} if physical_id else {})

    @property
    def only(self) -> dict[str, Any]:
        (body,) = self.bodies
        return body


@contextmanager
def taking_answers() -> Iterator[Answers]:
    """Serve a response URL; the statuses in `refusals` are answered first, one a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.refusals.pop(0) if answers.refusals else 200
            if status == 200:
                answers.bodies.append(json.loads(body))
                answers.sizes.append(len(body))
                answers.content_types.append(self.headers["Content-Type"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        answers = Answers(f"http://127.0.0.1:{server.server_port}/answer?signature=secret")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield answers
        finally:
            server.shutdown()
            thread.join()
