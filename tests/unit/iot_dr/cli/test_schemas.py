"""Every answer for scripts has the form that is published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docs.schemas import FOLDER, SCHEMAS, rendered
from iot_dr.model.drill.documents import text_of
from iot_dr.model.drill.fleet import FleetFindings
from tests.unit.iot_dr.cli.commands.runs import test_history, test_runs
from tests.unit.iot_dr.cli.commands.runs.test_runs import ArrangedRuns
from tests.unit.iot_dr.cli.view import test_texts as played
from tests.unit.iot_dr.cli.view.test_texts import ILL, run
from tests.unit.iot_dr.model.drill.test_verdicts import GONE, WELL

arranged = played.arranged

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def faults(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:  # noqa: PLR0911  # one a keyword
    """Return what of a value is not as its schema says, as far as our schemas say anything."""
    if "anyOf" in schema:
        tried = [faults(value, one, where) for one in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    if "const" in schema and value != schema["const"]:
        return [f"{where} is {value!r}, not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}, none of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
        return [f"{where} is {type(value).__name__}, not {kind}"]
    if isinstance(value, list):
        inside = ((f"{where}[{at}]", one, schema.get("items", {})) for at, one in enumerate(value))
        return [fault for place, one, of in inside for fault in faults(one, of, place)]
    if not isinstance(value, dict):
        return []
    missing = [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    more = schema.get("additionalProperties", {})
    known = ((name, held, schema.get("properties", {}).get(name, more)) for name, held in value.items())
    return missing + [fault for name, held, of in known for fault in faults(held, of, f"{where}.{name}")]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_form_is_what_the_code_says_now(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == rendered(SCHEMAS[name]), "run: python -m docs.reference"


def test_nothing_else_is_published() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == SCHEMAS.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("doctor", ("doctor",)),
        ("plan", ("sync",)),
        ("plan", ("repair",)),
        ("plan", ("restore", ILL)),
        ("applied", ("sync", "--apply")),
        ("snapshot", ("snapshot", ILL)),
        ("in-cloud", ("sync", "--follow", ILL)),
        ("in-cloud", ("sync", "--redrive")),
        ("status", ("status",)),
        ("resource", ("status", "--thing", ILL)),
        ("prove", ("prove", "-n", "1")),
        ("replay", ("replay",)),
        ("failover", next(one for one in played.COMMANDS if one[0] == "failover")),
        ("publish", next(one for one in played.COMMANDS if one[0] == "publish")),
    ],
)
def test_an_answer_has_its_form(arranged: pytest.MonkeyPatch, name: str, words: tuple[str, ...]) -> None:
    assert faults(json.loads(run(*words, "--format", "json").stdout), SCHEMAS[name]) == []


def test_verify_has_a_form_for_each_line_and_one_for_the_last(arranged: pytest.MonkeyPatch) -> None:
    *lines, last = map(json.loads, run("verify", "--format", "json").stdout.splitlines())

    assert lines
    assert [fault for line in lines for fault in faults(line, SCHEMAS["verify-line"])] == []
    assert faults(last, SCHEMAS["verify-summary"]) == []


def test_an_error_has_its_form(arranged: pytest.MonkeyPatch) -> None:
    assert faults(json.loads(run("sync", "--select", "", "--format", "json").stderr), SCHEMAS["error"]) == []


def test_the_history_has_its_forms(tmp_path: Path) -> None:
    test_history.record(tmp_path, "us-east-1")
    for name, words in {
        "history": (),
        "history-run": (test_history.RUN,),
        "history-undo": (test_history.RUN, "--undo-plan"),
    }.items():
        answer = json.loads(test_history.run(tmp_path, *words, "--format", "json").stdout)
        assert faults(answer, SCHEMAS[name]) == []


def test_runs_have_their_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_runs.module, "open_cloud_sync", lambda _: ArrangedRuns())

    assert faults(json.loads(test_runs.run("--format", "json").stdout), SCHEMAS["runs"]) == []


@pytest.mark.parametrize("fleet", [None, GONE])
def test_a_drill_has_its_form(fleet: FleetFindings | None) -> None:
    assert faults(json.loads(text_of(replace(WELL, fleet=fleet))), SCHEMAS["drill"]) == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"version": 2, "error": {"message": "a", "exit_code": 2}}, "$.version is 2, not 1"),
        ({"version": 1, "error": {"message": "a"}}, "$.error.exit_code is missing"),
        ({"version": 1, "error": {"message": 1, "exit_code": 2}}, "$.error.message is int, not string"),
    ],
)
def test_an_answer_of_another_form_is_found(value: dict[str, Any], fault: str) -> None:
    assert faults(value, SCHEMAS["error"]) == [fault]
