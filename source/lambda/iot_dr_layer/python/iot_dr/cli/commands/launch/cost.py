"""`iot-dr cost`: what does a launch cost a month, and what would make it cheaper?"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from iot_dr.cli.command import Command
from iot_dr.cli.options import from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.cost import as_json, print_estimate
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError
from iot_dr.model.cost.estimate import estimate
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.runtime.commands.launch.cost import price_list, read_account
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.cost import AccountFigures

_EPILOG = """
\b
Examples:
  A fleet of 50,000 devices:
    iot-dr cost --things 50000 --changes-per-day 20000 --shadow-updates-per-day 1000000
  The fleet and the launch of this account:
    . ./toolsrc && iot-dr cost --from-account
  The same with twice the devices and your own prices:
    . ./toolsrc && iot-dr cost --from-account --things 100000 --prices prices.toml
  The sum, for a script:
    iot-dr cost --things 1000 --format json | jq .usd_a_month
"""

_NOT_NEGATIVE = click.FloatRange(min=0)
_FIGURES = (
    click.Option(["--things"], type=click.IntRange(min=0), help="Devices, each a thing with a certificate."),
    click.Option(["--policies"], type=click.IntRange(min=0), help="Policies, which devices share.  [default: 1]"),
    click.Option(
        ["--groups"],
        type=click.IntRange(min=0),
        help="Thing groups, billing groups and thing types together.  [default: 0]",
    ),
    click.Option(
        ["--changes-per-day", "changes_a_day"], type=_NOT_NEGATIVE, help="Changes of things a day.  [default: 0]"
    ),
    click.Option(
        ["--new-devices-per-day", "new_devices_a_day"], type=_NOT_NEGATIVE, help="New devices a day.  [default: 0]"
    ),
    click.Option(
        ["--shadow-updates-per-day", "shadow_updates_a_day"],
        type=_NOT_NEGATIVE,
        help="Updates of shadows a day.  [default: 0]",
    ),
    click.Option(["--shadows/--no-shadows"], default=None, help="Whether shadows are replicated.  [default: shadows]"),
    click.Option(
        ["--sweep-minutes"],
        type=click.IntRange(2, 1440),
        help="Minutes between sweeps, the launch's SweepMinutes.  [default: 15]",
    ),
    click.Option(
        ["--sweep-slice"],
        type=click.IntRange(0, 5000),
        help="Things that each sweep checks fully, the launch's SweepSlice.  [default: 200]",
    ),
    click.Option(
        ["--health-checkers/--no-health-checkers"],
        default=None,
        help="Whether each Region has a health checker.  [default: health-checkers]",
    ),
    click.Option(["--with-name/--without-name", "fleet_name"], default=None, help="Whether the fleet has a name."),
    click.Option(["--tracing/--no-tracing"], default=None, help="Whether AWS X-Ray traces.  [default: no-tracing]"),
    click.Option(
        ["--check-seconds"],
        type=click.Choice(["10", "30"]),
        help="Seconds between health checks, HealthCheckInterval.  [default: 30]",
    ),
)


@click.command(
    "cost",
    cls=Command,
    epilog=_EPILOG,
    params=[
        *_FIGURES,
        click.Option(
            ["--from-account"],
            is_flag=True,
            help="Count the fleet, read the launch, and take the changes of the last seven days; what is given by "
            "other options counts instead.",
        ),
        click.Option(
            ["--prices"], type=click.Path(dir_okay=False, path_type=Path), help="File of prices, TOML or JSON."
        ),
        from_toolsrc("primary-region", "Region whose registry is replicated; for --from-account."),
        from_toolsrc("secondary-region", "Region that is kept equal to it; for --from-account."),
        from_toolsrc("stack-postfix", "What the names of the launch's stacks end with; for --from-account."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets; for --from-account."),
        profile_option(),
        output_format(),
    ],
)
def command(  # noqa: PLR0913  # one argument an option
    *,
    prices: Path | None,
    from_account: bool,
    primary_region: str,
    secondary_region: str,
    stack_postfix: str,
    uuid: str,
    profile: str,
    output: str,
    **figures: Any,
) -> None:
    """Tell what a launch costs a month, row by row, and what would make it cheaper.

    In US dollars, by the amounts of work that the code makes and by running times that are assumed. The docs have the
    arithmetic. Nothing is changed. Exits 0, or 2 if it cannot run.
    """
    priced = price_list(prices)
    given = {name: value for name, value in figures.items() if value is not None}
    if "check_seconds" in given:
        given["check_seconds"] = int(given["check_seconds"])
    if from_account:
        toolsrc = {
            "primary_region": primary_region,
            "secondary_region": secondary_region,
            "stack_postfix": stack_postfix,
            "uuid": uuid,
        }
        read = read_account(settings(LaunchNames, toolsrc), profile)
        read = dataclasses.replace(read, fleet=dataclasses.replace(read.fleet, **given))
    elif "things" not in given:
        raise ConfigurationError("missing: --things or --from-account; how large is the fleet?")
    else:
        read = AccountFigures(FleetFigures(**given), ())
    found = estimate(read.fleet, priced)
    if output == "json":
        say(answer_text(as_json(read, found)))
    else:
        print_estimate(read, found)
