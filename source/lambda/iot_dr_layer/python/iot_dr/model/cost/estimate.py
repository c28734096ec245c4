"""A month's cost by rows, and what would make it cheaper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.cost.prices import PriceList
from iot_dr.model.cost.work import WorkRow, month

CENT = 0.01
LONGEST_SWEEP_MINUTES = 60
LEAST_SLICE = 50


@dataclass(frozen=True)
class CostRow:
    """A row of work with its price in US dollars."""

    row: WorkRow
    usd: float


@dataclass(frozen=True)
class Saving:
    """What would make it cheaper, by how much a month, and what it is paid with."""

    what: str
    usd: float
    loses: str


@dataclass(frozen=True)
class Estimate:
    """A month's cost: its rows, and savings with the largest first."""

    prices: PriceList
    rows: tuple[CostRow, ...]
    savings: tuple[Saving, ...]

    @property
    def usd(self) -> float:
        """Return the sum."""
        return sum(row.usd for row in self.rows)


def estimate(fleet: FleetFigures, prices: PriceList) -> Estimate:
    """Price a month of a fleet."""
    rows = tuple(CostRow(row, prices.sum(row.work)) for row in month(fleet))
    whole = sum(row.usd for row in rows)
    found = (
        Saving(what, whole - sum(prices.sum(row.work) for row in month(other)), loses)
        for what, other, loses in _cheaper(fleet)
    )
    savings = sorted(found, key=lambda saving: -saving.usd)
    return Estimate(prices, rows, tuple(saving for saving in savings if saving.usd >= CENT))


def _cheaper(fleet: FleetFigures) -> Iterator[tuple[str, FleetFigures, str]]:
    """Yield what could be chosen otherwise, and what that loses."""
    if fleet.health_checkers:
        yield (
            "CreateHealthCheck no, and delete the health checkers' stacks",
            replace(fleet, health_checkers=False, fleet_name=False),
            "Route 53 fails over no more; devices are moved by iot-dr failover and your own DNS",
        )
    if fleet.check_seconds < 30:  # the slower of the two that Route 53 knows
        yield "HealthCheckInterval 30", replace(fleet, check_seconds=30), "a failure is found three times as late"
    if fleet.sweep_minutes < LONGEST_SWEEP_MINUTES:
        minutes = min(2 * fleet.sweep_minutes, LONGEST_SWEEP_MINUTES)
        yield (
            f"SweepMinutes {minutes}",
            replace(fleet, sweep_minutes=minutes),
            f"what raises no event crosses up to {minutes} minutes later, a revocation without a trail too",
        )
    if fleet.sweep_slice > LEAST_SLICE:
        half = fleet.sweep_slice // 2
        yield (
            f"SweepSlice {half}",
            replace(fleet, sweep_slice=half),
            f"all devices are checked fully once in {days_of_a_round(replace(fleet, sweep_slice=half)):.1f} days",
        )
    if fleet.shadows:
        yield "ReplicateShadows none", replace(fleet, shadows=False), "the secondary Region has no shadows"


def days_of_a_round(fleet: FleetFigures) -> float:
    """Return the days until every device has been checked fully once."""
    return fleet.things / fleet.sweep_slice * fleet.sweep_minutes / 1440
