"""Finds what no event told: compares both Regions by their lists, and has every difference looked at.

The lists cost one call per 250 resources. What they do not show (documents, attachments) is covered by a round: every
sweep has the next slice of things, policies and certificates looked at whole, whatever the lists say, until all have
had their turn.

A sweep applies nothing itself. It finds, with the same `plan` as everybody, and starts the workflow.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

from iot_dr.model.changes import Plan, Skip, Snapshot
from iot_dr.model.entities import BillingGroup, Entity, Policy, ThingGroup
from iot_dr.model.keys import Key, Kind, certificate_target
from iot_dr.model.looks import Look
from iot_dr.model.regions import RegionPair
from iot_dr.ports import Clock, Ledger, RegistryLister, Workflow
from iot_dr.reconcile.plan import deletable, plan
from iot_dr.reconcile.safety import DEFAULT_LIMITS, Limits, ensure_safe
from iot_dr.reconcile.translate import translate
from iot_dr.services.concurrency import Together, one_by_one

ROUND_KINDS = (Kind.THING, Kind.POLICY, Kind.CERTIFICATE, Kind.THING_GROUP, Kind.BILLING_GROUP)
"""What the round covers: documents, descriptions and attachments; a certificate without thing has some too."""


@dataclass(frozen=True)
class Swept:
    """What a sweep found: differences by the lists, those of them left to the next sweep, and the round's share."""

    drift: int
    left: int
    round: int


class Sweep:
    """The use case, over ports."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        primary: RegistryLister,
        secondary: RegistryLister,
        regions: RegionPair,
        ledger: Ledger,
        workflow: Workflow,
        clock: Clock,
        slice_size: int = 200,
        at_most: int = 1000,
        together: Together = one_by_one,
    ) -> None:
        self._listers = (primary, secondary)
        self._regions = regions
        self._ledger = ledger
        self._workflow = workflow
        self._clock = clock
        self._slice_size = slice_size
        self._at_most = at_most
        self._together = together

    def retry(self) -> int:
        """Have what failed or was left unfinished looked at again, if its time has come; return how many."""
        # New, as far as settling goes: what was left without its certificate stays on the list until it has one.
        looks = [Look(key, created=True) for key in self._ledger.due(self._clock())]
        self._workflow.start(looks)
        return len(looks)

    def sweep(self, limits: Limits = DEFAULT_LIMITS) -> Swept:
        """Compare both Regions by their lists and have every difference, and the round's next slice, looked at.

        Raises:
            RetryableError: a list could not be read to its end; nothing is concluded from a part.
            UnsafePlan: too large a share of the secondary would be deleted; nothing is started.
        """
        desired, actual = (_snapshot(entities) for entities in self._together(_listed, self._listers))
        desired, actual = _completed(desired, actual, self._regions)
        owned = self._ledger.owned(deletable(desired, actual))
        found = plan(desired, actual, owned=owned)
        ensure_safe(found, len(actual.entities), limits)
        drift = _differing(found)
        # A fleet that was never copied differs in everything; more workers at once than the quotas feed help nobody.
        due = self._turn("drift", drift, self._at_most)
        turn = [key for kind in ROUND_KINDS for key in self._turn(kind, _of(kind, desired), self._slice_size)]
        self._workflow.start([Look(key) for key in dict.fromkeys((*due, *turn))])
        return Swept(len(drift), len(drift) - len(due), len(turn))

    def _turn(self, name: str, keys: Iterable[Key], size: int) -> list[Key]:
        """Return the next keys after where the round of this name stands, and move it on; at the end it starts anew."""
        texts = sorted(map(str, keys))
        start = bisect.bisect_right(texts, self._ledger.cursor(name)) if texts else 0
        turn = texts[start : start + size]
        if texts:
            self._ledger.move_cursor(name, turn[-1] if turn and start + size < len(texts) else "")
        return [Key.parse(text) for text in turn]


def _listed(lister: RegistryLister) -> list[Entity]:
    """List a registry without the health checker's own; its certificate is known by its policy alone."""
    # The list of policies gives names alone, so all that it can show is which are missing.
    policies = [Policy(name, "{}") for name in lister.policy_names()]
    probes = frozenset().union(*(lister.targets_of(policy.name) for policy in policies if policy.key.reserved))
    entities: list[Entity] = [*lister.thing_types(), *lister.things(), *policies]
    entities.extend(one for one in lister.certificates() if certificate_target(one.certificate_id) not in probes)
    # Of groups too the lists show names alone.
    entities.extend(ThingGroup(name) for name in lister.thing_group_names())
    entities.extend(BillingGroup(name) for name in lister.billing_group_names())
    return [entity for entity in entities if not entity.key.reserved]


def _snapshot(entities: Iterable[Entity]) -> Snapshot:
    return Snapshot({entity.key: entity for entity in entities})


def _completed(primary: Snapshot, secondary: Snapshot, regions: RegionPair) -> tuple[Snapshot, Snapshot]:
    """Say of each what the other has and it lacks: both lists were read to their end, so that is known to be absent."""
    desired = {key: translate(entity, regions) for key, entity in primary.entities.items()}
    return (
        Snapshot(desired, frozenset(secondary.entities.keys() - desired.keys())),
        Snapshot(secondary.entities, frozenset(desired.keys() - secondary.entities.keys())),
    )


def _differing(found: Plan) -> frozenset[Key]:
    return frozenset(change.key for change in found if not isinstance(change, Skip))


def _of(kind: Kind, snapshot: Snapshot) -> frozenset[Key]:
    return frozenset(key for key in snapshot.entities if key.kind is kind)
