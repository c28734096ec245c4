"""Write down what one Region's registry holds, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from iot_dr.model.registry.entities import Certificate, Entity
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.ports.fleet import FleetStore
from iot_dr.ports.snapshots import SnapshotStore
from iot_dr.services.concurrency import Together, one_by_one

KEPT_FOR = 24 * 3_600_000
"""Milliseconds after which a reading that was cut off is begun anew."""

BATCH = 200
"""Certificates that are described at a time: no list tells their PEM."""


CertificateOf = Callable[[str], Certificate | None]
"""Returns a certificate with its PEM; None if it is gone."""

Progress = Callable[[Kind, int], None]
"""Is told how many of a kind were written so far."""


def resume_or_begin(registry: FleetStore, what: str, at: int, *, anew: bool) -> int:
    """Keep what an earlier run has read of the same, else empty the store; return when the reading began."""
    began = int(registry.fact("began") or 0)
    if registry.fact("snapshot") == what and at - began < KEPT_FOR and not anew:
        return began
    registry.clear()
    registry.set_fact("snapshot", what)
    registry.set_fact("began", str(at))
    return at


def take(  # noqa: PLR0913, PLR0917  # what it reads, where it writes, and how
    registry: FleetStore,
    side: Side,
    kinds: Iterable[Kind],
    certificate_of: CertificateOf,
    files: SnapshotStore,
    together: Together = one_by_one,
    progress: Progress = lambda _kind, _number: None,
) -> dict[str, int]:
    """Write all kinds; return how many of each there are."""
    numbers = {}
    for kind in kinds:
        entities = registry.entities(side, kind)
        if kind is Kind.CERTIFICATE:
            entities = _with_pem(entities, certificate_of, together)
        numbers[str(kind)] = files.write(kind, _counted(kind, entities, progress))
    return numbers


def _with_pem(certificates: Iterator[Entity], certificate_of: CertificateOf, together: Together) -> Iterator[Entity]:
    while batch := list(islice(certificates, BATCH)):
        found = together(lambda one: certificate_of(one.key.name), batch)
        # One that is gone since the list was read is none of the registry's any more.
        yield from (one for one in found if one is not None)


def _counted(kind: Kind, entities: Iterator[Entity], progress: Progress) -> Iterator[Entity]:
    for number, entity in enumerate(entities, 1):
        yield entity
        if number % BATCH == 0:
            progress(kind, number)
