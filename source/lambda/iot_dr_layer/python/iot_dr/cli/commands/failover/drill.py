"""`iot-dr drill`: rehearse a failover and the way back, with devices of its own or with the fleet itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from iot_dr.cli.command import Command, command_line, order_place, with_settings
from iot_dr.cli.consent import at_a_terminal, require_name, require_typed
from iot_dr.cli.options import credentials_and_state, from_toolsrc, output_format, settings, unpaced
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.drill import DrillWatch, print_result
from iot_dr.cli.view.failover import print_losses
from iot_dr.cli.view.fleet_drill import FleetWatch, WayBackWatch
from iot_dr.cli.view.texts import say
from iot_dr.model.drill.documents import document_of
from iot_dr.model.drill.orders import DevicePace, DrillFault, DrillOrder
from iot_dr.model.drill.results import DrillResult, Objectives
from iot_dr.model.drill.verdicts import is_met
from iot_dr.runtime.commands.drill.bench import DrillEnvironment, ReportPlace
from iot_dr.runtime.commands.drill.clean import clean
from iot_dr.runtime.commands.drill.drill import drill
from iot_dr.runtime.commands.drill.fleet import FleetDrillEnvironment, FleetSettings, fleet_drill
from iot_dr.services.failover.losses import Losses

MOST = 500
"""Clients: what two processors serve."""

_SECONDS = click.FloatRange(0)
_POSITIVE = click.FloatRange(min=0.1)

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr drill
  iot-dr drill --clients 100 --fault unhealthy --report drill.html
  iot-dr drill --rto 180 --rpo 5 --report drill.html --against last.html.json
  iot-dr drill --format json > drill.json
  iot-dr drill --clean iot-dr-canary-20261127-163000-0af3
  iot-dr drill --scope fleet --report drill.html              # asks for the fleet's name
  iot-dr drill --scope fleet --confirm devices.example.com
"""


def _seconds(name: str, default: float, text: str, kind: click.FloatRange = _SECONDS) -> click.Option:
    return click.Option([name], metavar="SECONDS", type=kind, default=default, show_default=True, help=text)


