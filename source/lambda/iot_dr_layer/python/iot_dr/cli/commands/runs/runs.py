"""`iot-dr runs`: the syncs in the account, listed, followed and stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from itertools import islice
from typing import Any

import click
from rich.text import Text

from iot_dr.cli.command import Command, command_line, order_place
from iot_dr.cli.commands.sync import command as sync_command
from iot_dr.cli.commands.sync_in_cloud import RUNNING, follow_option, run_in_cloud
from iot_dr.cli.options import applying, from_toolsrc, output_format, profile, settings
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.tables import console, iso, table
from iot_dr.cli.view.texts import say
from iot_dr.model.sync.fleet_runs import ListedRun
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.runtime.commands.sync_in_cloud import open_cloud_sync
from iot_dr.services.sync.cloud_sync import CloudSync

SHOWN = 20
"""Runs that are listed, the newest first; each takes a call to AWS."""

_EPILOG = """
\b
Examples:
  iot-dr runs                   # the newest syncs in the account
  iot-dr runs --follow          # watch the one that is under way
  iot-dr runs --stop            # what would be stopped
  iot-dr runs --stop --apply
"""


@click.command(
    "runs",
    cls=Command,
    epilog=_EPILOG,
    params=[
        follow_option("Watch a run to its end: the running one, if no ARN is given."),
        click.Option(
            ["--stop"],
            metavar="[ARN]",
            is_flag=False,
            flag_value=RUNNING,
            default="",
            help="Stop a run: the running one, if no ARN is given. What it has brought across stays.",
        ),
        applying("Stop it."),
        click.Option(
            ["--last"], type=click.IntRange(1), default=SHOWN, show_default=True, help="How many runs are listed."
        ),
        from_toolsrc("primary-region", "Region that is read."),
        from_toolsrc("secondary-region", "Region that is made equal, where the runs are."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        from_toolsrc("stack-postfix", "Postfix of the launch."),
        from_toolsrc("uuid", "UUID of the launch."),
        output_format(),
        profile(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context, /, follow: str, stop: str, apply: bool, last: int, output: str, **given: Any
) -> None:
    """List the syncs in the account that `sync --in-cloud` started, follow one, or stop one.

    Exits 0 when runs are listed or one is stopped, 1 if something of a run that was followed failed, 2 if it cannot
    run.
    """
    if follow and stop:
        raise click.UsageError("give either --follow or --stop", context)
    if apply and not stop:
        raise click.UsageError("--apply is for --stop: listing and following change nothing", context)
    wanted = settings(SyncSettings, given)
    if follow:
        _follow(context, wanted, follow, output)
        return
    sync = open_cloud_sync(wanted, order_place(context, wanted.primary_region, wanted.secondary_region))
    if stop:
        _stop(context, sync, sync.running() if stop == RUNNING else stop, apply=apply, output=output)
        return
    _print_runs(list(islice(sync.listed(), last)), output)


def _follow(context: click.Context, wanted: SyncSettings, follow: str, output: str) -> None:
    """Watch it as `sync --follow` does, whose hints are commands of `sync`."""
    given = shlex.split(command_line(context, last=None))[len(context.command_path.split()) :]
    with sync_command.make_context("sync", given, parent=context.parent) as as_sync:
        run_in_cloud(as_sync, wanted, apply=False, output=output, follow=follow, redrive=False, at_once=None)


def _stop(context: click.Context, sync: CloudSync, arn: str, *, apply: bool, output: str) -> None:
    state = sync.state(arn)
    if apply and not state.ended:
        sync.stop(arn)
    if output == "json":
        say(answer_text({"arn": arn, "status": state.status, "applied": apply and not state.ended}))
    elif state.ended:
        say(f"{arn} has ended already, as {state.status}.")
    elif apply:
        say(f"{arn} is stopped. What it has brought across stays; `iot-dr sync --redrive` runs again what is left.")
    else:
        again = command_line(context, stop=arn, apply=True)
        say(f"Nothing was changed. To stop {arn}, run `{again}`.")


def _print_runs(runs: Iterable[ListedRun], output: str) -> None:
    if output == "json":
        say(answer_text({"runs": [_as_json(one) for one in runs]}))
        return
    shown = table("Run", "Status", "Began", "Ended", "Does", optional=("Ended", "Began"))
    for one in runs:
        ended = iso(one.ended) or "under way"
        shown.add_row(Text(one.run.run), one.status, iso(one.began), ended, Text(_does(one)))
    if not shown.rows:
        say("There was no sync in the account yet; start one with `iot-dr sync --in-cloud --apply`.")
        return
    console().print(shown)


def _does(one: ListedRun) -> str:
    done = "brings across" if one.run.apply else "counts only"
    if one.run.again:
        return f"{done} what failed of {one.run.again}"
    return f"{done} {one.run.select or 'the whole fleet'}"


def _as_json(one: ListedRun) -> dict[str, Any]:
    told = {"arn": one.arn, "run": one.run.run, "status": one.status, "began": iso(one.began), "ended": iso(one.ended)}
    return {**told, "applies": one.run.apply, "select": one.run.select, "again": one.run.again}
