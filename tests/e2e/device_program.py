"""The example device as its own process, and what a trial sees of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.emulator import ROOT
from lab.fleet import Device
from lab.waiting import until

PATIENCE = 30.0
"""Seconds for what takes one or two of them on a machine that does nothing else."""

SOME = 20
"""Messages that are acknowledged before the next thing happens."""

QUICK = {"every": 0.05, "look-every": 0.5, "move-within": 0.5}
"""Seconds that a test can wait for."""


@dataclass
class Program:
    """The example as it runs, and what it has printed."""

    process: subprocess.Popen[str]
    printed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(json.loads(line))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self.printed if told["event"] == event]

    def acknowledged(self) -> set[int]:
        return {told["sequence"] for told in self.told("acknowledged")}

    def places(self) -> list[str]:
        """Where it was connected, in order."""
        return [told["target"] for told in self.told("connected")]

    def sends_more(self) -> bool:
        """Whether messages are acknowledged from now on."""
        before = len(self.acknowledged())
        return until(lambda: len(self.acknowledged()) >= before + SOME, PATIENCE)

    def goes_to(self, target: str) -> bool:
        """Whether the device gets to where the name points, and sends from there."""
        return until(lambda: self.places()[-1:] == [target], PATIENCE) and self.sends_more()

    def ends(self) -> tuple[int, dict[str, Any]]:
        """Status and last words after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status, self.printed[-1]


@contextmanager
def running(folder: Path, device: Device, options: Mapping[str, object]) -> Iterator[Program]:
    """The program with a device's key and certificate, killed if it still runs at the end.

    Options go by their names; `look_every` is `--look-every`.
    """
    certificate, key = folder / "certificate.pem", folder / "private.key"
    certificate.write_text(device.identity.certificate_pem)
    key.write_text(device.identity.key_pem)
    own = {"thing-name": device.thing_name, "cert-file": certificate, "key-file": key, **QUICK}
    given = own | {name.replace("_", "-"): value for name, value in options.items()}
    arguments = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    with subprocess.Popen(
        [sys.executable, "-m", "device", *arguments], cwd=ROOT / "examples", stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()
