"""Device shadows: what one holds, what an event tells of it, and what the ledger notes of its copy.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html. Of a shadow the sections `desired`
and `reported` are replicated. The rest is each Region's own: `delta` follows from them, `metadata` and `version` tell
when and how often they were written there.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from iot_dr.errors import EventError
from iot_dr.model.events.counts import count
from iot_dr.model.exact_json import Json, Number, parse, render
from iot_dr.model.registry.keys import Key, shadow_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.shadows.patterns import check

SECTIONS = ("desired", "reported")

Document = dict[str, Json]
"""A shadow's sections. An empty one is left out: AWS says that it may be empty or omitted, which means the same.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#device-shadow-empty-fields
"""

SHADOW_EVENT = "SHADOW_EVENT"
"""What the items of shadow events have for their `eventType`, which tells them from registry events."""

BEGUN = 8
"""Claims whose digests a note keeps while none has settled; a copy of an older one counts as somebody else's."""

RULE_DIGITS = 34
RULE_EXPONENT = 999
"""How precise and how large a number the rule engine keeps.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

_SPELLED_OUT = re.compile(r"(?:[A-Za-z0-9:_-]|\\[$:_-])+")
"""Part of a pattern that fits one name alone: characters of shadow names, as far as they stand for themselves."""


class Operation(enum.StrEnum):
    """What an event tells of a shadow."""

    UPDATED = "UPDATED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class ShadowState:
    """A state of the primary's shadow: its version, the second it was seen in (epoch milliseconds), what it held.

    No document: the shadow was gone.
    """

    version: int
    at: int
    document: Document | None


@dataclass(frozen=True)
class Shadow:
    """A shadow as a Region answers.

    `read_at` is that Region's own time, epoch milliseconds of a whole second. `written_at` is, in the same, when the
    youngest field that is there was written; 0 if none is.
    """

    key: Key
    document: Document
    version: int = field(default=0, compare=False)
    read_at: int = field(default=0, compare=False)
    written_at: int = field(default=0, compare=False)

    @property
    def source(self) -> ShadowState:
        """Return it as the state to bring about."""
        return ShadowState(self.version, self.read_at, self.document)


@dataclass(frozen=True)
class ShadowEvent:
    """One accepted update or deletion. Times are epoch milliseconds, 0 where the event does not tell.

    Attributes:
        key: the shadow.
        operation: what happened.
        version: of the document that it led to, or that was deleted.
        updated_at: AWS's time of it, a whole second.
        accepted_at: when the topic rule saw it, which starts the lag.
        event_id: ties log lines together.
        document: what the shadow held then; None if the event does not carry it exactly, or the shadow is gone.
    """

    key: Key
    operation: Operation
    version: int
    updated_at: int = 0
    accepted_at: int = 0
    event_id: str = ""
    document: Document | None = None

    @property
    def deleted(self) -> bool:
        """Tell whether the shadow was deleted."""
        return self.operation is Operation.DELETED

    @property
    def source(self) -> ShadowState:
        """Return what it tells of the primary."""
        return ShadowState(self.version, self.updated_at, self.document)


@dataclass(frozen=True)
class ShadowNote:
    """What the ledger notes of a shadow's copy. Times are epoch milliseconds.

    Attributes:
        claims: how many workers have set about writing so far, each over the one before; 0 if none has.
        settled: the number of the claim whose write has ended.
        version: the primary's, which the last claim brings about.
        source_at: the primary's time of it.
        deleted: the last claim brings about that there is no shadow.
        copy_version: the secondary's version after the write that ended last.
        digest: of the document that was written then.
        owned: replication made the copy.
        state: how it stands; None if nothing has ended yet.
        checked_at: when the state was noted last; 0 if there is none.
        due: it is noted to be checked again.
        waits: how many times a shadow that is not as the primary's was noted, or about to be noted, to wait.
        unsure_until: a write that no version guards, a creation or deletion, may land until then; 0 if none may.
        begun: digests of what the claims since the last settled one bring about, the latest last.
    """

    claims: int = 0
    settled: int = 0
    version: int = 0
    source_at: int = 0
    deleted: bool = False
    copy_version: int = 0
    digest: str = ""
    owned: bool = False
    state: State | None = None
    checked_at: int = 0
    due: bool = False
    waits: int = 0
    unsure_until: int = 0
    begun: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Tell whether the write of the last claim has ended, so that no older one can succeed any more."""
        return self.settled == self.claims

    def brings_about(self, source: ShadowState) -> bool:
        """Tell whether the last claim was of this very state of the primary."""
        return bool(self.claims) and (self.version, self.deleted) == (source.version, source.document is None)

    @property
    def is_waiting(self) -> bool:
        """Tell whether it is to be checked again for something else than a write that no version guards."""
        return self.due and (self.state in (State.PENDING, State.FAILED, State.HELD) or not self.unsure_until)

    def is_sure(self, since: int, own: int) -> bool:
        """Tell whether no unguarded write of anybody else may land from `since` on; `own` is the asker's own."""
        return self.unsure_until <= since or self.unsure_until == own

    def is_certain(self, copy: Shadow) -> bool:
        """Tell whether a copy is what the write that ended last left, and no other write can be under way."""
        return self.is_settled and self.copy_version == copy.version

    def is_foreign(self, copy: Shadow) -> bool:
        """Tell whether somebody else has written what a copy holds: a device that has failed over, perhaps.

        While a claim is open, replication has written it if it is what a claim brings about, or was there before: a
        worker may have ended between its write and its note.
        """
        if not copy.document or self.copy_version == copy.version:
            return False
        return self.is_settled or digest(copy.document) not in (self.digest, *self.begun)

    def claimed(
        self, source: ShadowState, *, owned: bool = False, unsure_until: int = 0, writes: bool = True
    ) -> ShadowNote:
        """Return the note with one more claim, of bringing about this state."""
        return replace(
            self,
            claims=self.claims + 1,
            version=source.version,
            source_at=source.at,
            deleted=source.document is None,
            owned=self.owned or owned,
            due=self.due or bool(unsure_until),
            unsure_until=unsure_until or self.unsure_until,
            begun=self.begun_with(source if writes else None),
        )

    def begun_with(self, source: ShadowState | None) -> tuple[str, ...]:
        """Return the digests of what is under way once this is, too; None for a claim that writes nothing."""
        document = () if source is None or source.document is None else (digest(source.document),)
        return (*(() if self.is_settled else self.begun), *document)[-BEGUN:]


