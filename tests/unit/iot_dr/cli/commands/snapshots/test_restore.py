from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.snapshots import restore as module
from iot_dr.cli.main import cli
from iot_dr.model.registry.changes import Create, Update
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.keys import Kind, policy_key, thing_key
from iot_dr.model.sync.progress import ChangeResult, Ending, Planned, Step, SyncProgress
from iot_dr.ports.progress import RestoreObserver
from iot_dr.runtime.commands.restore import RestoreSettings
from tests.builders import a_policy

REGIONS: dict[str, Any] = {"primary_region": "us-east-1", "secondary_region": "us-west-2"}
TOOLSRC = {"PRIMARY_REGION": "us-east-1", "SECONDARY_REGION": "us-west-2"}


class Restoring:
    """A restore of which a test says how it goes."""

    taken_up = False

    def __init__(self, planned: Planned, standing: SyncProgress) -> None:
        self._planned, self._standing = planned, standing

    def plan(self) -> Planned:
        return self._planned

    def differences(self) -> Iterator[Difference]:
        return iter(())

    def apply(self) -> SyncProgress:
        return self._standing

    def problems(self) -> Iterator[ChangeResult]:
        return iter(
            [ChangeResult(thing_key("pump-17"), Ending.FAILED, "AWS refuses it")] if self._standing.failed else []
        )

    def uses(self) -> Mapping[str, Any]:
        return {}


POLICIES = (
    Difference(policy_key("new"), Sigil.MISSING, change=Create(a_policy("new"), "missing")),
    Difference(policy_key("alike"), Sigil.SURPLUS),
    *(
        Difference(policy_key(f"p{number:02}"), Sigil.DIFFERENT, change=Update(a_policy(), a_policy(), "differs"))
        for number in range(24)
    ),
)
ONE = Planned(Counter({(Kind.THING, Step.CREATE): 1}))
DONE = SyncProgress({Kind.THING: 1}, {Kind.THING: 1})


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, planned: Planned = ONE, standing: SyncProgress = DONE
) -> tuple[Result, list[Any]]:
    asked: list[Any] = []

    @contextmanager
    def open_restore(settings: RestoreSettings, source: str, watch: RestoreObserver) -> Iterator[Restoring]:
        asked.extend((settings, source))
        watch.policies(POLICIES)
        yield Restoring(planned, standing)

    monkeypatch.setattr(module, "open_restore", open_restore)
    return CliRunner().invoke(cli, ["restore", *arguments], env=TOOLSRC, prog_name="iot-dr"), asked


def test_a_dry_run_shows_the_plan_and_how_to_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, "today")

    assert result.exit_code == 1
    assert asked == [RestoreSettings("us-east-1", command="iot-dr restore today", **REGIONS), "today"]
    assert "restore today --apply`." in " ".join(result.stdout.split())


def test_where_nothing_differs_it_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "today", planned=Planned())

    assert (result.exit_code, result.stdout) == (0, "Nothing differs.\n")


def test_either_region_one_thing_or_shadows_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--into", "secondary", "--thing", "a", "--thing", "b", "--shadows", "--apply", "--unpaced")
    result, asked = run(monkeypatch, "s3://mine/today", *arguments, "--format", "json")

    given = "--apply --into secondary --thing a --thing b --with-shadows --format json --unpaced"
    assert result.exit_code == 0
    assert asked == [
        RestoreSettings(
            "us-west-2",
            ("a", "b"),
            shadows=True,
            paced=False,
            command=f"iot-dr restore s3://mine/today {given}",
            **REGIONS,
        ),
        "s3://mine/today",
    ]
    assert json.loads(result.stdout)["done"] == 1


def test_what_failed_is_told_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "today", "--apply", standing=SyncProgress({Kind.THING: 1}, {Kind.THING: 1}, failed=1))

    assert result.exit_code == 1
    assert "AWS refuses it" in result.stdout


@pytest.mark.parametrize("given", [(), ("--apply",)])
def test_policies_are_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]) -> None:
    result, _ = run(monkeypatch, "today", *given)

    told = result.stderr.splitlines()
    assert told[:3] == [
        "Policies, which say who may do what, that are created or changed:",
        "  create new",
        "  change p00",
    ]
    assert told[21] == "  ... and 5 more"


def test_the_checksum_that_was_noted_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = run(monkeypatch, "today", "--sha256", "ab12")

    assert asked[0] == RestoreSettings(
        "us-east-1", sha256="ab12", command="iot-dr restore today --sha256 ab12", **REGIONS
    )
