"""How long a failover of a large fleet takes, computed from AWS's timings and quotas; docs/failover.md has the table.

All times are in seconds. Each is the longest that the documented settings allow, except the share of devices that is
asked for. What is left out stands in docs/failover.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TTL = 30.0
"""Of the fleet's record."""

THRESHOLD = 3
"""Checks that must differ from the state before the state changes."""

ANSWER = 4.0 + 2.0
"""A checker waits so long to connect, and then for the status.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

KEEP_ALIVE = 30.0
NOTICED = 1.5 * KEEP_ALIVE
"""A device has noticed by then that a silent connection is dead."""

LOOK = 30.0 * 1.2
"""The longest pause between two looks at DNS."""

BACK_OFF = 120.0
"""The longest pause between two tries; each is drawn by chance from 0 to it (full jitter)."""

EVICTION_SHARE = 0.5
"""Of the quota of CONNECTs: for devices that are moved; the other half is for those that connect anyway."""

LISTED_AT_ONCE = 100
LISTS = 15.0
"""Clients that a call of SearchIndex names, and its quota a second: as fast an eviction learns whom to end."""

CALL = 0.06
"""The longest that DeleteConnection may take for an eviction to keep to its pace, with the threads that it has."""


@dataclass(frozen=True)
class Setting:
    """A fleet, the interval of its health checks, and the quota of CONNECTs a second in the new Region."""

    devices: int
    interval: float
    quota: float


def detected(interval: float) -> float:
    """Return when the name servers answer with the new Region after the primary is lost without a word."""
    return THRESHOLD * interval + ANSWER


def ordered(interval: float) -> float:
    """Return the same after the order of an operator: the checkers get their answer at once."""
    return THRESHOLD * interval


def led(answered: float) -> float:
    """Return when every device that asks is led to the new Region."""
    return answered + TTL


def arrived(setting: Setting, share: float) -> float:
    """Return after what time this share of a fleet has connected that tries again and again, once DNS leads it there.

    A device that tries at pauses drawn from 0 to B is at any moment in the middle of a pause: the rest of it is longer
    than x with a chance of (1 - x/B)^2, and M such devices make M / (B/2) tries a second. While that is more than the
    quota Q, Q devices a second get in and the others pause again; below it all who try get in.
    """
    waiting = setting.quota * BACK_OFF / 2
    """As many devices as try exactly as often as the quota admits."""
    left = (1 - share) * setting.devices
    crowd = max(0.0, (setting.devices - max(waiting, left)) / setting.quota)
    free = min(setting.devices, waiting)
    return crowd + (BACK_OFF * (1 - math.sqrt(left / free)) if left < free else 0.0)


def moved(setting: Setting) -> float:
    """Return how long devices need that are moved at a set pace: evicted, or each after a time that it has drawn."""
    return setting.devices / (EVICTION_SHARE * setting.quota)


def lost(setting: Setting, share: float) -> float:
    """Return from the loss of the primary, without an operator, until this share of the fleet is served."""
    return max(led(detected(setting.interval)), NOTICED) + arrived(setting, share)


def commanded(setting: Setting, share: float) -> float:
    """Return the same from an operator's order, where the primary is lost already."""
    return max(led(ordered(setting.interval)), NOTICED) + arrived(setting, share)


def drained(setting: Setting) -> float:
    """Return from the order, where the primary still serves, until the last device has moved that looks at DNS."""
    return led(ordered(setting.interval)) + LOOK + moved(setting)


def evicted(setting: Setting) -> float:
    """Return from the order until the last device is evicted that does not look at DNS."""
    return led(ordered(setting.interval)) + moved(setting)


FLEETS = (10_000, 100_000, 1_000_000)
QUOTAS = (500, 3_000)
INTERVALS = (10, 30)


def rows() -> list[str]:
    """Return the rows of the table of docs/failover.md."""
    settings = (Setting(fleet, interval, quota) for fleet in FLEETS for quota in QUOTAS for interval in INTERVALS)
    return [_row(one) for one in settings]


def _row(one: Setting) -> str:
    times = (lost(one, 0.95), lost(one, 1), commanded(one, 0.95), commanded(one, 1), drained(one), evicted(one))
    cells = (one.devices, one.quota, one.interval, *(math.ceil(time) for time in times))
    return "| " + " | ".join(f"{cell:,}" for cell in cells) + " |"


if __name__ == "__main__":
    print("\n".join(rows()))  # noqa: T201  # to be copied into the page
