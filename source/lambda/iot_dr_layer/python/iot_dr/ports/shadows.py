"""Shadows of one Region: read, written, indexed, and what is noted of them."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.registry.keys import Key
from iot_dr.model.registry.read_calls import Page
from iot_dr.model.replication.outcomes import Outcome
from iot_dr.model.shadows.index import IndexCoverage
from iot_dr.model.shadows.shadow import Document, Shadow, ShadowNote, ShadowState


class ShadowIndex(Protocol):
    """Searches one Region's index of things for their shadows."""

    def coverage(self) -> IndexCoverage:
        """Tell which shadows the index holds."""

    def page(self, token: str) -> Page:
        """Search for a page of all things: those that it tells of, and their shadows."""


class ShadowReader(Protocol):
    """Reads one Region's shadows."""

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow."""

    def shadow_names(self, thing: str) -> frozenset[str]:
        """List the names of a thing's named shadows; empty if it has none, or there is no such thing."""


class ShadowWriter(Protocol):
    """Writes one Region's shadows."""

    def make(self, key: Key) -> None:
        """Have a shadow exist, empty if it did not; nothing that it holds is changed."""

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version, and return the new version.

        Raises:
            Conflict: the document has another version, or is gone.
            LimitExceeded: the change, or the document with it, is too large.
        """

    def delete(self, key: Key) -> None:
        """Delete a shadow; no version guards it."""


class ShadowStore(ShadowReader, ShadowWriter, Protocol):
    """One Region's shadows, to be read and written."""


class ShadowNotes(Protocol):
    """Remembers which state of the source's shadows is written in the target, or about to be."""

    def read(self, key: Key) -> ShadowNote:
        """Return what is noted now; nothing is a note too."""

    def claim(  # noqa: PLR0913  # a claim is one write of the ledger, and this is all that it notes
        self,
        key: Key,
        over: ShadowNote,
        source: ShadowState,
        *,
        owned_at: int | None = None,
        unsure_until: int = 0,
        writes: bool = True,
    ) -> ShadowNote:
        """Note that this state is about to be written, and from `owned_at` on that replication owns the copy.

        With `writes` false nothing is about to be written: only how the copy stands is to be noted.
        If no version guards the write, it may land until `unsure_until`; then the shadow is to be checked again.

        Returns:
            `over` with this claim.

        Raises:
            Conflict: somebody has claimed since `over` was read.
        """

    def settle(
        self, key: Key, claimed: ShadowNote, outcome: Outcome | None, written: Shadow | None, *, check: int = 0
    ) -> bool:
        """Note how the write of a claim ended, and what the target then held; None if it holds nothing.

        An outcome takes back that the shadow is to be checked again, unless it was noted to wait since `claimed` was
        read; it is not noted then. Without an outcome the shadow stands as before, and is checked then, if told when.

        Returns:
            Whether it was noted that the write ended: not if somebody has claimed since.
        """

    def announce(self, key: Key) -> None:
        """Tell, before it is recorded, that a shadow waits: who read its note before takes nothing of it back."""

    def hold(self, outcome: Outcome, until: int) -> None:
        """Note that a shadow waits, to be checked then, however often this was noted before."""
