"""A proxy before the emulator that counts AWS calls by service, API and Region, and can spoil them.

Functions reach it through AWS_ENDPOINT_URL_<SERVICE>, which they inherit from the emulator's process. The Host header
goes on unchanged, so signatures hold. Service and Region stand in the signature's credential scope.
"""

import asyncio
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

from lab.emulator import bind_loopback

COUNTED_SERVICES = ("IOT", "IOT_DATA_PLANE", "DYNAMODB", "SFN", "SQS", "SERVICE_QUOTAS")

_TLS_ONLY = frozenset({"sqs"})
"""Services whose resources refuse what comes in the clear; the way to the emulator is over TLS for them."""

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Signing name -> botocore's model, where they differ.
_MODELS = {"iotdata": "iot-data", "iotdevicegateway": "iot-data", "states": "stepfunctions"}
_MAX_HEAD = 1 << 16


@dataclass(frozen=True)
class Call:
    """One request to AWS."""

    service: str
    operation: str
    region: str


Forward = Callable[[], Awaitable[bytes]]
"""Sends the request on to the emulator and returns its answer."""


class Fault(Protocol):
    """What happens to a request instead of being forwarded and answered at once."""

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:
        """Answer, or don't; True when the connection lives on."""
        ...


@dataclass(frozen=True)
class Refusal:
    """Answer with an error of AWS's instead of asking the emulator."""

    status: int
    code: str
    message: str = "from the lab"

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:  # noqa: ARG002 - the protocol's
        """Send the error in the form that JSON protocols read: code in the header, message in the body."""
        body = f'{{"__type": "{self.code}", "message": "{self.message}"}}'.encode()
        head = (
            f"HTTP/1.1 {self.status} Refused\r\nContent-Type: application/json\r\nx-amzn-ErrorType: {self.code}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        client.write(head.encode() + body)
        await client.drain()
        return False


@dataclass(frozen=True)
class Answer:
    """Answer with this JSON instead of asking the emulator."""

    body: str

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:  # noqa: ARG002 - the protocol's
        """Send it as a success."""
        body = self.body.encode()
        client.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.write(body)
        await client.drain()
        return True


@dataclass(frozen=True)
class Reset:
    """Break the connection before the request is carried out, or after it: then it counts and nobody is told."""

    carried_out: bool = False

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:
        """Send RST."""
        if self.carried_out:
            await forward()
        client.transport.abort()
        return False


@dataclass(frozen=True)
class Silence:
    """Take the request and never answer, until the client gives up or the time is over."""

    seconds: float | None = None

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:  # noqa: ARG002 - the protocol's
        """Wait for the client to close, then break the connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                while not client.transport.is_closing():
                    await asyncio.sleep(0.05)  # the transport says nothing when the peer is gone
        client.transport.abort()
        return False


@dataclass(frozen=True)
class Slow:
    """Carry the request out and answer it late."""

    seconds: float

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:
        """Hold the request back, then forward it."""
        await asyncio.sleep(self.seconds)
        client.write(await forward())
        await client.drain()
        return True


Intercept = Callable[[Call], Fault | None]


@dataclass(frozen=True)
class _Head:
    """Head of a request or response, as it came; read once, which a call's way through the proxy asks for often."""

    raw: bytes

    @cached_property
    def _lines(self) -> list[str]:
        return self.raw.decode("latin-1").split("\r\n")

    @property
    def start_line(self) -> str:
        return self._lines[0]

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Values by names in small letters; of a name that comes twice the first."""
        found: dict[str, str] = {}
        for line in self._lines[1:]:
            name, _, value = line.partition(":")
            found.setdefault(name.strip().lower(), value.strip())
        return found


@dataclass(frozen=True)
class _Message:
    """A request or response."""

    head: _Head
    body: bytes = b""


async def _read_message(reader: asyncio.StreamReader, *, answers: str | None = None) -> _Message | None:
    """Read one message with its body, or None at the end; `answers` is the method that a response is for."""
    try:
        head = _Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError:
        return None
    status = head.start_line.split(" ")[1] if answers else ""
    if answers == "HEAD" or status in ("204", "304") or status.startswith("1"):
        return _Message(head)
    length = head.headers.get("content-length")
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        return _Message(head, await _read_chunks(reader))
    if length is not None:
        return _Message(head, await reader.readexactly(int(length)))
    if answers:
        return _Message(head, await reader.read())
    return _Message(head)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


@cache
def _operations(model: str) -> Mapping[str, re.Pattern[str]]:
    """For each method of a REST service a pattern of all its paths: the name of a group that matches is the operation.

    One pattern of many, because an iot client's every request is looked for among more than a hundred.
    """
    try:
        operations = Loader().load_service_model(model, "service-2")["operations"]
    except DataNotFoundError:
        return {}  # unsigned, or a service that botocore does not know: counted by its path
    paths: dict[str, list[tuple[str, str]]] = {}
    for name, operation in operations.items():
        path = operation["http"]["requestUri"].split("?")[0]
        pattern = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        paths.setdefault(operation["http"]["method"], []).append((pattern, name))
    return {method: _one_pattern(found) for method, found in paths.items()}


def _one_pattern(found: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """Patterns of paths with their names in one, the most specific path first."""
    ordered = sorted(found, key=lambda entry: entry[0].count("[^/]+") + 2 * entry[0].count(".+"))
    return re.compile("|".join(f"(?P<{name}>{pattern}/?)" for pattern, name in ordered))


def identify(request_line: str, headers: Mapping[str, str | None], body: bytes) -> Call:
    """Which AWS call a request is."""
    scope = _SCOPE.search(headers.get("authorization") or "")
    service, region = (scope["service"], scope["region"]) if scope else ("", "")
    method, target, _ = request_line.split(" ", 2)
    named = headers.get("x-amz-target")
    if named:
        return Call(service, named.rpartition(".")[2], region)
    if "x-www-form-urlencoded" in (headers.get("content-type") or ""):
        return Call(service, parse_qs(body.decode("utf-8", "replace")).get("Action", ["?"])[0], region)
    path = urlsplit(target).path
    pattern = _operations(_MODELS.get(service, service)).get(method)
    found = pattern.fullmatch(path) if pattern else None
    return Call(service, (found and found.lastgroup) or f"{method} {path}", region)


async def _forward(request: _Message, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> bytes:
    upstream.write(request.head.raw + request.body)
    await upstream.drain()
    response = await _read_message(reader, answers=request.head.start_line.split(" ")[0])
    if response is None:
        raise ConnectionResetError("the emulator closed the connection")
    return response.head.raw + response.body


class CountingProxy:
    """The proxy, on a thread of its own; `intercept` decides for each call whether it is spoiled.

    `answers` are given for services that the emulator does not have, if nothing is intercepted.
    """

    def __init__(self) -> None:
        self.intercept: Intercept | None = None
        self.answers: dict[str, Fault] = {}
        self._counts: Counter[Call] = Counter()
        self._lock = threading.Lock()
        self._socket: socket.socket = bind_loopback()
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="counting-proxy", daemon=True)
        self._upstream_port = 0
        self._tls: tuple[int, ssl.SSLContext] | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def endpoint_url(self) -> str:
        """The proxy's address."""
        return f"http://127.0.0.1:{self.port}"

    def environ(self, services: Iterable[str] = COUNTED_SERVICES) -> dict[str, str]:
        """Environment that leads these services' clients through the proxy."""
        return {f"AWS_ENDPOINT_URL_{service}": self.endpoint_url for service in services}

    def start(self, upstream_port: int, tls: tuple[int, Path] | None = None) -> None:
        """Begin to forward to the emulator's port, or where TLS is asked for to its port and certificate authority."""
        self._upstream_port = upstream_port
        self._tls = (tls[0], ssl.create_default_context(cafile=tls[1])) if tls else None
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    def stop(self) -> None:
        """Close everything and end the thread."""
        if not self._thread.is_alive():
            self._loop.close()
            self._socket.close()
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def counts(self) -> Counter[Call]:
        """Calls counted so far."""
        with self._lock:
            return self._counts.copy()

    def reset(self) -> None:
        """Count from zero."""
        with self._lock:
            self._counts.clear()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._socket, limit=_MAX_HEAD)

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side went away; the other sees it by its own connection ending
        finally:
            self._connections.discard(task)
            with suppress(RuntimeError):
                writer.close()

    async def _converse(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while request := await _read_message(client_reader):
                call = identify(request.head.start_line, request.head.headers, request.body)
                with self._lock:
                    self._counts[call] += 1
                fault = (self.intercept(call) if self.intercept else None) or self.answers.get(call.service)
                # A client is of one service, so its first request tells which way all of them go.
                upstream = upstream or await self._connect(call.service)
                forward = partial(_forward, request, *upstream)
                if fault is None:
                    client.write(await forward())
                    await client.drain()
                elif not await fault.spoil(client, forward):
                    return
        finally:
            if upstream:
                upstream[1].close()

    async def _connect(self, service: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._tls and service in _TLS_ONLY:
            port, context = self._tls
            return await asyncio.open_connection("localhost", port, ssl=context, limit=_MAX_HEAD)
        return await asyncio.open_connection("127.0.0.1", self._upstream_port, limit=_MAX_HEAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
