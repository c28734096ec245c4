"""One MQTT connection of a drill, opened in any thread and served by the loop's: paho does the protocol."""

from __future__ import annotations

import selectors
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from iot_dr.aws.devices.mqtt import AT_LEAST_ONCE, MQTT_PORT, tls_context
from iot_dr.aws.drill.loop import EventLoop
from iot_dr.model.drill.traces import ClientEvent
from iot_dr.model.launch.probes import ProbeCredentials

CONNECT_SECONDS = 10.0
"""For TCP, and for TLS."""

_MISC_SECONDS = 1.0
"""How often it is looked whether the connection is still proved by its keep alive."""


@dataclass(frozen=True)
class Callbacks:
    """What a connection tells, in the loop's thread; `met` may be told in the thread that opens it."""

    met: Callable[[ClientEvent], None]
    subscribed: Callable[[], None]
    acknowledged: Callable[[int], None]
    message: Callable[[str, bytes], None]
    ended: Callable[[], None]


class DeviceTls:
    """The TLS context of one device, made for its first connection: what the system trusts takes long to read.

    So a device that moves needs the handshake alone. One connection at a time uses it.
    """

    def __init__(self, credentials: ProbeCredentials, server_name: str = "") -> None:
        self._credentials, self._server_name = credentials, server_name
        self._made: tuple[ssl.SSLContext, type[ssl.SSLSocket] | None] | None = None

    def context(self, met: Callable[[ClientEvent], None]) -> ssl.SSLContext:
        """Return the context, whose sockets tell from now on when TCP is connected and when the handshake is done."""
        if self._made is None:
            made = tls_context(self._credentials, self._server_name)
            self._made = made, made.sslsocket_class
        context, base = self._made
        context.sslsocket_class = _telling(base, met)
        return context


@dataclass(frozen=True)
class Identity:
    """Who connects, and to what it subscribes before anything else."""

    tls: DeviceTls
    client_id: str
    topics: Sequence[str]
    keep_alive: int


class DrillConnection:
    """From `open` to `close`, or to the call that it has ended; none is told after `close`."""

    def __init__(self, identity: Identity, endpoint: str, callbacks: Callbacks, loop: EventLoop) -> None:
        self._identity, self._endpoint = identity, endpoint
        self._tell, self._loop = callbacks, loop
        self._client: Client | None = None
        self._socket: Any = None
        self._closed = False

    def open(self, executor: Executor) -> None:
        """Connect in a thread of the executor."""
        executor.submit(self._connect)

    def publish(self, topic: str, payload: str) -> int:
        """Send a message with QoS 1; return the number by which it is acknowledged, 0 if there is no connection."""
        if self._client is None:
            return 0
        sent = self._client.publish(topic, payload, qos=AT_LEAST_ONCE)
        self._watch()
        return sent.mid

    def close(self) -> None:
        """Disconnect; in the loop's thread."""
        self._closed = True
        if self._client is not None and self._socket is not None:
            self._loop.forget(self._socket)
            self._client.disconnect()
            self._client.loop_write()
            self._drop(self._client)

    def _connect(self) -> None:
        host, _, port = self._endpoint.partition(":")
        try:
            client = self._new_client()
            client.connect(host, int(port or MQTT_PORT), keepalive=self._identity.keep_alive)
        except (OSError, ValueError):
            self._loop.hand_over(self._failed)
        else:
            if self._closed:
                # The loop may have ended.
                self._drop(client)
            self._loop.hand_over(lambda: self._opened(client))

    def _new_client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._identity.client_id, reconnect_on_failure=False)
        client.connect_timeout = CONNECT_SECONDS
        client.tls_set_context(self._identity.tls.context(self._tell.met))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _opened(self, client: Client) -> None:
        self._client, self._socket = client, client.socket()
        if self._closed or self._socket is None:
            self._drop(client)
            self._failed()
            return
        self._watch()
        self._loop.after(_MISC_SECONDS, self._misc)

    def _failed(self) -> None:
        if not self._closed:
            self._closed = True
            self._tell.ended()

    def _serve(self, client: Client, events: int) -> None:
        state = MQTTErrorCode.MQTT_ERR_SUCCESS
        if events & selectors.EVENT_READ:
            state = client.loop_read()
            # What TLS has decrypted already, no selector tells of.
            while not self._closed and state == MQTTErrorCode.MQTT_ERR_SUCCESS and _pending(client.socket()):
                state = client.loop_read()
        if state == MQTTErrorCode.MQTT_ERR_SUCCESS and not self._closed and client.want_write():
            state = client.loop_write()
        self._check(client, state)

    def _misc(self) -> None:
        if self._closed or self._client is None:
            return
        self._check(self._client, self._client.loop_misc())
        self._loop.after(_MISC_SECONDS, self._misc)

    def _check(self, client: Client, state: MQTTErrorCode) -> None:
        if self._closed:
            return
        if state == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._watch()
            return
        self._loop.forget(self._socket)
        self._drop(client)
        self._failed()

    def _watch(self) -> None:
        client = self._client
        if not self._closed and client is not None and client.socket() is not None:
            self._loop.watch(self._socket, partial(self._serve, client), write=client.want_write())

    @staticmethod
    def _drop(client: Client) -> None:
        sock = client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(self, client: Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            return
        self._tell.met(ClientEvent.CONNACK)
        client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._identity.topics])

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, codes: Any, _more: Any) -> None:
        if not any(code.is_failure for code in codes):
            self._tell.met(ClientEvent.SUBACK)
            self._tell.subscribed()

    def _on_publish(self, _client: Client, _data: Any, mid: int, _code: Any, _more: Any) -> None:
        self._tell.acknowledged(mid)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._tell.message(message.topic, bytes(message.payload))


def _pending(sock: Any) -> int:
    return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0


def _telling(base: type[ssl.SSLSocket] | None, met: Callable[[ClientEvent], None]) -> type[ssl.SSLSocket]:
    """Return a class of sockets that tells when TCP is connected and when the handshake is done."""
    parent: Any = base or ssl.SSLSocket

    class _TellingSocket(parent):  # type: ignore[misc]  # whichever class the context had
        def do_handshake(self, block: bool = False) -> None:
            met(ClientEvent.TCP)
            super().do_handshake(block)
            met(ClientEvent.TLS)

    return _TellingSocket
