"""A signal that ends a process ends a command as Ctrl-C does; a disk that is full ends it in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WAITING = """
import click, signal, sys, threading
from iot_dr.cli import main

@click.command()
def command():
    try:
        print("ready", flush=True)
        threading.Event().wait()
    finally:
        print("removed", flush=True)

main.LazyGroup.get_command = lambda *_: command
# Whoever is started in the background by a shell without job control has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[1:] == ["ignoring"]:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.argv[1:] = ["anything"]
main.main()
"""


@contextmanager
def waiting(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that waits; it does not outlive the test."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_command_lets_it_remove_what_it_made(number: signal.Signals) -> None:
    with waiting() as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)

    assert (process.returncode, output, errors) == (2, "removed\n", "\nStopped.\n")


def test_what_was_started_by_nohup_outlives_its_terminal() -> None:
    with waiting("ignoring") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("sync", "--help")])
def test_output_to_a_full_disk_is_one_line_and_no_answer(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "iot_dr.cli", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 2
    assert done.stderr.startswith("error: the disk of standard output is full; free some space")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_full_disk() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "iot_dr.cli", "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)

    assert "full" not in done.stderr
    assert "Traceback" not in done.stderr
