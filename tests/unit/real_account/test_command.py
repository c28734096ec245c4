"""The command asks nothing of an account that was not named, confirmed and fits the credentials."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.real_account import catalogue
from tests.real_account.__main__ import SETTINGS, WrongUseError, label, main, planned
from tests.real_account.budget import CallBudget
from tests.real_account.crossing import SCENARIOS

ACCOUNT = "123456789012"
NAMED = ("--account", ACCOUNT, "--primary", "eu-west-1", "--secondary", "eu-central-1")


class Cloud:
    """Credentials of an account; any call but the question whose they are is a failure."""

    def __init__(self, account: str = ACCOUNT) -> None:
        self._account = account
        self.asked: list[str] = []

    def __call__(self, _options: argparse.Namespace, _budget: CallBudget) -> Callable[[str, str], Any]:
        return lambda service, _region: self._client(service)

    def _client(self, service: str) -> Any:
        self.asked.append(service)
        identity = {"Account": self._account, "Arn": f"arn:aws:iam::{self._account}:user/me"}
        return SimpleNamespace(get_caller_identity=lambda: identity)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operator's shell without a launch's settings, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in (*SETTINGS, "PRIMARY_REGION", "SECONDARY_REGION"):
        monkeypatch.delenv(name, raising=False)


def unasked(_question: str) -> str:
    pytest.fail("nothing is to be asked")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--yes",),
        ("--account", ACCOUNT),
        ("--account", ACCOUNT, "--primary", "eu-west-1", "--secondary", "eu-west-1"),
        (*NAMED, "--label", "production"),
        (*NAMED, "--only", "nothing-of-that-name"),
        (*NAMED, "--only", "rule-stores-text"),
        (*NAMED, "--clean", "/etc/passwd"),
    ],
)
def test_without_an_account_and_its_regions_aws_is_asked_nothing(arguments: tuple[str, ...]) -> None:
    cloud = Cloud()

    assert main(arguments, unasked, cloud) == 2

    assert cloud.asked == []


def test_a_list_asks_aws_nothing_and_tells_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud()

    assert main(["--list"], unasked, cloud) == 0

    assert cloud.asked == []
    assert "requests (--budget), about 0.01 dollars" in capsys.readouterr().out


def test_credentials_of_another_account_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud("999999999999")

    assert main([*NAMED, "--yes"], unasked, cloud) == 2

    assert cloud.asked == ["sts"]
    assert "are of account 999999999999" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["", "yes", "12345678901"])
def test_whoever_does_not_type_the_number_again_has_done_nothing(typed: str, tmp_path: Path) -> None:
    cloud = Cloud()

    assert main(NAMED, lambda _: typed, cloud) == 2

    assert cloud.asked == ["sts"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "Try", "a-b", "preprod", "live1", "mainline", "a" * 13])
def test_a_label_that_could_be_something_elses_is_refused(text: str) -> None:
    with pytest.raises(WrongUseError):
        label(text)


def test_with_a_launch_everything_is_tried_but_the_drill() -> None:
    plan = planned([], launched=True, drill=False)

    assert [one.name for one in plan.doubts] == [one.name for one in catalogue.DOUBTS if one.probe]
    assert [one.name for one in plan.scenarios] == [one.name for one in SCENARIOS if one.name != "drill"]


def test_without_a_launch_nothing_is_tried_that_needs_one() -> None:
    plan = planned([], launched=False, drill=True)

    assert plan.doubts
    assert not any(one.needs_launch for one in plan.doubts)
    assert plan.scenarios == []


def test_the_page_lists_what_the_command_tries() -> None:
    page = catalogue.PAGE.read_text(encoding="utf-8")

    assert page == catalogue.rendered(page), "run: .venv/bin/python -m tests.real_account --page"


def test_every_doubt_has_a_name_of_its_own_and_a_probe_says_what_it_costs() -> None:
    names = [*(one.name for one in catalogue.DOUBTS), *(one.name for one in SCENARIOS)]

    assert len(names) == len(set(names))
    assert [one.name for one in catalogue.DOUBTS if bool(one.probe) != bool(one.calls)] == []
