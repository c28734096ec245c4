"""A signal that ends a process ends a command as Ctrl-C does; a disk that is full ends it in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
# A shell without job control has whom it starts in the background ignore the one, and nohup the other.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1:] == ["ignoring"] else signal.SIG_DFL)
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


PRINTING = """
import click, sys
from iot_dr.cli import main
from iot_dr.cli.view.tables import console
from iot_dr.cli.view.texts import say

@click.command()
@click.pass_context
def command(context):
    for number in range(3000):
        say(f"line {number}")
    console().print("the end \u00fc")
    if how == "fault":
        raise KeyError("a fault of the program")
    context.exit(int(how))

main.LazyGroup.get_command = lambda *_: command
how, sys.argv[1:] = sys.argv[1], ["anything"]
main.main()
"""


def printing(how: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that prints much, and ends so."""
    return subprocess.run([sys.executable, "-c", PRINTING, how], text=True, check=False, **streams)


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_stays_when_the_reader_goes_away(code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    done = printing(str(code), stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("code", [0, 1])
def test_an_answer_that_cannot_be_written_is_none(code: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = printing(str(code), stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 2
    assert done.stderr.startswith("error: the disk of standard output is full")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_where_not_even_an_error_can_be_written_the_exit_code_says_it() -> None:
    with Path("/dev/full").open("w") as full:
        assert printing("1", stdout=full, stderr=full).returncode == 2
        assert printing("1", stdout=subprocess.DEVNULL, stderr=full).returncode == 1


def test_an_encoding_that_cannot_show_a_text_escapes_it() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    done = printing("1", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)

    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (1, "", "the end \\xfc")


def test_a_fault_of_the_program_is_no_answer() -> None:
    done = printing("fault", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    assert done.returncode == 2
    assert "KeyError: 'a fault of the program'" in done.stderr
