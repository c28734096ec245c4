"""A device's side of the connection: a real MQTT client with mutual TLS."""

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from lab.fleet import Identity

_MQTT_PORT = 8883


class Refused(ConnectionError):
    """The endpoint ended the connection: unknown certificate, inactive, or no right to connect."""


@contextmanager
def _chain(identity: Identity) -> Iterator[Path]:
    """Certificate and key as a file while OpenSSL reads it; Python's ssl takes them no other way."""
    handle, name = tempfile.mkstemp(suffix=".pem")
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(identity.certificate_pem + identity.chain_pem + identity.key_pem)
        yield path
    finally:
        path.unlink()


def tls_context(identity: Identity | None, ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS as a device speaks it: the server's name is checked, its own certificate is shown if it has one."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    if identity is not None:
        with _chain(identity) as path:
            context.load_cert_chain(path)
    return context


Resolve = Callable[[str], str]
"""The address of a name, asked for at each connection; OSError, as `socket.gaierror`, when there is none."""


def by_the_system(name: str) -> str:
    """Leave the name to whoever connects: the system's resolver is asked then."""
    return name


class ResolvingClient(Client):
    """A paho client that connects to whatever address `resolve` has for the name.

    TLS sends the name and checks the server's certificate for it, as if the system's resolver had been asked.
    """

    def __init__(self, *arguments: Any, resolve: Resolve, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._resolve = resolve

    def _create_socket_connection(self) -> socket.socket:
        return socket.create_connection((self._resolve(self._host), self._port), self._connect_timeout)

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        assert self._ssl_context is not None
        wrapped = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        wrapped.settimeout(self._connect_timeout)
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()  # paho leaves it open
            raise
        return wrapped


class MqttDevice:
    """A device connected to one Region's endpoint for the length of a `with` block.

    With `resolve` the endpoint's host is a name that it leads to an address, such as the fleet's. One process holds
    some 300 of these: each takes three files, and paho waits by select(), which knows the first 1,024 only.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        client_id: str,
        identity: Identity | None,
        ca_file: Path | None = None,
        timeout: float = 5.0,
        resolve: Resolve = by_the_system,
        will: tuple[str, bytes] | None = None,
        clean_session: bool = True,
    ) -> None:
        host, _, port = endpoint.partition(":")
        self._address = (host, int(port or _MQTT_PORT))
        self._timeout = timeout
        self._connected, self._ended, self._acknowledged = threading.Event(), threading.Event(), threading.Event()
        self._arrived = threading.Condition()
        self._messages: list[tuple[str, bytes]] = []
        self._client = ResolvingClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            reconnect_on_failure=False,
            resolve=resolve,
        )
        self._client.connect_timeout = timeout
        if will:
            self._client.will_set(*will, qos=1)
        self._client.tls_set_context(tls_context(identity, ca_file))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_acknowledged

    def connect(self) -> None:
        """Connect and return when the broker has accepted; Refused when it has not, TimeoutError without an answer."""
        try:
            self._client.connect(*self._address, keepalive=30)
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(str(error)) from error
        self._client.loop_start()
        if not self._first(self._connected, self._ended):
            self.close()
            message = f"{self._address[0]}:{self._address[1]} did not accept the client"
            raise Refused(message)

    def subscribe(self, topic: str) -> None:
        """Subscribe and return when the broker has confirmed."""
        self._acknowledged.clear()
        self._client.subscribe(topic, qos=1)
        if not self._first(self._acknowledged, self._ended):
            message = f"subscription to {topic} was not confirmed"
            raise Refused(message)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 and return when the broker has confirmed."""
        published = self._client.publish(topic, payload, qos=1)
        published.wait_for_publish(self._timeout)
        if not published.is_published():
            message = f"publication to {topic} was not confirmed"
            raise Refused(message)

    def receive(self) -> tuple[str, bytes]:
        """Topic and payload of the next message; TimeoutError when none comes."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._messages, self._timeout):
                message = f"no message within {self._timeout} s"
                raise TimeoutError(message)
            return self._messages.pop(0)

    def ended(self) -> bool:
        """Whether the connection ends within the time-out, by whoever's doing."""
        return self._ended.wait(self._timeout)

    def close(self) -> None:
        """Disconnect and end the client's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _first(self, wanted: threading.Event, ended: threading.Event) -> bool:
        """Wait for the wanted event; false at once when the connection ended instead."""
        with self._arrived:
            self._arrived.wait_for(lambda: wanted.is_set() or ended.is_set(), self._timeout)
        return wanted.is_set()

    def _signal(self, event: threading.Event) -> None:
        with self._arrived:
            event.set()
            self._arrived.notify_all()

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._signal(self._ended if reason.is_failure else self._connected)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        self._signal(self._ended)

    def _on_acknowledged(self, _client: Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self._signal(self._ended if any(reason.is_failure for reason in reasons) else self._acknowledged)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._arrived:
            self._messages.append((message.topic, bytes(message.payload)))
            self._arrived.notify_all()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
