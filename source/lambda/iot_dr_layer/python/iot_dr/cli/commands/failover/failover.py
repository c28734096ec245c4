"""`iot-dr failover`: have the secondary Region take over."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from iot_dr.cli.command import Command, command_line, order_place, say_error
from iot_dr.cli.consent import at_a_terminal, require_typed
from iot_dr.cli.options import credentials_and_state, from_toolsrc, output_format, settings
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.failover import FailoverWatch, as_json, print_losses, print_result
from iot_dr.cli.view.texts import say
from iot_dr.model.failover.fence import Leadership
from iot_dr.runtime.commands.failover import FleetEnvironment, check_target, open_failover, operator
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.result import FailoverResult
from iot_dr.services.failover.take_lead import UnfinishedOrder

WHY = "iot-dr failover"
MINUTE = 60.0
"""Seconds."""

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr failover --to us-west-2                  # tells what may be lost, and asks
  iot-dr failover --to us-west-2 --wait           # and follows DNS and the devices
  iot-dr failover --to us-west-2 --evict          # and moves devices that stay connected
  iot-dr failover --to us-west-2 --yes --why "us-east-1 does not answer" --format json
"""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for beside the Region."""

    wait: bool
    yes: bool
    why: str
    minutes: float
    output: str


@click.command(
    "failover",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Option(["--to", "region"], required=True, metavar="REGION", help="Region that is to lead."),
        click.Option(
            ["--wait"], is_flag=True, help="Follow the fence, DNS and the devices, until the devices have moved."
        ),
        click.Option(
            ["--evict"],
            is_flag=True,
            help="Once DNS has moved, end the connections that devices keep to the other Region; includes --wait.",
        ),
        click.Option(["--yes"], is_flag=True, help="Do not ask; for scripts."),
        click.Option(["--why"], metavar="TEXT", default=WHY, help="Reason, which status and the items tell."),
        click.Option(
            ["--at-most"],
            metavar="MINUTES",
            type=click.FloatRange(0),
            default=15.0,
            show_default=True,
            help="For how long --wait watches DNS, and then the devices.",
        ),
        # In an emergency no list of an SDK may stand in the way of a launch that is there.
        from_toolsrc("primary-region", "Region that has led until now.", any_region=True),
        from_toolsrc("secondary-region", "Region that can take over.", any_region=True),
        from_toolsrc("ledger-table", "Table of the ledger, which holds the fence."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the control item."),
        from_toolsrc("stack-postfix", "Ends the names of the launch's stacks."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        from_toolsrc("fleet-name", "Name that devices connect to, if the fleet has one."),
        from_toolsrc("name-servers", "Name servers of its zone; the system's resolver names them otherwise."),
        from_toolsrc("iot-endpoint-secondary", "Where devices connect in the secondary Region."),
        output_format(),
        *credentials_and_state(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    region: str,
    wait: bool,
    evict: bool,
    yes: bool,
    why: str,
    at_most: float,
    output: str,
    profile: str,
    state: str,
    **toolsrc: str,
) -> None:
    """Have the secondary Region take over: devices are sent there, and nothing overwrites what they write.

    Tells first what may be lost. Then three calls of DynamoDB in the secondary Region switch: neither the primary
    Region nor the API of Route 53 is needed. Health checks answer by it, so DNS moves within about two minutes. All
    that follows only watches, except --evict. If it was stopped, run it again: it goes on. Exits 0 if all is as asked,
    1 if the Region leads but DNS was not seen to move or devices have not moved, 2 if nothing was changed.
    """
    environment = settings(FleetEnvironment, toolsrc)
    asked = Asked(wait or evict, yes, why, at_most, output)
    check_target(environment, region, follow=asked.wait, evict=evict)
    if not (yes or at_a_terminal()):
        raise click.UsageError("there is no terminal to ask at; to fail over without being asked, give --yes")
    again = command_line(context)
    watch = FailoverWatch()
    place = order_place(context, environment.primary_region, environment.secondary_region, state)
    with stoppable(lambda: _left(watch, again)), watch, open_failover(environment, place, profile) as failover:
        try:
            result = _switch(failover, failover.read(), asked, watch)
        except UnfinishedOrder as error:
            say_error(context, f"{error}: {again}", 1)
            context.exit(1)
        if asked.wait:
            result = failover.follow(result, asked.minutes * MINUTE, watch, evict=evict)
    if output == "json":
        say(answer_text(as_json(result)))
    else:
        print_result(result, again, command_line(context, wait=True))
    context.exit(0 if result.as_asked else 1)


def _switch(failover: Failover, known: Leadership, asked: Asked, watch: FailoverWatch) -> FailoverResult:
    """Have the Region lead, unless it does."""
    if failover.stands(known):
        watch.step(f"{failover.region} leads already; nothing is changed")
        watch.switched = True
        return FailoverResult(failover.region, failover.other, known, changed=False)
    watch.step(f"Reading what may be lost by leaving {failover.other}")
    losses = failover.losses()
    print_losses(losses, failover.region, failover.other, on_stderr=asked.output == "json")
    if not asked.yes:
        require_typed("fail over", failover.region)
    watch.switched = True
    return replace(failover.order(known, operator(), asked.why, watch), losses=losses)


def _left(watch: FailoverWatch, again: str) -> str:
    if not watch.switched:
        return "Nothing was changed."
    return f"It may be ordered already; run `{again}` again to go on."
