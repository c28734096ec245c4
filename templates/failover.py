"""The secondary Region's own way to the lead: a watch that notices what Route 53 did, and a function that orders it.

Both need nothing but this Region: the control item in its replica of the global table, and the fence in its ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awacs import secretsmanager
from troposphere import Equals, GetAtt, If, Not, Output, Parameter, Ref, Sub, Template, awslambda
from troposphere import dynamodb as tables

from templates import fleet_domain
from templates.blocks import leadership, permissions
from templates.blocks.functions import LambdaSpec, add_function
from templates.blocks.parameters import Field
from templates.blocks.schedules import add_schedule, let_schedules_call

HAS_FLEET = "HasFleet"
_HAS_CHECKER, _HAS_SERVERS = "HasHealthChecker", "HasNameServers"
NAME_SERVERS = r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(,[A-Za-z0-9.-]+(:[0-9]{1,5})?){0,15}"
SECONDS = 60
"""For one call: each of the zone's name servers may take its time, and DynamoDB too."""


def name_servers(without: str) -> Field:
    """Ask for the servers that are asked what the fleet's name leads to."""
    return fleet_domain.optional(
        "NameServers",
        "Name servers of the zone",
        f"Servers to ask what the name of the fleet leads to, as host or host:port, separated by commas. {without}",
        NAME_SERVERS,
        "must be up to 16 names or addresses of hosts, each perhaps with :port, separated by commas without spaces",
    )


def form() -> tuple[Field, ...]:
    """Ask for what the two functions must know."""
    return (
        fleet_domain.fleet_name("Empty: nothing is watched."),
        name_servers("Empty: those of the zone's NS records."),
        fleet_domain.optional(
            "HealthCheckerStack",
            "Stack of the health checker in this Region",
            "Its secret has the certificate by which the functions test that this Region is well. Empty: there is "
            "none.",
            "[A-Za-z][A-Za-z0-9-]{0,127}",
            "must be the name of a stack",
        ),
        Field(
            Parameter(
                "DeviceEndpoint",
                Type="String",
                Description="Endpoint of AWS IoT Core in this Region, which that test connects to. Empty: there is no "
                "test.",
                Default="",
                AllowedPattern=r"([A-Za-z0-9.-]+(:[0-9]{1,5})?)?",
                ConstraintDescription="must be the name of a host, or empty",
            ),
            "Device endpoint of this Region",
        ),
    )


def add_failover(template: Template, ledger: tables.Table, layer: awslambda.LayerVersion) -> None:
    """Add the function that orders a failover, and the one that watches, once a minute if the fleet has a name."""
    template.add_condition(HAS_FLEET, Not(Equals(Ref("FleetName"), "")))
    template.add_condition(_HAS_CHECKER, Not(Equals(Ref("HealthCheckerStack"), "")))
    template.add_condition(_HAS_SERVERS, Not(Equals(Ref("NameServers"), "")))
    fail_over = add_function(
        template,
        _spec("fail_over", "Lets this Region take the lead when an operator, an alarm or a plan calls it", ledger),
        layer,
    )
    watch = add_function(
        template,
        _spec("watch_domain", "Lets this Region take the lead when the fleet's name leads to it", ledger),
        layer,
    )
    _add_watch_schedule(template, watch)
    template.add_output(
        [
            Output("FailOverFunctionName", Description="Function that orders a failover", Value=Ref(fail_over)),
            Output(
                "FleetName", Description="Name that devices connect to", Value=Ref("FleetName"), Condition=HAS_FLEET
            ),
            Output(
                "NameServers",
                Description="Servers that are asked for it",
                Value=Ref("NameServers"),
                Condition=_HAS_SERVERS,
            ),
        ]
    )


def _spec(folder: str, description: str, ledger: tables.Table) -> LambdaSpec:
    return LambdaSpec(
        folder=folder,
        description=description,
        statements=(
            leadership.on_control("Order", leadership.READ_AND_WRITE, leadership.replica_arn()),
            leadership.on_fence("MoveFence", leadership.READ_AND_WRITE, GetAtt(ledger, "Arn")),
            permissions.allow(
                "ReadSecrets",
                [secretsmanager.GetSecretValue],
                [permissions.arn("secretsmanager", "secret:${HealthCheckerStack}/probe-??????")],
            ),
        ),
        environment=_variables(ledger),
        timeout=SECONDS,
        memory=512,  # CPU comes with memory, and the test is a TLS handshake
    )


def _variables(ledger: tables.Table) -> Mapping[str, Any]:
    return {
        "PRIMARY_REGION": Ref("PrimaryRegion"),
        "LEDGER_TABLE": Ref(ledger),
        "CONTROL_TABLE": leadership.replica(),
        "FLEET_NAME": Ref("FleetName"),
        "NAME_SERVERS": Ref("NameServers"),
        # Its name, for the ARN is known only once that stack is there, and it comes after this one.
        "PROBE_SECRET_ARN": If(_HAS_CHECKER, Sub("${HealthCheckerStack}/probe"), ""),
        "IOT_ENDPOINT": Ref("DeviceEndpoint"),
    }


def _add_watch_schedule(template: Template, watch: awslambda.Function) -> None:
    role = let_schedules_call(template, "Watch", "Lets the schedule start the watch", watch)
    schedule = add_schedule(
        template,
        "WatchSchedule",
        "Asks where the fleet's name leads to",
        rate="rate(1 minute)",
        function=watch,
        role=role,
        payload={"task": "watch"},
    )
    schedule.Condition = HAS_FLEET
