"""`iot-dr failback`: bring what changed since a failover back to the old primary, and the devices after it."""

from __future__ import annotations

from dataclasses import dataclass

import click

from iot_dr.cli.command import Command, command_line, order_place
from iot_dr.cli.consent import at_a_terminal, require_typed
from iot_dr.cli.options import credentials_and_state, delete_share, from_toolsrc, output_format, settings, unpaced
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.failback import (
    DevicesWatch,
    FailbackWatch,
    plan_as_json,
    print_plan,
    print_result,
    result_as_json,
)
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError
from iot_dr.model.failback.plan import FailbackChoices, Party
from iot_dr.runtime.commands.failback import FailbackEnvironment, FailbackSettings, open_failback
from iot_dr.services.failback.failback import Failback

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr failback                                    # the plan; nothing is changed
  iot-dr failback --format json > plan.json
  iot-dr failback --apply --prefer leader            # makes both Regions equal
  iot-dr failback --apply --prefer leader --switch   # and brings the devices back
  iot-dr failback --apply --accept 0123456789abcdef --with-deletes --switch --yes
"""


@dataclass(frozen=True)
class _FailbackOrder:
    """What the command line asks for beside the settings."""

    apply: bool
    switch: bool
    accept: str
    yes: bool
    output: str


@click.command(
    "failback",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Option(
            ["--apply/--plan"], default=False, help="Apply the plan that was shown last. Without --apply, make one."
        ),
        click.Option(
            ["--accept"], metavar="DIGEST", default="", help="Apply only the plan that has this digest, as was shown."
        ),
        click.Option(
            ["--prefer"],
            type=click.Choice([str(party) for party in Party]),
            help="Which side wins conflicts: the Region that leads now, or the old primary.",
        ),
        click.Option(
            ["--with-deletes"], is_flag=True, help="Delete in the old primary what was deleted in the leader."
        ),
        delete_share("a Region"),
        click.Option(
            ["--switch"],
            is_flag=True,
            help="With --apply: once both Regions are equal, have the old primary lead and bring the devices back.",
        ),
        click.Option(
            ["--leave-behind"], is_flag=True, help="Go on though some devices stay connected to the other Region."
        ),
        click.Option(["--yes"], is_flag=True, help="Do not ask before the switch; for scripts."),
        click.Option(
            ["--at-most"],
            metavar="MINUTES",
            type=click.FloatRange(0),
            default=FailbackSettings.minutes,
            show_default=True,
            help="For how long --switch watches DNS, and then the devices.",
        ),
        click.Option(
            ["--by-index"],
            is_flag=True,
            help="Read shadows by the index of things where it holds them: fewer calls, but some seconds late.",
        ),
        from_toolsrc("primary-region", "The old primary, which is to lead again."),
        from_toolsrc("secondary-region", "Region that leads since the failover."),
        from_toolsrc("ledger-table", "Table of the ledger, which knows what both Regions held last."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the control item."),
        from_toolsrc("stack-postfix", "Postfix of the launch."),
        from_toolsrc("uuid", "UUID of the launch."),
        from_toolsrc("fleet-name", "Name that devices connect to, if the fleet has one."),
        from_toolsrc("name-servers", "Name servers of its zone; the system's resolver names them otherwise."),
        from_toolsrc("iot-endpoint-primary", "Where devices connect in the old primary."),
        output_format(),
        *credentials_and_state(),
        unpaced(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    apply: bool,
    accept: str,
    prefer: str | None,
    with_deletes: bool,
    delete_share: float,
    switch: bool,
    leave_behind: bool,
    yes: bool,
    at_most: float,
    by_index: bool,
    output: str,
    profile: str,
    state: str,
    unpaced: bool,
    **toolsrc: str,
) -> None:
    """Bring what changed since a failover back to the old primary, and the devices after it.

    Reads both Regions and lays what differs beside what the ledger knows: who changed what since the failover. Shows
    it, and both sides of each conflict; nothing is changed. With --apply the plan that was shown is applied: the old
    primary is written down, follows, gets what the leader has, and both are compared. With --switch it leads again, and
    devices come back at a bearable pace. If a run was stopped, run it again: it goes on. Exits 0 if nothing differs or
    all was done, 1 if something differs, failed or is not done, 2 if it cannot run.
    """
    order = _FailbackOrder(apply, switch, accept, yes, output)
    wanted = FailbackSettings(
        settings(FailbackEnvironment, toolsrc),
        FailbackChoices(Party(prefer) if prefer else None, with_deletes),
        profile=profile,
        state=state,
        delete_share=delete_share,
        leave_behind=leave_behind,
        minutes=at_most,
        by_index=by_index,
        paced=not unpaced,
    )
    _check(order, wanted)
    watch, way, again = FailbackWatch(), DevicesWatch(), command_line(context)
    place = order_place(context, toolsrc["primary_region"], toolsrc["secondary_region"], state)
    with stoppable(lambda: _left(watch, again)), watch, open_failback(wanted, place, watch, way) as failback:
        watch.watch(failback.uses)
        code = _applied(context, failback, order, watch) if apply else _planned(context, failback, order, watch)
    context.exit(code)


def _check(order: _FailbackOrder, wanted: FailbackSettings) -> None:
    """See to it that the options fit each other.

    Raises:
        click.UsageError: they do not.
        ConfigurationError: a setting is missing; nothing was asked of AWS.
    """
    if not order.apply and (order.switch or order.accept):
        raise click.UsageError("--switch and --accept go with --apply")
    environment = wanted.environment
    if order.switch and environment.fleet_name and not environment.iot_endpoint_primary:
        raise ConfigurationError(
            "missing: IOT_ENDPOINT_PRIMARY (--iot-endpoint-primary), which the name servers are to answer with; read "
            "the launch's settings with `. ./toolsrc`; nothing was changed"
        )
    if not order.switch or order.yes:
        return
    if not at_a_terminal():
        raise click.UsageError("there is no terminal to ask at; to switch without being asked, give --yes")
    require_typed("bring the devices back", environment.primary_region)


def _planned(context: click.Context, failback: Failback, order: _FailbackOrder, watch: FailbackWatch) -> int:
    numbers = failback.make_plan()
    watch.end()
    if order.output == "json":
        say(answer_text(plan_as_json(numbers, failback.rows(), failback.open_rows(), failback.shown)))
    else:
        print_plan(numbers, failback.open_rows(), failback.shown, command_line(context, apply=True))
    return 1 if numbers.total else 0


def _applied(context: click.Context, failback: Failback, order: _FailbackOrder, watch: FailbackWatch) -> int:
    result = failback.apply(order.accept, switch=order.switch)
    watch.end()
    if order.output == "json":
        say(answer_text(result_as_json(result)))
    else:
        print_result(result, command_line(context), command_line(context, switch=True))
    return 0 if result.complete else 1


def _left(watch: FailbackWatch, again: str) -> str:
    kept = f"It was at: {watch.last_step}" if watch.last_step else "What was read is kept"
    return f"{kept}. Run `{again}` again to go on."
