"""Write docs/schemas/*.json: the forms of what `iot-dr --format json` prints, as JSON Schema.

`python -m docs.reference` writes them; tests/unit/iot_dr/cli holds every command's answer to its form. Forms are
closed: an answer has no member that its form does not name. What commands print of a dataclass follows from its types.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from iot_dr.cli.view.answers import VERSION
from iot_dr.files.snapshot_folder import Manifest
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.drill.documents import FORM
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.drill.verdicts import Judgement
from iot_dr.model.failback.plan import FailbackVerdict
from iot_dr.model.failback.steps import FailbackStep
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence
from iot_dr.model.failover.names import NameAnswer
from iot_dr.model.registry.keys import Kind
from iot_dr.model.status.checks import Check
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Lag, StreamAge
from iot_dr.model.sync.adoption import AdoptionStanding
from iot_dr.model.sync.progress import Ending, Step
from iot_dr.model.sync.records import ChangeKind, GivenOrder, WriteResult
from iot_dr.services.events.replay import Letter
from iot_dr.services.failover.evict import Evicted
from iot_dr.services.launch.publish import Publication
from iot_dr.services.status.status import Group
from iot_dr.services.sweep import Swept

FOLDER = Path(__file__).with_name("schemas")

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
YES_OR_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "description": "ISO 8601, UTC, milliseconds"}
ANYTHING: Schema = {}
KIND: Schema = {"enum": sorted(Kind)}
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: Mapping[object, Schema] = {str: TEXT, int: WHOLE, float: NUMBER, bool: YES_OR_NO, type(None): {"type": "null"}}


def _or_null(schema: Schema) -> Schema:
    return _either(schema, {"type": "null"})


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": [*schemas]}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _object(*, optional: Mapping[str, Schema] | None = None, **members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": sorted(members),
        "additionalProperties": False,
    }


def _answer(title: str, *, optional: Mapping[str, Schema] | None = None, **members: Schema) -> Schema:
    made = _object(optional=optional, version={"const": VERSION}, **members)
    return {"$schema": DIALECT, "title": title, **made}


def _members(kind: Any, *, without: Sequence[str] = ()) -> dict[str, Schema]:
    """Return the members of what `dataclasses.asdict` makes of a value of this class."""
    types_of = typing.get_type_hints(kind)
    return {one.name: _of(types_of[one.name]) for one in dataclasses.fields(kind) if one.name not in without}


def _of(kind: Any) -> Schema:
    """Return the form of a value of this type, as a dataclass has it."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _either(*map(_of, inside))
    if origin is tuple:
        return _list_of(_either(*map(_of, dict.fromkeys(inside))) if Ellipsis not in inside else _of(inside[0]))
    if origin is not None:
        return _by_name(_of(inside[1]))
    if dataclasses.is_dataclass(kind):
        return _object(**_members(kind))
    if not issubclass(kind, enum.Enum):
        raise TypeError(f"{kind} has no form")
    return {"enum": [one.value for one in kind]}


def _field(old: str, new: str) -> Schema:
    """A field of a resource; a value that is not there is null, and what is a secret by its name is not shown."""
    return _object(field=TEXT, optional={"diff": TEXT}, **{old: ANYTHING, new: ANYTHING})


COUNTS = _by_name(WHOLE)
_UNREAD = _object(unread=TEXT)


def _or_unread(schema: Schema) -> Schema:
    """What may be told as `unread`, with the reason why it cannot be told."""
    return _either(schema, _UNREAD)


_NAMED = {"kind": KIND, "name": TEXT, "other": TEXT, "reason": TEXT}


def _counted(**by: Schema) -> Schema:
    """How many of each kind take which step."""
    return _list_of(_object(kind=KIND, **by, number=WHOLE))


def _changes(old: str, new: str, **more: Schema) -> Schema:
    """Resources with what differs in them."""
    return _list_of(_object(resource=TEXT, **_NAMED, **more, fields=_list_of(_field(old, new))))


