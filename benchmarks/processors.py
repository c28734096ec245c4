"""Who used the machine's processors: this process, the emulator, the Lambda workers that it starts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessorTime:
    """Seconds of processor time by who used them, and the time that passed."""

    emulator: float
    workers: float
    benchmark: float
    passed: float

    def __sub__(self, before: ProcessorTime) -> ProcessorTime:
        return ProcessorTime(
            self.emulator - before.emulator,
            self.workers - before.workers,
            self.benchmark - before.benchmark,
            self.passed - before.passed,
        )

    @property
    def busy(self) -> float:
        """Processors that were busy with this run on average; the machine has `os.cpu_count()`."""
        return (self.emulator + self.workers + self.benchmark) / self.passed


def processor_time(emulator: int) -> ProcessorTime:
    """Read it for an emulator that leads a process group of its own, as the lab starts it.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    own, ended, workers = 0.0, 0.0, 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The second field is the program's name in brackets, which may hold blanks.
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile; its time stands with its parent
        group, user, system, user_of_ended, system_of_ended = (int(fields[index]) for index in (2, 11, 12, 13, 14))
        if int(folder.name) == emulator:
            own, ended = (user + system) / _TICKS, (user_of_ended + system_of_ended) / _TICKS
        elif group == emulator:
            workers += (user + system + user_of_ended + system_of_ended) / _TICKS
    return ProcessorTime(own, workers + ended, time.process_time(), time.monotonic())
