"""A second main stack is updated and deleted; what its launch made is named and removed, and the fleet stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from lab.operators import operator_environ
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.removal import left_of

pytestmark = pytest.mark.row("G7", "G8")

MAIN = "iot-dr-second"
CHANGED = {"ShadowNamePattern": "config-.*", "Tracing": "yes"}
SECONDS = 60.0


class MainStack:
    """A main stack beside that of the session, as the console makes, changes and deletes it."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._stacks, self._builds = pair.client("cloudformation"), pair.client("codebuild")

    def create(self, **choices: str) -> dict[str, str]:
        """Create it; its outputs."""
        self._stacks.create_stack(TemplateURL=self._pair.template_url, **self._form(choices))
        return {one["OutputKey"]: one["OutputValue"] for one in self._pair.rested_stack(MAIN)["Outputs"]}

    def update(self, **choices: str) -> str:
        """Change a choice of the form and leave the others; the build that this starts."""
        before, form = self._builds_so_far(), self._form(choices)
        (found,) = self._stacks.describe_stacks(StackName=MAIN)["Stacks"]
        others = {one["ParameterKey"] for one in found["Parameters"]} - choices.keys()
        form["Parameters"] += [{"ParameterKey": name, "UsePreviousValue": True} for name in others]
        self._stacks.update_stack(UsePreviousTemplate=True, **form)
        self._pair.rested_stack(MAIN)
        (started,) = self._builds_so_far() - before
        return started

    def delete(self) -> list[str]:
        """Delete it; what the log of its last function says is left."""
        group = self._stacks.describe_stack_resource(StackName=MAIN, LogicalResourceId="StartLaunchLogGroup")
        self._stacks.delete_stack(StackName=MAIN)
        assert until(self.gone, SECONDS)
        name = group["StackResourceDetail"]["PhysicalResourceId"]
        events = self._pair.client("logs").filter_log_events(logGroupName=name)["events"]
        lines = (json.loads(one["message"]) for one in events if one["message"].startswith("{"))
        (told,) = (line for line in lines if line["message"] == "main stack deleted")
        left: list[str] = told["left"]
        return left

    def gone(self) -> bool:
        with suppress(self._stacks.exceptions.ClientError):
            return not self._stacks.describe_stacks(StackName=MAIN)["Stacks"]
        return True

    def _builds_so_far(self) -> set[str]:
        return {*self._builds.list_builds_for_project(projectName=f"{MAIN}-launch")["ids"]}

    @staticmethod
    def _form(choices: dict[str, str]) -> dict[str, Any]:
        return {
            "StackName": MAIN,
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in choices.items()],
        }


@pytest.fixture
def main_stack(pair: Pair) -> Iterator[MainStack]:
    """A main stack that was created, and is to go; so are its logs and the boundary, which outlive it."""
    stack = MainStack(pair)
    yield stack
    if not stack.gone():
        stack.delete()
    iam, logs = pair.client("iam"), pair.client("logs")
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        if policy["PolicyName"].startswith(f"{MAIN}-"):
            iam.delete_policy(PolicyArn=policy["Arn"])
    for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/cloudformation/{MAIN}/")["logGroups"]:
        logs.delete_log_group(logGroupName=group["logGroupName"])


@pytest.fixture
def shell(pair: Pair, main_stack: MainStack) -> Iterator[dict[str, str]]:
    """The shell of its operator. It was updated before its first build ran, without health checkers."""
    regions = {"PrimaryRegion": pair.primary, "SecondaryRegion": pair.secondary}
    outputs = main_stack.create(**regions, CreateHealthCheck="no")
    build = main_stack.update(**CHANGED)
    environ = {**operator_environ(pair), "STACK_POSTFIX": outputs["StackPostfix"], "UUID": outputs["UuidS3Postfix"]}
    pair.run_build(build)
    yield environ
    iot_dr(pair, "uninstall", "--apply", "--empty-buckets", environ=environ)


def left(pair: Pair, shell: dict[str, str]) -> list[set[str]]:
    """Whatever in each Region has the launch's postfix or UUID in its name."""
    return [left_of(pair, region, shell["STACK_POSTFIX"], shell["UUID"]) for region in (pair.primary, pair.secondary)]


def traced(pair: Pair, stack: str) -> set[str]:
    """How the functions of a stack in the secondary Region are traced."""
    pages = pair.client("lambda", pair.secondary).get_paginator("list_functions").paginate()
    functions = [one for page in pages for one in page["Functions"] if one["FunctionName"].startswith(stack)]
    return {one["TracingConfig"]["Mode"] for one in functions}


def test_a_main_stack_is_updated_and_deleted_and_what_it_left_is_removed_in_order_and_the_fleet_stays(
    pair: Pair, main_stack: MainStack, shell: dict[str, str]
) -> None:
    postfix, uuid, device = shell["STACK_POSTFIX"], shell["UUID"], "uninstall-1"
    pair.client("iot", pair.secondary).create_thing(thingName=device)
    try:
        for region, name in ((pair.primary, "IoTDRPrimary"), (pair.secondary, "IoTDRSecondary")):
            (stack,) = pair.client("cloudformation", region).describe_stacks(StackName=f"{name}{postfix}")["Stacks"]
            given = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
            assert given | CHANGED == given
        assert traced(pair, f"IoTDRSecondary{postfix}") == {"Active"}

        told = main_stack.delete()

        code, planned = asked(pair, "uninstall", environ=shell)
        assert (code, planned["applied"], planned["removed"]) == (0, False, [])
        named = [one["resource"] for one in planned["left"]]
        assert {one.partition(":")[0] for one in told} >= {*named}
        assert any("LaunchedRolesBoundary" in one and MAIN in one for one in planned["afterwards"])
        assert left(pair, shell)[0] >= {f"IoTDRPrimary{postfix}", f"IoTDRGlobalTable{postfix}"}

        code, done = asked(pair, "uninstall", "--apply", environ=shell)
        assert code == 0, done
        assert [name.split()[1] for name in done["removed"]] == [f"IoTDRSecondary{postfix}", f"IoTDRPrimary{postfix}"]
        assert set.union(*left(pair, shell)) == {f"iot-dr-primary-{uuid}", f"iot-dr-secondary-{uuid}"}

        code, done = asked(pair, "uninstall", "--apply", "--empty-buckets", environ=shell)
        assert (code, done["left"]) == (0, [])
        assert left(pair, shell) == [set(), set()]
        assert pair.client("iot", pair.secondary).describe_thing(thingName=device)["thingName"] == device
    finally:
        pair.client("iot", pair.secondary).delete_thing(thingName=device)
