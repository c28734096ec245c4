"""Wires the write gate of the Region in which a function runs."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.model.regions import RegionPair
from iot_dr.ports.failover import WriteGate
from iot_dr.services.gate import LeadershipWriteGate


def write_gate(dynamodb: Any, regions: RegionPair, control_table: str, ledger_table: str) -> WriteGate:
    """Return the gate of the secondary Region, over its replica of the control item and its fence."""
    reader = DynamoDbLeadershipReader(dynamodb, control_table, ledger_table, regions)
    return LeadershipWriteGate(reader, regions.secondary)
