"""The device that users start from says how it is used, and takes no option for another."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.emulator import bind_loopback
from lab.fleet import make_identity

PROGRAM = Path(__file__).resolve().parents[3] / "examples" / "shadow_device" / "shadow_device.py"
OWN = str(PROGRAM)
REQUIRED = ("--endpoint", "localhost", "--cert-file", OWN, "--key-file", OWN, "--thing-name", "pump-17")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, *options], capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_option_and_shows_a_call() -> None:
    told = run("--help")

    assert told.returncode == 0
    assert "--endpoint ENDPOINT --cert-file FILE --key-file FILE --thing-name pump-17" in told.stdout
    for option in ("--port", "--ca-file", "--shadow", "--report", "--report-named", "--timeout"):
        assert option in told.stdout


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "is not an object"), ("null", "is not an object"), ("{'a': 1}", "is not JSON")]
)
@pytest.mark.parametrize("option", ["--report", "--report-named"])
def test_what_is_no_object_is_refused_before_anything_is_sent(option: str, text: str, message: str) -> None:
    refused = run(*REQUIRED, option, text)

    assert refused.returncode == 2
    assert f"argument {option}: {message}" in refused.stderr


def test_a_file_that_is_missing_is_named() -> None:
    refused = run(*REQUIRED, "--ca-file", "no-such-file.pem")

    assert refused.returncode == 2
    assert "argument --ca-file: cannot read no-such-file.pem" in refused.stderr


def test_a_certificate_that_is_none_ends_in_a_sentence() -> None:
    refused = run(*REQUIRED)

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: certificate, key or authority cannot be used: ")
    assert len(refused.stderr.splitlines()) == 1


def test_an_endpoint_that_does_not_answer_is_given_up_on(tmp_path: Path) -> None:
    identity, (certificate, key) = make_identity("pump-17"), (tmp_path / "certificate.pem", tmp_path / "private.key")
    certificate.write_text(identity.certificate_pem)
    key.write_text(identity.key_pem)
    with bind_loopback() as silent:
        port = str(silent.getsockname()[1])
        files = ("--cert-file", str(certificate), "--key-file", str(key))
        refused = run("--endpoint", "localhost", "--port", port, "--thing-name", "pump-17", "--timeout", "1", *files)

    assert refused.returncode == 1
    assert refused.stderr == "error: cannot connect: no answer\n"
