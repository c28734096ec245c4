"""An HTTP proxy on loopback that takes CONNECT and resolves names as it is told, so that a client needs no DNS of ours.

TLS goes through it untouched, from the client to the server: server name, certificates and keys are those of the two
ends. So a client that resolves names by itself, as the AWS IoT Device SDK does, can be led to the lab's endpoints under
the name that it asks for. https://www.rfc-editor.org/rfc/rfc9110.html#name-connect
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from lab.emulator import bind_loopback

Resolve = Callable[[str, int], tuple[str, int]]
"""Address and port for a name and port; OSError if there is none."""

_REQUEST = re.compile(rb"CONNECT \[?(?P<name>[^\s\]]+?)\]?:(?P<port>\d{1,5}) HTTP/1\.[01]\r\n")
_MAX_HEAD = 1 << 14
_BLOCK = 1 << 16
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NOT_ALLOWED = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ConnectProxy:
    """The proxy, on a thread of its own, for the length of a `with` block.

    `resolve` is called for each CONNECT, on a thread of its own, and may answer differently each time.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._socket: socket.socket = bind_loopback()
        self.port: int = self._socket.getsockname()[1]
        self._asked: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="connect-proxy", daemon=True)
        self._tunnels: set[asyncio.Task[None]] = set()

    def asked(self) -> list[tuple[str, int]]:
        """Names and ports that clients asked for, in their order."""
        with self._lock:
            return list(self._asked)

    def cut(self) -> None:
        """Break every connection that goes through the proxy now; new ones are taken."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def start(self) -> None:
        """Begin to take connections."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    def stop(self) -> None:
        """Close everything and end the thread."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._socket, limit=_MAX_HEAD)

    async def _close(self) -> None:
        self._server.close()
        await self._cut()

    async def _cut(self) -> None:
        tunnels = list(self._tunnels)
        for task in tunnels:
            task.cancel()
        await asyncio.gather(*tunnels, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # either side went away or was cut; the other sees it by its own connection ending
        finally:
            self._tunnels.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = _REQUEST.match(await reader.readuntil(b"\r\n\r\n"))
        if request is None:
            await _answer(writer, _NOT_ALLOWED)
            return
        name, port = request["name"].decode("ascii"), int(request["port"])
        with self._lock:
            self._asked.append((name, port))
        try:
            address = await asyncio.to_thread(self._resolve, name, port)
            server_reader, server = await asyncio.open_connection(*address, limit=_BLOCK)
        except OSError:
            await _answer(writer, _BAD_GATEWAY)
            return
        try:
            writer.write(_ESTABLISHED)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, server))
                both.create_task(_pump(server_reader, writer))
        except* OSError:
            pass  # one end broke its connection
        finally:
            server.transport.abort()


async def _answer(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()
    writer.write_eof()
