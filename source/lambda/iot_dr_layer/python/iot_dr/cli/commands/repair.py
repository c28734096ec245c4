"""`iot-dr repair`: apply what the last `verify` found."""

from __future__ import annotations

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import max_age as max_age_option
from iot_dr.cli.options import settings
from iot_dr.cli.view.applying import options, run
from iot_dr.runtime.commands.sync import SyncSettings

HOUR = 3_600_000

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr verify
  iot-dr repair                   # what would be done about it
  iot-dr repair --apply
"""


@click.command(
    "repair",
    cls=Command,
    epilog=_EPILOG,
    params=[
        *options("Make the changes."),
        max_age_option("If the last verify is older, both Regions are read again first."),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    apply: bool,
    output: str,
    max_age: float,
    delete_share: float,
    unpaced: bool,
    **given: str,
) -> None:
    """Apply what the last verify found, under the same rules as sync.

    What verify read, everything or what --select chooses, is not read again unless it is older than --max-age. Each
    resource is compared again before it is updated or deleted. Exits 0 if nothing differs or all was done, 1 if
    something differs, failed or was not tried, 2 if it cannot run.
    """
    wanted = settings(
        SyncSettings,
        given,
        not_older_than=int(max_age * HOUR),
        delete_share=delete_share,
        paced=not unpaced,
        command=command_line(context),
    )
    run(context, wanted, apply=apply, output=output)
