"""What asks a real account runs against the pair, by the same command: each probe answers, and nothing stays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.emulator import ROOT
from lab.operators import operator_environ
from lab.pair import ACCOUNT, Pair
from tests.real_account.catalogue import DOUBTS
from tests.real_account.made import PREFIX

LISTS = {
    "list_things": ("things", "thingName"),
    "list_policies": ("policies", "policyName"),
    "list_billing_groups": ("billingGroups", "groupName"),
    "list_thing_groups": ("thingGroups", "groupName"),
    "list_thing_types": ("thingTypes", "thingTypeName"),
}

SCENARIOS = ("device", "changes", "revocation")
"""Those whose commands have no test of their own here."""

OTHERWISE = {"connection-needs-sni", "usage-is-counted"}
"""What the emulator does otherwise than AWS is believed to."""

CANNOT_TELL = {
    "certificate-is-deleted-late",
    "thing-is-read-late",
    "shadow-is-read-at-once",
    "index-tells-versions",
    "quotas-have-names",
}
"""What the emulator never shows, or another test's setting decides."""

pytestmark = pytest.mark.row("O7")


def test_every_probe_answers_and_removes_what_it_made(pair: Pair, tmp_path: Path) -> None:
    names = [doubt.name for doubt in DOUBTS if doubt.probe] + list(SCENARIOS)
    environ = {**operator_environ(pair), "PYTHONPATH": f"{ROOT}:{ROOT}/source/lambda/iot_dr_layer/python"}
    command = [sys.executable, "-m", "tests.real_account", "--account", ACCOUNT, "--yes"]

    ran = subprocess.run(
        [*command, *(text for name in names for text in ("--only", name))],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1, ran.stdout + ran.stderr  # something is refuted, as below
    (report,) = (tmp_path / ".real-account").glob(f"{PREFIX}try-*.json")
    told = json.loads(report.read_text())
    verdicts = {name: finding["verdict"] for name, finding in told["findings"].items()}
    assert list(verdicts) == names
    assert {name for name, verdict in verdicts.items() if verdict == "refuted"} == OTHERWISE, ran.stdout
    assert {name for name, verdict in verdicts.items() if verdict == "unknown"} <= CANNOT_TELL, ran.stdout
    assert told["left"] == {}
    assert [name for region in (pair.primary, pair.secondary) for name in made(pair, region)] == []


def made(pair: Pair, region: str) -> list[str]:
    iot = pair.client("iot", region)
    found: list[Any] = [
        entry[name]
        for operation, (field, name) in LISTS.items()
        for page in iot.get_paginator(operation).paginate()
        for entry in page[field]
    ]
    return [name for name in found if name.startswith(PREFIX)]
