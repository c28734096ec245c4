"""Lays what two Regions list side by side as it comes, and drops at once what is alike: what is left is what differs.

Of a fleet that is the same in both Regions no more is held than what one list is ahead of the other, as short texts;
so the memory of a sweep grows with how far the lists are apart and with the differences, not with the fleet.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TypeVar

from iot_dr.model.registry.differences import Pair, Unreadable
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import from_json, to_json
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.sites import Side

Value = TypeVar("Value")

_OTHER = {Side.SOURCE: Side.TARGET, Side.TARGET: Side.SOURCE}


class SideBySide:
    """Takes entities from both Regions, by several threads, each once; entities must be translated already."""

    def __init__(self) -> None:
        self.number: Counter[Side] = Counter()
        """How many entities each Region has."""
        self._alone: dict[tuple[Side, Kind], dict[str, str]] = defaultdict(dict)
        self._unlike: dict[Kind, dict[str, tuple[str, str]]] = defaultdict(dict)
        self._unreadable: dict[Kind, dict[str, dict[Side, str]]] = defaultdict(dict)
        self._lock = threading.Lock()

    def add(self, side: Side, entity: Entity) -> None:
        """Take an entity of a Region, which has no key of two parts."""
        key = entity.key
        text = json.dumps(to_json(entity), separators=(",", ":"), ensure_ascii=False)
        # Of things alone no two need be alike; all certificates of a status share one text.
        text = text if key.kind is Kind.THING else sys.intern(text)
        with self._lock:
            self.number[side] += 1
            alike = self._alone[_OTHER[side], key.kind].pop(key.name, None)
            if alike is None:
                self._alone[side, key.kind][key.name] = text
            elif alike != text:
                texts = (text, alike) if side is Side.SOURCE else (alike, text)
                self._unlike[key.kind][key.name] = texts

    def add_unreadable(self, side: Side, entry: Unreadable) -> None:
        """Take what a Region has and does not tell of in a way that can be read."""
        with self._lock:
            self.number[side] += 1
            self._unreadable[entry.key.kind].setdefault(entry.key.name, {})[side] = entry.reason

    def forget(self, key: Key) -> None:
        """Let a resource go, whatever was taken of it."""
        for side in Side:
            self._alone[side, key.kind].pop(key.name, None)
        self._unlike[key.kind].pop(key.name, None)
        self._unreadable[key.kind].pop(key.name, None)

    def forget_alone(self) -> None:
        """Let go what was taken from one Region alone: if a list was not read to its end, that says nothing."""
        self._alone.clear()

    def pairs(
        self,
        kind: Kind,
        after: Key | None = None,  # noqa: ARG002  # the protocol's; nothing has an order here
        *,
        differing: bool = False,  # noqa: ARG002  # the protocol's; nothing else is left
    ) -> Iterator[Pair]:
        """Yield what differs of a kind, once all was taken, and let it go; the order is nobody's."""
        for name, reasons in _drained(self._unreadable[kind]):
            key = Key(kind, name)
            self.forget(key)
            yield Pair(key, unreadable=reasons)
        for side in Side:
            for name, text in _drained(self._alone[side, kind]):
                key = Key(kind, name)
                found = from_json(key, json.loads(text))
                yield Pair(key, found, None) if side is Side.SOURCE else Pair(key, None, found)
        for name, texts in _drained(self._unlike[kind]):
            key = Key(kind, name)
            source, target = (from_json(key, json.loads(text)) for text in texts)
            yield Pair(key, source, target)


def _drained(found: dict[str, Value]) -> Iterator[tuple[str, Value]]:
    while found:
        yield found.popitem()
