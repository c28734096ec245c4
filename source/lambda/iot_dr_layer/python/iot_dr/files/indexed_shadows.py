"""What the index of things has told of a comparison's shadows, and which of them need no reading by themselves.

A thing's row and a shadow's row are marked where the index told of them. A shadow that both Regions' indexes show the
same counts as read; so does that neither has a classic shadow. Anything else is asked for one by one.
"""

from __future__ import annotations

import sqlite3
from types import MappingProxyType

from iot_dr.files.comparison_rows import BITS, RANKS, SIDES, text_of
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import counted, to_json
from iot_dr.model.registry.keys import Key, Kind, shadow_key
from iot_dr.model.registry.read_calls import Page, ReadCall
from iot_dr.model.sites import Side

_NUMBERS = MappingProxyType(
    {
        "thing": RANKS[Kind.THING],
        "shadow": RANKS[Kind.SHADOW],
        "told": BITS[ReadCall.SHADOW_INDEX],
        "listed": BITS[ReadCall.NAMED_SHADOWS],
        "read": BITS[ReadCall.SHADOW],
    }
)
"""How kinds and marks are numbered in the statements below."""

_FORGET = "UPDATE entity SET answered = answered & ~:told WHERE answered & :told"

_TELL_OF_THING = """
UPDATE entity SET answered = answered | :told WHERE kind = :thing AND name = :name AND other = '' AND side = :side
"""

_TELL_OF_SHADOW = """
INSERT INTO entity (kind, name, other, side, value, counts, answered)
SELECT :shadow, :name, :other, :side, :value, :counts, :told
WHERE EXISTS (SELECT 1 FROM entity WHERE kind = :thing AND name = :name AND other = '' AND side = :side)
ON CONFLICT (kind, name, other, side) DO UPDATE
SET value = excluded.value, counts = excluded.counts, answered = answered | excluded.answered
WHERE answered & :read = 0
"""

_TOLD_THERE_TOO = """
EXISTS (SELECT 1 FROM entity AS t WHERE t.kind = :thing AND t.name = e.name AND t.other = ''
        AND t.side = 1 - e.side AND t.answered & :told)
"""

_EXPECT_CLASSIC = f"""
INSERT OR IGNORE INTO entity (kind, name, other, side, value, counts)
SELECT :shadow, e.name, '', e.side, '{{"document":"{{}}"}}', '{{}}' FROM entity AS e
WHERE e.kind = :thing AND e.side = :side AND NOT (
  :by_index AND e.answered & :told AND {_TOLD_THERE_TOO}
  AND NOT EXISTS (SELECT 1 FROM entity AS s WHERE s.kind = :shadow AND s.name = e.name AND s.other = ''))
"""  # noqa: S608  # made of texts of this module

_TAKE_NAMED = f"""
UPDATE entity AS e SET answered = answered | :listed
WHERE kind = :thing AND answered & :told AND {_TOLD_THERE_TOO}
"""  # noqa: S608  # made of texts of this module

_EXPECT_COUNTERPARTS = f"""
INSERT OR IGNORE INTO entity (kind, name, other, side, value, counts)
SELECT :shadow, e.name, e.other, 1 - e.side, '{{"document":"{{}}"}}', '{{}}' FROM entity AS e
WHERE e.kind = :shadow AND e.other != '' AND e.answered & :told AND {_TOLD_THERE_TOO}
"""  # noqa: S608  # made of texts of this module

_SETTLE = """
UPDATE entity AS e SET answered = answered | :read WHERE kind = :shadow AND answered & :told
AND EXISTS (SELECT 1 FROM entity AS o WHERE o.kind = e.kind AND o.name = e.name AND o.other = e.other
            AND o.side = 1 - e.side AND o.answered & :told AND o.value = e.value)
"""

_OF_IT = "FROM entity AS s WHERE s.kind = :shadow AND s.name = e.name AND s.other = :other"

_DRAW = f"""
SELECT e.name FROM entity AS e WHERE e.kind = :thing AND e.side = 0 AND e.answered & :told AND {_TOLD_THERE_TOO}
AND CASE WHEN :shown
  THEN (SELECT s.value {_OF_IT} AND s.side = 0 AND s.answered & :told)
     = (SELECT s.value {_OF_IT} AND s.side = 1 AND s.answered & :told)
  ELSE NOT EXISTS (SELECT 1 {_OF_IT}) END
ORDER BY random() LIMIT :number
"""  # noqa: S608  # made of texts of this module


def forget(database: sqlite3.Connection) -> None:
    """Take nothing for told by the index."""
    database.execute(_FORGET, {**_NUMBERS})


def keep_told(database: sqlite3.Connection, side: Side, answer: Page) -> None:
    """Keep a page of the index, but for things that the Region's list did not have and shadows that were read."""
    at = {**_NUMBERS, "side": SIDES[side]}
    database.executemany(_TELL_OF_THING, ({**at, "name": name} for name in answer.told))
    database.executemany(_TELL_OF_SHADOW, ({**at, **_row(entity)} for entity in answer.entities))


def _row(entity: Entity) -> dict[str, str]:
    value, counts = text_of(to_json(entity)), text_of(counted(entity))
    return {"name": entity.key.name, "other": entity.key.other, "value": value, "counts": counts}


def expect_classic(database: sqlite3.Connection, side: Side, *, by_index: bool) -> None:
    """Have classic shadows asked for: of each thing, or of each of which the indexes do not both tell of none."""
    database.execute(_EXPECT_CLASSIC, {**_NUMBERS, "side": SIDES[side], "by_index": by_index})


def drawn(database: sqlite3.Connection, name: str, number: int, *, shown: bool) -> tuple[Key, ...]:
    """Draw at random so many shadows of one name that both indexes show the same; or that neither shows."""
    rows = database.execute(_DRAW, {**_NUMBERS, "other": name, "number": number, "shown": shown})
    return tuple(shadow_key(thing, name) for (thing,) in rows)


def settle(database: sqlite3.Connection) -> None:
    """Have no shadow asked for that both indexes show the same."""
    database.execute(_SETTLE, {**_NUMBERS})


def take_named(database: sqlite3.Connection) -> None:
    """Have no named shadows listed of things that both indexes tell of, but what only one of them shows asked for."""
    database.execute(_TAKE_NAMED, {**_NUMBERS})
    database.execute(_EXPECT_COUNTERPARTS, {**_NUMBERS})
