"""The pair that `up` keeps running: a process of its own, found again by a lock that it holds while it lives."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from lab.emulator import ROOT, STATE, LabError
from lab.pair import FLEET, launched
from lab.progress import ConsoleProgress
from lab.waiting import until

FOLDER = STATE / "up"
STATE_FILE = STATE / "state.json"
LOCK_FILE = STATE / "up.lock"
LOG_FILE = FOLDER / "supervisor.log"

_START_SECONDS = 300
_STOP_SECONDS = 15


@contextmanager
def exclusive(path: Path, holder: str) -> Iterator[None]:
    """Hold a lock that goes with this process; LabError when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{holder} is already running in this checkout"
            raise LabError(message) from None
        yield


def discard_leftovers(folder: Path) -> None:
    """Remove what a run that was killed outright left in its folder; only for the holder of the folder's lock."""
    for leftover in folder.glob("tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def is_running() -> bool:
    """Whether a supervisor lives: only a living process holds the lock."""
    if not LOCK_FILE.exists():
        return False
    with LOCK_FILE.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def supervise(*, build: bool) -> None:
    """Launch the product on a pair and keep that until SIGTERM; the body of the detached process."""
    with exclusive(LOCK_FILE, "a pair (make lab-up)"):
        discard_leftovers(FOLDER)
        _write_state({"pid": os.getpid(), "ready": False})
        try:
            with launched(FOLDER, ConsoleProgress(Console(width=160)), build=build, fleet_name=True) as pair:
                pair.route53.evaluate()
                _write_state(
                    {
                        "pid": os.getpid(),
                        "ready": True,
                        "environ": {**pair.emulator.client_environ(), **pair.route53.environ()},
                        "endpoints": {
                            region: pair.device_endpoint(region) for region in (pair.primary, pair.secondary)
                        },
                        "dns": pair.route53.dns,
                        "fleet": FLEET,
                        "fleet_port": pair.fleet_port,
                        "fleet_addresses": {
                            region: pair.fleet_address(region) for region in (pair.primary, pair.secondary)
                        },
                        "outputs": pair.outputs,
                    }
                )
                with suppress(KeyboardInterrupt):  # what SIGTERM is turned into
                    signal.pause()
        finally:
            STATE_FILE.unlink(missing_ok=True)


def up(line: Callable[[str], None], *, build: bool) -> dict[str, Any]:
    """Start a supervisor, hand on what it says, and return its state once the product is launched.

    A pair that runs already is used as it is.
    """
    if is_running():
        found = state()
        if found is None or not found.get("ready"):
            message = "a pair is being started already; wait for it, or stop it with: make lab-down"
            raise LabError(message)
        line("A pair is running already, and is used as it is; to begin again: make lab-down")
        return found
    FOLDER.mkdir(parents=True, exist_ok=True)
    STATE_FILE.unlink(missing_ok=True)
    with LOG_FILE.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", "supervise", *([] if build else ["--skip-build"])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )
    with LOG_FILE.open() as log:

        def settled() -> bool:
            for text in log:
                line(text.rstrip("\n"))
            return process.poll() is not None or bool((state() or {}).get("ready"))

        try:
            ready = until(settled, _START_SECONDS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    current = state()
    if not ready or process.poll() is not None or current is None:
        process.terminate()
        message = f"the pair did not come up; see {LOG_FILE.relative_to(ROOT)}"
        raise LabError(message)
    return current


def down() -> bool:
    """Stop the supervisor and with it the pair; false when none was running."""
    current = state()
    if not is_running() or current is None:
        STATE_FILE.unlink(missing_ok=True)
        return False
    # The lock is held, so the process that wrote this ID lives, and the ID is no other's.
    pid = current["pid"]
    os.kill(pid, signal.SIGTERM)
    if not until(lambda: not _lives(pid), _STOP_SECONDS):
        os.kill(pid, signal.SIGKILL)  # the emulator goes with it, by its lifeline
        until(lambda: not _lives(pid), _STOP_SECONDS)
        STATE_FILE.unlink(missing_ok=True)
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def state() -> dict[str, Any] | None:
    """What the supervisor last wrote."""
    try:
        current: dict[str, Any] = json.loads(STATE_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return current


def _write_state(content: dict[str, Any]) -> None:
    draft = STATE_FILE.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draft.replace(STATE_FILE)
