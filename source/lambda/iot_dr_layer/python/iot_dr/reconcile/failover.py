"""Failover's rules: what a health check answers, where devices go, and what is filled in where a Region leads.

docs/failover.md has them as tables; the properties A to G there are enumerated in a test.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import HELD_BACK, Leadership, Standing
from iot_dr.model.registry.changes import Action, Change, Create, Plan, Skip, Update
from iot_dr.model.registry.entities import Certificate, CertificateStatus
from iot_dr.model.registry.keys import Key
from iot_dr.reconcile.plan import needs


class HealthAnswer(enum.StrEnum):
    """What `/health` of a Region answers: may devices come here?"""

    PROBE = "probe"
    """As its own round trip ends."""
    PINNED = "pinned"
    """Yes, whatever the round trip says."""
    DRAINED = "drained"
    """No, whatever the round trip says."""
    UNWELL = "unwell"
    """No, for a drill has it so."""


def health_answer(region: str, control: Control) -> HealthAnswer:
    """Return what `/health` of a Region answers under an order.

    >>> health_answer("eu-west-1", Control("eu-west-1", Mode.PINNED))
    <HealthAnswer.PINNED: 'pinned'>
    """
    if control.mode is Mode.AUTOMATIC:
        return HealthAnswer.UNWELL if control.unwell == region else HealthAnswer.PROBE
    return HealthAnswer.PINNED if control.orders(region) else HealthAnswer.DRAINED


def drains_other(region: str, control: Control, *, probe: bool) -> bool:
    """Tell whether `/drains` of a Region says that devices are to leave the other one."""
    return control.leader == region and (control.orders(region) or (probe and control.unwell != region))


@dataclass(frozen=True)
class Endpoint:
    """One Region as Route 53 sees it: what its replica of the control item says, its API and its probe."""

    region: str
    control: Control
    answers: bool
    probe: bool

    @property
    def healthy(self) -> bool:
        """Tell whether `/health` is answered with 200."""
        match health_answer(self.region, self.control):
            case HealthAnswer.PROBE:
                return self.answers and self.probe
            case answer:
                return self.answers and answer is HealthAnswer.PINNED

    @property
    def drains(self) -> bool:
        """Tell whether `/drains` is answered with 200."""
        return self.answers and drains_other(self.region, self.control, probe=self.probe)


def answered(primary: Endpoint, secondary: Endpoint) -> str:
    """Return the Region that the fleet's name leads to, as failover records of Route 53 decide.

    The primary's record has a calculated check of two of two, {its health, the secondary does not drain it}; the
    secondary's has its own health. If none is healthy the primary's is answered.
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-problems.html
    """
    if primary.healthy and not secondary.drains:
        return primary.region
    return secondary.region if secondary.healthy else primary.region


def next_epoch(known: int, *, in_primary: bool) -> int:
    """Return the next number above all that are known: odd if given in the primary Region, even in the secondary.

    >>> [next_epoch(known, in_primary=True) for known in (0, 1, 2)]
    [1, 3, 3]
    >>> [next_epoch(known, in_primary=False) for known in (0, 1, 2)]
    [2, 2, 4]
    """
    following = known + 1
    return following if following % 2 == int(in_primary) else following + 1


def standing(region: str, known: Leadership) -> Standing:
    """Return what may be written in a Region, as far as that Region knows who leads.

    An order to lead counts before the fence has followed it. An order that another Region is to lead does not open the
    fence: only a failback does, for devices may have written here.
    """
    control, fence = known.control, known.fence
    if control.replication is ReplicationState.SUSPENDED:
        return Standing(closed=f"{HELD_BACK}: replication is suspended")
    if fence.leads or control.leader == region:
        why = (fence.why if fence.leads else control.why) or "no reason is noted"
        return Standing(leads=f"{HELD_BACK}: {region} leads ({why})")
    return Standing()


_STRICTNESS = {CertificateStatus.ACTIVE: 0, CertificateStatus.INACTIVE: 1, CertificateStatus.REVOKED: 2}


@dataclass(frozen=True)
class FillIn:
    """What of a plan may be written where the target leads, and what is held back."""

    plan: Plan
    held: tuple[Action, ...]


def fill_in(plan: Plan, known: Collection[Key]) -> FillIn:
    """Split a plan for a target that leads: it gets what it lacks and its ledger never knew, and stricter certificates.

    Nothing else is written, for devices and operators may have changed it there. What needs something that is held is
    held too.

    Args:
        plan: what would make the target equal.
        known: what of it the target's ledger has a note of: whoever lacks it there now has taken it away.
    """
    changes: list[Change] = []
    held: dict[Key, Action] = {}
    for change in plan:
        if isinstance(change, Skip) or (_fills_in(change, known) and held.keys().isdisjoint(needs(change))):
            changes.append(change)
        else:
            held[change.key] = change
    return FillIn(Plan(tuple(changes)), tuple(held.values()))


def _fills_in(change: Action, known: Collection[Key]) -> bool:
    match change:
        case Create():
            return change.key not in known
        case Update(desired=Certificate(status=wanted), actual=Certificate(status=found)):
            return is_stricter(wanted, found)
        case _:
            return False


def is_stricter(wanted: CertificateStatus, found: CertificateStatus) -> bool:
    """Tell whether a certificate's status lets in less than another one."""
    return _STRICTNESS.get(wanted, -1) > _STRICTNESS.get(found, len(_STRICTNESS))
