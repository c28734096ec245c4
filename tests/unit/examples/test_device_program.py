"""The device as a program: its options, where its name points, and what paho's ten lines do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from examples.device.__main__ import options
from examples.device.fleet_name import FleetName, NotTold
from examples.device.paho_ten_lines import WITHIN, follow, watch
from lab.emulator import ROOT, bind_loopback
from tests.name_server import NameServer

NAME, EAST, WEST = "iot.example.com", "east.example", "west.example"
OWN = str(Path(__file__).resolve())
REQUIRED = ("--name", NAME, "--thing-name", "pump-17", "--cert-file", OWN, "--key-file", OWN)


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "device", *options],
        cwd=ROOT / "examples",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_target_is_what_the_names_cname_says_now() -> None:
    with NameServer(NAME, "East.Example") as server:
        name = FleetName(NAME, ("127.0.0.1", server.port))
        assert name.target() == EAST

        server.target = WEST
        assert name.target() == WEST


def test_a_name_server_that_fails_tells_no_target() -> None:
    with NameServer(NAME, None) as server, pytest.raises(NotTold, match="SERVFAIL"):
        FleetName(NAME, ("127.0.0.1", server.port)).target()


def test_a_name_that_is_not_there_tells_no_target() -> None:
    with NameServer("other.example.com", EAST) as server, pytest.raises(NotTold, match="does not exist"):
        FleetName(NAME, ("127.0.0.1", server.port)).target()


def test_a_name_server_that_is_away_tells_no_target() -> None:
    with bind_loopback() as bound:
        port = bound.getsockname()[1]
    with pytest.raises(NotTold):
        FleetName(NAME, ("127.0.0.1", port)).target()


def test_help_names_every_option_and_shows_a_call() -> None:
    told = run("--help")

    assert told.returncode == 0
    assert "python -m device --name iot.example.com --thing-name pump-17" in told.stdout
    for option in ("--port", "--ca-file", "--every", "--keep", "--keep-alive", "--look-every", "--move-within"):
        assert f"{option} " in told.stdout
    for option in ("--hint-topic", "--connect-to", "--name-server", "--proxy"):
        assert f"{option} " in told.stdout


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--every", "0", "must be more than 0 seconds"),
        ("--look-every", "soon", "is no number: soon"),
        ("--move-within", "-1", "is no number of seconds: -1"),
        ("--move-within", "nan", "is no number of seconds: nan"),
        ("--keep", "0", "is no number above 0: 0"),
        ("--keep-alive", "1.5", "is no number above 0: 1.5"),
        ("--proxy", "localhost", "is not HOST:PORT: localhost"),
        ("--proxy", "localhost:70000", "is not HOST:PORT: localhost:70000"),
        ("--name-server", "dns.example.com:53", "is not ADDRESS:PORT: dns.example.com:53"),
        ("--cert-file", "missing.pem", "cannot read missing.pem"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    option: str, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options([*REQUIRED, f"{option}={text}"])

    assert ended.value.code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_a_file_that_holds_no_certificate_is_told_and_nothing_is_started() -> None:
    with NameServer(NAME, EAST) as server:
        refused = run(*REQUIRED, "--name-server", f"127.0.0.1:{server.port}")

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: certificate, key or authority cannot be used: ")


class Ended(Exception):
    """The trial of the ten lines is over."""


class FakeClient:
    """A client of paho's that notes its calls, and ends the trial at the third loop."""

    def __init__(self) -> None:
        self.did: list[object] = []

    def connect_async(self, name: str, port: int, keepalive: int) -> None:
        self.did.append((name, port, keepalive))

    def loop_forever(self, *, retry_first_connection: bool) -> None:
        self.did.append(retry_first_connection)
        if len(self.did) == 6:
            raise Ended

    def disconnect(self) -> None:
        self.did.append("disconnect")


def test_with_paho_the_name_is_connected_to_again_whenever_the_loop_ends() -> None:
    client = FakeClient()

    with pytest.raises(Ended):
        follow(client, NAME)

    assert client.did == [(NAME, 8883, 30), True] * 3


def test_with_paho_a_changed_target_disconnects_within_the_time_of_the_fleet_and_silence_does_not() -> None:
    client = FakeClient()
    answers = iter([EAST, "", WEST, WEST, WEST])

    def look(name: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise Ended from None

    with pytest.raises(Ended):
        watch(client, NAME, EAST, look, lambda least, most: client.did.append((least, most)))

    assert client.did == [(24, 36), (24, 36), (0, WITHIN), "disconnect", (24, 36)]


def test_with_paho_a_name_that_changes_while_the_device_connects_has_it_connect_once_more() -> None:
    client = FakeClient()

    def pause(least: float, most: float) -> None:
        client.did.append((least, most))
        if len(client.did) == 6:
            raise Ended

    def look(_: str) -> str:
        return WEST if client.did.count("disconnect") == 0 else EAST

    with pytest.raises(Ended):
        watch(client, NAME, EAST, look, pause)

    assert client.did == [(0, WITHIN), "disconnect", (0, WITHIN), "disconnect", (24, 36), (24, 36)]
