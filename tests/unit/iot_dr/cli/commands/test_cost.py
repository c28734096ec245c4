"""`iot-dr cost`: figures in, rows with prices out; the account is asked only if that is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.launch import cost
from iot_dr.cli.main import cli
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.cost import AccountFigures
from tests.account import NAMES, VARIABLES


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["cost", *words], env=VARIABLES)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> list[LaunchNames]:
    asked: list[LaunchNames] = []

    def read(environment: LaunchNames, profile: str) -> AccountFigures:
        assert profile == "mine"
        asked.append(environment)
        return AccountFigures(FleetFigures(500, changes_a_day=7), ("counted to a part",))

    monkeypatch.setattr(cost, "read_account", read)
    return asked


def test_a_months_rows_their_sum_the_prices_and_what_is_cheaper_are_shown() -> None:
    result = run("--things", "10000")

    assert result.exit_code == 0, result.output
    assert [line.split()[-1] for line in result.output.splitlines() if line.startswith("Sum")] == ["50.04"]
    assert "Prices of 2026-09: AWS's list prices" in result.output
    assert "SweepMinutes 30" in result.output


def test_scripts_get_the_same_with_the_work_of_each_row() -> None:
    found = json.loads(run("--things", "10000", "--format", "json").output)

    (lists,) = [row for row in found["rows"] if row["name"] == "Lists of things"]
    assert (lists["work"], lists["usd"]) == ({"registry_operation": 233_600}, 0.292)
    assert found["usd_a_month"] == 50.04


def test_the_account_is_asked_and_what_is_given_counts_instead(account: list[LaunchNames]) -> None:
    words = ("--from-account", "--profile", "mine", "--things", "1000", "--check-seconds", "10", "--format", "json")
    found = json.loads(run(*words).output)

    assert account == [LaunchNames(**NAMES)]
    fleet = found["fleet"]
    assert (fleet["things"], fleet["changes_a_day"], fleet["check_seconds"]) == (1000, 7, 10)
    assert found["notes"] == ["counted to a part"]


def test_other_prices_are_used_and_named(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('date = "2027-01"\nsource = "our list"\nmetric = 1.30\n')

    result = run("--things", "10000", "--prices", str(prices))

    assert "Prices of 2027-01: our list." in result.output
    assert "64.04" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "missing: --things or --from-account"),
        (("--things", "-1"), "--things"),
        (("--things", "1", "--prices", "none.toml"), "none.toml cannot be read"),
        (("--things", "1", "--with-name", "--no-health-checkers"), "needs the health checkers"),
    ],
)
def test_what_cannot_be_reckoned_is_told(words: tuple[str, ...], told: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert told in result.output
