"""A snapshot of a registry, written and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from iot_dr.model.registry.entities import Certificate, Entity
from iot_dr.model.registry.keys import Kind


class SnapshotStore(Protocol):
    """One snapshot of a Region's registry."""

    def write(self, kind: Kind, entities: Iterable[Entity]) -> int:
        """Write all of one kind; return how many they are."""

    def entities(self, kind: Kind) -> Iterator[Entity]:
        """Yield all of one kind."""

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Find a certificate with its PEM."""
