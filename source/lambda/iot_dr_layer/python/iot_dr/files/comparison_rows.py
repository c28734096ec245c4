"""The tables of a comparison's file, and how a row is written and read.

A relation to a certificate is filed under the certificate, since that is the order in which certificates are read and
registered; everything else under its own name.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from iot_dr.model.registry.differences import Difference, Pair, Sigil
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import counted, from_json, to_json
from iot_dr.model.registry.field_changes import FieldChange
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import BY_CERTIFICATE, ROWS
from iot_dr.model.registry.read_calls import SEARCHES, SUBJECTS, ReadCall
from iot_dr.model.registry.tagging import tags_of
from iot_dr.model.sites import Side

TABLES = """
CREATE TABLE IF NOT EXISTS entity (
  kind INTEGER, name TEXT, other TEXT, side INTEGER, value TEXT, counts TEXT, answered INTEGER DEFAULT 0,
  unreadable TEXT DEFAULT '', PRIMARY KEY (kind, name, other, side)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (
  side INTEGER, question TEXT, subject TEXT, token TEXT, PRIMARY KEY (side, question, subject)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS difference (
  wave INTEGER, level INTEGER, kind INTEGER, name TEXT, other TEXT, sigil TEXT, reason TEXT,
  fields TEXT,
  PRIMARY KEY (wave, level, kind, name, other)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
"""

NAMES = ("entity", "place", "difference", "fact")
KINDS = tuple(Kind)
RANKS = {kind: rank for rank, kind in enumerate(KINDS)}
SIDES = {Side.SOURCE: 0, Side.TARGET: 1}
BITS = {question: 1 << bit for bit, question in enumerate((*SUBJECTS, *SEARCHES))}
NAMES_ALONE = frozenset(row.listed_by for row in ROWS if row.described_by) | {ReadCall.NAMED_SHADOWS}
"""Lists that tell less of a resource than its description, which may have been read already."""

FILED_BY_CERTIFICATE = frozenset(BY_CERTIFICATE)

Row = tuple[Any, ...]


def unanswered(question: ReadCall, *, on_both_sides: bool) -> str:
    """Return the tables and the condition that find the subjects of a question that has not been answered.

    Its parameters are the subjects' kind, the side and the question's bit.
    """
    found = "FROM entity AS e WHERE kind = ? AND side = ? AND answered & ? = 0 AND unreadable = ''"
    if question is ReadCall.THINGS_OF_GROUP:
        # AWS keeps a dynamic group's things by its query; they are no memberships.
        found += " AND json_extract(value, '$.query') IS NULL"
    if on_both_sides:
        found += (
            " AND EXISTS (SELECT 1 FROM entity AS o"
            " WHERE o.kind = e.kind AND o.name = e.name AND o.other = '' AND o.side = 1 - e.side)"
        )
    return found


_ANEW = """DO UPDATE SET counts = excluded.counts, value = CASE
  WHEN json_type(value, '$.tags') IS NOT NULL AND json_type(excluded.value, '$.tags') IS NULL
  THEN json_set(excluded.value, '$.tags', json_extract(value, '$.tags')) ELSE excluded.value END"""
"""Written anew, a resource keeps the tags that were read before."""


def insert(database: sqlite3.Connection, side: Side, entities: Sequence[Entity], *, anew: bool) -> None:
    """Write entities; what is there already is written anew, or stays as it is."""
    conflict = _ANEW if anew else "DO NOTHING"
    database.executemany(
        "INSERT INTO entity (kind, name, other, side, value, counts) "  # noqa: S608  # ends in one of the texts above
        f"VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name, other, side) {conflict}",
        (
            (*place_of(entity.key), SIDES[side], text_of(to_json(entity)), text_of(counted(entity)))
            for entity in entities
            if _may_be_compared(entity.key)
        ),
    )


def bill(database: sqlite3.Connection, side: Side, group: str, things: Sequence[Entity]) -> None:
    """Say of things which billing group they are in."""
    database.executemany(
        "UPDATE entity SET value = json_set(value, '$.billing_group', ?) "
        "WHERE kind = ? AND name = ? AND other = ? AND side = ?",
        ((group, *place_of(thing.key), SIDES[side]) for thing in things),
    )


def label(database: sqlite3.Connection, side: Side, tagged: Sequence[Entity]) -> None:
    """Say of resources which tags they have, beside those that an earlier page told."""
    database.executemany(
        "UPDATE entity SET value = json_patch(value, ?) WHERE kind = ? AND name = ? AND other = ? AND side = ?",
        ((text_of({"tags": dict(tags_of(one) or {})}), *place_of(one.key), SIDES[side]) for one in tagged),
    )


def _may_be_compared(key: Key) -> bool:
    # The health checker's policies stay until they have told which certificates are its own.
    return not key.reserved or key.kind in (Kind.POLICY, Kind.POLICY_ATTACHMENT)


def place_of(key: Key) -> tuple[int, str, str]:
    """Return where a key is filed."""
    if key.kind in FILED_BY_CERTIFICATE:
        return RANKS[key.kind], key.other, key.name
    return RANKS[key.kind], key.name, key.other


def key_at(kind: Kind, first: str, second: str) -> Key:
    """Return the key that is filed there."""
    return Key(kind, second, first) if kind in FILED_BY_CERTIFICATE else Key(kind, first, second)


def pairs(kind: Kind, rows: Sequence[Row], *, differing: bool) -> Iterator[Pair]:
    """Lay rows of one kind, in their order, side by side; perhaps only what does not read the same."""
    at = 0
    while at < len(rows):
        one = rows[at]
        other = rows[at + 1] if at + 1 < len(rows) and rows[at + 1][:2] == one[:2] else None
        at += 1 if other is None else 2
        if not (differing and other is not None and one[3] == other[3] and not one[5] and not other[5]):
            yield _pair(key_at(kind, one[0], one[1]), one, other)


def _pair(key: Key, *rows: Row | None) -> Pair:
    found: dict[Side, Entity] = {}
    unreadable: dict[Side, str] = {}
    for row in (row for row in rows if row is not None):
        side = Side.TARGET if row[2] else Side.SOURCE
        if row[5]:
            unreadable[side] = row[5]
        else:
            found[side] = from_json(key, _value(row[3]), _value(row[4]))
    return Pair(key, found.get(Side.SOURCE), found.get(Side.TARGET), unreadable)


def text_of(value: dict[str, Any]) -> str:
    """Write JSON as short as it can be."""
    # Most relations, and what a Region counts of them, are empty.
    return json.dumps(value, separators=(",", ":")) if value else "{}"


def fields_text(difference: Difference) -> str:
    """Write the fields in which both Regions' values differ; of what one Region alone has, the name says enough."""
    if difference.sigil is not Sigil.DIFFERENT:
        return ""
    return storable(json.dumps([dataclasses.astuple(one) for one in difference.fields], separators=(",", ":")))


def fields_of(text: str) -> tuple[FieldChange, ...]:
    """Read back what `fields_text` wrote."""
    return tuple(FieldChange(*one) for one in json.loads(text or "[]"))


def storable(text: str) -> str:
    """Return a text that UTF-8 can hold: what it cannot, half of a surrogate pair, as JSON escapes it.

    >>> storable("a\\ud800b")
    'a\\\\ud800b'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _value(text: str) -> dict[str, Any]:
    value: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return value
