"""Writers that note what they do as it happens: each change with its fields, result and AWS's request IDs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from iot_dr.errors import IotDrError, Throttled
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import field_changes
from iot_dr.model.registry.keys import Key
from iot_dr.model.shadows.shadow import Document, Shadow
from iot_dr.model.sync.records import AppliedChange, ChangeKind, WriteResult, kind_of
from iot_dr.ports.clock import Clock
from iot_dr.ports.registry import RegistryWriter
from iot_dr.ports.shadows import ShadowStore
from iot_dr.ports.sync import ChangeRecord

NotingRequests = Callable[[], AbstractContextManager[list[str]]]
"""Collects `OPERATION ID` of each write that this thread makes inside the block."""


@dataclass(frozen=True)
class Recording:
    """Where writes are noted, and what tells their time and their requests."""

    record: ChangeRecord
    noting: NotingRequests
    clock: Clock

    def made(self, write: Callable[[], object], change: Callable[[], AppliedChange]) -> None:
        """Make a write and note how it ended; one that AWS refused for its rate alone changed nothing, so is no line.

        `change` tells what it does to which resource; the rest is filled in here.
        """
        with self.noting() as requests:
            try:
                write()
            except IotDrError as error:
                if not isinstance(error, Throttled) or len(requests) > 1:
                    self._note(change(), WriteResult.REFUSED, str(error), requests)
                raise
            self._note(change(), WriteResult.DONE, "", requests)

    def _note(self, change: AppliedChange, result: WriteResult, reason: str, requests: list[str]) -> None:
        self.record.note(replace(change, at=self.clock(), result=result, reason=reason, requests=tuple(requests)))


class RecordedRegistryWriter:
    """`ports.RegistryWriter` that notes what another one writes."""

    def __init__(self, writer: RegistryWriter, recording: Recording) -> None:
        self._writer, self._recording = writer, recording

    def write(self, change: Action) -> None:
        """Make a change and note it; raises what the other writer does."""
        self._recording.made(lambda: self._writer.write(change), lambda: _noted(change))


class RecordedShadowStore:
    """`ports.ShadowStore` that notes what is written into another one."""

    def __init__(self, shadows: ShadowStore, recording: Recording) -> None:
        self._shadows, self._recording = shadows, recording
        self._read = threading.local()

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow."""
        self._read.last = self._shadows.shadow(key)
        found: Shadow | None = self._read.last
        return found

    def shadow_names(self, thing: str) -> frozenset[str]:
        """List the names of a thing's named shadows."""
        return self._shadows.shadow_names(thing)

    def make(self, key: Key) -> None:
        """Have a shadow exist."""
        made = AppliedChange(0, key, ChangeKind.CREATE, WriteResult.DONE)
        self._recording.made(lambda: self._shadows.make(key), lambda: made)

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version, and return the new version."""
        versions: list[int] = []
        before: Shadow | None = getattr(self._read, "last", None)
        if before is not None and (before.key, before.version) != (key, version):
            before = None
        fields = field_changes(None, Shadow(key, change))
        told = AppliedChange(0, key, ChangeKind.UPDATE, WriteResult.DONE, fields=fields, before=before)
        self._recording.made(lambda: versions.append(self._shadows.update(key, change, version)), lambda: told)
        return versions[0]

    def delete(self, key: Key) -> None:
        """Delete a shadow."""
        gone = AppliedChange(0, key, ChangeKind.DELETE, WriteResult.DONE)
        self._recording.made(lambda: self._shadows.delete(key), lambda: gone)


def _noted(change: Action) -> AppliedChange:
    before: Entity | None
    after: Entity | None
    match change:
        case Create(desired=after):
            before = None
        case Update(desired=after, actual=before):
            pass
        case Delete(actual=before):
            after = None
    fields = field_changes(before, after)
    return AppliedChange(0, change.key, kind_of(change), WriteResult.DONE, fields=fields, before=before)
