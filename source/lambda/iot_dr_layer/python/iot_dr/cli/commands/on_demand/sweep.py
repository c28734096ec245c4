"""`iot-dr sweep`: find now what no event told, and have it checked."""

from __future__ import annotations

import dataclasses

import click
from rich.text import Text

from iot_dr.cli.command import Command, command_line, order_place, say_error, with_settings
from iot_dr.cli.options import applying, delete_share, from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import is_quiet, tell
from iot_dr.cli.view.tables import Screen, console
from iot_dr.cli.view.texts import say
from iot_dr.errors import TerminalError, UnsafePlan
from iot_dr.runtime.commands.on_demand.sweep import open_sweep
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.sweep import Swept

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr sweep                              # what a sweep would have checked
  iot-dr sweep --apply
  iot-dr sweep --apply --delete-share 0.8   # so many deletions are meant
  iot-dr sweep --apply --format json
"""


@click.command(
    "sweep",
    cls=Command,
    epilog=_EPILOG,
    params=[
        applying("Run the sweep now."),
        delete_share(),
        from_toolsrc("primary-region", "Region whose registry is replicated."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        from_toolsrc("stack-postfix", "Ends the names of the launch's stacks."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # one parameter an option
    context: click.Context, /, apply: bool, delete_share: float, profile: str, output: str, **toolsrc: str
) -> None:
    """Find what no event told, by the lists of both Regions, and have every difference checked.

    The schedule does the same every few minutes. Without --apply this machine reads the lists and tells what a sweep
    would have checked. With --apply the function of the launch sweeps, which takes minutes for a large fleet; what it
    finds is then checked in the background: iot-dr status tells what waits. Exits 0 if all that was found is being
    checked, 1 if something differs, waits for the next sweep, cannot be read or is refused, 2 if it cannot run.
    """
    environment = settings(LaunchNames, toolsrc)
    place = order_place(context, environment.primary_region, environment.secondary_region)
    with open_sweep(environment, place, profile) as opened:
        if not apply:
            swept = opened.plan(delete_share)
            _print(swept, output, command_line(context, apply=True))
            context.exit(1 if swept.drift or _is_short(swept) else 0)
        go_on = with_settings(context, "The sweep goes on in the account; `iot-dr status` tells what waits.")
        with stoppable(lambda: go_on):
            tell(Screen(stderr=True), Text("The sweep runs ..."), quiet=is_quiet())
            try:
                swept = opened.apply(delete_share)
            except (UnsafePlan, TerminalError) as error:
                say_error(context, str(error), 1)
                context.exit(1)
    _print(swept, output, "")
    context.exit(1 if _is_short(swept) else 0)


def _is_short(swept: Swept) -> bool:
    """Tell whether not all that was found is being checked."""
    return bool(swept.left or swept.unreadable or swept.refused or swept.held_back or not swept.complete)


def _print(swept: Swept, output: str, command: str) -> None:
    if output == "json":
        say(answer_text({"applied": not command, **dataclasses.asdict(swept)}))
        return
    lines = _lines(swept, applied=not command)
    console().print("\n".join(lines), soft_wrap=True)
    if command:
        say(f"Nothing was changed. To run it, run `{command}`.")


def _lines(swept: Swept, *, applied: bool) -> list[str]:
    if swept.held_back:
        return [f"Nothing was read: {swept.held_back}"]
    are = "are" if applied else "would be"
    lines = [
        f"Differences by the lists: {swept.drift:,}, of which {swept.drift - swept.left:,} {are} checked now.",
        f"Checked fully in their turn, whatever the lists say: {swept.round:,}.",
    ]
    if swept.left:
        lines.append(f"Wait for the next sweep: {swept.left:,}.")
    if swept.unreadable:
        lines.append(f"Entries that cannot be read: {swept.unreadable:,}; the first: {swept.why_unreadable}")
    if swept.refused:
        lines.append(f"Deletions are refused: {swept.refused}.")
    return lines
