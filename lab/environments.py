"""Lambda's execution environments start quickly: a cold start was most of what tests cost.

Nothing is answered otherwise. AWS keeps a runtime ready that has only to load a function; the emulator starts an
interpreter for each environment, which imports the SDK, and unpacks and compiles the function's packages, each time
anew. Here an environment is a fork of a process that has the SDK loaded, and a package is unpacked once.

Runs on the emulator's interpreter: only the standard library and the emulator itself can be imported here.
"""

import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_LOADED = ("boto3", "botocore.httpsession", "botocore.signers", "botocore.retries.standard", "lab.sdk_models", __name__)
_ROOT = str(Path(__file__).resolve().parent.parent)


def start_quickly(folder: Path) -> None:
    """Have the emulator fork its environments, and keep in this folder what it unpacks of packages."""
    from ministack.core import lambda_runtime  # noqa: PLC0415 - imported once the process is guarded

    # Each fork would run the server's own module first, which this names.
    vars(sys.modules["__main__"]).pop("__file__", None)
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(list(_LOADED))
    with _reached_by_a_short_path(folder.parent):
        os.environ["PYTHONPATH"] = _ROOT  # for the process that environments are forks of, and for no other
        try:
            forkserver.ensure_running()
        finally:
            del os.environ["PYTHONPATH"]

    def popen(command: list[str], **more: Any) -> Any:
        if command[0] != sys.executable:
            return subprocess.Popen(command, **more)
        return _Environment(forks, Path(command[1]), Path(more["cwd"]), more["env"])

    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _unpacked_once(folder)})


@contextmanager
def _reached_by_a_short_path(folder: Path) -> Iterator[None]:
    """Let temporary files be made in a folder of any length: the path of a socket may have 108 characters."""
    usual, tempfile.tempdir = tempfile.tempdir, f"/proc/self/fd/{os.open(folder, os.O_DIRECTORY)}"
    try:
        yield
    finally:
        tempfile.tempdir = usual


class _Environment:
    """A forked environment, with as much of `subprocess.Popen` as the emulator uses."""

    def __init__(self, forks: Any, script: Path, folder: Path, environ: Mapping[str, str]) -> None:
        (stdin, to), (out, stdout), (errors, stderr) = os.pipe(), os.pipe(), os.pipe()
        ends = [
            Connection(stdin, writable=False),
            Connection(stdout, readable=False),
            Connection(stderr, readable=False),
        ]
        self.stdin = os.fdopen(to, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(errors)
        self._process = forks.Process(target=_serve, args=(script, folder, dict(environ), *ends), daemon=True)
        self._process.start()
        self.pid = self._process.pid
        for end in ends:
            end.close()

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        code: int | None = self._process.exitcode
        return code

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("environment", timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


def _serve(script: Path, folder: Path, environ: Mapping[str, str], *ends: Connection) -> None:
    """Be the environment: run the emulator's script as an interpreter of its own would."""
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they live as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115 - as above
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    # The server's first place is the checkout, which no function may reach.
    sys.argv, sys.path[0] = [str(script)], str(script.parent)
    exec(compile(script.read_text(), script, "exec"), {"__name__": "__main__", "__file__": str(script)})


def _unpacked_once(folder: Path) -> type[zipfile.ZipFile]:
    """A `ZipFile` that unpacks the same content once; what modules are compiled to stays there too."""
    lock = threading.Lock()

    class UnpackedOnce(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            kept = folder / hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            with lock:
                if not kept.exists():
                    super().extractall(kept, members, pwd)
            Path(path).rmdir()
            Path(path).symlink_to(kept)

    return UnpackedOnce
