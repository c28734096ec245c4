"""The MQTT side of AWS IoT Core: one endpoint per Region, mutual TLS only."""

import asyncio
import contextvars
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from ministack.services import iot

from . import correction, settings
from .patching import replace

# The Region of the listener that accepted the connection which the running task serves.
_listener_region: contextvars.ContextVar[str | None] = contextvars.ContextVar("listener_region", default=None)


class _Listeners:
    """Every Region's listener behind the one handle that the emulator keeps."""

    def __init__(self, servers: Sequence[asyncio.AbstractServer]) -> None:
        self._servers = servers

    def close(self) -> None:
        for server in self._servers:
            server.close()


def _acceptor(region: str) -> type[Any]:
    class Acceptor(iot._MtlsAcceptor):  # type: ignore[misc]  # the emulator has no types
        async def _upgrade(self, transport: Any) -> None:
            _listener_region.set(region)  # each connection is served by its own task, with its own context
            await super()._upgrade(transport)

    return Acceptor


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-connect-devices.html")
def mqtt_listener_per_region() -> None:
    """Each Region has its own device endpoint; the emulator has one for all, open to the network."""
    sockets = {region: socket.socket(fileno=fd) for region, (fd, _) in settings.mqtt_sockets().items()}

    async def start_locked() -> None:
        if iot._mtls_server is not None:
            return
        loop = asyncio.get_running_loop()
        # A duplicate, because a reset closes the server and opens it again on the same port.
        servers = [await loop.create_server(_acceptor(region), sock=bound.dup()) for region, bound in sockets.items()]
        iot._mtls_server = _Listeners(servers)
        iot._mtls_loop = loop

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
