"""`iot-dr`: the group of commands, and the one place where an error becomes a message and an exit code.

    0   done, or in order
    1   a launch failed: the message names the first failing resource and AWS's reason; or something is not in order: a
        device is not in sync, an event cannot be replayed, devices are left behind by a failover, a drill misses its
        objectives
    2   wrong use, or it cannot run: the message says what to do; or it was stopped by Ctrl-C or SIGTERM

A command's module is imported when it is asked for, so that none pays for another's imports.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
import traceback
from difflib import get_close_matches
from io import StringIO
from typing import Any, NoReturn

import click

from iot_dr import __version__
from iot_dr.cli.command import say_error, with_settings
from iot_dr.cli.options import origins_of
from iot_dr.cli.stopping import stop_by_signals, stoppable
from iot_dr.cli.streams import flushed, steady
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError, IotDrError, LaunchFailed, RegionUnavailable
from iot_dr.runtime.disk import failure_of

SUMMARIES = {
    "adopt": "Have replication own what the secondary had before.",
    "completion": "Print the script that completes commands in your shell.",
    "cost": "Tell what a launch costs a month.",
    "doctor": "Check what a failover needs, and say how to fix it.",
    "drill": "Rehearse a failover with devices of its own.",
    "failback": "Bring changes and devices back after a failover.",
    "failover": "Have the secondary Region take over.",
    "history": "Show what commands changed, and how to take it back.",
    "launch": "Launch the regional stacks, or continue a launch.",
    "prove": "Test an installation with devices of its own.",
    "publish": "Publish a build, and print the link that launches it.",
    "reconcile": "Have one resource checked now.",
    "repair": "Apply what the last verify found.",
    "replay": "Bring in events that did not arrive.",
    "restore": "Restore what a snapshot holds and a Region lacks.",
    "runs": "List, follow or stop the syncs in the account.",
    "snapshot": "Write what a Region's registry holds to files.",
    "status": "Show how replication stands, or one device.",
    "sweep": "Find now what no event told, and have it checked.",
    "sync": "Make the secondary Region equal to the primary.",
    "uninstall": "Remove what a launch made; the fleet stays.",
    "verify": "Compare both Regions, and change nothing.",
}
"""What each command does, for the list of all: none is imported for it. Each is a module that has a `command`."""

COMMANDS = tuple(SUMMARIES)

_ELSEWHERE = {
    "completion": "shell.completion",
    "cost": "commands.launch.cost",
    "drill": "commands.failover.drill",
    "failback": "commands.failover.failback",
    "failover": "commands.failover.failover",
    "history": "commands.runs.history",
    "launch": "commands.launch.launch",
    "publish": "commands.launch.publish",
    "reconcile": "commands.on_demand.reconcile",
    "restore": "commands.snapshots.restore",
    "runs": "commands.runs.runs",
    "snapshot": "commands.snapshots.snapshot",
    "sweep": "commands.on_demand.sweep",
    "uninstall": "commands.launch.uninstall",
}
"""Where a module is that is not at the top of `commands`."""

FAILED = 2
"""The exit code of what could not be run or came to no end."""

UNREACHABLE = "see that the Region's name is right and that this machine reaches it, and run it again"
"""What follows an error of that class, which AWS's words leave open."""

