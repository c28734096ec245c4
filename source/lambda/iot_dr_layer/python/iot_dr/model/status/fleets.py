"""What is told of a fleet as a whole, and until when its certificates hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FleetSize:
    """How many things there are; at least so many where counting all would take too long."""

    things: int
    exact: bool = True

    def __str__(self) -> str:
        noun = "thing" if self.things == 1 else "things"
        return f"{'' if self.exact else 'at least '}{self.things:,} {noun}"


@dataclass(frozen=True)
class Sample:
    """How many of a kind were checked, of how many there are; at least so many where the list is too long.

    >>> str(Sample(2, 2)), str(Sample(300, 1250)), str(Sample(300, 10_000, exact=False))
    ('all 2', '300 of 1,250', '300 of at least 10,000')
    """

    checked: int
    there: int
    exact: bool = True

    @property
    def whole(self) -> bool:
        """Tell whether none was left out."""
        return self.exact and self.checked == self.there

    def __str__(self) -> str:
        if self.whole:
            return f"all {self.there:,}"
        return f"{self.checked:,} of {'' if self.exact else 'at least '}{self.there:,}"


@dataclass(frozen=True)
class Validity:
    """Until when a certificate holds, in epoch milliseconds (None if AWS does not tell), and whether it may connect."""

    certificate_id: str
    not_after: int | None
    active: bool
