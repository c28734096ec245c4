"""Write docs/schemas/*.json: the forms of what `iot-dr --format json` prints, as JSON Schema.

`python -m docs.reference` writes them; tests/unit/iot_dr/cli/test_schemas.py holds every command's answer to its form.
An answer may have more members than its schema names: new ones come without a new version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iot_dr.cli.view.answers import VERSION
from iot_dr.model.drill.documents import FORM
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import Step
from iot_dr.model.sync.records import ChangeKind, WriteResult

FOLDER = Path(__file__).with_name("schemas")

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
YES_OR_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "description": "ISO 8601, UTC, milliseconds"}
ANYTHING: Schema = {}
KIND: Schema = {"enum": sorted(Kind)}
COUNTS: Schema = {"type": "object", "additionalProperties": WHOLE}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(*, optional: Mapping[str, Schema] | None = None, **members: Schema) -> Schema:
    return {"type": "object", "properties": {**members, **(optional or {})}, "required": sorted(members)}


def _answer(title: str, *, optional: Mapping[str, Schema] | None = None, **members: Schema) -> Schema:
    made = _object(optional=optional, version={"const": VERSION}, **members)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}


def _field(old: str, new: str) -> Schema:
    return _object(field=TEXT, optional={"diff": TEXT}, **{old: ANYTHING, new: ANYTHING})


_PROBLEM = _object(resource=TEXT, result=TEXT, reason=TEXT)
_FAILURE = _object(resource=TEXT, reason=TEXT)
_CHECK = _object(name=TEXT, level={"enum": ["ok", "warning", "failure"]}, found=TEXT, mend=TEXT)
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
_CHECKS = {"level": TEXT, "ok": WHOLE, "warning": WHOLE, "failure": WHOLE, "checks": _list_of(_CHECK)}

SCHEMAS: Mapping[str, Schema] = {
    "error": _answer("An error of any command, on standard error", error=_object(message=TEXT, exit_code=WHOLE)),
    "plan": _answer(
        "What sync, repair and restore would do",
        applied={"const": False},
        plan=_list_of(_object(kind=KIND, step={"enum": list(Step)}, number=WHOLE)),
        changes=WHOLE,
        existing=WHOLE,
        resources=_list_of(
            _object(
                resource=TEXT,
                kind=KIND,
                name=TEXT,
                other=TEXT,
                step={"enum": list(Step)},
                reason=TEXT,
                fields=_list_of(_field("old", "new")),
            )
        ),
    ),
    "applied": _answer(
        "What sync, repair and restore did with --apply",
        applied={"const": True},
        done=WHOLE,
        failed=WHOLE,
        left=WHOLE,
        problems=_list_of(_PROBLEM),
        calls={"type": "object"},
    ),
    "verify-line": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A difference that verify found, one line each",
        **_object(
            sigil={"enum": ["=", "+", "-", "*", "!"]},
            kind=KIND,
            name=TEXT,
            other=TEXT,
            reason=TEXT,
            fields=_list_of(_field("secondary", "primary")),
        ),
    },
    "verify-summary": _answer(
        "The last line of verify",
        summary=_object(
            differences=WHOLE, calls={"type": "object"}, seconds=NUMBER, kinds={"type": "object"}, notes=_list_of(TEXT)
        ),
    ),
    "history": _answer(
        "Runs that changed something",
        runs=_list_of(
            _object(
                **_HEADER,
                changes=COUNTS,
                refused=WHOLE,
                end=_or_null(_object(ended=TIME, done=WHOLE, failed=WHOLE, left=WHOLE)),
            )
        ),
    ),
    "history-run": _answer(
        "What one run changed",
        **_HEADER,
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
    "in-cloud": _answer(
        "What a sync in the account did, or how long it takes",
        arn=TEXT,
        applied=YES_OR_NO,
        optional={
            "run": TEXT,
            "status": TEXT,
            "reason": TEXT,
            "listed": COUNTS,
            "failures": _list_of(_FAILURE),
            "hours_if_all_are_new": NUMBER,
            "limit": {"type": "object"},
        },
    ),
    "snapshot": _answer(
        "What a snapshot holds",
        to=TEXT,
        snapshot_sha256=TEXT,
        region=TEXT,
        account=TEXT,
        began=WHOLE,
        ended=WHOLE,
        numbers=COUNTS,
        format=WHOLE,
        sha256={"type": "object"},
    ),
    "doctor": _answer("What the doctor found", **_CHECKS),
    "prove": _answer("What a trial proved", trial=TEXT, devices=WHOLE, seconds=NUMBER, notes=_list_of(TEXT), **_CHECKS),
    "replay": _answer("Events that did not arrive", applied=YES_OR_NO, letters=_list_of({"type": "object"})),
    "resource": _answer("How one resource stands", resource=TEXT, state=TEXT, reason=TEXT),
    "status": _answer("How replication stands"),
    "failover": _answer("What a failover came to"),
    "drill": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a drill found, as --format json and PAGE.json have it",
        **_object(
            form={"const": FORM},
            met=YES_OR_NO,
            judgements=_list_of(_object(about=TEXT, found=TEXT, met=YES_OR_NO)),
            summary={"type": "object", "additionalProperties": NUMBER},
            drill=TEXT,
            primary=TEXT,
            secondary=TEXT,
            began=TEXT,
            seconds=NUMBER,
            objectives=_object(rto=NUMBER, rpo=NUMBER),
            legs=_list_of(_object(source=TEXT, target=TEXT, cause=TEXT, at=NUMBER, lines=_list_of({"type": "object"}))),
            late_thing=_or_null(NUMBER),
            overwritten=WHOLE,
            quota=NUMBER,
            settings={"type": "object", "additionalProperties": TEXT},
            untested=_list_of(TEXT),
            left=_list_of(TEXT),
            fleet=_or_null(_object(name=TEXT, before=TEXT, moved=TEXT, as_asked=YES_OR_NO, plan=TEXT, stopped=TEXT)),
        ),
    },
    "publish": _answer(
        "What was published",
        buckets=_list_of(_object(name=TEXT, region=TEXT, made=YES_OR_NO)),
        uploaded=_list_of(TEXT),
        unchanged=WHOLE,
        template_url=TEXT,
        quick_create_link=TEXT,
    ),
}
"""Each form by the name of its file."""


def rendered(schema: Schema) -> str:
    """Return a schema as its file has it."""
    return json.dumps(schema, indent=2) + "\n"


def write() -> None:
    """Write all files."""
    for name, schema in SCHEMAS.items():
        (FOLDER / f"{name}.json").write_text(rendered(schema))
