"""Wires the verification: a comparison, what it finds, and the page that tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iot_dr.files.html_report import Report, write_report
from iot_dr.model.registry.differences import Difference, Numbers
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.ports.progress import ReadingObserver
from iot_dr.runtime.clock import now, utc_text
from iot_dr.runtime.commands.comparison import ComparisonRun, ComparisonSettings, open_comparison
from iot_dr.services.shadows.indexed import notes_of


@dataclass(frozen=True)
class Verifying:
    """A verification that is open."""

    comparison: ComparisonRun

    @property
    def resumed(self) -> bool:
        """Tell whether it goes on with what a run that was cut off has read."""
        return self.comparison.resumed

    @property
    def differing(self) -> int:
        """Return how many resources differ or could not be read, as far as they were drawn."""
        return self.comparison.verification.verified.differing

    @property
    def calls(self) -> Mapping[str, Mapping[str, int]]:
        """Return how many calls of this run were answered, by Region and API."""
        made = self.comparison.reading.calls
        return {
            region: {str(question): number for (where, question), number in made.items() if where is side}
            for side, region in ((side, self.comparison.direction.site(side).region) for side in Side)
        }

    def read(self) -> None:
        """Read what has not been read; raises what `Reading.read` does."""
        self.comparison.read()

    def differences(self, *, same: bool = False) -> Iterator[Difference]:
        """Yield what differs, perhaps what is the same too, kinds in their order."""
        yield from self.comparison.verification.differences(same=same)
        if not self.comparison.store.fact("selected"):
            # For the status, which tells of the fleet: a part of it says nothing of the rest.
            self.comparison.store.set_fact("differing", str(self.differing))
            self.comparison.store.set_fact("verified", str(now()))

    def numbers(self) -> Mapping[Kind, Numbers]:
        """Return how every kind stands, once all differences were drawn."""
        return self.comparison.verification.numbers()

    def notes(self) -> list[str]:
        """Return, in sentences, what a reader of the result must know besides."""
        verified, store = self.comparison.verification.verified, self.comparison.store
        notes = []
        if verified.settled:
            notes.append(f"{verified.settled:,} differences were none any more when they were read again.")
        if verified.unconfirmed:
            notes.append(f"{verified.unconfirmed:,} differences were read only once; some may have been on their way.")
        if sampled := int(store.fact("sampled") or 0):
            notes.append(_confidence(sampled, self.numbers().get(Kind.THING_PRINCIPAL, Numbers()).differing))
            notes.append("Shadows were not compared.")
        notes += notes_of(store)
        if store.fact("selected"):
            notes.append(
                f"Only {int(store.fact('selected')):,} selected things and what is attached to them were compared."
            )
        return notes

    def write_report(self, path: Path) -> None:
        """Write the page; raises ConfigurationError if the file cannot be written."""
        direction, store = self.comparison.direction, self.comparison.store
        report = Report(
            primary=direction.source.region,
            secondary=direction.target.region,
            began=utc_text(self.comparison.began),
            ended=utc_text(now()),
            numbers=self.numbers(),
            calls=self.calls,
            notes=self.notes(),
        )
        write_report(path, report, store.noted())


@contextmanager
def open_verification(settings: ComparisonSettings, progress: ReadingObserver) -> Iterator[Verifying]:
    """Open a verification; raises what `open_comparison` does."""
    with open_comparison(settings, progress) as comparison:
        yield Verifying(comparison)


def _confidence(sampled: int, differing: int) -> str:
    if differing or not sampled:
        return f"What is attached was read of {sampled:,} certificates only, and differs in {differing:,} places."
    # The rule of three: none among n means, with 95 % confidence, fewer than 3 in n.
    return (
        f"What is attached was read of {sampled:,} certificates only, and is the same: with 95 % confidence it differs "
        f"for fewer than {3 / sampled:.2%} of those that both Regions have."
    )
