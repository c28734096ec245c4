"""`iot-dr verify` tells each difference in one line, sums up in a table, and exits by what it found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import verify as module
from iot_dr.cli.main import UNREACHABLE, cli
from iot_dr.errors import AccessDenied, ConfigurationError, RegionUnavailable
from iot_dr.model.registry.differences import Difference, Numbers, Sigil
from iot_dr.model.registry.keys import Kind, group_membership_key, thing_key
from iot_dr.runtime.commands.comparison import ComparisonSettings
from tests.builders import a_thing

TOOLSRC = {"PRIMARY_REGION": "us-east-1", "SECONDARY_REGION": "us-west-2"}
DIFFERENCES = (
    Difference(thing_key("new"), Sigil.MISSING, "missing in the secondary"),
    Difference(thing_key("old"), Sigil.SURPLUS, "only the secondary has it"),
    Difference(thing_key("pump-1"), Sigil.DIFFERENT, "attributes differ"),
    Difference(group_membership_key("site", "pump-1"), Sigil.UNREADABLE, "primary unreadable: why"),
)
NUMBERS = {
    Kind.THING: Numbers(20_000, 20_000, {Sigil.SAME: 19_998, Sigil.MISSING: 1, Sigil.SURPLUS: 1, Sigil.DIFFERENT: 1}),
    Kind.GROUP_MEMBERSHIP: Numbers(1_000_000, 999_999, {Sigil.SAME: 999_999, Sigil.UNREADABLE: 1}),
}


@dataclass
class FakeVerifying:
    """What the command is given."""

    found: tuple[Difference, ...] = ()
    resumed: bool = False
    reading: Callable[[], None] = lambda: None
    reports: list[Path] = field(default_factory=list)
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: {"us-east-1": {"ListThings": 80}})
    counted: Mapping[Kind, Numbers] = field(default_factory=lambda: NUMBERS)

    @property
    def differing(self) -> int:
        return len(self.found)

    def read(self) -> None:
        self.reading()

    def differences(self, *, same: bool) -> Iterator[Difference]:
        if same:
            yield Difference(thing_key("alike"), Sigil.SAME)
        yield from self.found

    def numbers(self) -> Mapping[Kind, Numbers]:
        return self.counted

    def notes(self) -> list[str]:
        return ["3 differences were gone on the second read: replication caught up."]


def run(
    monkeypatch: pytest.MonkeyPatch, verifying: FakeVerifying | Exception, *arguments: str, **environ: Any
) -> Result:
    @contextmanager
    def opened(settings: ComparisonSettings, _progress: object) -> Iterator[FakeVerifying]:
        asked.append(settings)
        if isinstance(verifying, Exception):
            raise verifying
        yield verifying

    asked: list[ComparisonSettings] = []
    monkeypatch.setattr(module, "open_verification", opened)
    monkeypatch.setattr(module, "write_page", lambda run, path: run.reports.append(path))
    environment = {
        **TOOLSRC,
        "CERTIFICATE_MODE": None,
        "REPLICATE_SHADOWS": None,
        "SHADOW_NAME_PATTERN": None,
        **environ,
    }
    result = CliRunner().invoke(cli, ["verify", *arguments], env=environment, prog_name="iot-dr")
    result.asked = asked  # type: ignore[attr-defined]  # what the command was started with
    return result


def test_equal_regions_exit_0(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying())

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Both Regions hold the same."


def test_an_empty_fleet_is_equal_and_has_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(counted={}))

    assert result.exit_code == 0
    assert "0 things in" in result.stdout
    assert "calls a thing" not in result.stdout


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(monkeypatch, FakeVerifying(), "--report", str(tmp_path / "nowhere" / "verified.html"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot be written; give a file in a folder that is there" in result.stderr
    assert result.asked == []  # type: ignore[attr-defined]  # nothing was opened


def test_a_query_that_cannot_be_answered_leaves_nothing_to_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise ConfigurationError("the query 'x' selects no thing in us-east-1 or us-west-2")

    result = run(monkeypatch, FakeVerifying(reading=failing), "--select", "x")

    assert (result.exit_code, result.stderr) == (2, "error: the query 'x' selects no thing in us-east-1 or us-west-2\n")


def test_every_difference_is_one_line_with_its_sign_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(DIFFERENCES))

    assert result.exit_code == 1
    assert result.stdout.splitlines()[:4] == [
        "+ thing#new  missing in the secondary",
        "- thing#old  only the secondary has it",
        "* thing#pump-1  attributes differ",
        "! group_membership#site#pump-1  primary unreadable: why",
    ]
    assert result.stdout.splitlines()[-1] == "4 differences."


def test_what_differs_has_a_line_for_each_field_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    desired, actual = a_thing("pump-1", {"site": "north"}, "pump"), a_thing("pump-1", {"site": "south"})
    found = FakeVerifying((Difference(desired.key, Sigil.DIFFERENT, "why", desired=desired, actual=actual),))

    lines = run(monkeypatch, found).stdout.splitlines()
    told = json.loads(run(monkeypatch, found, "--format", "json").stdout.splitlines()[0])

    assert lines[:3] == [
        "* thing#pump-1  why",
        '      attributes.site: secondary "south", primary "north"',
        '      type_name: secondary has none, primary "pump"',
    ]
    assert told["fields"] == [
        {"field": "attributes.site", "secondary": "south", "primary": "north"},
        {"field": "type_name", "secondary": None, "primary": "pump"},
    ]


def test_the_table_fits_into_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(monkeypatch, FakeVerifying(DIFFERENCES)).stdout.splitlines()

    assert max(map(len, lines)) <= 100
    head = next(line for line in lines if line.startswith("Kind"))
    assert [part in head for part in ("= same", "+ missing", "- extra", "* differ", "! unread")] == [True] * 5
    assert any(line.split() == ["thing", "20,000", "20,000", "19,998", "1", "1", "1"] for line in lines)
    assert any("3 differences were gone" in line for line in lines)


def test_json_is_one_line_a_difference_and_a_summary_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(DIFFERENCES), "--format", "json")

    *found, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert found[3] == {
        "sigil": "!",
        "kind": "group_membership",
        "name": "site",
        "other": "pump-1",
        "reason": "primary unreadable: why",
        "fields": [],
    }
    assert last["summary"]["differences"] == 4
    assert last["summary"]["kinds"]["thing"]["+"] == 1
    assert last["summary"]["calls"] == {"us-east-1": {"ListThings": 80}}


def test_what_is_the_same_is_printed_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, FakeVerifying(), "--same").stdout.splitlines()[0] == "= thing#alike"


def test_the_page_is_written_where_one_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verifying = FakeVerifying(DIFFERENCES)
    path = tmp_path / "report.html"
    printed = run(monkeypatch, verifying, "--report", str(path)).stdout
    for_scripts = run(monkeypatch, verifying, "--report", str(path), "--format", "json")

    assert verifying.reports == [path, path]
    assert printed.splitlines()[-1] == f"The page is {path}"
    assert str(path) not in for_scripts.stdout
    assert for_scripts.stderr.splitlines()[-1] == f"The page is {path}"


def test_options_say_what_is_compared_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings(*arguments: str, **environ: str) -> ComparisonSettings:
        (found,) = run(monkeypatch, FakeVerifying(), *arguments, **environ).asked  # type: ignore[attr-defined]
        return found

    shadows: dict[str, Any] = {"replicate_shadows": "all", "shadow_name_pattern": ".*", "by_index": True}
    assert settings() == ComparisonSettings("us-east-1", "us-west-2", **shadows)
    assert settings("--primary", "eu-west-1", "--secondary", "eu-central-1") == ComparisonSettings(
        "eu-west-1", "eu-central-1", **shadows
    )
    assert settings("--profile", "ops", "--state", "here", "--unpaced", "--anew", "--select", "thingName:a*") == (
        ComparisonSettings(
            "us-east-1",
            "us-west-2",
            profile="ops",
            state="here",
            paced=False,
            anew=True,
            select="thingName:a*",
            **shadows,
        )
    )
    assert settings("--no-index").by_index is False
    fast = settings("--fast")
    assert (fast.sample, fast.replicate_shadows) == (module.SAMPLE, "none")
    assert settings(CERTIFICATE_MODE="jitr").certificate_mode == "jitr"
    assert settings(REPLICATE_SHADOWS="named").replicate_shadows == "named"


def test_a_sample_of_a_selection_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(), "--fast", "--select", "thingName:a")

    assert result.exit_code == 2
    assert "--fast is for the whole fleet" in result.stderr


def test_without_settings_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(), PRIMARY_REGION=None)

    assert result.exit_code == 2
    assert "PRIMARY_REGION (--primary-region)" in result.stderr


@pytest.mark.parametrize(
    "error", [RegionUnavailable("no answer"), AccessDenied("iot:ListThings"), ConfigurationError("x")]
)
def test_what_keeps_it_from_reading_exits_2_in_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    result = run(monkeypatch, error)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {error}")
    assert result.stderr.count("\n") == 1


def test_a_reading_that_fails_says_that_what_was_read_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise RegionUnavailable("us-west-2 does not answer")

    result = run(monkeypatch, FakeVerifying(reading=failing))

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "What was read is kept; run `iot-dr verify` again to continue from there.",
        f"error: us-west-2 does not answer; {UNREACHABLE}",
    ]


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    result = run(monkeypatch, FakeVerifying(reading=interrupted))

    assert result.exit_code == 2
    assert "run `iot-dr verify` again to continue" in result.stderr


def test_going_on_with_an_earlier_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--anew starts again from the beginning" in run(monkeypatch, FakeVerifying(resumed=True)).stderr


def test_a_pattern_that_is_none_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, FakeVerifying(), "--shadow-name-pattern", "(")

    assert result.exit_code == 2
    assert "is no regular expression" in result.stderr


@pytest.mark.parametrize(("width", "columns"), [(140, 8), (80, 6), (60, 5)])
def test_the_table_fits_the_terminal_and_keeps_what_differs(
    monkeypatch: pytest.MonkeyPatch, width: int, columns: int
) -> None:
    shown = run(monkeypatch, FakeVerifying(DIFFERENCES), COLUMNS=str(width), FORCE_COLOR="1").stdout

    lines = click.unstyle(shown).splitlines()
    (head,) = [line for line in lines if line.startswith("Kind")]
    assert max(map(len, lines)) <= width
    assert [part in head for part in ("+ missing", "- extra", "* differ", "! unread")] == [True] * 4
    assert len(re.split(r"\s{2,}", head.strip())) == columns
