"""One right is taken from one role at a time: the error names it, nothing is lost, and all is well once it is back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.fleet_runs import FleetRun
from lab.emulator import ROOT
from lab.pair import MAIN_STACK, Pair
from lab.waiting import until
from tests.e2e.observing import SECONDS, make_due, output, thing, try_sweep
from tests.e2e.telling import forget_requests
from tests.unit.lambda_functions.cloudformation import taking_answers
from tests.unit.templates.stacks import make_stacks

FORBIDDEN = ("AccessDenied", "Forbidden")
"""How AWS's services call it."""


@dataclass(frozen=True)
class Function:
    """A function of the launched product: the stack that has it, and the stem of its logical IDs."""

    stem: str
    stack: str = "IoTDRSecondary"

    def physical_id(self, pair: Pair, kind: str) -> str:
        """The physical ID of its function, its role or its log group."""
        name = MAIN_STACK if self.stack == MAIN_STACK else f"{self.stack}{pair.outputs['StackPostfix']}"
        found = pair.client("cloudformation", self.region(pair)).describe_stack_resource(
            StackName=name, LogicalResourceId=f"{self.stem}{kind}"
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def region(self, pair: Pair) -> str:
        """Where it runs."""
        return pair.secondary if self.stack == "IoTDRSecondary" else pair.primary

    def call(self, pair: Pair, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call it and return its answer."""
        answer = pair.client("lambda", self.region(pair)).invoke(
            FunctionName=self.physical_id(pair, "Function"), Payload=json.dumps(payload)
        )
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def tells(self, pair: Pair, since: int) -> str:
        """What it has logged since a time (epoch milliseconds)."""
        pages = (
            pair.client("logs", self.region(pair))
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self.physical_id(pair, "LogGroup"), startTime=since)
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])


@pytest.fixture(scope="module", autouse=True)
def nothing_hidden(pair: Pair) -> Iterator[None]:
    """Nobody waits for the requests whose worker lacked a right: hidden for minutes, and made up for by then."""
    yield
    forget_requests(pair)


@contextmanager
def taken(pair: Pair, function: Function, action: str) -> Iterator[None]:
    """Take one right from a function's role."""
    iam, role = pair.client("iam"), function.physical_id(pair, "Role")
    denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="Taken", PolicyDocument=json.dumps(denial))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="Taken")


def now() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)


def refused(told: str, action: str) -> bool:
    """Whether a text says that this call was refused; of shadows the emulator names no action."""
    named = action.partition(":")[2] in told or "Shadow" in action
    return named and any(word in told for word in FORBIDDEN)


REPLICATE, SHADOWS, TRIGGER, RUNNER = (
    Function(stem) for stem in ("ReplicateResource", "ReplicateShadows", "StartReplication", "RunWorkflow")
)


@pytest.mark.parametrize(
    ("function", "action"),
    [(REPLICATE, "iot:CreateThing"), (TRIGGER, "sqs:SendMessage"), (RUNNER, "states:StartSyncExecution")],
    ids=lambda value: getattr(value, "stem", value),
)
def test_a_thing_waits_for_the_right_and_crosses_once_it_is_back(
    pair: Pair, primary: Any, secondary: Any, name: str, function: Function, action: str
) -> None:
    begun = now()
    with taken(pair, function, action):
        primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "south"}})
        assert until(lambda: refused(function.tells(pair, begun), action), SECONDS)
        assert thing(secondary, name) is None

    assert comes_back(pair, lambda: thing(secondary, name) == ({"site": "south"}, ""))


