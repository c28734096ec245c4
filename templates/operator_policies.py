"""What a person needs to fail over: the policy of an operator, and one for when there is nothing but the secondary.

Both are documents for you to attach; no stack makes them, for the launch may make no policies of people.
docs/failover-policies.md shows them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awacs import dynamodb, iot, kms
from awacs.aws import Action, ForAllValuesStringEquals, Statement, StringLike

from templates.blocks.leadership import CONTROL_ITEM, FENCE
from templates.blocks.permissions import allow, in_regions
from templates.blocks.roles import document

OPERATOR, BREAK_GLASS = "operator", "break-glass"
_ITEMS = (dynamodb.BatchGetItem, dynamodb.GetItem, dynamodb.PutItem, dynamodb.UpdateItem)
"""The command reads both items by one call; the runbook puts and updates them with the AWS CLI alone."""
_INDEX = "AWS_Things"


@dataclass(frozen=True)
class People:
    """Where a launch is: its account and Regions, what its names end with, and its key if it has one of its own."""

    account: str
    primary: str
    secondary: str
    postfix: str
    key: str = ""
    partition: str = "aws"

    def arn(self, service: str, region: str, resource: str) -> str:
        """Return an ARN of this account."""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"


def policies(launch: People) -> Mapping[str, Mapping[str, Any]]:
    """Return each policy's document, as JSON has it, by its name."""
    both = (launch.primary, launch.secondary)
    statements = {
        OPERATOR: (*_items(launch, both), *_connections(launch, both)),
        BREAK_GLASS: _items(launch, (launch.secondary,)),
    }
    return {name: json.loads(document(*found).to_json()) for name, found in statements.items()}


def _items(launch: People, regions: Sequence[str]) -> list[Statement]:
    """Allow to read and write the control item and the fence in some Regions.

    The primary has no ledger: its fence is in its replica of the global table.
    """
    events = f"table/IoTDRGlobalTable{launch.postfix}"
    ledger = f"table/IoTDRSecondary{launch.postfix}-LedgerTable-*"  # CloudFormation chooses the end
    fence = {launch.primary: events, launch.secondary: ledger}
    own_key = (
        allow(
            "UseKey",
            [kms.Decrypt, kms.Encrypt, kms.GenerateDataKey],
            [launch.arn("kms", region, f"key/{launch.key}") for region in regions],
            StringLike({"kms:ViaService": ["dynamodb.*"]}),  # the key's ARN names the Region
        ),
    )
    return [
        allow(
            "Order",
            _ITEMS,
            [launch.arn("dynamodb", region, events) for region in regions],
            _held_to(CONTROL_ITEM),
        ),
        allow(
            "MoveFence",
            _ITEMS,
            [launch.arn("dynamodb", region, fence[region]) for region in regions],
            _held_to(FENCE),
        ),
        *(own_key if launch.key else ()),
    ]


def _connections(launch: People, regions: Sequence[str]) -> list[Statement]:
    """Allow to see who is connected, to tell devices to move, and to end connections."""
    return [
        allow(
            "FindDevices",
            [iot.GetStatistics, iot.SearchIndex],
            [launch.arn("iot", region, f"index/{_INDEX}") for region in regions],
        ),
        allow(
            "MoveDevices",
            [Action("iot", name) for name in ("DeleteConnection", "GetConnection", "SendDirectMessage")],
            [launch.arn("iot", region, "client/*") for region in regions],  # every device of the fleet
        ),
        allow(
            "ReadQuotas",
            [Action("servicequotas", "ListServiceQuotas")],
            ["*"],  # ListServiceQuotas knows no resource
            in_regions(*regions),
        ),
    ]


def _held_to(key: str) -> ForAllValuesStringEquals:
    return ForAllValuesStringEquals({"dynamodb:LeadingKeys": [key]})
