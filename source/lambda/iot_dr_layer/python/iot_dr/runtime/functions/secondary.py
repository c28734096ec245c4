"""What the functions of the secondary Region are told of both Regions, and what says whether theirs leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.model.regions import RegionPair
from iot_dr.ports.failover import WriteGate
from iot_dr.services.gate import LeadershipWriteGate


@dataclass(frozen=True)
class SecondaryVariables:
    """Variables of every function that writes in the secondary Region, or has it take the lead."""

    primary_region: str
    aws_region: str
    ledger_table: str
    control_table: str

    @property
    def regions(self) -> RegionPair:
        """Return both Regions.

        Raises:
            ConfigurationError: they are one.
        """
        return RegionPair(self.primary_region, self.aws_region)

    def leadership(self, dynamodb: Any) -> DynamoDbLeadershipReader:
        """Return what reads the Region's replica of the control item, and its fence."""
        return DynamoDbLeadershipReader(dynamodb, self.control_table, self.ledger_table, self.regions)

    def write_gate(self, dynamodb: Any) -> WriteGate:
        """Return the gate of the Region."""
        return LeadershipWriteGate(self.leadership(dynamodb), self.regions.secondary)
