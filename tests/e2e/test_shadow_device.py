"""A real device, the example that users start from, finds its shadows in the secondary by its own certificate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.emulator import ROOT
from lab.fleet import Fleet, make_identity
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.observing import SECONDS, is_whole

PROGRAM = ROOT / "examples" / "shadow_device" / "shadow_device.py"

Device = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the device once against a Region, with these options; an option by name replaces the device's own."""


@pytest.fixture
def device(pair: Pair, fleet: Fleet, name: str, tmp_path: Path) -> Device:
    """The program with the key and certificate of a device that has crossed."""
    made = fleet.provision(name)
    assert until(lambda: is_whole(pair, made), SECONDS)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "private.key"
    certificate.write_text(made.identity.certificate_pem)
    key.write_text(made.identity.key_pem)

    def run(region: str, *options: str, **replaced: Path | str) -> subprocess.CompletedProcess[str]:
        host, _, port = pair.device_endpoint(region).partition(":")
        own = {
            "endpoint": host,
            "port": port,
            "ca-file": pair.emulator.ca_file,
            "cert-file": certificate,
            "key-file": key,
            "thing-name": name,
            "timeout": "5",
            **{option.replace("_", "-"): value for option, value in replaced.items()},
        }
        arguments = [text for option, value in own.items() for text in (f"--{option}", str(value))]
        return subprocess.run(
            [sys.executable, PROGRAM, *arguments, *options], capture_output=True, text=True, timeout=60, check=False
        )

    return run


def shadows_of(device: subprocess.CompletedProcess[str]) -> tuple[Any, Any]:
    """What the program printed of the classic and the named shadow, without the versions, which each Region counts."""
    assert device.returncode == 0, device.stderr
    printed = json.loads(device.stdout)
    classic, named = printed["classic"], printed["named"]["config"]
    for shadow in (classic, named):
        if shadow is not None:
            assert shadow.pop("version") >= 1
    return classic, named


CLASSIC = {"temperature": 21.5, "valves": [True, False], "place": {"bay": "ключ"}}
NAMED = {"interval": 60, "firmware": "2.1"}


@pytest.mark.row("S1", "S2", "F7")
def test_a_device_reads_in_the_secondary_what_it_reported_in_the_primary(pair: Pair, device: Device, name: str) -> None:
    reported = device(pair.primary, "--report", json.dumps(CLASSIC), "--report-named", json.dumps(NAMED))
    assert shadows_of(reported) == ({"reported": CLASSIC}, {"reported": NAMED})

    there = Shadows(pair.client("iot-data", pair.secondary))
    assert until(lambda: there.read(name) and there.read(name, "config"), SECONDS)

    assert shadows_of(device(pair.secondary)) == ({"reported": CLASSIC}, {"reported": NAMED})


@pytest.mark.row("S1", "F7")
def test_a_device_goes_on_in_the_secondary_with_what_it_finds_there(pair: Pair, device: Device, name: str) -> None:
    device(pair.primary, "--report", json.dumps(CLASSIC))
    Shadows(pair.client("iot-data", pair.primary)).update(name, {"desired": {"temperature": 20}})
    there = Shadows(pair.client("iot-data", pair.secondary))
    assert until(lambda: "desired" in (there.read(name) or {}), SECONDS)

    classic, named = shadows_of(device(pair.secondary, "--report", '{"temperature": 20, "valves": null}'))

    assert classic == {"desired": {"temperature": 20}, "reported": {"temperature": 20, "place": CLASSIC["place"]}}
    assert named is None


def test_a_device_with_another_certificate_is_refused_and_says_so(
    pair: Pair, device: Device, name: str, tmp_path: Path
) -> None:
    stranger = make_identity(name)
    (tmp_path / "stranger.pem").write_text(stranger.certificate_pem)
    (tmp_path / "stranger.key").write_text(stranger.key_pem)

    refused = device(pair.secondary, cert_file=tmp_path / "stranger.pem", key_file=tmp_path / "stranger.key")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: cannot connect: ")


def test_what_the_shadow_service_refuses_is_told_in_its_own_words(pair: Pair, device: Device) -> None:
    refused = device(pair.primary, "--report", json.dumps({"text": "x" * 9000}))

    assert refused.returncode == 1
    assert refused.stderr == "error: update_shadow failure: The payload exceeds the maximum size allowed\n"
