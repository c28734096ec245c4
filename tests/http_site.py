"""A small HTTP endpoint on this machine that a test makes answer as it likes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site(ThreadingHTTPServer):
    """Answers every path with a status and a body; a dark one breaks every connection. `asked` has hosts with paths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.status, self.body, self.dark = 200, b"fine", False
        self.asked: list[str] = []


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer."""
        site = self.server
        assert isinstance(site, Site)
        site.asked.append(f"{self.headers['Host']}{self.path}")
        if site.dark:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(site.status)
        self.send_header("Content-Length", str(len(site.body)))
        self.end_headers()
        self.wfile.write(site.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Site]:
    """Serve for the length of a `with` block."""
    site = Site()
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        thread.join()
        site.server_close()
