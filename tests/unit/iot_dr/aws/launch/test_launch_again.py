"""A launch that is killed at any of its calls, before AWS carries it out or after, and run again, ends whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iot_dr.aws.launch.stacks import CloudFormationStackDeployer
from iot_dr.aws.launch.tables import DynamoDbGlobalTables
from iot_dr.model.launch.distribution import Distribution, Release
from iot_dr.model.launch.launches import Choices, Launch, StackEvent
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.launch import Launcher, launch
from tests.fakes import Killed

PRIMARY, SECONDARY = "us-east-1", "us-west-2"
ORDER = Launch(RegionPair(PRIMARY, SECONDARY), "20261124120000", "5f0c2a")
RELEASE = Release(Distribution("my-dr", "drs", "v1.0.0"), {})
CHOICES = Choices(create_health_check=True)
LEDGER = "ledger-1"
WHEN = datetime(2026, 11, 24, tzinfo=UTC)


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


def table(name: str) -> dict[str, Any]:
    replicas = [{"RegionName": region, "ReplicaStatus": "ACTIVE"} for region in (PRIMARY, SECONDARY)]
    return {
        "TableStatus": "ACTIVE",
        "LatestStreamArn": f"arn:aws:dynamodb:{SECONDARY}:1:table/{name}/stream/1",
        "Replicas": replicas,
        "DeletionProtectionEnabled": False,
    }


@dataclass
class CloudFormation:
    """Stacks of one Region; what is begun is still under way when it is asked for first, and then complete."""

    account: Account
    region: str
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # AWS's
        if StackName not in self.stacks:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist")
        told = dict(self.stacks[StackName])
        self.stacks[StackName]["StackStatus"] = told["StackStatus"].replace("_IN_PROGRESS", "_COMPLETE")
        return {"Stacks": [told]}

    def create_stack(self, *, StackName: str, TemplateURL: str, Parameters: Any, **_: Any) -> None:  # noqa: N803  # AWS's
        if StackName in self.stacks:
            raise refused("AlreadyExistsException", "it is there")
        outputs = self.account.made_by(self.region, StackName)
        self.stacks[StackName] = {
            "StackName": StackName,
            "StackId": StackName,
            "StackStatus": "CREATE_IN_PROGRESS",
            "Parameters": Parameters,
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
            "EnableTerminationProtection": False,
            "template": TemplateURL,
        }

    def update_stack(self, *, StackName: str, TemplateURL: str, Parameters: Any, **_: Any) -> None:  # noqa: N803  # AWS's
        found = self.stacks[StackName]
        if (found["template"], found["Parameters"]) == (TemplateURL, Parameters):
            raise refused("ValidationError", "No updates are to be performed.")
        found |= {"template": TemplateURL, "Parameters": Parameters, "StackStatus": "UPDATE_IN_PROGRESS"}

    def get_template_summary(self, **_: Any) -> dict[str, Any]:
        return {"Parameters": []}

    def update_termination_protection(self, *, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803  # AWS's
        self.stacks[StackName]["EnableTerminationProtection"] = EnableTerminationProtection

    def get_paginator(self, _operation: str) -> Events:
        return Events()


class Events:
    """The events of a stack, of which none matters here."""

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"StackEvents": []}]


@dataclass
class DynamoDb:
    """Tables of one Region, as the stacks made them."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803  # AWS's
        if TableName not in self.tables:
            raise refused("ResourceNotFoundException", "no table")
        return {"Table": dict(self.tables[TableName])}

    def update_table(self, *, TableName: str, DeletionProtectionEnabled: bool) -> None:  # noqa: N803  # AWS's
        self.tables[TableName]["DeletionProtectionEnabled"] = DeletionProtectionEnabled


