"""The MQTT side of AWS IoT Core: one endpoint per Region, mutual TLS only."""

import asyncio
import contextvars
import socket
import ssl
import weakref
from dataclasses import dataclass, field
from typing import Any

from ministack.services import iot

from . import correction, settings
from .patching import replace

# The Region of the listener that accepted the connection which the running task serves.
_listener_region: contextvars.ContextVar[str | None] = contextvars.ContextVar("listener_region", default=None)

_BACKLOG = 512


class Acceptor(iot._MtlsAcceptor):  # type: ignore[misc]  # the emulator has no types
    """Accepts connections for one Region and knows them, so that all can be dropped at once."""

    def __init__(self, region: str, accepted: weakref.WeakSet[Any]) -> None:
        self._region = region
        self._accepted = accepted

    def connection_made(self, transport: Any) -> None:
        """Know the connection before its TLS begins."""
        self._accepted.add(transport)
        super().connection_made(transport)

    async def _upgrade(self, transport: Any) -> None:
        _listener_region.set(self._region)  # each connection is served by its own task, with its own context
        await super()._upgrade(transport)


@dataclass
class _Door:
    """One listening socket of a Region, and the server that reads it while the Region's broker is open."""

    bound: socket.socket
    acceptor: type[Acceptor]
    accepted: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    unread: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    """Connections whose clients wait in vain, until the broker is opened again."""
    server: asyncio.AbstractServer | None = None
    listening: bool = True


class Listeners:
    """Every Region's listeners behind the one handle that the emulator keeps."""

    def __init__(self) -> None:
        self._doors: dict[str, list[_Door]] = {}

    async def add(self, region: str, bound: socket.socket, acceptor: type[Acceptor] = Acceptor) -> None:
        """Listen on a socket for a Region."""
        door = _Door(bound, acceptor)
        self._doors.setdefault(region, []).append(door)
        await self._open(region, door)

    async def open(self, region: str) -> None:
        """Have the Region's broker take connections; KeyError for a Region without one."""
        for door in self._doors[region]:
            if door.server is None:
                door.bound.listen(_BACKLOG)
                door.listening = True
                await self._open(region, door)
            for transport in door.unread:
                transport.resume_reading()
            door.unread.clear()

    def shut(self, region: str, *, silent: bool = False) -> None:
        """Have the Region's broker refuse connections and drop those that it has; KeyError likewise.

        A silent one drops nothing: clients connect and wait in vain, and so do those that are connected.
        """
        for door in self._doors[region]:
            if door.server is not None:
                door.server.close()
                door.server = None
            if silent:
                self._silence(door)
            else:
                self._refuse(door)

    @staticmethod
    def _silence(door: _Door) -> None:
        for transport in door.accepted:
            transport.pause_reading()
            door.unread.add(transport)

    @staticmethod
    def _refuse(door: _Door) -> None:
        if door.listening:
            # Closed, the socket would lose its port. Shut down, Linux answers "connection refused" for it until it
            # listens again.
            door.bound.shutdown(socket.SHUT_RD)
            door.listening = False
        for transport in list(door.accepted):
            transport.abort()
        door.accepted.clear()
        door.unread.clear()

    def close(self) -> None:
        """Close all, as the emulator closes its one server."""
        for doors in self._doors.values():
            for door in doors:
                if door.server is not None:
                    door.server.close()

    @staticmethod
    async def _open(region: str, door: _Door) -> None:
        def accept() -> Acceptor:
            return door.acceptor(region, door.accepted)

        # A duplicate, because a reset closes the server and opens it again on the same port.
        door.server = await asyncio.get_running_loop().create_server(accept, sock=door.bound.dup(), backlog=_BACKLOG)


def listeners() -> Listeners | None:
    """The listeners, if this correction made them."""
    made = iot._mtls_server
    return made if isinstance(made, Listeners) else None


def listening_region() -> str | None:
    """The Region whose own endpoint accepted the connection that the running task serves."""
    return _listener_region.get()


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-connect-devices.html")
def mqtt_listener_per_region() -> None:
    """Each Region has its own device endpoint; the emulator has one for all, open to the network."""
    sockets = {region: socket.socket(fileno=fd) for region, (fd, _) in settings.mqtt_sockets().items()}

    async def start_locked() -> None:
        if iot._mtls_server is not None:
            return
        iot._mtls_loop = asyncio.get_running_loop()
        made = Listeners()
        for region, bound in sockets.items():
            await made.add(region, bound)
        iot._mtls_server = made

    replace(iot._mtls_start_locked, start_locked)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html")
def mqtt_certificate_of_the_listeners_region() -> None:
    """A certificate may be registered ACTIVE in several Regions; the endpoint's Region is the one that decides.

    So may a CA: a first connection registers the device in the Region that it connects to, and there only.
    """
    registrations, signers = iot._mtls_active_registrations, iot._mtls_auto_registering_signers

    def in_region(found: list[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
        region = _listener_region.get()
        return [entry for entry in found if region is None or entry[1] == region]

    def active_registrations(cert_id: str, status: str | None = "ACTIVE") -> list[tuple[str, str, Any]]:
        return in_region(registrations(cert_id, status))

    def auto_registering_signers(cert_pem: str, server_name: str | None = None) -> list[tuple[str, str, Any]]:
        return in_region(signers(cert_pem, server_name))

    replace(registrations, active_registrations)
    replace(signers, auto_registering_signers)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/transport-security.html")
def mqtt_requires_a_certificate() -> None:
    """Port 8883 takes X.509 client authentication only; the emulator also serves clients without a certificate."""
    build = iot._mtls_build_ssl_context

    def build_ssl_context() -> ssl.SSLContext:
        context: ssl.SSLContext = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    replace(build, build_ssl_context)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_DescribeEndpoint.html")
def describe_endpoint_of_the_listener() -> None:
    """DescribeEndpoint names the host that devices connect to; the emulator names one that need not resolve."""
    describe = iot._describe_endpoint
    ports = {region: port for region, (_, port) in settings.mqtt_sockets().items()}

    def describe_endpoint(query: dict[str, str]) -> Any:
        port = ports.get(iot.get_region())
        if query.get("endpointType", "iot:Data-ATS") != "iot:Data-ATS" or port is None:
            return describe(query)
        # Not one port for all as on AWS: the address carries it, as any client that takes host:port can follow.
        return iot.json_response({"endpointAddress": f"localhost:{port}"})

    replace(describe, describe_endpoint)
