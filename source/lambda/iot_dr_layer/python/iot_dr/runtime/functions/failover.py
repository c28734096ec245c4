"""What the two functions of a failover have in common: their variables, and the orders of their own Region."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.aws.clients import client
from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.failover.fence import DynamoDbFenceStore
from iot_dr.runtime.clock import now
from iot_dr.runtime.functions.secondary import SecondaryVariables
from iot_dr.services.failover.take_lead import TakeLead


@dataclass(frozen=True)
class FailoverEnvironment(SecondaryVariables):
    """Variables of the functions, which run in the Region that may take over; the last four are the watch's alone."""

    fleet_name: str = ""
    name_servers: str = ""
    probe_secret_arn: str = ""
    iot_endpoint: str = ""


def lead_of(environment: FailoverEnvironment) -> TakeLead:
    """Return what has the function's own Region take the lead.

    Raises:
        ConfigurationError: it runs in the primary Region: to have that lead again is a failback.
    """
    regions, dynamodb = environment.regions, client("dynamodb")
    return TakeLead(
        region=environment.aws_region,
        regions=regions,
        reader=environment.leadership(dynamodb),
        fence=DynamoDbFenceStore(dynamodb, environment.ledger_table),
        control=DynamoDbControlStore(dynamodb, environment.control_table, regions),
        clock=now,
    )
