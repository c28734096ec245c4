"""What an adoption finds: which resources of the secondary replication owns, and which it may come to own."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import FieldChange, field_changes
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sync.progress import ChangeResult


class Owner(enum.StrEnum):
    """Who the ledger says owns a resource of the secondary."""

    NOBODY = "nobody"
    REPLICATION = "replication"
    """Replication created it."""
    ADOPTED = "adopted"
    """An operator had replication own it; replication has not created it since."""


class AdoptionStanding(enum.StrEnum):
    """How one resource stands before an adoption."""

    EQUAL = "equal"
    """Both Regions hold the same, and nobody owns the secondary's."""
    DIFFERS = "differs"
    """Nobody owns the secondary's; replication makes it equal, owned or not."""
    REMADE = "made again"
    """As `DIFFERS`, but in what AWS lets nobody change: once it is owned, it is deleted and created again."""
    OWNED = "owned"
    ADOPTED = "adopted"
    ONLY_SECONDARY = "only secondary"
    """It is never adopted: what the primary does not have would be deleted."""
    ONLY_PRIMARY = "only primary"
    """Replication creates it, and owns it then."""
    UNREADABLE = "unreadable"


ADOPTABLE = frozenset({AdoptionStanding.EQUAL})
DIFFERING = frozenset({AdoptionStanding.DIFFERS, AdoptionStanding.REMADE})
SETTLED = frozenset({AdoptionStanding.OWNED, AdoptionStanding.ADOPTED, AdoptionStanding.ONLY_PRIMARY})
"""What an adoption has nothing to say of, beside how many there are."""


@dataclass(frozen=True)
class AdoptionChoice:
    """What the operator accepts: of which kinds, what differs too, or that adoptions are taken back."""

    kinds: tuple[Kind, ...]
    differing: bool = False
    release: bool = False

    @property
    def accepted(self) -> frozenset[AdoptionStanding]:
        """Return what is done about resources that stand so."""
        if self.release:
            return frozenset({AdoptionStanding.ADOPTED})
        return ADOPTABLE | DIFFERING if self.differing else ADOPTABLE

    @property
    def shown(self) -> frozenset[AdoptionStanding]:
        """Return of what each resource is shown; of the rest there are numbers alone."""
        return self.accepted if self.release else frozenset(AdoptionStanding) - SETTLED


@dataclass(frozen=True)
class AdoptionRow:
    """One resource: how it stands, why, and what both Regions hold (`desired` as it must be in the secondary)."""

    key: Key
    standing: AdoptionStanding
    reason: str = ""
    desired: Entity | None = None
    actual: Entity | None = None

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """Return the fields that differ: old is what the secondary has, new what the primary has."""
        return field_changes(self.actual, self.desired) if self.standing in DIFFERING else ()


@dataclass(frozen=True)
class AdoptionPlan:
    """How many resources stand how, by kind; how many the choice takes; and a digest of exactly those."""

    numbers: Counter[tuple[Kind, AdoptionStanding]] = field(default_factory=Counter)
    chosen: int = 0
    digest: str = ""

    def number(self, standing: AdoptionStanding) -> int:
        """Return how many stand so, of all kinds."""
        return sum(number for (_, found), number in self.numbers.items() if found is standing)


@dataclass
class AdoptionResult:
    """What came of it so far: how many were noted, how many were not, and the first of those with the reason."""

    done: int = 0
    left: int = 0
    problems: list[ChangeResult] = field(default_factory=list)
