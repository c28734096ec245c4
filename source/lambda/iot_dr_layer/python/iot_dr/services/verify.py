"""Proves that both Regions hold the same, or says of every resource how they differ; nothing is changed.

What is found different is read once more by itself, in both Regions: a fleet lives while it is read, and what was on
its way a moment ago is not a difference. What stays different is noted in the store, where a report and a repair find
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from iot_dr.errors import InvalidResource, RetryableError
from iot_dr.model.registry.changes import Change
from iot_dr.model.registry.differences import Difference, NotedDifference, Numbers, Pair, Sigil
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.kinds import certificate_of
from iot_dr.model.sites import Direction, Side
from iot_dr.model.status.status_parts import Drift
from iot_dr.model.words import counted
from iot_dr.ports.fleet import ComparisonStore
from iot_dr.ports.registry import RegistryReader
from iot_dr.ports.shadows import ShadowReader
from iot_dr.reconcile.order import place
from iot_dr.services.comparison import compare, differences
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.reading.comparison_reading import ComparisonReading
from iot_dr.services.shadows.indexed import notes_of
from iot_dr.services.single_resource import read_one

CONFIRMED = 1000
"""Differences that are read once more; a fleet that was never copied differs in everything, whoever checks again."""

BATCH = 32
"""Differences that are read once more at the same time."""


@dataclass
class Verified:
    """What a verification has found so far; `unconfirmed` differences were read only once.

    `settled` differences were none any more when they were read again.
    """

    found: Counter[tuple[Kind, Sigil]] = field(default_factory=Counter)
    unconfirmed: int = 0
    settled: int = 0

    @property
    def differing(self) -> int:
        """Return how many keys differ or could not be read."""
        return self.found.total()


class Verification:
    """One verification of what has been read."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        findings: ComparisonStore,
        direction: Direction,
        source: RegistryReader,
        target: RegistryReader,
        shadows: Mapping[Side, ShadowReader] | None = None,
        just_in_time: bool = False,
        together: Together = one_by_one,
        confirm: int = CONFIRMED,
    ) -> None:
        self.verified = Verified()
        self._findings = findings
        self._direction = direction
        self._readers = {Side.SOURCE: source, Side.TARGET: target}
        self._shadows = shadows or {}
        self._just_in_time = just_in_time
        self._together = together
        self._confirm = confirm

    def differences(self, *, same: bool = False) -> Iterator[Difference]:
        """Yield every key in which the Regions differ, kinds in their order, and note it; perhaps all others too."""
        self._findings.forget_noted()
        found = differences(self._findings, self._direction, same=same)
        while batch := list(islice(found, BATCH)):
            alike = [one for one in batch if one.sigil is Sigil.SAME]
            differing = [one for one in batch if one.sigil is not Sigil.SAME]
            stayed = [one for one in self._confirmed(differing) if not self._expected(one)]
            self._findings.note((one, _place(one.change)) for one in stayed)
            self.verified.found.update((one.key.kind, one.sigil) for one in stayed)
            yield from alike
            yield from stayed

    def numbers(self) -> Mapping[Kind, Numbers]:
        """Return how every kind stands that either Region has, once all differences were drawn."""
        found = {kind: self._numbers(kind) for kind in Kind}
        return {kind: numbers for kind, numbers in found.items() if numbers.source or numbers.target}

    def _numbers(self, kind: Kind) -> Numbers:
        sigils = {sigil: self.verified.found[kind, sigil] for sigil in Sigil}
        source, target = (self._findings.number(side, kind) for side in (Side.SOURCE, Side.TARGET))
        # What only one Region has, or had when it was listed, has no like.
        sigils[Sigil.SAME] = max(0, source - sum(sigils.values()) + sigils[Sigil.SURPLUS])
        return Numbers(source, target, sigils)

    def _confirmed(self, batch: list[Difference]) -> list[Difference]:
        if not batch:
            return []
        if self._confirm < len(batch):
            self.verified.unconfirmed += len(batch)
            return batch
        self._confirm -= len(batch)
        again = self._together(self._again, batch)
        stayed = [one for one in again if one.sigil is not Sigil.SAME]
        self.verified.settled += len(batch) - len(stayed)
        return stayed

    def _again(self, difference: Difference) -> Difference:
        key, unreadable = difference.key, {}
        found: dict[Side, Entity | None] = dict.fromkeys(Side)
        for side, reader in self._readers.items():
            try:
                found[side] = self._shadows[side].shadow(key) if key.kind is Kind.SHADOW else read_one(reader, key)
            except RetryableError:
                # What the lists said is all that is known.
                return difference
            except InvalidResource as error:
                unreadable[side] = str(error)
        return compare(Pair(key, found[Side.SOURCE], found[Side.TARGET], unreadable), self._direction)

    def _expected(self, difference: Difference) -> bool:
        """Tell whether a certificate, or what hangs on one, is missing because devices register themselves."""
        if not self._just_in_time or difference.sigil is not Sigil.MISSING:
            return False
        certificate = certificate_of(difference.key)
        return certificate is not None and self._findings.pair(certificate).target is None