_STEP: Schema = {"enum": list(Step)}
_STANDING: Schema = {"enum": list(AdoptionStanding)}
_PROBLEM = _object(resource=TEXT, result={"enum": list(Ending)}, reason=TEXT)
_FAILURE = _object(resource=TEXT, reason=TEXT)
_HEADER = {
    "run": TEXT,
    "began": TIME,
    "command": TEXT,
    "account": TEXT,
    "region": TEXT,
    "primary": TEXT,
    "secondary": TEXT,
    "release": TEXT,
}
_CHECKS = {"level": TEXT, "ok": WHOLE, "warning": WHOLE, "failure": WHOLE, "checks": _list_of(_of(Check))}
_ITEM = {
    "resource": TEXT,
    "state": TEXT,
    "reason": TEXT,
    **dict.fromkeys(("since", "checked_at", "applied_at"), _or_null(TIME)),
    "lag_ms": _or_null(WHOLE),
    "attempts": WHOLE,
    "next_attempt": _or_null(TIME),
    "event_id": _of(str | None),
    "owned": YES_OR_NO,
}
_IN_ITEM = {name: schema for name, schema in _ITEM.items() if name not in {"resource", "state", "reason"}}
_LEADERSHIP = {
    "control": _or_unread(_object(**{**_members(Control, without=["unwell"]), "at": _or_null(TIME)})),
    "fence": _or_unread(_object(**{**_members(Fence, without=["elsewhere_at"]), "since": _or_null(TIME)})),
}
_NAMES = _or_unread(_by_name(_or_unread(_of(NameAnswer))))
_VERIFIED = _or_null(_or_unread(_object(at=TIME, differing=WHOLE)))
_LAGS, _STREAMS = (_or_unread(_list_of(_of(kind))) for kind in (Lag, StreamAge))
_SIZE = _or_unread(_of(FleetSize))
_USE = _object(calls=WHOLE, refused=WHOLE, rate=NUMBER)
_LIMIT = _object(
    per_second=NUMBER, apis=_list_of(_object(region=TEXT, operation=TEXT)), assumed={**TEXT, "description": "why"}
)
_ROW: Mapping[str, Schema] = {"resource": TEXT, "step": {"enum": list(FailbackVerdict)}, "reason": TEXT}

