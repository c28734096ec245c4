"""`iot-dr uninstall`: a dry run by default, consent where something cannot be brought back, exit codes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.launch import uninstall
from iot_dr.cli.main import cli
from iot_dr.model.failover.control import Control
from iot_dr.model.launch.launches import Launch, LaunchResource, LaunchResourceKind
from iot_dr.ports.progress import LaunchObserver
from iot_dr.services.launch.start_launch import Leftover
from iot_dr.services.launch.uninstall import RemovalPlan, Uninstalled
from tests.account import VARIABLES

STACK = Leftover(LaunchResource(LaunchResourceKind.STACK, "us-west-2", "IoTDRSecondary"), "aws delete-stack")
BUCKET = Leftover(LaunchResource(LaunchResourceKind.BUCKET, "us-west-2", "iot-dr-secondary"), "aws delete-bucket")
BOUNDARY = "arn:aws:iam::111122223333:policy/my-dr-LaunchedRolesBoundary-1A2B"


@dataclass
class Tools:
    """Plays what a removal is done with, and the control item."""

    leader: str = "us-east-1"
    fleet_name: str = ""
    failure: str = ""
    asked: list[bool] = field(default_factory=list)

    def plan(self, _launch: Launch) -> RemovalPlan:
        return RemovalPlan((STACK, BUCKET), BOUNDARY, self.fleet_name)

    def uninstall(self, _launch: Launch, *, empty_buckets: bool) -> Uninstalled:
        self.asked.append(empty_buckets)
        if self.failure:
            return Uninstalled((), (STACK, BUCKET), self.failure)
        return Uninstalled((STACK.resource,), () if empty_buckets else (BUCKET,))


@dataclass
class Leads:
    """The control item."""

    leader: str

    def control(self) -> Control:
        return Control(self.leader)


@dataclass
class Given:
    """What the command is given."""

    uninstaller: Tools
    control: Leads


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    made = Tools()

    def given(launch: Launch, _progress: LaunchObserver, _place: object, profile: str) -> Given:
        assert (launch.postfix, profile) == ("20261124120000", "")
        return Given(made, Leads(made.leader))

    monkeypatch.setattr(uninstall, "uninstall_tools", given)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["uninstall", *words], env=VARIABLES)


def test_without_apply_it_is_shown_in_order_and_nothing_is_removed(tools: Tools) -> None:
    result = run()

    assert (result.exit_code, tools.asked) == (0, [])
    assert "1. stack IoTDRSecondary in us-west-2\n     aws delete-stack\n  2. bucket" in result.output
    assert "delete-stack --stack-name my-dr" in result.output
    assert "Nothing was changed. To remove it, run `cli uninstall --apply`." in result.output


@pytest.mark.parametrize(("more", "left"), [((), ["bucket iot-dr-secondary in us-west-2"]), (("--empty-buckets",), [])])
def test_buckets_are_emptied_only_if_that_is_asked_for(more: tuple[str, ...], left: list[str], tools: Tools) -> None:
    result = run("--apply", *more, "--format", "json")

    found = json.loads(result.stdout)
    assert (result.exit_code, tools.asked) == (0, [bool(more)])
    assert (found["removed"], [one["resource"] for one in found["left"]]) == (
        ["stack IoTDRSecondary in us-west-2"],
        left,
    )


def test_what_is_left_is_shown_with_its_command_and_what_costs_money(tools: Tools) -> None:
    result = run("--apply")

    assert "Removed:\n  stack IoTDRSecondary in us-west-2" in result.output
    assert "1. bucket iot-dr-secondary in us-west-2\n     aws delete-bucket" in result.output
    assert "bucket iot-dr-secondary in us-west-2: what it holds, all versions" in result.output


def test_a_failure_ends_with_exit_code_1(tools: Tools) -> None:
    tools.failure = "stack IoTDRSecondary in us-west-2: it is stuck"

    result = run("--apply")

    assert result.exit_code == 1
    assert "error: stack IoTDRSecondary in us-west-2: it is stuck" in result.stderr


@pytest.mark.parametrize("confirmed", [(), ("--confirm", "other.example.com")])
def test_the_name_that_devices_use_must_be_typed(confirmed: tuple[str, ...], tools: Tools) -> None:
    tools.fleet_name = "devices.example.com"

    refused = run("--apply", *confirmed)

    assert (refused.exit_code, tools.asked) == (2, [])
    assert "give --confirm devices.example.com" in refused.stderr
    assert run("--apply", "--confirm", "devices.example.com").exit_code == 0


def test_the_dry_run_says_that_devices_will_find_nothing(tools: Tools) -> None:
    tools.fleet_name = "devices.example.com"

    assert "Devices that connect to devices.example.com will find nothing" in run().output


def test_while_the_secondary_leads_it_is_refused_unless_that_is_meant(tools: Tools) -> None:
    tools.leader = "us-west-2"

    refused = run("--apply")

    assert (refused.exit_code, tools.asked) == (2, [])
    assert "us-west-2 leads" in refused.stderr
    assert run("--apply", "--although-secondary-leads").exit_code == 0
