"""Every answer for scripts has the form that is published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from docs.schemas import FOLDER, FORMS, SCHEMAS, rendered
from iot_dr.cli.commands import prove, status
from iot_dr.cli.commands.failover import drill
from iot_dr.cli.commands.runs import runs
from iot_dr.cli.main import COMMANDS, cli
from iot_dr.cli.view.answers import answer_text
from iot_dr.model.drill.documents import document_of
from iot_dr.model.drill.fleet import FleetFindings
from iot_dr.model.status.status_parts import Lag, StreamAge
from tests.unit.iot_dr.cli.commands.failover import test_drill
from tests.unit.iot_dr.cli.commands.runs import test_history, test_runs
from tests.unit.iot_dr.cli.commands.runs.test_runs import ArrangedRuns
from tests.unit.iot_dr.cli.forms import answer_faults, error_faults, faults
from tests.unit.iot_dr.cli.view import test_texts as played
from tests.unit.iot_dr.cli.view.test_texts import ILL, run
from tests.unit.iot_dr.model.drill.test_verdicts import GONE, WELL

arranged = played.arranged


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_form_is_what_the_code_says_now(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == rendered(SCHEMAS[name]), "run: python -m docs.reference"


def test_nothing_else_is_published() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == SCHEMAS.keys()


def test_every_form_is_of_a_command_and_every_command_that_prints_one_has_it() -> None:
    printing = {name for name in COMMANDS if "--format" in {option for one in options(name) for option in one.opts}}

    assert FORMS.keys() == printing
    assert {name for names in FORMS.values() for name in names} | {"error"} == SCHEMAS.keys()


def options(name: str) -> list[click.Parameter]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command.params


@pytest.mark.parametrize(
    "words", [one for one in played.COMMANDS if one[0] != "launch"], ids=lambda words: " ".join(words)[:20]
)
def test_an_answer_has_its_form(arranged: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert answer_faults(words[0], run(*words, "--format", "json").stdout) == []


@pytest.mark.parametrize(
    ("words", "name"), [(("sync",), "plan"), (("sync", "--apply"), "applied"), (("sync", "--redrive"), "in-cloud")]
)
def test_an_answer_has_the_form_of_what_was_asked(
    arranged: pytest.MonkeyPatch, words: tuple[str, ...], name: str
) -> None:
    assert faults(json.loads(run(*words, "--format", "json").stdout), SCHEMAS[name]) == []


def test_what_can_be_told_of_an_overview_has_its_form_as_what_cannot(arranged: pytest.MonkeyPatch) -> None:
    lags, streams = (Lag("registry", 1, 0.5, 1, None, 1, None, None),), (StreamAge("f", 1.5),)
    told = replace(played.OVERVIEW, lags=lags, streams=streams, drift=None, domains={ILL: None})
    arranged.setattr(status, "watched", lambda *_: lambda _: told)

    assert answer_faults("status", run("status", "--format", "json").stdout) == []


def test_a_drill_and_its_removal_have_their_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = test_drill.run(monkeypatch, "--format", "json")

    told = json.loads(result.stdout)
    assert faults(told, SCHEMAS["drill"]) == []
    assert told["summary"] == document_of(WELL)["summary"]
    monkeypatch.setattr(drill, "clean", lambda *_: 7)
    removed, _ = test_drill.run(monkeypatch, "--clean", test_drill.DRILL, "--format", "json")
    assert faults(json.loads(removed.stdout), SCHEMAS["drill-clean"]) == []


def test_the_removal_of_a_trial_has_its_form(arranged: pytest.MonkeyPatch) -> None:
    arranged.setattr(prove, "clean", lambda *_: 7)

    told = json.loads(run("prove", "--clean", "trial-1", "--format", "json").stdout)
    assert faults(told, SCHEMAS["prove-clean"]) == []


def test_verify_has_a_form_for_each_line_and_one_for_the_last(arranged: pytest.MonkeyPatch) -> None:
    *lines, last = map(json.loads, run("verify", "--format", "json").stdout.splitlines())

    assert lines
    assert [fault for line in lines for fault in faults(line, SCHEMAS["verify-line"])] == []
    assert faults(last, SCHEMAS["verify-summary"]) == []


@pytest.mark.parametrize("name", FORMS)
def test_an_error_of_every_command_has_its_form(name: str) -> None:
    result = run(name, "--no-such-option", "--format", "json")

    assert (result.exit_code, result.stdout) == (2, "")
    assert error_faults(result.stderr) == []


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
    monkeypatch.setattr(runs, "open_cloud_sync", lambda *_: ArrangedRuns())

    assert faults(json.loads(test_runs.run("--format", "json").stdout), SCHEMAS["runs"]) == []
    assert faults(json.loads(test_runs.run("--stop", "--format", "json").stdout), SCHEMAS["runs-stop"]) == []


@pytest.mark.parametrize("fleet", [None, GONE])
def test_a_drill_has_its_form(fleet: FleetFindings | None) -> None:
    assert faults(json.loads(answer_text(document_of(replace(WELL, fleet=fleet)))), SCHEMAS["drill"]) == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"version": 2, "error": {"message": "a", "exit_code": 2}}, "$.version is 2, not 1"),
        ({"version": 1, "error": {"message": "a"}}, "$.error.exit_code is missing"),
        ({"version": 1, "error": {"message": 1, "exit_code": 2}}, "$.error.message is int, not string"),
        ({"version": 1, "error": {"message": "a", "exit_code": 2, "more": 1}}, "$.error.more is not in the form"),
    ],
)
def test_an_answer_of_another_form_is_found(value: dict[str, Any], fault: str) -> None:
    assert faults(value, SCHEMAS["error"]) == [fault]
