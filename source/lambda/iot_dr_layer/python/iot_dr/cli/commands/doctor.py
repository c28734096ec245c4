"""`iot-dr doctor`: is everything there that replication and a failover rest on, and what mends it if not?"""

from __future__ import annotations

import click

from iot_dr.cli.command import Command
from iot_dr.cli.options import from_toolsrc, output_format, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.options import unpaced as unpaced_option
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.checks import as_json, print_checks
from iot_dr.cli.view.texts import say
from iot_dr.model.status.checks import Level
from iot_dr.runtime.commands.doctor import DoctorEnvironment, DoctorSettings, consult
from iot_dr.services.doctor.doctor import worst

CERTIFICATES = 100
"""About ten seconds at the default quota of DescribeCertificate, which the replication uses too."""

POLICIES = 300
"""Half a minute at the default quota of GetPolicy; most fleets have fewer, for devices share them."""

_EPILOG = """
\b
Examples:
  Before a launch:
    iot-dr doctor --primary us-east-1 --secondary us-west-2
  After it, with the settings of the launch:
    . ./toolsrc && iot-dr doctor
  Read when 1,000 certificates expire instead of 100:
    iot-dr doctor --certificates 1000
  Read up to 5,000 policies:
    iot-dr doctor --policies 5000
  What fails, and how to fix it, for a script:
    iot-dr doctor --format json | jq '.checks[] | select(.level == "failure")'
"""


@click.command(
    "doctor",
    cls=Command,
    epilog=_EPILOG,
    params=[
        from_toolsrc("primary-region", "Region whose registry is replicated."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        from_toolsrc(
            "stack-postfix", "What the names of the launch's stacks end with; without it only the Regions are checked."
        ),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        from_toolsrc("ledger-table", "Table of the ledger, which holds the fence."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the control item."),
        from_toolsrc("fleet-name", "Name that devices connect to, if the fleet has one."),
        from_toolsrc("name-servers", "Name servers of its zone; the system's resolver names them otherwise."),
        click.Option(
            ["--certificates"],
            type=click.IntRange(min=0),
            default=CERTIFICATES,
            show_default=True,
            help="How many of the oldest certificates are read for their expiry, at ten a second by default quotas.",
        ),
        click.Option(
            ["--policies"],
            type=click.IntRange(min=0),
            default=POLICIES,
            show_default=True,
            help="How many policies are read at most, at ten a second by default quotas.",
        ),
        profile_option(),
        unpaced_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913  # one argument an option
    context: click.Context,
    /,
    certificates: int,
    policies: int,
    profile: str,
    output: str,
    *,
    unpaced: bool,
    **toolsrc: str,
) -> None:
    """Check what replication and a failover need, and say how to fix what is not in order.

    Both Regions: events, indexing, endpoints, quotas with the time that a first copy takes, certificates that expire,
    and the settings that nothing replicates. The launch: stacks, table, mappings, roles, alarms, dead letters. The
    failover: who leads, what the fleet's name servers answer, domain configurations and their certificates. Nothing is
    changed. A check that needs a missing right is a warning. Exits 0 if nothing fails, 1 if something does, 2 if it
    cannot run.
    """
    reading = DoctorSettings(certificates, policies, paced=not unpaced)
    checks = consult(settings(DoctorEnvironment, toolsrc), reading, profile)
    if output == "json":
        say(answer_text(as_json(checks)))
    else:
        print_checks(checks, context)
    context.exit(1 if worst(checks) is Level.FAILURE else 0)
