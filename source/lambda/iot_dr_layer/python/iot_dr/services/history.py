"""What takes a run back: a snapshot of what was there before, which `iot-dr restore` brings back.

A restore deletes nothing, so what the run created stays; and what it wrote without having read it cannot be known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.records import OF_THE_LEDGER, RunHeader, Undo, WriteResult
from iot_dr.ports.snapshots import SnapshotStore
from iot_dr.ports.sync import FirstStates, RunHistory

KINDS = tuple(kind for kind in Kind if kind is not Kind.THING_SHADOWS)
"""Kinds of which a snapshot has a file."""


def undo(
    history: RunHistory,
    run: str,
    first: FirstStates,
    snapshot: SnapshotStore,
    complete: Callable[[RunHeader, Mapping[str, int]], str],
) -> Undo:
    """Write the snapshot that takes a run back; `complete` makes it whole and returns where it is.

    Raises:
        ConfigurationError: there is no such run.
    """
    header = history.header(run)
    for change in history.changes(run):
        if change.change in OF_THE_LEDGER:
            continue
        # One that was refused after its first request may have changed something nevertheless.
        if change.result is WriteResult.DONE or len(change.requests) > 1:
            first.keep(change)
    numbers = {kind: snapshot.write(kind, first.before(kind)) for kind in KINDS}
    where = complete(header, {str(kind): number for kind, number in numbers.items()})
    restored: dict[Kind, int] = {kind: number for kind, number in numbers.items() if number}
    return Undo(header, where, restored, first.created(), first.unknown())
