"""`iot-dr reconcile`: have one resource checked now, and tell what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from iot_dr.cli.command import Command, command_line, order_place, with_settings
from iot_dr.cli.keys import ResourceKey
from iot_dr.cli.options import applying, certificate_mode, from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.tables import item_as_json
from iot_dr.cli.view.texts import say
from iot_dr.model.registry.changes import Change, Skip
from iot_dr.model.registry.keys import Key
from iot_dr.runtime.commands.on_demand.reconcile import ReconcileEnvironment, open_reconcile
from iot_dr.services.on_demand.reconcile_one import CHECKED_KINDS, CheckedResource

SECONDS = 120.0
"""A check takes seconds; more than this only behind a queue of others."""

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr reconcile thing#pump-17            # what a check would change
  iot-dr reconcile thing#pump-17 --apply    # has it checked, and waits for the result
  iot-dr reconcile policy#pumps --apply
  iot-dr reconcile shadow#pump-17 --apply   # its classic shadow
  iot-dr reconcile shadow#pump-17#firmware  # a named one
"""


@click.command(
    "reconcile",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Argument(["key"], type=ResourceKey(CHECKED_KINDS), metavar="KIND#NAME"),
        applying("Have it checked now."),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(min=1),
            default=SECONDS,
            show_default=True,
            help="Seconds that the check may take, with its time in the queue.",
        ),
        from_toolsrc("primary-region", "Region whose registry is replicated."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        from_toolsrc("look-queue-url", "Queue of requests in the secondary Region."),
        certificate_mode(),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context, /, key: Key, apply: bool, timeout: float, profile: str, output: str, **toolsrc: str
) -> None:
    """Have one resource checked now: replication makes the secondary equal, as it does after an event.

    Without --apply this machine compares both Regions and shows what the check would change. With --apply a request
    goes to the queue that events go to, and the command waits until the ledger has the result. A thing is checked with
    its certificates, their policies and its groups; shadows by themselves. Exits 0 if both Regions hold the same, 1 if
    something differs, waits, failed or is held, 2 if it cannot tell.
    """
    environment = settings(ReconcileEnvironment, toolsrc)
    place = order_place(context, environment.primary_region, environment.secondary_region)
    with open_reconcile(environment, place, profile) as opened:
        if apply:
            later = f"The request stays in the queue. For its result run `iot-dr status --resource '{key}'`."
            with stoppable(lambda: with_settings(context, later)):
                checked = opened.apply(key, timeout)
            _print_checked(checked, output)
            context.exit(0 if checked.in_order else 1)
        changes = opened.plan(key)
    _print_plan(key, changes, output, command_line(context, apply=True))
    context.exit(1 if changes else 0)


def _print_plan(key: Key, changes: Sequence[Change], output: str, command: str) -> None:
    if output == "json":
        told = [{"resource": str(one.key), "step": _step(one), "reason": one.reason} for one in changes]
        say(answer_text({"resource": str(key), "applied": False, "changes": told}))
        return
    if not changes:
        say(f"Both Regions hold the same of {key}.")
        return
    for one in changes:
        # A line each, whole, for whoever searches them.
        say(f"{_step(one):6}  {one.key}  {one.reason}")
    say(f"\nNothing was changed. To have it checked and changed, run `{command}`.")


def _step(change: Change) -> str:
    return "stays" if isinstance(change, Skip) else type(change).__name__.lower()


def _print_checked(checked: CheckedResource, output: str) -> None:
    item = checked.item
    if output == "json":
        facts = item_as_json(item) if item else {"resource": str(checked.key), "state": "absent", "reason": ""}
        say(answer_text({"applied": True, **facts}))
        return
    if item is None:
        say(f"{checked.key} is checked: no Region has it.")
        return
    reason = f": {item.reason}" if item.reason else "."
    say(f"{checked.key} is checked and {str(item.state or 'unknown').replace('_', ' ')}{reason}")
