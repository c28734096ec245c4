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
class Validity:
    """Until when a certificate holds, in epoch milliseconds (None if AWS does not tell), and whether it may connect."""

    certificate_id: str
    not_after: int | None
    active: bool
