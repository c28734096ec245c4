"""No process outlives the one that started it, whatever ends that one.

The parent holds the writing end of a pipe; the child leads a process group and ends the whole group when the pipe
breaks. A pipe and not PR_SET_PDEATHSIG: that signal is bound to the thread that forked, and reaches no grandchild.
Standard library only, because the emulator's interpreter runs it too. As a script it guards a command:
`lifeline.py FD COMMAND ...`.
"""

import os
import signal
import subprocess
import sys
import threading


def hold(lifeline: int) -> None:
    """Kill this process's group, which it must lead, once the pipe breaks."""

    def watch() -> None:
        os.read(lifeline, 1)  # nobody writes: this returns when the last writing end is closed
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main() -> int:
    """Run a command under guard and end with its status."""
    hold(int(sys.argv[1]))
    return subprocess.call(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
