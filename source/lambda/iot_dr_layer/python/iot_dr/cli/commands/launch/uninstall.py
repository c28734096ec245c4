"""`iot-dr uninstall`: remove what a launch made, in the right order, and name what is left."""

from __future__ import annotations

import click

from iot_dr.cli.command import Command, command_line, order_place, say_error
from iot_dr.cli.options import applying, from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.progress import ConsoleProgress
from iot_dr.cli.view.tables import Screen
from iot_dr.cli.view.texts import say
from iot_dr.cli.view.uninstall import as_json, print_plan, print_removal
from iot_dr.errors import ConfigurationError
from iot_dr.runtime.commands.launch.uninstall import uninstall_tools
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.launch.uninstall import Uninstalled, ensure_primary_leads, still_costs

_EPILOG = """
\b
Examples:
  See what there is, and in which order it would be removed:
    . ./toolsrc && iot-dr uninstall
  Remove the stacks and tables, and keep the buckets:
    iot-dr uninstall --apply
  Remove the buckets too, with all that they hold, snapshots as well:
    iot-dr uninstall --apply --empty-buckets
  Remove a launch that has a name of the fleet, which devices then find no more:
    iot-dr uninstall --apply --confirm devices.example.com
"""


@click.command(
    "uninstall",
    cls=Command,
    epilog=_EPILOG,
    params=[
        from_toolsrc("primary-region", "Region whose registry is replicated."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        from_toolsrc("stack-postfix", "What the names of the launch's stacks end with."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        applying("Remove the launch."),
        click.Option(
            ["--empty-buckets"],
            is_flag=True,
            help="Delete all that the work buckets hold, every version, and the buckets; else they are kept.",
        ),
        click.Option(["--confirm"], default="", help="The fleet's name, if it has one: it goes, and its records too."),
        click.Option(
            ["--although-secondary-leads"],
            is_flag=True,
            help="Remove the launch even if devices are sent to the secondary Region, or nobody can tell.",
        ),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913  # one argument an option
    context: click.Context,
    /,
    *,
    apply: bool,
    empty_buckets: bool,
    confirm: str,
    although_secondary_leads: bool,
    profile: str,
    output: str,
    **toolsrc: str,
) -> None:
    """Remove the stacks, tables and buckets that a launch made; things, certificates and policies of the fleet stay.

    Without --apply it shows what there is, in the order of its removal, with the command for each, and what costs money
    afterwards. A removal that was cut off is run again. Exits 0 if it did what was asked, 1 if something could not be
    removed, 2 if it cannot run.
    """
    launch = settings(LaunchNames, toolsrc).launch
    place = order_place(context, launch.regions.primary, launch.regions.secondary)
    tools = uninstall_tools(launch, ConsoleProgress(Screen(stderr=True)), place, profile)
    if not although_secondary_leads:
        ensure_primary_leads(tools.control, launch.regions)
    plan = tools.uninstaller.plan(launch)
    if apply and plan.fleet_name and confirm != plan.fleet_name:
        raise ConfigurationError(
            f"devices that connect to {plan.fleet_name} find nothing once it is removed; move them first, then give "
            f"--confirm {plan.fleet_name}"
        )
    done = tools.uninstaller.uninstall(launch, empty_buckets=empty_buckets) if apply else Uninstalled((), plan.found)
    costs = still_costs(done.left if apply else (), launch.regions)
    if output == "json":
        say(answer_text(as_json(plan, done, costs, applied=apply)))
    elif apply:
        print_removal(plan, done, costs)
    else:
        print_plan(plan, costs, command_line(context, apply=True))
    if done.failure:
        say_error(context, done.failure, 1)
        context.exit(1)
