"""What a launch left running, and what keeps it from working."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, IotDrError
from iot_dr.model.launch.launched_stacks import LaunchedStack, MappingState, Need, StackResource, TableState
from iot_dr.model.launch.launches import Launch
from iot_dr.model.status.checks import Check, Level
from iot_dr.services.doctor import stack_checks
from tests.builders import PAIR, PRIMARY, SECONDARY

LAUNCH = Launch(PAIR, "20261124", "5f0c2a")
FOUND = LaunchedStack(
    PRIMARY,
    LAUNCH.primary_stack,
    "CREATE_COMPLETE",
    outputs={"SolutionVersion": "v1.0.0", "RuleErrorQueueUrl": "rules", "ManagementEventQueueUrl": "calls"},
    resources=(
        StackResource("RegistryEventTable", stack_checks.GLOBAL_TABLE, "events"),
        StackResource("RegistryEventMapping", stack_checks.MAPPING, "uuid-1"),
    ),
)
VERSION = stack_checks.CURRENT_GLOBAL_TABLES


@dataclass
class Stacks:
    """What CloudFormation says."""

    found: Mapping[tuple[str, str], LaunchedStack | IotDrError] = field(default_factory=dict)
    reads: int = 0

    def read(self, region: str, name: str) -> LaunchedStack | None:
        self.reads += 1
        found = self.found.get((region, name))
        if isinstance(found, IotDrError):
            raise found
        return found


@dataclass
class Parts:
    """How the parts stand."""

    tables: Mapping[str, TableState] = field(default_factory=dict)
    mappings: Mapping[str, MappingState] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)
    alarms: Mapping[str, str] = field(default_factory=dict)

    def table(self, region: str, table: str) -> TableState | None:
        assert region == PRIMARY
        return self.tables.get(table)

    def mapping(self, region: str, uuid: str) -> MappingState | None:
        assert region == PRIMARY
        return self.mappings.get(uuid)

    def waiting(self, region: str, url: str) -> int:
        assert region == PRIMARY
        return self.queues.get(url, 0)

    def ringing(self, region: str, stack: str) -> Mapping[str, str]:
        assert (region, stack) == (PRIMARY, LAUNCH.primary_stack)
        return self.alarms


def checked(**found: Any) -> stack_checks.Stacks:
    names = {"primary": (PRIMARY, LAUNCH.primary_stack), "secondary": (SECONDARY, LAUNCH.secondary_stack)}
    stacks = stack_checks.Stacks(LAUNCH, Stacks({names[name]: one for name, one in found.items()}))
    stacks.read_all()
    return stacks


def told_of(found: LaunchedStack) -> Check:
    (check,) = stack_checks.stack(checked(primary=found), PRIMARY, LAUNCH.primary_stack, "1.0.0")
    return check


def test_a_settled_stack_of_the_tools_own_release_is_well() -> None:
    assert told_of(FOUND).level is Level.OK


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("UPDATE_COMPLETE", Level.OK),
        ("UPDATE_IN_PROGRESS", Level.WARNING),
        ("UPDATE_ROLLBACK_COMPLETE", Level.WARNING),
        ("UPDATE_ROLLBACK_FAILED", Level.FAILURE),
        ("ROLLBACK_COMPLETE", Level.FAILURE),
        ("CREATE_FAILED", Level.FAILURE),
    ],
)
def test_a_stack_is_as_well_as_its_status(status: str, level: Level) -> None:
    assert told_of(replace(FOUND, status=status)).level is level


def test_a_stack_of_another_release_is_a_warning_that_names_both() -> None:
    check = told_of(replace(FOUND, outputs={"SolutionVersion": "v0.9.0"}))

    assert check.level is Level.WARNING
    assert "v0.9.0" in check.found
    assert "v1.0.0" in check.found


def test_a_stack_that_is_not_there_is_a_failure_but_for_a_health_checker() -> None:
    stacks = checked()

    (check,) = stack_checks.stack(stacks, PRIMARY, LAUNCH.primary_stack, "1.0.0")

    assert check.level is Level.FAILURE
    assert list(stack_checks.stack(stacks, PRIMARY, LAUNCH.health_checker_stack, "1.0.0")) == []


def test_a_stack_that_cannot_be_read_says_why_to_whoever_asks_and_is_read_once() -> None:
    reader = Stacks({(PRIMARY, LAUNCH.primary_stack): AccessDenied("no right")})
    stacks = stack_checks.Stacks(LAUNCH, reader)
    stacks.read_all()

    for _ in range(2):
        with pytest.raises(AccessDenied):
            stacks.asked(*stacks.primary)
    assert stacks.found(*stacks.primary) is None
    assert reader.reads == len(LAUNCH.stacks)


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        (TableState(VERSION, {PRIMARY: "ACTIVE", SECONDARY: "ACTIVE"}), Level.OK, "ACTIVE"),
        (TableState(VERSION, {PRIMARY: "ACTIVE", SECONDARY: "CREATING"}), Level.FAILURE, "is CREATING"),
        (TableState(VERSION, {PRIMARY: "ACTIVE"}), Level.FAILURE, "is missing"),
        (TableState("2017.11.29", {PRIMARY: "ACTIVE", SECONDARY: "ACTIVE"}), Level.FAILURE, "of version 2017.11.29"),
        (None, Level.FAILURE, "is not there"),
    ],
)
def test_a_global_table_needs_the_current_version_and_an_active_replica(
    state: TableState | None, level: Level, words: str
) -> None:
    (check,) = stack_checks.tables(FOUND, PAIR, Parts(tables={"events": state} if state else {}))

    assert check.level is level
    assert words in check.found


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        (MappingState("Enabled", "OK"), Level.OK, "Enabled"),
        (MappingState("Enabled", "No records processed"), Level.OK, "Enabled"),
        (MappingState("Enabled", "PROBLEM: Function call failed"), Level.FAILURE, "Function call failed"),
        (MappingState("Disabled", ""), Level.FAILURE, "nothing gets through"),
        (MappingState("Updating", ""), Level.WARNING, "Updating"),
        (None, Level.FAILURE, "not there"),
    ],
)
def test_a_mapping_must_be_enabled_and_its_function_must_work(
    state: MappingState | None, level: Level, words: str
) -> None:
    (check,) = stack_checks.mappings(FOUND, Parts(mappings={"uuid-1": state} if state else {}))

    assert check.level is level
    assert words in check.found


def test_the_mend_of_a_disabled_mapping_enables_it() -> None:
    (check,) = stack_checks.mappings(FOUND, Parts(mappings={"uuid-1": MappingState("Disabled", "")}))

    assert check.mend == "aws lambda update-event-source-mapping --region us-east-1 --uuid uuid-1 --enabled"


class Rights:
    """What IAM denies each role."""

    def __init__(self, **denied: Mapping[str, str]) -> None:
        self._denied = denied

    def denied(self, need: Need) -> Mapping[str, str]:
        return self._denied.get(need.role, {})


NEEDS = tuple(Need(role, SECONDARY, frozenset({"iot:CreateThing"}), ("*",)) for role in ("worker", "sweep"))


def test_roles_that_can_do_what_they_must_are_one_line() -> None:
    (check,) = stack_checks.roles(SECONDARY, NEEDS, Rights())

    assert (check.level, check.found) == (Level.OK, "2 of us-west-2 can do what they must")


def test_what_a_role_cannot_do_is_told_with_what_denies_it() -> None:
    boundary, organization = "its permissions boundary denies it", "a policy of the organization denies it"
    denied = {"iot:CreateThing": boundary, "iot:AttachPolicy": organization, "iot:CreatePolicy": organization}

    first, second = stack_checks.roles(SECONDARY, NEEDS, Rights(worker=denied))

    assert {first.level, second.level} == {Level.FAILURE}
    assert first.found == f"worker cannot do iot:AttachPolicy, iot:CreatePolicy in us-west-2: {organization}"
    assert "service control policies" in first.mend
    assert second.found == f"worker cannot do iot:CreateThing in us-west-2: {boundary}"


def test_what_a_rule_could_not_store_is_a_failure_that_a_replay_mends_and_other_letters_are_a_warning() -> None:
    rules, calls = stack_checks.dead_letter_queues(FOUND, Parts(queues={"rules": 3, "calls": 1}))

    assert (rules.level, rules.found, rules.mend) == (
        Level.FAILURE,
        "RuleErrorQueue holds 3 in us-east-1",
        "iot-dr replay",
    )
    assert (calls.level, calls.found) == (Level.WARNING, "ManagementEventQueue holds 1 in us-east-1")
    assert calls.mend.endswith("aws sqs purge-queue --region us-east-1 --queue-url calls")


def test_empty_queues_are_well() -> None:
    assert {check.level for check in stack_checks.dead_letter_queues(FOUND, Parts())} == {Level.OK}


@pytest.mark.parametrize(("keys", "level"), [((), Level.OK), (("aws/lambda/1",), Level.FAILURE)])
def test_records_that_were_given_up_are_a_failure(keys: tuple[str, ...], level: Level) -> None:
    class Records:
        def keys(self) -> tuple[str, ...]:
            return keys

    (check,) = stack_checks.kept_records(SECONDARY, Records())

    assert check.level is level


def test_each_alarm_that_rings_is_a_failure_with_its_own_words() -> None:
    checks = list(stack_checks.alarms(FOUND, Parts(alarms={"b": "second", "a": "first"})))

    assert [(check.level, check.found) for check in checks] == [
        (Level.FAILURE, "a in us-east-1: first"),
        (Level.FAILURE, "b in us-east-1: second"),
    ]
    assert [check.level for check in stack_checks.alarms(FOUND, Parts())] == [Level.OK]