class Account:
    """CloudFormation, DynamoDB and the tools' bucket; `between` is told of every call before and after it."""

    def __init__(self, between: Callable[[int, str], object] = lambda _number, _when: None) -> None:
        self.between = between
        self.numbers = count(1)
        self.calls: list[str] = []
        self.written: dict[tuple[str, str, str], str] = {}
        self.dynamodb = {region: DynamoDb() for region in (PRIMARY, SECONDARY)}
        self.cloudformation = {region: CloudFormation(self, region) for region in (PRIMARY, SECONDARY)}

    def made_by(self, region: str, stack: str) -> Mapping[str, str]:
        if stack == ORDER.primary_stack:
            for name in (ORDER.global_table, ORDER.shadow_table):
                self.dynamodb[PRIMARY].tables[name] = table(name)
                self.dynamodb[SECONDARY].tables[name] = table(name)
            return {"RuleErrorQueueUrl": "https://q/e", "ShadowRuleErrorQueueUrl": "https://q/s"}
        if stack == ORDER.secondary_stack:
            self.dynamodb[SECONDARY].tables[LEDGER] = table(LEDGER)
            return {"LedgerTableName": LEDGER, "LookQueueUrl": "https://q/r"}
        return {"DrainsCheckId": "1a2b"} if region == SECONDARY else {}

    def client(self, service: str, region: str) -> Any:
        made: dict[str, dict[str, Any]] = {"cloudformation": self.cloudformation, "dynamodb": self.dynamodb}
        return Watched(self, made[service][region])

    def called(self, operation: Callable[..., Any], **parameters: Any) -> Any:
        number = next(self.numbers)
        self.calls.append(operation.__name__)
        self.between(number, "before")
        try:
            return operation(**parameters)
        finally:
            self.between(number, "after")

    def run(self) -> None:
        launcher = Launcher(
            CloudFormationStackDeployer(self.client, delay=0),
            self,
            self,
            DynamoDbGlobalTables(self.client, delay=0),
            self,
            lambda region: f"{region}.example",
            self,
        )
        launch(ORDER, CHOICES, RELEASE, launcher)

    @property
    def stands(self) -> tuple[Any, ...]:
        """What an operator would find."""
        stacks = {
            (region, name): one for region, held in self.cloudformation.items() for name, one in held.stacks.items()
        }
        tables = {region: held.tables for region, held in self.dynamodb.items()}
        settled = {
            place: {**one, "StackStatus": one["StackStatus"].replace("UPDATE_", "CREATE_")}
            for place, one in stacks.items()
        }
        return settled, tables, self.written

    def url(self, file: str) -> str:
        return f"https://example/{file}"

    def sha256(self, _region: str, _bucket: str, _key: str) -> str:
        return "0" * 64

    def put(self, region: str, bucket: str, key: str, text: str) -> None:
        def write_tools() -> None:
            self.written[region, bucket, key] = text

        self.called(write_tools)

    def step(self, text: str) -> None: ...

    def event(self, event: StackEvent) -> None: ...


class Watched:
    """A client each of whose calls the account sees."""

    def __init__(self, account: Account, client: Any) -> None:
        self._account, self._client = account, client

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name == "get_paginator":
            return operation
        return lambda **parameters: self._account.called(operation, **parameters)


def undisturbed() -> Account:
    account = Account()
    account.run()
    return account


CALLS = len(undisturbed().calls)


def killed_at(number: int, when: str) -> Callable[[int, str], None]:
    def between(called: int, moment: str) -> None:
        if (called, moment) == (number, when):
            raise Killed(f"{when} call {number}")

    return between


def test_the_launch_makes_calls_at_which_it_can_be_killed() -> None:
    made = undisturbed()

    assert made.calls.count("create_stack") == len(made.stands[0]) == 4
    assert all(one["EnableTerminationProtection"] for one in made.stands[0].values())
    assert all(one["DeletionProtectionEnabled"] for held in made.stands[1].values() for one in held.values())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, CALLS + 1))
def test_a_launch_that_was_killed_at_a_call_and_is_run_again_ends_as_an_undisturbed_one(number: int, when: str) -> None:
    account = Account(killed_at(number, when))
    with pytest.raises(Killed):
        account.run()

    account.run()

    assert account.stands == undisturbed().stands


def test_a_launch_that_is_killed_again_and_again_ends_whole() -> None:
    account = Account()

    def falling() -> Iterator[bool]:
        for lives in count(1):
            account.between = killed_at(len(account.calls) + 3 * lives, "after")
            try:
                account.run()
            except Killed:
                yield True
            else:
                return

    assert sum(falling()) > 3
    assert account.stands == undisturbed().stands
