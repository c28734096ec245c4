"""The MQTT round trip against a broker on this machine that can fail at any of its steps."""

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iot_dr.aws.devices.mqtt import IotMqttProbe, memory_file, tls_context
from iot_dr.errors import AccessDenied, RegionUnavailable
from iot_dr.model.launch.probes import ProbeCredentials
from tests.unit.iot_dr.aws.scripted_broker import (
    CONNECT,
    PUBLISH,
    SUBSCRIBE,
    ScriptedBroker,
    listening,
    make_certificate,
)

NAME = "iot-dr-probe-1"
SECONDS = 3.0


@pytest.fixture(scope="module")
def credentials() -> ProbeCredentials:
    certificate, key = make_certificate("device")
    return ProbeCredentials(NAME, "a" * 64, certificate, key)


@pytest.fixture
def broker(credentials: ProbeCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedBroker]:
    broker = ScriptedBroker()
    with listening(broker, credentials.certificate_pem, tmp_path) as authority:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        yield broker


def the_probe(broker: ScriptedBroker) -> IotMqttProbe:
    return IotMqttProbe(f"localhost:{broker.port}")


def test_the_nonce_comes_back(broker: ScriptedBroker, credentials: ProbeCredentials) -> None:
    assert the_probe(broker).round_trip(credentials, "nonce", SECONDS) == "nonce"


def test_what_came_back_is_returned_even_if_it_is_not_the_nonce(
    broker: ScriptedBroker, credentials: ProbeCredentials
) -> None:
    broker.payload = b"other \xff"

    assert the_probe(broker).round_trip(credentials, "nonce", SECONDS) == "other �"


def test_each_round_trip_has_its_own_connection_client_id_and_topic_under_the_probes_name(
    broker: ScriptedBroker, credentials: ProbeCredentials
) -> None:
    probe = the_probe(broker)

    for _ in range(2):
        probe.round_trip(credentials, "nonce", SECONDS)

    assert len(set(broker.client_ids)) == len(set(broker.topics)) == 2
    assert all(client_id.startswith(f"{NAME}-") for client_id in broker.client_ids)
    assert all(topic.startswith(f"{NAME}/") for topic in broker.topics)


def test_the_host_is_sent_as_the_server_name(broker: ScriptedBroker, credentials: ProbeCredentials) -> None:
    the_probe(broker).round_trip(credentials, "nonce", SECONDS)

    assert broker.server_names == ["localhost"]


def test_the_connection_is_closed_with_a_goodbye(broker: ScriptedBroker, credentials: ProbeCredentials) -> None:
    probe = the_probe(broker)

    probe.round_trip(credentials, "nonce", SECONDS)
    probe.round_trip(credentials, "nonce", SECONDS)  # the broker serves one connection after the other

    assert broker.goodbyes >= 1


@pytest.mark.parametrize("code", [None, 5])
def test_a_connection_that_is_not_accepted_is_a_refusal(
    broker: ScriptedBroker, credentials: ProbeCredentials, code: int | None
) -> None:
    broker.connack = code

    with pytest.raises(AccessDenied):
        the_probe(broker).round_trip(credentials, "nonce", SECONDS)


@pytest.mark.parametrize("code", [None, 0x80])
def test_a_subscription_that_is_not_granted_is_a_refusal(
    broker: ScriptedBroker, credentials: ProbeCredentials, code: int | None
) -> None:
    broker.suback = code

    with pytest.raises(AccessDenied):
        the_probe(broker).round_trip(credentials, "nonce", SECONDS)


def test_a_certificate_that_the_broker_does_not_know_is_a_refusal(broker: ScriptedBroker) -> None:
    stranger = ProbeCredentials(NAME, "b" * 64, *make_certificate("stranger"))

    with pytest.raises(AccessDenied):
        the_probe(broker).round_trip(stranger, "nonce", SECONDS)