def test_a_shadow_waits_for_the_right_and_crosses_once_it_is_back(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing(thingName=name)
    assert until(lambda: thing(secondary, name) is not None, SECONDS)
    begun, document = now(), json.dumps({"state": {"reported": {"level": 3}}})
    with taken(pair, SHADOWS, "iot:UpdateThingShadow"):
        pair.client("iot-data", pair.primary).update_thing_shadow(thingName=name, payload=document)
        assert until(lambda: refused(SHADOWS.tells(pair, begun), "iot:UpdateThingShadow"), SECONDS)
        assert reported(pair, name) is None

    assert comes_back(pair, lambda: reported(pair, name) == {"level": 3})


def comes_back(pair: Pair, done: Callable[[], bool]) -> bool:
    """Whether something comes to be, with what the schedule does in its time, which is let come at once."""
    for _ in range(10):
        if until(done, 1):
            return True
        make_due(pair)
        try_sweep(pair, "retry")
        try_sweep(pair, "sweep")
    return until(done, SECONDS)


def reported(pair: Pair, name: str) -> Any:
    """What the secondary's classic shadow of a thing reports; None if there is none."""
    data = pair.client("iot-data", pair.secondary)
    try:
        answer = data.get_thing_shadow(thingName=name)
    except data.exceptions.ResourceNotFoundException:
        return None
    return json.loads(answer["payload"].read())["state"].get("reported")


def a_failed_request(name: str) -> dict[str, Any]:
    """What the workflow hands to the recorder."""
    return {"looks": [{"kind": "thing", "name": name, "event_id": name}], "error": {"Error": "Taken", "Cause": ""}}


def a_registration(name: str) -> dict[str, Any]:
    """What the queue of registrations hands over: a certificate that nobody has."""
    body = {"certificateId": name.encode().hex().ljust(64, "0")[:64], "timestamp": now()}
    return {
        "Records": [
            {
                "messageId": name,
                "receiptHandle": "r",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-west-2:000000000000:JitrQueue",
                "awsRegion": "us-west-2",
            }
        ]
    }


def a_revocation(_name: str) -> dict[str, Any]:
    """What EventBridge brings in of a call that CloudTrail recorded."""
    event: dict[str, Any] = json.loads((ROOT / "tests" / "events" / "update_certificate.json").read_text())
    return event


@dataclass(frozen=True)
class Called:
    """A function that is called with what it gets in service; `well` tells a good answer."""

    function: Function
    action: str
    payload: Callable[[str], dict[str, Any]]
    well: Callable[[dict[str, Any]], bool]


CALLED = (
    Called(
        Function("RecordFailure"), "dynamodb:UpdateItem", a_failed_request, lambda answer: answer == {"recorded": 1}
    ),
    Called(
        Function("SweepRegistry"),
        "iot:ListThings",
        lambda _name: {"task": "sweep"},
        lambda answer: "errorType" not in answer,
    ),
    Called(
        Function("ListFleet"),
        "iot:ListThingTypes",
        lambda name: FleetRun(name, apply=False, at_once=1).to_json(),
        lambda answer: answer.get("kind") == str(Kind.THING_TYPE),
    ),
    Called(
        Function("RegisterDevice"),
        "sqs:SendMessage",
        a_registration,
        lambda answer: answer == {"batchItemFailures": []},
    ),
    Called(
        Function("RecordManagementEvent", "IoTDRPrimary"),
        "dynamodb:PutItem",
        a_revocation,
        lambda answer: answer == {"recorded": True},
    ),
)


@pytest.mark.parametrize("called", CALLED, ids=lambda called: called.function.stem)
def test_who_hands_work_over_is_told_that_a_right_is_missing_and_may_hand_it_over_again(
    pair: Pair, name: str, called: Called
) -> None:
    """An answer that is not good is what the caller, AWS, repeats or keeps: so the work is not lost."""
    begun, payload = now(), called.payload(name)
    with taken(pair, called.function, called.action):
        answer = called.function.call(pair, payload)
        assert not called.well(answer)
        assert until(lambda: refused(json.dumps(answer) + called.function.tells(pair, begun), called.action), SECONDS)

    assert called.well(called.function.call(pair, payload))


def test_a_launch_is_refused_with_the_right_that_is_missing(pair: Pair) -> None:
    check, action = Function("CheckLaunch", MAIN_STACK), "iot:DescribeEventConfigurations"
    regions = {"PrimaryRegion": pair.primary, "SecondaryRegion": pair.secondary}
    with taking_answers() as answers:
        with taken(pair, check, action):
            check.call(pair, answers.request("Create", regions))
        check.call(pair, answers.request("Create", regions))

    without, with_right = answers.bodies
    assert (without["Status"], with_right["Status"]) == ("FAILED", "SUCCESS")
    assert refused(without["Reason"], action)


def test_what_cannot_be_checked_is_never_told_to_be_gone(pair: Pair) -> None:
    start, postfix = Function("StartLaunch", MAIN_STACK), pair.outputs["StackPostfix"]
    properties = {
        "ProjectName": "none",
        "PrimaryRegion": pair.primary,
        "SecondaryRegion": pair.secondary,
        "StackPostfix": postfix,
        "Uuid": pair.outputs["UuidS3Postfix"],
    }
    with taking_answers() as answers:
        with taken(pair, start, "cloudformation:DescribeStacks"):
            start.call(pair, answers.request("Delete", properties, f"launch-{postfix}"))
        start.call(pair, answers.request("Delete", properties, f"launch-{postfix}"))

    without, with_right = (body["Reason"] for body in answers.bodies)
    stack = f"stack IoTDRPrimary{postfix} in {pair.primary}"
    assert f"{stack} (could not check: AccessDenied)" in without
    assert f"{stack}: " in with_right


def test_every_function_loses_a_right_in_some_test() -> None:
    here = {one.stem for one in (REPLICATE, SHADOWS, TRIGGER, RUNNER)} | {called.function.stem for called in CALLED}
    main, health_checker = {"CheckLaunch", "StartLaunch"}, {"CheckHealth", "ProvisionProbe"}  # the latter: test_health
    failover = {"FailOver", "WatchDomain"}  # test_failover_scenarios
    optional = {"ProvisionDevice"}  # in no launch by itself; enforced in test_just_in_time
    made = {
        title.removesuffix("Function")
        for stack in make_stacks().values()
        for title in stack.of_type("AWS::Lambda::Function")
    }

    assert made == here | main | health_checker | failover | optional


def test_nothing_of_a_launch_goes_by_one_wrong_call(pair: Pair) -> None:
    postfix, pairs = pair.outputs["StackPostfix"], (pair.primary, pair.secondary)
    stacks = [
        (pair.primary, f"IoTDRPrimary{postfix}"),
        (pair.secondary, f"IoTDRSecondary{postfix}"),
        *((region, f"R53HealthChecker{postfix}") for region in pairs),
    ]
    tables = [(region, f"{table}{postfix}") for region in pairs for table in ("IoTDRGlobalTable", "IoTDRShadowTable")]

    for region, stack in stacks:
        stacks_of = pair.client("cloudformation", region)
        with pytest.raises(stacks_of.exceptions.ClientError, match="TerminationProtection"):
            stacks_of.delete_stack(StackName=stack)
    for region, table in [*tables, (pair.secondary, output(pair, "LedgerTableName"))]:
        dynamodb = pair.client("dynamodb", region)
        with pytest.raises(dynamodb.exceptions.ClientError, match="protected"):
            dynamodb.delete_table(TableName=table)
