"""`iot-dr drill`: rehearse a failover and the way back with devices, a name and a control item of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.drill import DrillWatch, print_result
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.documents import document_of
from iot_dr.model.drill.orders import DevicePace, DrillFault, DrillOrder
from iot_dr.model.drill.results import Objectives
from iot_dr.model.drill.verdicts import is_met
from iot_dr.runtime.commands.drill.drill import DrillEnvironment, ReportPlace, clean, drill

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
            help="Rehearse with devices of its own; `fleet` is not in this release.",
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
        from_toolsrc("iot-endpoint-primary", "Where devices connect in the primary Region."),
        from_toolsrc("iot-endpoint-secondary", "Where devices connect in the secondary Region."),
        from_toolsrc("hosted-zone-id", "ID of the public hosted zone that gets the drill's name."),
        from_toolsrc("name-servers", "Name servers of that zone; the system's resolver names them otherwise."),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    scope: str,
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
    profile: str,
    output: str,
    **toolsrc: str,
) -> None:
    """Rehearse a failover and the way back, with devices that are created for it and removed again.

    The fleet is not touched: the drill has a name, health checks and a control item of its own. Each device connects by
    MQTT with its own certificate, goes where the name leads, and publishes numbered messages all the time. The drill
    measures how long each is without service on the way to the secondary and back, and what is lost. Exits 0 if all
    objectives are met, 1 if one is missed or something could not be removed, 2 if it cannot run or was stopped. Ctrl-C
    and SIGTERM remove what was created; --clean removes what a killed drill did not.
    """
    if scope == "fleet":
        raise ConfigurationError(
            "a drill with the fleet itself is a planned failover and failback of it, and is not in this release; "
            "rehearse with devices of the drill's own, --scope canary; nothing was changed"
        )
    environment = settings(DrillEnvironment, toolsrc)
    watch = DrillWatch(lambda name: command_line(context, **dict.fromkeys(_ASKED), clean=name))
    if clean is not None:
        _clean(environment, clean, watch, profile, output)
        return
    pace = DevicePace(rate=rate, look=look, within=within)
    order = DrillOrder(clients, pace, DrillFault(fault), Objectives(rto, rpo), baseline, stay, ttl, timeout)
    place = ReportPlace(str(Path(report)) if report else "", against)
    with stoppable(watch.left), watch:
        result = drill(environment, order, place, watch, watch.announce, profile)
    if output == "json":
        say(answer_text(document_of(result)))
    else:
        print_result(result, report, watch.cleaning(result.drill))
    context.exit(0 if is_met(result) else 1)


_ASKED = (
    *("scope", "clients", "rate", "fault", "rto", "rpo", "look", "within", "baseline", "stay", "ttl", "timeout"),
    *("report", "against"),
)
"""Options that say nothing about a removal."""


def _clean(environment: DrillEnvironment, name: str, watch: DrillWatch, profile: str, output: str) -> None:
    again = partial(watch.cleaning, name)
    with stoppable(lambda: f"Run `{again()}` again to go on."), watch:
        removed = clean(environment, name, watch, profile)
    if output == "json":
        say(answer_text({"drill": name, "removed": removed}))
        return
    say(f"Nothing that begins with {name} is left; the primary still had {removed} resources and relations of it.")