def test_a_broker_whose_own_certificate_does_not_hold_gets_no_message(
    broker: ScriptedBroker, credentials: ProbeCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(make_certificate("localhost")[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(other))

    with pytest.raises(RegionUnavailable, match="certificate"):
        the_probe(broker).round_trip(credentials, "nonce", SECONDS)

    assert broker.client_ids == []


def test_a_broker_with_a_trusted_certificate_of_another_name_gets_no_message(
    credentials: ProbeCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = ScriptedBroker()
    with listening(broker, credentials.certificate_pem, tmp_path, "another.example") as authority:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))

        with pytest.raises(RegionUnavailable, match="certificate"):
            the_probe(broker).round_trip(credentials, "nonce", SECONDS)

    assert broker.client_ids == []


@pytest.mark.parametrize("step", [CONNECT, SUBSCRIBE, PUBLISH])
def test_a_broker_that_falls_silent_is_given_up_in_time(
    broker: ScriptedBroker, credentials: ProbeCredentials, step: int
) -> None:
    broker.silent_at = step
    start = time.monotonic()

    with pytest.raises(RegionUnavailable):
        the_probe(broker).round_trip(credentials, "nonce", 0.3)

    assert time.monotonic() - start < 0.6


def test_a_server_that_accepts_and_never_speaks_is_given_up_in_time(credentials: ProbeCredentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start = time.monotonic()

        with pytest.raises(RegionUnavailable):
            IotMqttProbe(f"localhost:{listener.getsockname()[1]}").round_trip(credentials, "nonce", 0.3)

        assert time.monotonic() - start < 0.6


def test_a_name_server_that_never_answers_is_given_up_in_time(
    credentials: ProbeCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def resolve(*_address: object, **_more: object) -> list[object]:
        ended.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    start = time.monotonic()

    try:
        with pytest.raises(RegionUnavailable):
            IotMqttProbe("prefix-ats.iot.us-east-1.amazonaws.com").round_trip(credentials, "nonce", 0.3)

        assert time.monotonic() - start < 5
    finally:
        ended.set()


def test_an_endpoint_that_nobody_serves_is_unavailable(credentials: ProbeCredentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(RegionUnavailable):
        IotMqttProbe(f"localhost:{port}").round_trip(credentials, "nonce", SECONDS)


def test_the_private_key_is_never_a_file_of_the_file_system(
    broker: ScriptedBroker, credentials: ProbeCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    the_probe(broker).round_trip(credentials, "nonce", SECONDS)

    assert list(scratch.iterdir()) == []
    assert not any("memfd:probe" in target for target in _open_files())


def test_a_memory_file_is_gone_after_its_block() -> None:
    with memory_file("text") as path:
        assert Path(path).read_text(encoding="ascii") == "text"
        assert "memfd" in str(Path(path).readlink())

    assert not any("memfd:probe" in target for target in _open_files())


def _open_files() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return found


def asked_for(credentials: ProbeCredentials, folder: Path, server_name: str) -> list[str | None]:
    """Shake hands with a server of the fleet's name by the host `localhost`; the names that it was asked for."""
    names: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    here, there = socket.socketpair()
    with here, there, ThreadPoolExecutor(1) as executor:
        serving = executor.submit(server.wrap_socket, there, server_side=True)
        try:
            with tls_context(credentials, server_name).wrap_socket(here, server_hostname="localhost"):
                serving.result(SECONDS).close()
        except ssl.SSLCertVerificationError:
            here.close()
            serving.exception(SECONDS)
            raise
    return names


def test_a_device_asks_a_host_for_the_server_of_a_name_and_checks_the_certificate_for_it(
    credentials: ProbeCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate("devices.example.com")
    (tmp_path / "server.pem").write_text(certificate + key)
    (tmp_path / "authority.pem").write_text(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    assert asked_for(credentials, tmp_path, "devices.example.com") == ["devices.example.com"]
    for wrong in ("", "devices.example.org"):
        with pytest.raises(ssl.SSLCertVerificationError):
            asked_for(credentials, tmp_path, wrong)
