"""What replication notes of every resource."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.marks import Certainty, Mark
from iot_dr.model.replication.outcomes import NOTHING_EQUAL, LastRead, Outcome
from iot_dr.model.sync.adoption import Owner


class SyncLedger(Protocol):
    """Remembers per resource how it stands and whether replication made it, as far as a sync of any kind asks."""

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""

    def begin(  # noqa: PLR0913  # every caller names what it needs of these
        self,
        made: Collection[Key],
        at: int,
        *,
        below: Collection[Key] = (),
        taken: Collection[Key] = (),
        began: int | None = None,
        due: bool = True,
        unless_gone: bool = False,
        mark: Mark | None = None,
    ) -> Mark:
        """Mark, all at once, what is about to be written, and note that replication will own what it makes.

        Args:
            made: what is about to be created.
            at: the time, epoch milliseconds.
            below: what else a request might draw a conclusion about that the write will make wrong.
            taken: those of them that are about to be deleted and that much may hang on: `gone` tells of them later.
            began: when the reading began that the write rests on; None if it is read again after this.
            due: have each checked by itself if the mark is not taken off in time.
            unless_gone: refuse to make what `gone` would tell of.
            mark: the same writer's mark of before, which is to stand at these as well.

        Raises:
            Conflict: somebody has concluded about one of them since `began`, or one was gone.
        """

    def end(
        self,
        mark: Mark,
        keys: Collection[Key],
        at: int,
        *,
        due: bool = True,
        equal: Mapping[Key, str] = NOTHING_EQUAL,
    ) -> None:
        """Take a mark off these, begun with `due` or without: what was written below them has ended.

        `equal` has digests of what both Regions hold now, by resource.
        """

    def disown(self, keys: Collection[Key], at: int, mark: Mark, began: int) -> None:
        """Take back that replication will own these, which was noted at `at` with a mark: AWS refused to make them.

        What another was about since the reading `began` is checked by itself later instead.
        """

    def forget(self, keys: Collection[Key], before: int, mark: Mark | None = None) -> None:
        """Drop the notes of resources that are gone.

        What another is writing, or what was noted since `before`, is checked by itself later instead.
        """

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Have each checked by itself some time after `at`, if it is not forgotten before."""

    def record(self, outcome: Outcome, mark: Mark | None = None, equal: Mapping[Key, str] = NOTHING_EQUAL) -> Certainty:
        """Note how a request ended, and take its mark off; `equal` as for `end`.

        Where somebody else is writing, or has written since the reading began, another request stays noted. What was
        noted to wait since then stays waiting.

        Returns:
            How far the request could conclude; of what waits by itself nothing is concluded, so that is sure.
        """

    def note_applied(self, outcome: Outcome) -> None:
        """Note what was applied of a thing's own fields, and how it stands if nothing is known of that.

        Nothing is concluded: whoever writes below it, and what waits, stays as it is.
        """


class Ledger(SyncLedger, Protocol):
    """Remembers what replication asks besides: what the target had, what is to be tried again, how far a round is."""

    def known(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that the target has had, as far as is noted: what was only to be made is not among them."""

    def gone(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those of `HOLDING_KINDS` that replication took away, so that what hung on them went along."""

    def postpone(self, key: Key, now: int) -> bool:
        """Count a try of what is due, and have it due again only when the try must have ended.

        Returns:
            Whether it was due still.
        """

    def last_reads(self, keys: Collection[Key]) -> Mapping[Key, LastRead]:
        """Return when the last readings of each began; without those that no reading is known of."""

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the source's thing ID and version that were applied last; empty and 0 if none is known."""

    def due(self, now: int, unknown: Callable[[str], object] | None = None) -> Iterator[Key]:
        """Yield what failed or was left unfinished and is to be tried again by now, longest waiting first.

        Entries that name no resource, as another release may have left some, are passed to `unknown` and stay.
        """

    def cursor(self, name: str) -> str:
        """Return where a round over the registry stands; empty at its start."""

    def move_cursor(self, name: str, to: str) -> None:
        """Note where a round over the registry stands."""


class LedgerReader(Protocol):
    """Reads the ledger."""

    def item(self, key: Key) -> LedgerItem | None:
        """Read one item; None if nothing is noted of the resource."""

    def waiting(self) -> Iterator[LedgerItem]:
        """Yield what waits for another request."""

    def held(self) -> Iterator[LedgerItem]:
        """Yield what is held back because the target leads."""


class AdoptionStore(Protocol):
    """Knows who owns what, and has an operator change it."""

    def owners(self, keys: Collection[Key]) -> Mapping[Key, Owner]:
        """Return who owns each."""

    def adopt(self, digests: Mapping[Key, str], at: int, began: int) -> frozenset[Key]:
        """Note that replication owns these; a digest of what both Regions hold goes with it, empty if they differ.

        Returns:
            Those of which it was noted. What is owned already, or was checked or written since the reading `began`, is
            not among them.
        """

    def disown_adopted(self, keys: Collection[Key], at: int) -> frozenset[Key]:
        """Take back that replication owns these, where that was adopted; return those of which it was."""


class LedgerGauges(Protocol):
    """Counts entries of the ledger, as far as one page goes."""

    def number_waiting(self) -> int:
        """Return how many wait for another try."""

    def number_held(self) -> int:
        """Return how many are held because the target leads."""
