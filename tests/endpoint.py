"""A stand-in for AWS on this machine: remembers what was sent to it and answers what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """One call as it went over the wire. `operation` is the protocol's own, or the REST method and path."""

    operation: str
    body: dict[str, Any]
    region: str


@dataclass(frozen=True)
class Answer:
    """What AWS answers: JSON, or `xml` where the service's protocol wants that; perhaps with more headers."""

    body: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    error: str = ""
    xml: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Request], Answer]
MISSING = Answer({"message": "no such thing"}, 404, "ResourceNotFoundException")


class Endpoint:
    """An HTTP server on a free port of this machine; `url` is what AWS_ENDPOINT_URL is set to."""

    def __init__(self, answering: Answering) -> None:
        self.requests: list[Request] = []
        self._answering = answering
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def operations(self) -> list[str]:
        """Return the operations that were called, in order."""
        return [request.operation for request in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length)
                form = "urlencoded" in self.headers.get("Content-Type", "")
                body = dict(parse_qsl(sent.decode())) if form else json.loads(sent or b"{}")
                target = body["Action"] if form else self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                region = self.headers.get("Authorization", "").split("/")[2]
                request = Request(target or f"{self.command} {self.path}", body, region)
                endpoint.requests.append(request)
                answer = endpoint._answering(request)
                text = (answer.xml or json.dumps(answer.body)).encode() if answer.xml or answer.body else b""
                self.send_response(answer.status)
                self.send_header("x-amzn-RequestId", f"r-{len(endpoint.requests)}")
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.error:
                    self.send_header("x-amzn-errortype", answer.error)
                self.send_header("Content-Type", "text/xml" if answer.xml else "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(text)))
                # No connection is kept, so none is left open when a client is.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # names of the base class

            def log_message(self, *_arguments: Any) -> None:
                """Print nothing."""

        return Handler