def _place(change: Change | None) -> tuple[int, int]:
    if change is None:
        raise ValueError("what is the same has no place in a plan")
    return place(change)


class VerifyRun:
    """A verification from its first reading to what it tells: it reads, then its differences are drawn.

    `keep` is told what was found of all, once it is known.
    """

    def __init__(
        self,
        comparison: ComparisonReading,
        verification: Verification,
        direction: Direction,
        keep: Callable[[Drift], object] = lambda _found: None,
    ) -> None:
        self.direction = direction
        self._comparison, self._verification, self._keep = comparison, verification, keep

    @property
    def began(self) -> int:
        """Return when the reading began, epoch milliseconds."""
        return self._comparison.began

    @property
    def resumed(self) -> bool:
        """Tell whether it goes on with what a run that was cut off has read."""
        return self._comparison.resumed

    @property
    def differing(self) -> int:
        """Return how many resources differ or could not be read, as far as they were drawn."""
        return self._verification.verified.differing

    @property
    def calls(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many calls of this run were answered, by Region and API."""
        made = self._comparison.reading.calls
        return {
            region: {str(question): number for (where, question), number in made.items() if where is side}
            for side, region in ((side, self.direction.site(side).region) for side in Side)
        }

    def read(self) -> None:
        """Read what has not been read; raises what `Reading.read` does."""
        self._comparison.read()

    def differences(self, *, same: bool = False) -> Iterator[Difference]:
        """Yield what differs, perhaps what is the same too, kinds in their order."""
        yield from self._verification.differences(same=same)
        store = self._comparison.store
        if not store.fact("selected") and not store.fact("sampled"):
            # For the status, which tells of the fleet: a part of it says nothing of the rest.
            self._keep(Drift(self._comparison.clock(), self.differing))

    def noted(self) -> Iterator[NotedDifference]:
        """Yield again what differs, in the order in which it is applied, once all differences were drawn."""
        return self._comparison.store.noted()

    def numbers(self) -> Mapping[Kind, Numbers]:
        """Return how every kind stands, once all differences were drawn."""
        return self._verification.numbers()

    def notes(self) -> list[str]:
        """Return, in sentences, what a reader of the result must know besides."""
        verified, store = self._verification.verified, self._comparison.store
        notes = []
        if verified.settled:
            was = counted(verified.settled, "difference was", "differences were")
            notes.append(f"{was} gone on the second read: replication caught up.")
        if verified.unconfirmed:
            were = counted(verified.unconfirmed, "difference was", "differences were")
            notes.append(f"{were} read only once; replication may catch up with some.")
        if sampled := int(store.fact("sampled") or 0):
            notes.append(_confidence(sampled, self.numbers().get(Kind.THING_PRINCIPAL, Numbers()).differing))
            notes.append("Shadows were not compared.")
        notes += notes_of(store)
        if store.fact("selected"):
            notes.append(
                f"Only {counted(int(store.fact('selected')), 'selected thing')} and what is attached were compared."
            )
        return notes


def _confidence(sampled: int, differing: int) -> str:
    if differing or not sampled:
        return (
            f"What is attached was read of {sampled:,} certificates only, and differs in {counted(differing, 'place')}."
        )
    # The rule of three: none among n means, with 95 % confidence, fewer than 3 in n.
    return (
        f"What is attached was read of {sampled:,} certificates only, and is the same: with 95 % confidence it differs "
        f"for fewer than {3 / sampled:.2%} of those that both Regions have."
    )
