"""A checker and endpoints of every kind on this machine."""

import socket
import threading
from collections.abc import Iterator

import pytest

from lab.route53.asking import Asking, Reached, through_gateway
from lab.route53.health import SEARCHED_BYTES, Endpoint
from tests.http_site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


def endpoint(site: Site, kind: str = "HTTP", search: str = "") -> Endpoint:
    return Endpoint(kind, "health.example.com", "127.0.0.1", site.server_port, "/health", search)


@pytest.mark.parametrize(("status", "success"), [(200, True), (204, True), (399, True), (400, False), (503, False)])
def test_a_status_from_200_to_399_is_a_success(site: Site, status: int, success: bool) -> None:
    site.status = status

    answer = Asking()(endpoint(site))

    assert answer.success is success
    assert answer.status.startswith(f"{'Success' if success else 'Failure'}: HTTP Status Code {status}")


def test_it_asks_for_the_checks_host_and_path(site: Site) -> None:
    Asking()(endpoint(site))

    assert site.asked == ["health.example.com/health"]


@pytest.mark.parametrize(
    ("body", "success"),
    [(b"all is fine", True), (b"broken", False), (b" " * (SEARCHED_BYTES - 2) + b"fine", False)],
)
def test_a_string_is_searched_for_at_the_beginning_of_the_body(site: Site, body: bytes, success: bool) -> None:
    site.body = body

    assert Asking()(endpoint(site, "HTTP_STR_MATCH", "fine")).success is success


def test_a_port_that_nobody_listens_on_is_a_failure() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        unheard = Endpoint("TCP", "", "127.0.0.1", bound.getsockname()[1])

        assert not Asking()(unheard).success


@pytest.mark.parametrize(("kind", "success"), [("TCP", True), ("HTTP", False), ("HTTPS", False)])
def test_who_accepts_and_says_nothing_is_healthy_for_tcp_alone(kind: str, success: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = Endpoint(kind, "health.example.com", "127.0.0.1", silent.getsockname()[1])

        assert Asking(answer_seconds=0.1)(asked).success is success


def test_who_answers_something_else_than_http_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"220 mail.example.com\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        asked = Endpoint("HTTP", "health.example.com", "127.0.0.1", server.getsockname()[1])
        assert not Asking()(asked).success
        thread.join()


@pytest.mark.parametrize(("kind", "port"), [("HTTPS", 8443), ("HTTP", 8080)])
def test_an_api_is_reached_through_the_emulators_gateway(kind: str, port: int) -> None:
    asked = Endpoint(kind, "abc.execute-api.us-west-2.amazonaws.com", "", 443)

    assert through_gateway(8080, 8443)(asked) == Reached("127.0.0.1", port, f"abc.execute-api.localhost:{port}")


def test_any_other_endpoint_is_reached_where_it_says() -> None:
    assert through_gateway(1, 2)(Endpoint("HTTP", "localhost", "", 81)) == Reached("localhost", 81, "localhost")
