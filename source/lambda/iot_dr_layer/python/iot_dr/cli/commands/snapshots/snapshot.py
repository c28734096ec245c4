"""`iot-dr snapshot`: write down what a Region's registry holds, in files that can be compared and brought back."""

from __future__ import annotations

import dataclasses

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import SHADOWS, credentials_and_state, from_toolsrc, output_format, region_of
from iot_dr.cli.options import unpaced as unpaced_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.applying import SyncWatch
from iot_dr.cli.view.tables import console, table
from iot_dr.cli.view.texts import say
from iot_dr.errors import IotDrError
from iot_dr.model.regions import Role
from iot_dr.runtime.commands.snapshot import SnapshotSettings, take_snapshot

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr snapshot today
  iot-dr snapshot today --of secondary
  iot-dr snapshot s3://my-bucket/registry/2026-11-24
  diff -r yesterday today
"""


@click.command(
    "snapshot",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Argument(["to"], metavar="FOLDER|s3://BUCKET/PREFIX"),
        click.Option(
            ["--of", "side"],
            type=click.Choice(list(map(str, Role))),
            default=str(Role.PRIMARY),
            show_default=True,
            help="Which Region is written down.",
        ),
        click.Option(
            ["--shadows"],
            type=SHADOWS,
            default="all",
            show_default=True,
            help="Which shadows of its things are written down too.",
        ),
        from_toolsrc("primary-region", "Region of the fleet."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        output_format(),
        *credentials_and_state(),
        unpaced_option(),
        click.Option(
            ["--anew"], is_flag=True, help="Start again from the beginning; do not resume an interrupted run."
        ),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    to: str,
    side: str,
    shadows: str,
    output: str,
    profile: str,
    state: str,
    anew: bool,
    unpaced: bool,
    **toolsrc: str,
) -> None:
    """Write what a Region's registry holds to a folder or bucket, a file of JSON lines for each kind.

    Things, types, groups, billing groups, certificates with their PEM, policies with their documents, attachments and
    shadows; never private keys, which AWS does not have. `diff` finds two snapshots different exactly if the registries
    differ. Exits 0 if the snapshot is complete, 2 if it cannot run or was stopped; what was read is kept, and the next
    run continues from there.
    """
    settings = SnapshotSettings(
        region_of(side, toolsrc), profile=profile, state=state, shadows=shadows, anew=anew, paced=not unpaced
    )
    go_on = f"What was read is kept; run `{command_line(context, anew=None)}` again to continue from there."
    with stoppable(lambda: go_on), SyncWatch() as watch:
        try:
            taken = take_snapshot(settings, to, watch)
        except IotDrError:
            watch.end()
            raise
    if output == "json":
        say(answer_text({"to": to, "snapshot_sha256": taken.sha256, **dataclasses.asdict(taken.manifest)}))
        return
    numbers = table("Kind", "Number", numbers=frozenset({"Number"}))
    for kind, number in taken.manifest.numbers.items():
        numbers.add_row(kind.replace("_", " "), f"{number:,}")
    screen = console()
    screen.print(numbers)
    screen.print(f"\n{settings.region} is written to {to}.", soft_wrap=True)
    screen.print(f"SHA-256 of its snapshot.json, for restore --sha256: {taken.sha256}", soft_wrap=True)