EXAMPLES = """
\b
Examples:
  Publish a build and get the link that launches it:
    iot-dr publish --help
  Launch the regional stacks, or continue a launch that stopped:
    iot-dr launch --primary-region us-east-1 --secondary-region us-west-2 \\
      --stack-postfix 20261124120000 --uuid 5f0c2a \\
      --bucket-resources my-bucket-reference \\
      --solution-name disaster-recovery-for-aws-iot --version v0.1.0
  See whether everything is there that a failover needs, and how to fix it if not:
    iot-dr doctor --primary us-east-1 --secondary us-west-2
  See what it takes to make the secondary Region equal, and do it:
    . ./toolsrc && iot-dr sync && iot-dr sync --apply
  Have replication own what the secondary Region had before the launch:
    . ./toolsrc && iot-dr adopt && iot-dr adopt --apply
  Prove that both Regions hold the same, or see in what they differ:
    . ./toolsrc && iot-dr verify --report verified.html
  Prove an installation with devices that are made for it, and removed again:
    . ./toolsrc && iot-dr prove -n 3
  Ask whether a device is ready, with the settings of the launch:
    . ./toolsrc && iot-dr status --thing pump-17
  Have the secondary Region take over:
    . ./toolsrc && iot-dr failover --to us-west-2 --wait
  Rehearse a failover and the way back, with devices of its own:
    . ./toolsrc && iot-dr drill --report drill.html
  See what changed since a failover, and have the primary lead again:
    . ./toolsrc && iot-dr failback && iot-dr failback --apply --switch
  Bring in events that did not arrive:
    iot-dr replay --apply
  See what there is of a launch, in the order of its removal:
    . ./toolsrc && iot-dr uninstall
  See what it costs a month, and what would make it cheaper:
    . ./toolsrc && iot-dr cost --from-account
"""


class LazyGroup(click.Group):
    """Imports a command when it is named, and turns the product's errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Name all commands, in alphabetical order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = _ELSEWHERE.get(cmd_name, f"commands.{cmd_name}")
        command: click.Command = importlib.import_module(f"iot_dr.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write the list of all commands, each with a line that is not cut."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the product foresees ends as one line on stderr, never as a traceback."""
        try:
            with stoppable():
                return super().invoke(ctx)
        except RegionUnavailable as error:
            _end(ctx, with_settings(ctx, f"{error}; {UNREACHABLE}"), 2)
        except click.ClickException as error:
            shown = StringIO()
            error.show(shown)
            _end(ctx, error.format_message(), error.exit_code, shown.getvalue().rstrip("\n"))
        except (OSError, sqlite3.Error) as error:
            _end(ctx, str(failure_of(error)), 2)
        except IotDrError as error:
            where = origins_of(ctx, str(error)) if isinstance(error, ConfigurationError) else ""
            said = f"{with_settings(ctx, str(error))}{f' ({where})' if where else ''}"
            _end(ctx, said, 1 if isinstance(error, LaunchFailed) else 2)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named; of a name that there is not, say which is like it."""
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            close = get_close_matches(name, self.list_commands(ctx))
            meant = f" Did you mean {' or '.join(close)}?" if close else " `iot-dr --help` lists all."
            ctx.fail(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)


def _end(ctx: click.Context, message: str, code: int, text: str = "") -> NoReturn:
    """Say an error in one line, as a script or as a person reads it, and exit."""
    say_error(ctx, message, code, text)
    ctx.exit(code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXAMPLES)
@click.version_option(__version__, prog_name="iot-dr")
def cli() -> None:
    """Disaster recovery for AWS IoT Core: keep a secondary Region ready for every device of the primary.

    Commands need the settings of a launch: its toolsrc, sourced or given by --settings, or its name, given by --launch.
    Without any they take the account's launch, if there is only one. What changes something says first what that is,
    and does it with --apply; `iot-dr history` tells how to take it back.

    Exit codes: 0 done, or in order; 1 a launch failed, or something is not in order; 2 wrong use, or it cannot run
    or was stopped.
    """


def main() -> None:
    """Run the command line (the console script `iot-dr`)."""
    stop_by_signals()
    steady()
    code = _ended()
    error = flushed()
    if error is not None and code != FAILED:
        say(f"error: {failure_of(error)}", err=True)
        code = FAILED
    sys.exit(code)


def _ended() -> int:
    """Run it and return its exit code; 0 and 1 are answers, so nothing that goes wrong ends with them."""
    try:
        ended = cli.main(prog_name="iot-dr", standalone_mode=False)
    except click.Abort:
        say("\nStopped.", err=True)
    except click.ClickException as error:
        error.show()
    except OSError as error:
        # Help and version are printed before a command is run.
        say(f"error: {failure_of(error)}", err=True)
    except Exception:  # noqa: BLE001  # the boundary: a fault of this program, which whoever mends it wants to see whole
        traceback.print_exc()
    else:
        return ended if isinstance(ended, int) else 0
    return FAILED
