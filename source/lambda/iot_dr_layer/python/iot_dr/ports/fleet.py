"""A Region's whole registry, and what has been read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from iot_dr.model.registry.differences import Difference, NotedDifference, Pair
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.sites import Side


class FleetReader(Protocol):
    """Reads one Region's whole registry, a call at a time, so that a reading can go on where it stopped."""

    def ask(self, call: PageRequest) -> Page:
        """Make exactly one call to AWS."""


class Pairs(Protocol):
    """Both Regions' resources, side by side."""

    def pairs(self, kind: Kind, after: Key | None = None, *, differing: bool = False) -> Iterator[Pair]:
        """Yield in order of their names what either Region has of a kind, behind a key.

        With `differing`, what reads the same letter by letter in both is left out.
        """


class Comparison(Pairs, Protocol):
    """What was read of both Regions."""

    def pair(self, key: Key) -> Pair:
        """Return what both Regions have under one key."""

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many resources of a kind a Region has."""


class FleetStore(Comparison, Protocol):
    """Keeps what was read of both Regions, and where the reading stands."""

    def keep(self, side: Side, answers: Iterable[tuple[PageRequest, Page]]) -> None:
        """Keep answers and where the reading stands after them, both or neither."""

    def put(self, side: Side, entities: Iterable[Entity]) -> None:
        """Keep entities of a Region, whoever read them."""

    def entities(self, side: Side, kind: Kind) -> Iterator[Entity]:
        """Yield in order of their names what one Region has of a kind."""

    def token(self, side: Side, question: ReadCall, subject: str = "") -> str | None:
        """Return where a list goes on: empty at its start, None at its end."""

    def pending(self, side: Side, question: ReadCall, after: str = "", *, on_both_sides: bool = False) -> Iterator[str]:
        """Yield in order of their names the subjects of which a question has not been answered to its end."""

    def left(self, side: Side, question: ReadCall, *, on_both_sides: bool = False) -> int:
        """Return of how many subjects a question has not been answered."""

    def expect_classic_shadows(self, side: Side, *, by_index: bool = False) -> None:
        """Have the classic shadow of each thing asked for; or where not both indexes tell that there is none."""

    def forget_index(self) -> None:
        """Take nothing for told by the index."""

    def draw_alike(self, name: str, number: int, *, shown: bool) -> tuple[Key, ...]:
        """Draw at random so many shadows of one name that both indexes show the same; or that neither shows."""

    def take_indexed_shadows(self, *, named: bool) -> None:
        """Have no shadow asked for that both indexes show the same; if `named`, have none listed that they tell of."""

    def forget_probes(self) -> None:
        """Drop the health checker's own."""

    def fact(self, name: str) -> str:
        """Return a small fact; empty if it was not set."""

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact."""

    def clear(self) -> None:
        """Drop everything."""


class ComparisonStore(FleetStore, Protocol):
    """What was read of both Regions, and what was found different."""

    def note(self, differences: Iterable[tuple[Difference, tuple[int, int]]]) -> None:
        """Keep differences, each with the wave and the level at which it is applied, in the order of these."""

    def noted(self) -> Iterator[NotedDifference]:
        """Yield what was noted, in the order of its places."""

    def forget_noted(self) -> None:
        """Drop what was noted."""
