"""`iot-dr sync`: make the secondary Region's registry equal to the primary's."""

from __future__ import annotations

from typing import Any

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.commands import sync_in_cloud as in_cloud
from iot_dr.cli.options import settings
from iot_dr.cli.view.applying import options, run
from iot_dr.runtime.commands.sync import SyncSettings

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr sync                     # what would be done
  iot-dr sync --apply
  iot-dr sync --select 'thingName:pump*' --apply
  iot-dr sync --apply --format json > result.json
  iot-dr sync --in-cloud          # how many there are, and how long it takes
  iot-dr sync --in-cloud --apply
"""


@click.command(
    "sync",
    cls=Command,
    epilog=_EPILOG,
    params=[
        *options("Make the changes."),
        click.Option(
            ["--anew"], is_flag=True, help="Start again from the beginning; do not resume an interrupted run."
        ),
        *in_cloud.options(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context, /, apply: bool, output: str, anew: bool, delete_share: float, unpaced: bool, **given: Any
) -> None:
    """Make the secondary Region's registry equal to the primary's.

    Reads both Regions and shows, by kind, what would be created, updated and deleted; with --apply it does that, as
    fast as the account's API quotas allow. Only what replication created is deleted. The next run resumes a run that
    was stopped, by Ctrl-C or otherwise; `iot-dr history` tells what each run changed. Exits 0 if nothing differs or all
    was done, 1 if something differs, failed or was not tried, 2 if it cannot run.

    With --in-cloud a state machine in the account checks everything that the primary has. It deletes nothing; the
    sweep deletes what the primary no longer has. Ctrl-C leaves it running.
    """
    cloud = {name: given.pop(name) for name in ("in_cloud", "follow", "redrive", "at_once")}
    wanted = settings(
        SyncSettings, given, anew=anew, delete_share=delete_share, paced=not unpaced, command=command_line(context)
    )
    if cloud.pop("in_cloud") or cloud["follow"] or cloud["redrive"]:
        in_cloud.refuse_what_has_no_effect(context)
        in_cloud.run_in_cloud(context, wanted, apply=apply, output=output, **cloud)
        return
    if cloud["at_once"]:
        raise click.UsageError("--at-once says how much the account does at the same time; use it with --in-cloud")
    run(context, wanted, apply=apply, output=output)
