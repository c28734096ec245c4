"""Processor time is told apart by who used it."""

import os
import subprocess
import sys

from benchmarks.processors import processor_time

BUSY = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
BUSY_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


def test_a_child_s_time_is_the_workers_and_not_the_emulator_s() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = processor_time(process.pid)
        process.communicate(b"\n")

    assert used.workers >= 0.15
    assert used.emulator < used.workers


def test_two_readings_tell_what_was_used_between_them() -> None:
    before = processor_time(os.getpid())
    while processor_time(os.getpid()).benchmark - before.benchmark < 0.05:
        pass
    used = processor_time(os.getpid()) - before

    assert 0.05 <= used.benchmark <= used.passed + 0.05
    assert used.busy > 0