@click.command(
    "drill",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Option(
            ["--scope"],
            type=click.Choice(["canary", "fleet"]),
            default="canary",
            show_default=True,
            help="Rehearse with devices of its own alone, or fail the fleet over and back too.",
        ),
        click.Option(
            ["--confirm"], metavar="NAME", default="", help="The fleet's name, for --scope fleet without being asked."
        ),
        click.Option(
            ["--clients"],
            type=click.IntRange(1, MOST),
            default=DrillOrder.clients,
            show_default=True,
            help="How many devices to create.",
        ),
        click.Option(
            ["--rate"],
            metavar="NUMBER",
            type=click.FloatRange(0.1, 10),
            default=DevicePace.rate,
            show_default=True,
            help="Messages a second of each device.",
        ),
        click.Option(
            ["--fault"],
            type=click.Choice([str(one) for one in DrillFault]),
            default=str(DrillOrder.fault),
            show_default=True,
            help="What makes devices leave: an order, as a failover gives it, or a failing health answer.",
        ),
        _seconds("--rto", Objectives.rto, "How long a device may be without service."),
        _seconds("--rpo", Objectives.rpo, "How old what the secondary has may be."),
        _seconds("--look", DevicePace.look, "Between two questions of a device for its name.", _POSITIVE),
        _seconds("--within", DevicePace.within, "Time over which devices spread their moves."),
        _seconds("--baseline", DrillOrder.baseline, "Time of service before the fault."),
        _seconds("--stay", DrillOrder.stay, "Time of service in the secondary, and after the way back."),
        click.Option(
            ["--ttl"],
            metavar="SECONDS",
            type=click.IntRange(1, 3600),
            default=DrillOrder.ttl,
            show_default=True,
            help="Time to live of the name's records; the fleet's have 30.",
        ),
        _seconds("--timeout", DrillOrder.patience, "Time that devices may take for each step.", _POSITIVE),
        click.Option(["--report"], metavar="PAGE", default="", help="Write an HTML page, and PAGE.json beside it."),
        click.Option(["--against"], metavar="JSON", default="", help="Compare with an earlier drill, in the page."),
        click.Option(
            ["--clean"],
            metavar="DRILL",
            help="Create nothing; remove what a killed drill did not: everything whose name begins with DRILL.",
        ),
        from_toolsrc("primary-region", "Region that devices leave and come back to."),
        from_toolsrc("secondary-region", "Region that they go to."),
        from_toolsrc("stack-postfix", "Ends the names of the launch's stacks."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        from_toolsrc("look-queue-url", "Queue of requests in the secondary Region."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the drill's control item."),
        from_toolsrc("ledger-table", "Table of the ledger, which holds the fence; for --scope fleet."),
        from_toolsrc("fleet-name", "Name that devices connect to; for --scope fleet."),
        from_toolsrc("iot-endpoint-primary", "Where devices connect in the primary Region."),
        from_toolsrc("iot-endpoint-secondary", "Where devices connect in the secondary Region."),
        from_toolsrc("hosted-zone-id", "ID of the public hosted zone that gets the drill's name."),
        from_toolsrc("name-servers", "Name servers of that zone; the system's resolver names them otherwise."),
        output_format(),
        *credentials_and_state(),
        unpaced(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    scope: str,
    confirm: str,
    clients: int,
    rate: float,
    fault: str,
    rto: float,
    rpo: float,
    look: float,
    within: float,
    baseline: float,
    stay: float,
    ttl: int,
    timeout: float,
    report: str,
    against: str,
    clean: str | None,
    output: str,
    profile: str,
    state: str,
    unpaced: bool,
    **toolsrc: str,
) -> None:
    """Rehearse a failover and the way back, with devices that are created for it and removed again.

    The fleet is not touched: the drill has a name, health checks and a control item of its own. Each device connects by
    MQTT with its own certificate, goes where the name leads, and publishes numbered messages all the time. The drill
    measures how long each is without service on the way to the secondary and back, and what is lost. Exits 0 if all
    objectives are met, 1 if one is missed or something could not be removed, 2 if it cannot run or was stopped. Ctrl-C
    and SIGTERM remove what was created; --clean removes what a killed drill did not.

    With --scope fleet the fleet itself goes along, by what `failover --evict` and `failback --apply --switch` do. It
    begins only if nothing waits, lags or differs, and if the fleet's name is typed. If a failback has conflicts it
    stops: the secondary leads then, and the command that goes on is told.
    """
    if clean is not None:
        hinted = partial(command_line, context, **dict.fromkeys(_ASKED))
        _clean(settings(DrillEnvironment, toolsrc), clean, DrillWatch(lambda name: hinted(clean=name)), profile, output)
        return
    pace = DevicePace(rate=rate, look=look, within=within)
    order = DrillOrder(clients, pace, DrillFault(fault), Objectives(rto, rpo), baseline, stay, ttl, timeout)
    place = ReportPlace(str(Path(report)) if report else "", against)
    if scope == "fleet":
        asked = _FleetAsked(confirm, profile, state, paced=not unpaced, programs=output == "json")
        result, homecoming = _with_fleet(context, settings(FleetDrillEnvironment, toolsrc), order, place, asked)
    else:
        result, homecoming = _canary(context, settings(DrillEnvironment, toolsrc), order, place, profile), ""
    if output == "json":
        say(answer_text(document_of(result)))
        if homecoming:
            say(homecoming, err=True)
    else:
        clean = command_line(context, **dict.fromkeys(_ASKED), clean=result.drill)
        print_result(result, report, clean, homecoming)
    context.exit(0 if is_met(result) else 1)


_ASKED = (
    *("scope", "confirm", "clients", "rate", "fault", "rto", "rpo", "look", "within", "baseline", "stay", "ttl"),
    *("timeout", "report", "against", "state", "unpaced"),
)
"""Options that say nothing about a removal."""


def _canary(
    context: click.Context, environment: DrillEnvironment, order: DrillOrder, place: ReportPlace, profile: str
) -> DrillResult:
    watch = DrillWatch(lambda name: command_line(context, **dict.fromkeys(_ASKED), clean=name))
    with stoppable(watch.left), watch:
        return drill(environment, order, place, watch, watch.announce, profile)


@dataclass(frozen=True)
class _FleetAsked:
    """What the command line asks for beside the order, if the fleet goes along."""

    confirm: str
    profile: str
    state: str
    paced: bool
    programs: bool


def _with_fleet(
    context: click.Context,
    environment: FleetDrillEnvironment,
    order: DrillOrder,
    place: ReportPlace,
    asked: _FleetAsked,
) -> tuple[DrillResult, str]:
    """Take the fleet along; return what was found, and what brings the fleet back if it is not."""
    _check_fleet(environment.fleet_name, order, asked.confirm)
    watch = FleetWatch(environment.secondary_region, partial(with_settings, context))

    def consent(losses: Losses) -> None:
        regions = environment.regions
        print_losses(losses, regions.secondary, regions.primary, on_stderr=asked.programs)
        if not asked.confirm:
            require_typed("fail the fleet over and back", environment.fleet_name)

    place_of_orders = order_place(context, environment.primary_region, environment.secondary_region, asked.state)
    wanted = FleetSettings(consent, place_of_orders, asked.profile, asked.paced)
    with stoppable(watch.left), watch:
        result = fleet_drill(environment, order, place, wanted, watch, WayBackWatch(watch), watch.announce)
    return result, watch.homecoming


def _check_fleet(name: str, order: DrillOrder, confirm: str) -> None:
    """See to it that the options fit each other, and that somebody can consent.

    Raises:
        click.UsageError: they do not.
        ConfigurationError: another name is confirmed; nothing was asked of AWS.
    """
    if order.fault is not DrillFault.DRAIN:
        raise click.UsageError(
            "--fault unhealthy goes with --scope canary: the fleet's health answer is not tampered with"
        )
    if confirm:
        require_name(confirm, name)
    elif not at_a_terminal():
        raise click.UsageError(f"there is no terminal to ask at; to take the fleet along, give --confirm {name}")


def _clean(environment: DrillEnvironment, name: str, watch: DrillWatch, profile: str, output: str) -> None:
    again = partial(watch.cleaning, name)
    with stoppable(lambda: f"Run `{again()}` again to go on."), watch:
        removed = clean(environment, name, watch, profile)
    if output == "json":
        say(answer_text({"drill": name, "removed": removed}))
        return
    say(f"Nothing that begins with {name} is left; the primary still had {removed} resources and relations of it.")
