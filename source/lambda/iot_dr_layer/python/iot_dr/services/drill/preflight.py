"""What must hold before a drill sends the fleet itself to the other Region, told as what stands in the way.

A planned failover loses nothing only where the secondary has everything: so what waits, lags or differs is in the way,
and so is whatever cannot be told. What would keep the fleet from coming back is in the way too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iot_dr.errors import ConfigurationError
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import Check, Level
from iot_dr.model.status.status_parts import Drift, Unread
from iot_dr.model.words import counted
from iot_dr.ports.failover import LeadershipReader
from iot_dr.services.failover.losses import Losses

LAG = 5_000
"""Milliseconds that 99 % of the newest changes may have taken to cross."""

VERIFIED_WITHIN = 24 * 3_600_000
"""Milliseconds since both Regions were compared."""

GO_ON = "iot-dr failback --apply --switch"


@dataclass(frozen=True)
class FleetKnown:
    """What was read for it: both Regions' items, what a failover may lose, and checks of the fleet's name.

    `now` in epoch milliseconds.
    """

    here: Leadership
    """As the secondary has it."""
    there: Leadership
    """As the primary has it."""
    losses: Losses
    checks: Sequence[Check]
    now: int


def require_clean_start(known: FleetKnown, regions: RegionPair) -> None:
    """See to it that nothing stands in the way.

    Raises:
        ConfigurationError: something does; the message names all of it.
    """
    home = away_from_home(known.here, known.there, regions)
    if found := (*home, *_of_orders(known), *_of_losses(known), *_of_name(known)):
        raise ConfigurationError(f"a drill cannot take the fleet along: {'; '.join(found)}; nothing was changed")


def require_home(here: LeadershipReader, there: LeadershipReader, regions: RegionPair, ledger: str) -> None:
    """See to it that the primary leads alone, by what each Region tells; `ledger` names the table of a fence.

    Raises:
        ConfigurationError: it does not, or no table is named.
        IotDrError: a Region does not tell.
    """
    if not ledger:
        raise ConfigurationError("missing: LEDGER_TABLE (--ledger-table), which tells whether the fleet is back")
    if found := tuple(away_from_home(here.leadership(), there.leadership(), regions)):
        raise ConfigurationError(f"the fleet is not back: {'; '.join(found)}; nothing was removed")


def away_from_home(here: Leadership, there: Leadership, regions: RegionPair) -> Iterator[str]:
    """Yield why the primary does not lead alone: `here` is what the secondary has, `there` what the primary has."""
    primary, secondary = regions.primary, regions.secondary
    if not there.fence.leads or (here.fence.leads and here.control.leader == primary):
        yield f"a failback is open: end it with `{GO_ON}`"
    elif here.fence.leads:
        yield f"{secondary} leads: bring the fleet back with `iot-dr failback`"
    elif Mode.MOVING in (here.control.mode, there.control.mode):
        yield f"devices are on their way: end the failback with `{GO_ON}`"
    elif any(one.control.leader != primary for one in (here, there)):
        yield "the Regions do not agree who leads: wait, and look at `iot-dr status`"


def _of_orders(known: FleetKnown) -> Iterator[str]:
    here, there = known.here.control, known.there.control
    if here.epoch != there.epoch:
        yield f"the Regions know different orders, epochs {there.epoch} and {here.epoch}: wait until both know the last"
    for control in dict.fromkeys(one for one in (here, there) if one.mode is Mode.PINNED):
        yield f"{control.leader} is pinned, and a drill would end that: ordered by {_orderer(control)}"
    if ReplicationState.SUSPENDED in (here.replication, there.replication):
        yield "replication is suspended"


def _orderer(control: Control) -> str:
    return f"{control.by or 'somebody'}{f', {control.why}' if control.why else ''}"


def _of_losses(known: FleetKnown) -> Iterator[str]:
    yield from _of_waiting(known.losses)
    yield from _of_lag(known.losses)
    yield from _of_drift(known.losses.drift, known.now)
    for region, size in known.losses.connected.items():
        if isinstance(size, Unread):
            yield f"who is connected to {region} cannot be told, so nobody could be moved: {size.reason}"


def _of_waiting(losses: Losses) -> Iterator[str]:
    waiting = losses.waiting
    if isinstance(waiting, Unread):
        yield f"what is not in sync cannot be told: {waiting.reason}"
    elif waiting.total:
        yield f"{counted(waiting.total, 'resource is', 'resources are')} not in sync: see `iot-dr status`"


def _of_lag(losses: Losses) -> Iterator[str]:
    if isinstance(losses.lags, Unread):
        yield f"the lag cannot be told: {losses.lags.reason}"
        return
    for lag in losses.lags:
        if lag.p99 is not None and lag.p99 > LAG:
            yield f"changes of {lag.kind} lag by {lag.p99 / 1000:.1f} s (p99), {LAG / 1000:g} s are allowed"


def _of_drift(drift: Drift | Unread | None, now: int) -> Iterator[str]:
    match drift:
        case Unread(reason=reason):
            yield f"the last comparison of both Regions cannot be read: {reason}"
        case Drift(verified_at=at, differing=0) if now - at <= VERIFIED_WITHIN:
            return
        case Drift(verified_at=at, differing=differing) if now - at <= VERIFIED_WITHIN:
            yield f"{counted(differing, 'difference was', 'differences were')} found: mend it, and run `iot-dr verify`"
        case _:
            yield "both Regions were not compared on this machine within a day: run `iot-dr verify`"


def _of_name(known: FleetKnown) -> Iterator[str]:
    for check in known.checks:
        if check.level is Level.FAILURE:
            yield f"{check.found}: {check.mend}"
