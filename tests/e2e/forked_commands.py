"""Commands start quickly: what each would load anew was most of what a short one cost.

A command is a fork of a process that has loaded all commands and the SDK, and nothing else: no client, no settings. It
is a process of its own, with its own environment, arguments, outputs and exit code. Tests that stop or kill a command
start an interpreter for it, as an operator does.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_LOADED = ("tests.e2e.loaded_commands",)


def forked(arguments: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `iot-dr` to its end; what it says is captured, and it reads nothing."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(list(_LOADED))
    with tempfile.TemporaryDirectory() as folder:
        told = [Path(folder, name) for name in ("stdout", "stderr")]
        process = forks.Process(target=_run, args=(list(arguments), dict(environ), Path.cwd(), *told))
        process.start()
        process.join()
        stdout, stderr = (path.read_text("utf-8", "backslashreplace") for path in told)
    assert process.exitcode is not None
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
