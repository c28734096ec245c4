"""The proxy leads a client to where its resolver says, and touches nothing of what the two ends exchange."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from lab.connect_proxy import ConnectProxy
from lab.emulator import bind_loopback

NAME, PORT = "iot.example.com", 8883


class Server:
    """Greets by its own name, and sends back whatever it gets."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._listener = bind_loopback()
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.sendall(self._name + b"\n")
            while block := client.recv(65536):
                client.sendall(block)


class Names:
    """A resolver that the test switches."""

    def __init__(self) -> None:
        self.address: tuple[str, int] | None = None

    def __call__(self, name: str, port: int) -> tuple[str, int]:
        if self.address is None:
            raise OSError(f"no address for {name}:{port}")
        return self.address


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def proxy(names: Names) -> Iterator[ConnectProxy]:
    with ConnectProxy(names) as proxy:
        yield proxy


@pytest.fixture
def east() -> Iterator[Server]:
    with closing(Server("east")) as server:
        yield server


@contextmanager
def asking(
    proxy: ConnectProxy, request: str = f"CONNECT {NAME}:{PORT} HTTP/1.1\r\n\r\n"
) -> Iterator[tuple[str, socket.socket]]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        client.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            block = client.recv(1)
            if not block:
                break
            head += block
        yield head.partition(b"\r\n")[0].decode(), client


def line(client: socket.socket) -> bytes:
    with client.makefile("rb", buffering=0) as file:
        return file.readline()


def test_a_client_is_led_to_the_address_of_the_name_that_it_asks_for(
    proxy: ConnectProxy, names: Names, east: Server
) -> None:
    names.address = east.address

    with asking(proxy) as (status, client):
        assert status == "HTTP/1.1 200 Connection established"
        assert line(client) == b"east\n"
    assert proxy.asked() == [(NAME, PORT)]


def test_the_next_client_is_led_elsewhere_when_the_name_points_elsewhere(
    proxy: ConnectProxy, names: Names, east: Server
) -> None:
    with closing(Server("west")) as west:
        names.address = east.address
        with asking(proxy) as (_, first):
            assert line(first) == b"east\n"
            names.address = west.address
            with asking(proxy) as (_, second):
                assert line(second) == b"west\n"
            first.sendall(b"still here\n")
            assert line(first) == b"still here\n"


def test_bytes_go_through_unchanged_both_ways_and_so_does_the_end(
    proxy: ConnectProxy, names: Names, east: Server
) -> None:
    names.address = east.address
    sent = bytes(range(256)) * 4096

    with asking(proxy) as (_, client):
        assert line(client) == b"east\n"

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        with client.makefile("rb") as file:
            assert file.read() == sent


def test_a_name_without_an_address_is_a_bad_gateway(proxy: ConnectProxy) -> None:
    with asking(proxy) as (status, _):
        assert status == "HTTP/1.1 502 Bad Gateway"


def test_a_server_that_does_not_listen_is_a_bad_gateway(proxy: ConnectProxy, names: Names) -> None:
    with bind_loopback() as bound:
        names.address = bound.getsockname()

    with asking(proxy) as (status, _):
        assert status == "HTTP/1.1 502 Bad Gateway"


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", f"CONNECT {NAME} HTTP/1.1", "CONNECT :443 HTTP/1.1"])
def test_what_is_no_connect_to_a_name_and_port_is_not_allowed(proxy: ConnectProxy, request_line: str) -> None:
    with asking(proxy, f"{request_line}\r\nHost: x\r\n\r\n") as (status, _):
        assert status == "HTTP/1.1 405 Method Not Allowed"
    assert proxy.asked() == []


def test_cutting_breaks_open_connections_and_takes_new_ones(proxy: ConnectProxy, names: Names, east: Server) -> None:
    names.address = east.address
    with asking(proxy) as (_, client):
        assert line(client) == b"east\n"

        proxy.cut()

        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    with asking(proxy) as (_, client):
        assert line(client) == b"east\n"


def test_stopping_ends_open_connections(names: Names, east: Server) -> None:
    names.address = east.address
    with ConnectProxy(names) as proxy:
        with asking(proxy) as (_, client):
            line(client)
            proxy.stop()
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
