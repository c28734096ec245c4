"""Commands of the project run by the lab, their output line by line, nothing left behind."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import lifeline


def run(command: Sequence[str | Path], *, environ: Mapping[str, str], folder: Path, line: Callable[[str], None]) -> int:
    """Run a command in a process group of its own, which ends with this process, and return its exit status."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, lifeline.__file__, str(reading), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environ),
            pass_fds=[reading],
            start_new_session=True,
            text=True,
            errors="replace",
        )
    finally:
        os.close(reading)
    try:
        assert process.stdout is not None
        for text in process.stdout:
            line(text.rstrip("\n"))
        return process.wait()
    finally:
        os.close(writing)  # on the way out by an error this ends the group; after a normal end there is none
        with suppress(ProcessLookupError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def alone(shared: Path | None) -> Iterator[None]:
    """Be the only process at a shared folder, which is made if need be; None is shared with nobody."""
    if shared is None:
        yield
        return
    shared.mkdir(parents=True, exist_ok=True)
    with (shared / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
