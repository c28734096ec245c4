"""One MQTT round trip to AWS IoT Core with mutual TLS, over a connection that lives for one call.

paho-mqtt does the protocol; docs/adr/0006-mqtt-client.md has the figures behind the choice. The exchange runs in a
thread of its own, because neither a name server that does not answer nor several addresses tried in turn can be
bounded from within the thread that waits for them.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from iot_dr.errors import AccessDenied, RegionUnavailable
from iot_dr.model.launch.probes import ProbeCredentials

MQTT_PORT = 8883
"""https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html"""

KEEP_ALIVE_SECONDS = 30
"""AWS's least; a probe ends long before."""

AT_LEAST_ONCE = 1

_LATE = "no round trip within the time"


class IotMqttProbe:
    """`ports.MqttProbe` to one endpoint, given as `host` or `host:port`."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.partition(":")
        self._host = host
        self._port = int(port) if port else MQTT_PORT

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        """Connect, subscribe, publish the nonce to a topic of this call's own, and return what came back.

        Raises:
            AccessDenied: the endpoint refused the certificate, or a policy does not allow the exchange.
            RegionUnavailable: no connection, or no message, within the time.
        """
        deadline = time.monotonic() + timeout_seconds
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mqtt-probe")
        exchange = executor.submit(self._exchange, credentials, nonce, deadline)
        try:
            return exchange.result(timeout=timeout_seconds)
        except TimeoutError:
            raise RegionUnavailable(_LATE) from None
        finally:
            # A thread that is late ends at its own time-outs; its client ID and topic are never used again.
            executor.shutdown(wait=False)

    def _exchange(self, credentials: ProbeCredentials, nonce: str, deadline: float) -> str:
        exchange = _Exchange(credentials.thing_name, nonce)
        client = exchange.client
        client.tls_set_context(tls_context(credentials))
        client.connect_timeout = _left(deadline)
        try:
            _connect(client, self._host, self._port)
            while exchange.received is None:
                state = client.loop(timeout=_left(deadline))
                if exchange.refusal or state != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    raise AccessDenied(exchange.refusal or f"the endpoint closed the connection {exchange.stage}")
            return exchange.received
        finally:
            client.disconnect()
            client.loop(timeout=0)
            # Closes the pair of sockets that paho wakes itself with, which it leaves to the garbage collector too.
            client.reinitialise()


def _connect(client: Client, host: str, port: int) -> None:
    """Open the connection and send CONNECT; paho sends the host as the server name (SNI), which AWS demands."""
    try:
        client.connect(host, port, keepalive=KEEP_ALIVE_SECONDS)
    except ssl.SSLCertVerificationError as error:
        raise RegionUnavailable(f"the endpoint's certificate does not hold: {error.verify_message}") from error
    except TimeoutError as error:
        raise RegionUnavailable(_LATE) from error
    except ssl.SSLError as error:
        # A TLS 1.2 server that does not accept the certificate ends the handshake; with TLS 1.3 the first read fails.
        raise AccessDenied(f"the endpoint refused the TLS handshake: {error.reason}") from error
    except OSError as error:
        raise RegionUnavailable(f"no connection to the endpoint: {error.strerror}") from error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise RegionUnavailable(_LATE)
    return left


class _Exchange:
    """One client, driven by its callbacks: connected -> subscribe -> publish -> received.

    The client ID is new for each exchange: AWS admits one connection a second per client ID and ends the older of two.
    https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
    """

    def __init__(self, thing_name: str, nonce: str) -> None:
        unique = secrets.token_hex(8)
        self._topic = f"{thing_name}/{unique}"
        self._nonce = nonce
        self.received: str | None = None
        self.refusal = ""
        self.stage = "before it was accepted"
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"{thing_name}-{unique}", reconnect_on_failure=False
        )
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = self._publish
        self.client.on_message = self._receive

    def _subscribe(self, client: Client, _data: Any, _flags: Any, code: ReasonCode, _more: Properties | None) -> None:
        if code.is_failure:
            self.refusal = f"the endpoint refused the connection: {code}"
            return
        self.stage = "at the subscription"
        client.subscribe(self._topic, qos=AT_LEAST_ONCE)

    def _publish(
        self, client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self.refusal = "the endpoint refused the subscription"
            return
        self.stage = "at the message"
        client.publish(self._topic, self._nonce, qos=AT_LEAST_ONCE)

    def _receive(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.received = message.payload.decode(errors="replace")


class _ClosingSocket(ssl.SSLSocket):
    """Closes with a failed handshake; paho leaves that to the garbage collector, which an idle function never runs."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class NamedServerContext(ssl.SSLContext):
    """Asks for a server of a name, whatever host was connected to, and checks the server's certificate for it.

    So a device goes by a domain configuration, whose name leads to the Region's endpoint.
    """

    server_name = ""

    def wrap_socket(  # noqa: PLR0913, PLR0917  # the standard library's
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,  # noqa: ARG002  # the host that was connected to
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Begin TLS on a socket."""
        return super().wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, self.server_name, session
        )


def _context(server_name: str) -> ssl.SSLContext:
    if not server_name:
        return ssl.create_default_context()
    context = NamedServerContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = server_name
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def tls_context(credentials: ProbeCredentials, server_name: str = "") -> ssl.SSLContext:
    """Return a context that presents the certificate and trusts what the platform trusts.

    The server is asked for by `server_name`, or by the host that is connected to.
    The platform's store holds Amazon's roots: https://docs.aws.amazon.com/iot/latest/developerguide/server-authentication.html
    """
    context = _context(server_name)
    context.sslsocket_class = _ClosingSocket
    with memory_file(credentials.certificate_pem + "\n" + credentials.private_key) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def memory_file(text: str) -> Iterator[str]:
    """Yield the path of a file that exists in this process's memory alone, for as long as the block runs.

    `ssl` takes a private key only from a path. A Lambda function's /tmp outlives the call, and a crash would leave the
    key there; an anonymous file is gone with its descriptor, whatever happens.
    """
    descriptor = os.memfd_create("probe", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"
