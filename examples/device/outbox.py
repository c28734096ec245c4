"""Messages that the server has not acknowledged: what a device must send again after it has connected again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """One message with its number. When it is sent again its bytes are the same, so a receiver sees that it came twice.

    Attributes:
        sequence: 1 for the first message of a run of the program, then 2, 3, ...
    """

    sequence: int
    payload: bytes


class Outbox:
    """The messages of one run of the program, from when they are made until they are acknowledged.

    They are kept in memory. A device that must not lose what it measured before a power cut keeps them on its disk.
    """

    def __init__(self, device: str, run: str, keep: int = 1000) -> None:
        self._names = {"device": device, "run": run}
        self._keep = keep
        self._made = 0
        self._kept: dict[int, Message] = {}
        self._sent: set[int] = set()
        self.dropped = 0

    def add(self, values: Mapping[str, Any]) -> Message:
        """Make a message of some values; the oldest one goes when more than `keep` would wait."""
        self._made += 1
        numbered = {**values, **self._names, "sequence": self._made}
        message = Message(self._made, json.dumps(numbered).encode())
        self._kept[message.sequence] = message
        if len(self._kept) > self._keep:
            self.acknowledged(next(iter(self._kept)))
            self.dropped += 1
        return message

    def to_send(self) -> Iterator[Message]:
        """Take what has not been sent over this connection, oldest first."""
        for message in [kept for sequence, kept in self._kept.items() if sequence not in self._sent]:
            self._sent.add(message.sequence)
            yield message

    def acknowledged(self, sequence: int) -> None:
        """Forget a message, as the server has it; a second acknowledgement of the same changes nothing."""
        self._kept.pop(sequence, None)
        self._sent.discard(sequence)

    def send_again(self, sequence: int) -> None:
        """Have one message sent again, as the server did not take it."""
        self._sent.discard(sequence)

    def disconnected(self) -> None:
        """Have all sent again over the next connection: nobody knows which of them arrived."""
        self._sent.clear()

    def __len__(self) -> int:
        return len(self._kept)