@dataclass(frozen=True)
class ShadowSelection:
    """Which shadows are replicated: `all`, `classic`, `named` or `none`, and of the named those that a pattern fits.

    Raises:
        ConfigurationError: the pattern is none, or could take very long.
    """

    mode: str = "all"
    pattern: str = ".*"

    def __post_init__(self) -> None:
        check(self.pattern)

    @property
    def classic(self) -> bool:
        """Tell whether classic shadows are."""
        return self.mode in ("all", "classic")

    @property
    def named(self) -> bool:
        """Tell whether any named shadows are."""
        return self.mode in ("all", "named")

    @property
    def any(self) -> bool:
        """Tell whether any shadows are."""
        return self.classic or self.named

    @property
    def names(self) -> frozenset[str] | None:
        """Return the named shadows that can be meant, if the pattern spells them out like `a|b`; else None."""
        if not self.named:
            return frozenset()
        spelled = re.fullmatch(r"\((?:\?:)?([^()]*)\)|([^()]*)", self.pattern)
        names = (spelled[1] or spelled[2] or "").split("|") if spelled else [""]
        if not all(map(_SPELLED_OUT.fullmatch, names)):
            return None
        return frozenset(name.replace("\\", "") for name in names)

    def selects(self, name: str) -> bool:
        """Tell whether the shadow of this name is; the classic one has none."""
        return self.named and re.fullmatch(self.pattern, name) is not None if name else self.classic


def document_of(state: Any) -> Document:
    """Take the replicated sections out of a shadow's `state`, as `exact_json.parse` reads it.

    Raises:
        ValueError: it is not an object of objects.
    """
    sections = {} if state is None else state
    if not isinstance(sections, dict) or not all(isinstance(sections.get(name) or {}, dict) for name in SECTIONS):
        raise ValueError("a shadow's state is not an object of objects")
    return {name: sections[name] for name in SECTIONS if sections.get(name)}


def digest(document: Document) -> str:
    """Return a short text that differs whenever what was written differs."""
    return hashlib.sha256(render(document).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def decode_shadow_event(item: Mapping[str, Any]) -> ShadowEvent:
    """Read the event out of a table item, a mapping of plain values.

    Args:
        item: `resource` (the thing), `event_id`, `operation`, `shadow` (its name; none or empty for the classic one),
            `version`, `timestamp` (seconds), `accepted_at` (milliseconds), and of an update `payload` (base64 of the
            JSON of the whole state; without it the event does not carry the state).

    Raises:
        EventError: something is missing or garbled.
    """
    try:
        operation = Operation(item["operation"])
        return ShadowEvent(
            key=shadow_key(_name(item["resource"]), str(item.get("shadow") or "")),
            operation=operation,
            version=count(item["version"]),
            updated_at=count(item.get("timestamp") or 0) * 1000,
            accepted_at=count(item.get("accepted_at") or 0),
            event_id=str(item["event_id"]),
            document=_carried(item) if operation is Operation.UPDATED else None,
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise EventError(f"a shadow event lacks or garbles {error}") from error


def _name(thing: Any) -> str:
    if not isinstance(thing, str) or not thing:
        raise ValueError("the name of its thing")
    return thing


def _carried(item: Mapping[str, Any]) -> Document | None:
    payload = item.get("payload")
    if not payload:
        return None
    try:
        document = document_of(parse(base64.b64decode(payload, validate=True)))
    except (TypeError, binascii.Error, ValueError) as error:
        # Its text is not repeated: it may be part of the state.
        raise ValueError("its payload, which is not base64 of a shadow's state") from error
    return document if all(map(_kept_by_rules, numbers_in(document))) else None


def numbers_in(value: Json) -> Iterator[Number]:
    """Yield the numbers of a document, however deep they stand."""
    match value:
        case Number():
            yield value
        case dict():
            for each in value.values():
                yield from numbers_in(each)
        case list():
            for each in value:
                yield from numbers_in(each)


def _kept_by_rules(number: Number) -> bool:
    """Tell whether the rule engine, which the event came through, keeps such a number exactly."""
    value = number.value
    return len(value.as_tuple().digits) < RULE_DIGITS and abs(value.adjusted()) < RULE_EXPONENT


NO_SHADOWS = ShadowSelection("none")
