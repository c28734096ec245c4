"""A small MQTT broker over TLS on loopback: it knows subscriptions, QoS 1, and one classic shadow a thing."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.unit.iot_dr.aws.scripted_broker import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, make_certificate

PING = 12


def certificate_of_brokers(folder: Path) -> tuple[Path, Path]:
    """Make one for all brokers of a test: the file that they serve with, and the one that devices trust."""
    certificate, key = make_certificate("localhost")
    chain, authority = folder / "brokers.pem", folder / "authority.pem"
    chain.write_text(certificate + key)
    authority.write_text(certificate)
    return chain, authority


class SmallBroker:
    """One Region's. `deaf` acknowledges nothing; `cut` ends all connections; `shut` refuses new ones too."""

    def __init__(self, chain: Path, devices: Sequence[str]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        self._context.load_verify_locations(cadata="".join(devices))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.shadows: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, int] = {}
        self.published: list[tuple[str, bytes]] = []
        self.client_ids: list[str] = []
        self.deaf = self.shut = False
        self._lock = threading.RLock()
        self._open: dict[ssl.SSLSocket, set[str]] = {}
        self._threads: list[threading.Thread] = []

    @property
    def endpoint(self) -> str:
        """Where devices connect."""
        return f"localhost:{self.port}"

    def cut(self) -> None:
        """End all connections."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):  # the device was faster
                    one.shutdown(socket.SHUT_RDWR)

    def tell(self, topic: str, payload: bytes) -> None:
        """Send a message to all that are subscribed."""
        packet = len(topic).to_bytes(2) + topic.encode() + payload
        with self._lock:
            for one, topics in self._open.items():
                if any(_matches(filtered, topic) for filtered in topics):
                    one.sendall(b"\x30" + _length(len(packet)) + packet)

    def write_shadow(self, thing: str, state: dict[str, Any], token: str, version: int = 0) -> None:
        """Merge into a shadow, and tell it; with a version, tell it as if it had been written then."""
        self.shadows[thing] = {**self.shadows.get(thing, {}), **state}
        self.versions[thing] = self.versions.get(thing, 0) + 1
        told = version or self.versions[thing]
        body = {"state": {"reported": state}, "clientToken": token, "version": told}
        self.tell(f"$aws/things/{thing}/shadow/update/accepted", json.dumps(body).encode())

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            if self.shut:
                plain.close()
                continue
            thread = threading.Thread(target=self._talk, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, plain: socket.socket) -> None:
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                with self._lock:
                    self._open[connection] = set()
                try:
                    while self._answered(connection):
                        pass
                finally:
                    with self._lock:
                        self._open.pop(connection, None)
        except OSError:
            plain.close()

    def _answered(self, connection: ssl.SSLSocket) -> bool:
        head = _exactly(connection, 1)
        if not head:
            return False
        body = _exactly(connection, _read_length(connection))
        match head[0] >> 4:
            case _ as kind if kind == CONNECT:
                self.client_ids.append(body[12:].decode())
                self._send(connection, b"\x20\x02\x00\x00")
            case _ as kind if kind == SUBSCRIBE:
                self._subscribe(connection, body)
            case _ as kind if kind == PUBLISH:
                self._publish(connection, body)
            case _ as kind if kind == PING:
                self._send(connection, b"\xd0\x00")
            case _ as kind if kind == DISCONNECT:
                return False
        return True

    def _subscribe(self, connection: ssl.SSLSocket, body: bytes) -> None:
        at, topics = 2, []
        while at < len(body):
            end = at + 2 + int.from_bytes(body[at : at + 2])
            topics.append(body[at + 2 : end].decode())
            at = end + 1
        with self._lock:
            self._open[connection] |= set(topics)
        self._send(connection, b"\x90" + _length(2 + len(topics)) + body[:2] + b"\x01" * len(topics))

    def _publish(self, connection: ssl.SSLSocket, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2])
        topic, payload = body[2:end].decode(), body[end + 2 :]
        if self.deaf:
            return
        self._send(connection, b"\x40\x02" + body[end : end + 2])
        self.published.append((topic, payload))
        thing, _, verb = topic.removeprefix("$aws/things/").partition("/shadow/")
        if verb == "get":
            found = self.shadows.get(thing)
            answer = {"state": {"reported": found}} if found else {"code": 404}
            self.tell(f"{topic}/{'accepted' if found else 'rejected'}", json.dumps(answer).encode())
        elif verb == "update":
            body_ = json.loads(payload)
            self.write_shadow(thing, body_["state"]["reported"], body_["clientToken"])
        else:
            self.tell(topic, payload)

    def _send(self, connection: ssl.SSLSocket, packet: bytes) -> None:
        with self._lock:
            connection.sendall(packet)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)


def _exactly(connection: ssl.SSLSocket, number: int) -> bytes:
    found = b""
    while len(found) < number:
        part = connection.recv(number - len(found))
        if not part:
            return b""
        found += part
    return found


def _read_length(connection: ssl.SSLSocket) -> int:
    length, shift = 0, 0
    while True:
        (byte,) = _exactly(connection, 1) or b"\x00"
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return length


def _length(number: int) -> bytes:
    found = b""
    while True:
        number, rest = divmod(number, 128)
        found += bytes([rest | (128 if number else 0)])
        if not number:
            return found


def _matches(filtered: str, topic: str) -> bool:
    return filtered == topic or (filtered.endswith("/+") and topic.rpartition("/")[0] == filtered[:-2])
