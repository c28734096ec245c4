"""The proxy before a server that answers every call."""

from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from lab.counting import CountingProxy


class Upstream(ThreadingHTTPServer):
    """Counts what reaches it, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.served: Counter[str] = Counter()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Upstream)
        self.server.served[self.path] += 1
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        # What the client said and to whom; AWS's clients take the empty object.
        body = b"{}" if self.path != "/" else f"{self.headers['Host']} {said}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(upstream: Upstream) -> Counter[str]:
    return upstream.served


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[CountingProxy]:
    with CountingProxy() as counting:
        counting.start(upstream.server_port)
        yield counting
