"""How a checker asks an endpoint, with Route 53's patience."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from lab.route53.checkers import Answer
from lab.route53.health import SEARCHED_BYTES, Endpoint

_TCP_SECONDS = 10.0
"""How long a TCP check may take to connect."""


@dataclass(frozen=True)
class Reached:
    """Where an endpoint is found, and under which name it knows itself."""

    address: str
    port: int
    host: str


def as_it_says(endpoint: Endpoint) -> Reached:
    """Go where the check says."""
    return Reached(endpoint.address or endpoint.host, endpoint.port, endpoint.host or endpoint.address)


def through_gateway(port: int, tls_port: int) -> Callable[[Endpoint], Reached]:
    """Find the emulator's APIs, which all have one address, by their own host names; all else where the check says."""

    def reach(endpoint: Endpoint) -> Reached:
        api, _, rest = endpoint.host.partition(".execute-api.")
        if not rest.endswith(".amazonaws.com"):
            return as_it_says(endpoint)
        chosen = tls_port if endpoint.encrypted else port
        return Reached("127.0.0.1", chosen, f"{api}.execute-api.localhost:{chosen}")

    return reach


@dataclass(frozen=True)
class Asking:
    """Asks endpoints; seconds are those of the wall, because a scaled patience would ask more of the machine than AWS.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
    """

    reach: Callable[[Endpoint], Reached] = as_it_says
    connect_seconds: float = 4.0
    answer_seconds: float = 2.0

    def __call__(self, endpoint: Endpoint) -> Answer:
        """The answer of an endpoint, or that there is none."""
        reached = self.reach(endpoint)
        patience = _TCP_SECONDS if endpoint.type == "TCP" else self.connect_seconds
        try:
            connection = socket.create_connection((reached.address, reached.port), timeout=patience)
        except TimeoutError:
            return _failure("Connection timed out. The endpoint or the internet connection is down.")
        except OSError as error:
            return _failure(f"The endpoint could not be connected to: {error.strerror or error}.")
        with closing(connection):
            if endpoint.type == "TCP":
                return Answer(success=True, status="Success: TCP connection established.")
            return self._answer(endpoint, reached, connection)

    def _answer(self, endpoint: Endpoint, reached: Reached, connection: socket.socket) -> Answer:
        begun = time.monotonic()
        connection.settimeout(self.answer_seconds)
        try:
            status, reason, body = _request(endpoint, reached, connection)
        except TimeoutError:
            return _failure(f"The endpoint did not answer within {self.answer_seconds:g} seconds.")
        except (OSError, http.client.HTTPException) as error:
            return _failure(f"The connection was broken: {error}.")
        if time.monotonic() - begun > self.answer_seconds:
            return _failure(f"The endpoint did not answer within {self.answer_seconds:g} seconds.")
        told = f"HTTP Status Code {status}, {reason}"
        if not 200 <= status < 400:
            return _failure(told)
        if endpoint.search and endpoint.search.encode() not in body:
            return _failure(f"{told}. The string is not in the first {SEARCHED_BYTES:,} bytes of the body.")
        return Answer(success=True, status=f"Success: {told}")


def _request(endpoint: Endpoint, reached: Reached, plain: socket.socket) -> tuple[int, str, bytes]:
    with closing(http.client.HTTPConnection(reached.host)) as connection:
        connection.sock = _encrypted(plain, reached.host) if endpoint.encrypted else plain
        headers = {"Host": reached.host, "User-Agent": "Amazon-Route53-Health-Check-Service", "Connection": "close"}
        connection.request("GET", endpoint.path, headers=headers)
        response = connection.getresponse()
        # Without a string to search for, the status decides as soon as it is there.
        return response.status, response.reason, response.read(SEARCHED_BYTES) if endpoint.search else b""


def _encrypted(plain: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS with any certificate: Route 53 does not check it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host.partition(":")[0])


def _failure(status: str) -> Answer:
    return Answer(success=False, status=f"Failure: {status}")
