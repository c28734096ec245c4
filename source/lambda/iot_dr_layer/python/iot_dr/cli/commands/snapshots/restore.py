"""`iot-dr restore`: bring back from a snapshot what a Region lacks or has otherwise."""

from __future__ import annotations

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import applying, credentials_and_state, from_toolsrc, output_format, region_of
from iot_dr.cli.options import unpaced as unpaced_option
from iot_dr.cli.view.applying import run_opened
from iot_dr.model.regions import Role
from iot_dr.runtime.commands.restore import RestoreSettings, open_restore

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr restore today                          # what would be done
  iot-dr restore today --apply
  iot-dr restore today --thing pump-17 --apply  # one device with all it needs
  iot-dr restore today --into secondary --apply
  iot-dr restore s3://my-bucket/registry/2026-11-24 --with-shadows --apply
"""


@click.command(
    "restore",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Argument(["source"], metavar="FOLDER|s3://BUCKET/PREFIX"),
        applying("Bring it back."),
        click.Option(
            ["--into", "side"],
            type=click.Choice(list(map(str, Role))),
            default=str(Role.PRIMARY),
            show_default=True,
            help="Which Region is written; ARNs in policies are moved there.",
        ),
        click.Option(
            ["--thing", "things"],
            multiple=True,
            metavar="NAME",
            help="Restore only this thing, with its type, groups, certificates and policies; may be repeated.",
        ),
        click.Option(
            ["--with-shadows", "shadows"],
            is_flag=True,
            help="Restore shadows too; this overwrites what devices have written since.",
        ),
        click.Option(
            ["--sha256"],
            metavar="DIGEST",
            default="",
            help="Refuse the snapshot unless its snapshot.json has this SHA-256, which `iot-dr snapshot` printed.",
        ),
        from_toolsrc("primary-region", "Region of the fleet."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        from_toolsrc("ledger-table", "Table of the ledger, which says whether the secondary leads."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the control item too."),
        output_format(),
        *credentials_and_state(),
        unpaced_option(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    source: str,
    apply: bool,
    side: str,
    things: tuple[str, ...],
    shadows: bool,
    output: str,
    profile: str,
    state: str,
    unpaced: bool,
    sha256: str,
    **toolsrc: str,
) -> None:
    """Restore what a snapshot holds and a Region lacks or has differently; nothing is ever deleted.

    Shows, by kind, what would be created and updated, and policies by name; with --apply it does that. Every file of
    the snapshot must have the checksum that snapshot.json has for it. Replication does not own what is restored into
    the secondary Region: it stays there when the primary no longer has it. Into a secondary that leads nothing is
    restored. If a run was stopped, run it again. `iot-dr history` tells what it changed, and how to take that back.
    Exits 0 if nothing differs or all was done, 1 if something differs, failed or was not tried, 2 if it cannot run.
    """
    settings = RestoreSettings(
        region_of(side, toolsrc),
        things,
        shadows,
        profile,
        state,
        paced=not unpaced,
        sha256=sha256,
        command=command_line(context),
        **toolsrc,
    )
    run_opened(context, lambda watch: open_restore(settings, source, watch), apply=apply, output=output)