SCHEMAS: Mapping[str, Schema] = {
    "error": _answer("An error of any command, on standard error", error=_object(message=TEXT, exit_code=WHOLE)),
    "plan": _answer(
        "What sync, repair and restore would do",
        applied={"const": False},
        plan=_counted(step=_STEP),
        changes=WHOLE,
        existing=WHOLE,
        resources=_changes("old", "new", step=_STEP),
    ),
    "applied": _answer(
        "What sync, repair and restore did with --apply",
        applied={"const": True},
        done=WHOLE,
        failed=WHOLE,
        left=WHOLE,
        problems=_list_of(_PROBLEM),
        calls=_by_name(_by_name(_USE)),
    ),
    "adoption": _answer(
        "What adopt would do",
        applied={"const": False},
        release=YES_OR_NO,
        chosen=WHOLE,
        digest=TEXT,
        numbers=_counted(standing=_STANDING),
        resources=_changes("secondary", "primary", standing=_STANDING, step={"enum": ["adopt", "leave", "release"]}),
    ),
    "adopted": _answer(
        "What adopt did with --apply",
        applied={"const": True},
        release=YES_OR_NO,
        done=WHOLE,
        left=WHOLE,
        problems=_list_of(_PROBLEM),
    ),
    "verify-line": {
        "$schema": DIALECT,
        "title": "A difference that verify found, one line each",
        **_object(
            sigil={"enum": ["=", "+", "-", "*", "!"]},
            **_NAMED,
            fields=_list_of(_field("secondary", "primary")),
        ),
    },
    "verify-summary": _answer(
        "The last line of verify",
        summary=_object(
            differences=WHOLE, calls=_by_name(COUNTS), seconds=NUMBER, kinds=_by_name(COUNTS), notes=_list_of(TEXT)
        ),
    ),
    "history": _answer(
        "Runs that changed something",
        runs=_list_of(
            _object(
                **_HEADER,
                changes=COUNTS,
                orders=WHOLE,
                refused=WHOLE,
                end=_or_null(_object(ended=TIME, done=WHOLE, failed=WHOLE, left=WHOLE)),
            )
        ),
    ),
    "history-run": _answer(
        "What one run changed and ordered",
        **_HEADER,
        orders=_list_of(_object(**{**_members(GivenOrder), "at": TIME})),
        changes=_list_of(
            _object(
                at=TIME,
                resource=TEXT,
                change={"enum": list(ChangeKind)},
                result={"enum": list(WriteResult)},
                reason=TEXT,
                requests=_list_of(TEXT),
                fields=_list_of(_field("old", "new")),
            )
        ),
    ),
    "history-undo": _answer(
        "How to take a run back",
        run=TEXT,
        snapshot=TEXT,
        restored=COUNTS,
        stays=WHOLE,
        unknown=WHOLE,
        commands=_list_of(TEXT),
    ),
    "runs": _answer(
        "Syncs in the account",
        runs=_list_of(
            _object(
                arn=TEXT,
                run=TEXT,
                status=TEXT,
                began=TIME,
                ended=_or_null(TIME),
                applies=YES_OR_NO,
                select=TEXT,
                again=TEXT,
            )
        ),
    ),
    "runs-stop": _answer("A sync in the account that is stopped", arn=TEXT, status=TEXT, applied=YES_OR_NO),
    "in-cloud": _answer(
        "What a sync in the account did, or how long it takes",
        arn=TEXT,
        applied=YES_OR_NO,
        optional={
            "run": TEXT,
            "status": TEXT,
            "reason": TEXT,
            "listed": COUNTS,
            "looks": _by_name(_object(total=WHOLE, failed=WHOLE)),
            "failures": _list_of(_FAILURE),
            "hours_if_all_are_new": NUMBER,
            "limit": _LIMIT,
        },
    ),
    "snapshot": _answer("What a snapshot holds", to=TEXT, snapshot_sha256=TEXT, **_members(Manifest)),
    "doctor": _answer("What the doctor found", **_CHECKS),
    "prove": _answer("What a trial proved", trial=TEXT, devices=WHOLE, seconds=NUMBER, notes=_list_of(TEXT), **_CHECKS),
    "prove-clean": _answer("What prove --clean removed", trial=TEXT, region=TEXT, removed=WHOLE),
    "replay": _answer("Events that did not arrive", applied=YES_OR_NO, letters=_list_of(_of(Letter))),
    "reconcile": _answer(
        "What a check of one resource would change",
        applied={"const": False},
        resource=TEXT,
        changes=_list_of(_object(resource=TEXT, step={"enum": ["create", "update", "delete", "stays"]}, reason=TEXT)),
    ),
    "reconcile-applied": _answer(
        "What came of a check of one resource",
        applied={"const": True},
        resource=TEXT,
        state=TEXT,
        reason=TEXT,
        optional=_IN_ITEM,
    ),
    "sweep": _answer("What a sweep found", applied=YES_OR_NO, **_members(Swept)),
    "resource": _answer(
        "How one resource stands",
        resource=TEXT,
        state=TEXT,
        reason=TEXT,
        certificates=_or_null(_list_of(TEXT)),
        optional=_IN_ITEM,
    ),
    "status-line": _answer("What waits or is held, a line each", **_ITEM),
    "status": _answer(
        "How replication stands",
        at=TIME,
        **_LEADERSHIP,
        name_servers=_NAMES,
        domains=_by_name(_or_null(_or_unread(_object(name=TEXT, enabled=YES_OR_NO, certificate_ends=_or_null(TIME))))),
        stacks=_or_unread(_list_of(_object(region=TEXT, name=TEXT, version=TEXT, status=TEXT))),
        lag_ms=_LAGS,
        streams=_STREAMS,
        looks_waiting=_or_unread(COUNTS),
        dead_letters=_or_unread(COUNTS),
        kept_stream_records=_or_unread(WHOLE),
        last_verify=_VERIFIED,
        waiting=WHOLE,
        held=WHOLE,
        groups=_list_of(_of(Group)),
        oldest=_list_of(_object(**_ITEM)),
    ),
    "failover": _answer(
        "What a failover came to",
        region=TEXT,
        other=TEXT,
        changed=YES_OR_NO,
        as_asked=YES_OR_NO,
        **_LEADERSHIP,
        losses=_or_null(
            _object(
                waiting=_or_unread(_object(states=COUNTS, oldest=_or_null(TIME), complete=YES_OR_NO)),
                lag_ms=_LAGS,
                streams=_STREAMS,
                last_verify=_VERIFIED,
                connected=_by_name(_SIZE),
            )
        ),
        other_told=_or_unread(YES_OR_NO),
        followed=YES_OR_NO,
        dns=_or_null(_object(seen=YES_OR_NO, unread=TEXT, name_servers=_NAMES)),
        devices=_or_null(_object(here=_SIZE, there=_SIZE)),
        evicted=_or_null(_of(Evicted)),
        not_evicted=TEXT,
        fenced=YES_OR_NO,
    ),
    "failback": _answer(
        "What a failback would do",
        applied={"const": False},
        plan={**TEXT, "description": "the digest that --accept takes"},
        differing=WHOLE,
        steps=_counted(step=_ROW["step"]),
        rows=_list_of(_object(**_ROW)),
        undecided=_list_of(_object(**_ROW, leader=_or_null({"type": "object"}), old=_or_null({"type": "object"}))),
    ),
    "failback-applied": _answer(
        "What a failback came to",
        applied={"const": True},
        complete=YES_OR_NO,
        done=_list_of({"enum": list(FailbackStep)}),
        stopped=_or_null({"enum": list(FailbackStep)}),
        why=TEXT,
        snapshot=TEXT,
        problems=_list_of(_PROBLEM),
        differing=_list_of(_FAILURE),
        left=WHOLE,
        new_since=COUNTS,
        left_behind=_list_of(TEXT),
    ),
    "drill": _answer(
        "What a drill found; times are seconds since it began",
        form={"const": FORM},
        met=YES_OR_NO,
        judgements=_list_of(_of(Judgement)),
        summary=_by_name(NUMBER),
        phases_of_rto=_by_name(_by_name(_by_name(NUMBER))),
        **_members(DrillResult),
    ),
    "drill-clean": _answer("What drill --clean removed", drill=TEXT, removed=WHOLE),
    "cost": _answer(
        "What a launch costs a month",
        fleet=_of(FleetFigures),
        notes=_list_of(TEXT),
        prices=_object(date=TEXT, source=TEXT),
        rows=_list_of(_object(part=TEXT, name=TEXT, how=TEXT, work=_by_name(NUMBER), usd=NUMBER)),
        usd_a_month=NUMBER,
        savings=_list_of(_object(what=TEXT, usd=NUMBER, loses=TEXT)),
    ),
    "uninstall": _answer(
        "What is removed of a launch, and what is left",
        applied=YES_OR_NO,
        removed=_list_of(TEXT),
        left=_list_of(_object(resource=TEXT, command=TEXT, unreadable=TEXT)),
        afterwards=_list_of(TEXT),
        fleet_name=TEXT,
        costs=_list_of(TEXT),
        failure=TEXT,
    ),
    "publish": _answer("What was published", **_members(Publication)),
}
"""Each form by the name of its file."""

FORMS: Mapping[str, tuple[str, ...]] = {
    "adopt": ("adoption", "adopted"),
    "cost": ("cost",),
    "doctor": ("doctor",),
    "drill": ("drill", "drill-clean"),
    "failback": ("failback", "failback-applied"),
    "failover": ("failover",),
    "history": ("history", "history-run", "history-undo"),
    "prove": ("prove", "prove-clean"),
    "publish": ("publish",),
    "reconcile": ("reconcile", "reconcile-applied"),
    "repair": ("plan", "applied"),
    "replay": ("replay",),
    "restore": ("plan", "applied"),
    "runs": ("runs", "runs-stop", "in-cloud"),
    "snapshot": ("snapshot",),
    "status": ("status", "status-line", "resource"),
    "sweep": ("sweep",),
    "sync": ("plan", "applied", "in-cloud"),
    "uninstall": ("uninstall",),
    "verify": ("verify-line", "verify-summary"),
}
"""The forms of each command's answers."""


def rendered(schema: Schema) -> str:
    """Return a schema as its file has it."""
    return json.dumps(schema, indent=2) + "\n"


def write() -> None:
    """Write all files."""
    for name, schema in SCHEMAS.items():
        (FOLDER / f"{name}.json").write_text(rendered(schema))
