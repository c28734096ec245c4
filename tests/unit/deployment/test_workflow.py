"""Continuous integration runs what a contributor runs, on the oldest Python that is supported and on the functions'."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml

from templates.blocks.functions import RUNTIME

ROOT = Path(__file__).resolve().parents[3]


def job() -> dict[str, Any]:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["jobs"]["test"]
    return found


def test_both_pythons_that_matter_are_tested() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    oldest = settings["options"]["python_requires"].removeprefix(">=")

    assert job()["strategy"]["matrix"]["python"] == [oldest, RUNTIME.removeprefix("python")]


def test_it_runs_the_script_of_the_repository_and_nothing_else() -> None:
    assert [step["run"] for step in job()["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").exists()


def test_it_may_read_the_repository_and_no_more() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()

    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert all(
        step["with"]["persist-credentials"] is False for step in job()["steps"] if "checkout" in step.get("uses", "")
    )


def test_every_form_for_an_issue_can_be_read() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    read = {form.stem: yaml.safe_load(form.read_text()) for form in forms}

    assert read.keys() == {"bug", "config", "wish"}
    asked = [entry["type"] for name in ("bug", "wish") for entry in read[name]["body"]]
    assert set(asked) == {"markdown", "input", "textarea"}
