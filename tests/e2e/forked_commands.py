"""Commands start quickly: what each would load anew was most of what a short one cost.

A command is a fork of a process that has loaded all commands and the SDK, and nothing else: no client, no settings. It
is a process of its own, with its own environment, arguments, outputs and exit code. Tests that stop a command start an
interpreter for it, as an operator does.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_LOADED = ("tests.e2e.loaded_commands",)
_LOOKS_EVERY = 0.02
"""Seconds between two looks at what a command has said that is to be killed."""


def forked(arguments: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `iot-dr` to its end; what it says is captured, and it reads nothing."""
    with tempfile.TemporaryDirectory() as folder:
        process, told = _started(arguments, environ, Path(folder))
        process.join()
        return _ended(process, arguments, told)


def killed(arguments: Sequence[str], environ: Mapping[str, str], once: str) -> subprocess.CompletedProcess[str]:
    """Run `iot-dr`, and kill it by SIGKILL once it has said something; unless it ends before."""
    with tempfile.TemporaryDirectory() as folder:
        process, told = _started(arguments, environ, Path(folder))
        while not wait([process.sentinel], _LOOKS_EVERY):
            if told[1].exists() and once in told[1].read_text("utf-8", "backslashreplace"):
                process.kill()
        return _ended(process, arguments, told)


def _started(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> tuple[ForkServerProcess, tuple[Path, Path]]:
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(list(_LOADED))
    told = folder / "stdout", folder / "stderr"
    process = forks.Process(target=_run, args=(list(arguments), dict(environ), Path.cwd(), *told))
    process.start()
    return process, told


def _ended(
    process: ForkServerProcess, arguments: Sequence[str], told: Sequence[Path]
) -> subprocess.CompletedProcess[str]:
    process.join()
    assert process.exitcode is not None
    stdout, stderr = (path.read_text("utf-8", "backslashreplace") if path.exists() else "" for path in told)
    return subprocess.CompletedProcess(["iot-dr", *arguments], process.exitcode, stdout, stderr)


def _run(arguments: Sequence[str], environ: Mapping[str, str], folder: Path, *told: Path) -> None:
    """Be the command: run it as an interpreter of its own would."""
    from iot_dr.cli.main import main  # noqa: PLC0415  # loaded by the process that this is a fork of

    for number, path in enumerate(told, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["iot-dr", *arguments]
    with (
        open(0, encoding="utf-8", closefd=False) as sys.stdin,
        open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
        open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False) as sys.stderr,
    ):
        try:
            main()
        except SystemExit as ended:
            # What a command has closed, its outputs, would be flushed once more.
            os._exit(int(ended.code or 0))
