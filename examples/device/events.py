"""What happens to a device; threads of the SDK put these into a queue, and one loop takes them out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Connected:
    """The server accepted the device."""

    connection: int


@dataclass(frozen=True)
class Disconnected:
    """The connection ended, or an attempt to connect failed; the SDK tries again by itself."""

    connection: int
    why: str


@dataclass(frozen=True)
class Subscribed:
    """The server answered the subscriptions; `refused` are the topics that it did not grant."""

    connection: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotSubscribed:
    """The server did not answer the subscriptions."""

    connection: int
    why: str


@dataclass(frozen=True)
class Acknowledged:
    """The server has this message."""

    sequence: int


@dataclass(frozen=True)
class NotAcknowledged:
    """The server refused this message, or did not answer in time."""

    connection: int
    sequence: int
    why: str


@dataclass(frozen=True)
class Received:
    """A message for the device. A retained one was published before the device subscribed."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True)
class Stop:
    """The program shall end."""


Event = Connected | Disconnected | Subscribed | NotSubscribed | Acknowledged | NotAcknowledged | Received | Stop
