"""Where events wait: the table that carries them, and what could not be stored or handled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from iot_dr.model.events.dead_letters import FailedBatch, Message


class ErrorQueue(Protocol):
    """The queue of what the rules could not store."""

    def waiting(self) -> int:
        """Return roughly how many messages there are."""

    def reading(self) -> AbstractContextManager[Iterator[Sequence[Message]]]:
        """Hand out every message once, in batches; what is not deleted by the end stays."""

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were handed out."""


class EventTable(Protocol):
    """The table that carries events to the secondary Region."""

    def put(self, item: Mapping[str, str | int]) -> None:
        """Write one event; one with the same key is replaced, so the same again changes nothing."""


class ProvisioningTemplate(Protocol):
    """The template by which devices of the primary are registered."""

    def body(self) -> str:
        """Read its default version; raises `ConfigurationError` if it is not enabled."""

    def apply(self, body: str, parameters: Mapping[str, str]) -> None:
        """Make what it says, with these parameters."""


class FailedRecords(Protocol):
    """What the stream's failure destination keeps."""

    def keys(self) -> Sequence[str]:
        """Return the keys of what is kept."""

    def read(self, key: str) -> FailedBatch:
        """Read one of them; raises `EventError` if it is not what Lambda keeps."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete what was replayed."""
