"""A burst waits in the queue: workers at once are bounded, nothing fails, and what AWS has no room for comes later."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lab.counting import Call, Forward
from lab.faults import injected
from lab.pair import Pair
from lab.quiet import no_background_work
from lab.waiting import until
from tests.e2e.observing import SECONDS, Ledger, await_quiet, output, resource_of, thing

PATIENCE = 90.0
THINGS = 50
"""Five batches of requests, which is more than the workers that may be there at once."""


@dataclass
class Gauge:
    """Counts the executions that are run at the same time, each of which is one worker; lets all of them through."""

    now: int = 0
    most: int = 0
    runs: int = 0

    def __call__(self, call: Call) -> Gauge | None:
        return self if call.operation == "StartSyncExecution" else None

    async def spoil(self, client: asyncio.StreamWriter, forward: Forward) -> bool:
        self.now, self.runs = self.now + 1, self.runs + 1
        self.most = max(self.most, self.now)
        try:
            client.write(await forward())
        finally:
            self.now -= 1
        await client.drain()
        return True


@contextmanager
def workers_at_once(pair: Pair, number: int) -> Iterator[None]:
    """Have the parameter of the stack be another, as an update of the stack would."""
    functions, mapping = pair.client("lambda", pair.secondary), resource_of(pair, "LookMapping")
    usual = functions.get_event_source_mapping(UUID=mapping)["ScalingConfig"]
    functions.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": number})
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, ScalingConfig=usual)


def make_things(iot: Any, name: str) -> list[str]:
    names = [f"{name}-{number}" for number in range(THINGS)]
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda one: iot.create_thing(thingName=one), names))
    return names


def failed_executions(pair: Pair) -> list[str]:
    states, machine = pair.client("stepfunctions", pair.secondary), output(pair, "ReplicationStateMachineArn")
    return [
        execution["executionArn"]
        for status in ("FAILED", "TIMED_OUT")
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter=status)
        for execution in page["executions"]
    ]


def tries_of(pair: Pair, name: str, since: dt.datetime) -> set[int]:
    """Return how often the requests that workers were given since then had failed before."""
    states, machine = pair.client("stepfunctions", pair.secondary), output(pair, "ReplicationStateMachineArn")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    executions = [execution for page in pages for execution in page["executions"]]
    arns = [execution["executionArn"] for execution in executions if execution["startDate"] >= since]
    given = [json.loads(states.describe_execution(executionArn=arn)["input"]) for arn in arns]
    return {request["tries"] for one in given for request in one["looks"] if request["name"].startswith(name)}


def all_there(iot: Any, names: list[str]) -> bool:
    return all(thing(iot, one) for one in names)


@pytest.mark.row("C2")
@pytest.mark.parametrize("number", [2, 3])
def test_a_burst_has_no_more_workers_at_once_than_the_parameter_says_and_nothing_fails(
    pair: Pair, primary: Any, secondary: Any, name: str, number: int
) -> None:
    # Background work has workers of its own: what an earlier test left to be checked later would count too.
    with no_background_work(pair):
        await_quiet(pair)
        before, gauge = failed_executions(pair), Gauge()

        with workers_at_once(pair, number), injected(pair.proxy, gauge):
            names = make_things(primary, name)
            assert until(lambda: all_there(secondary, names), PATIENCE)

    assert gauge.most == number
    assert failed_executions(pair) == before


def test_where_lambda_has_no_room_requests_wait_and_none_is_taken_apart(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    functions, worker = pair.client("lambda", pair.secondary), resource_of(pair, "ReplicateResourceFunction")
    before, gauge, since = failed_executions(pair), Gauge(), dt.datetime.now(dt.UTC)

    with injected(pair.proxy, gauge):
        functions.put_function_concurrency(FunctionName=worker, ReservedConcurrentExecutions=0)
        try:
            names = make_things(primary, name)
            assert until(lambda: gauge.runs, SECONDS)
            assert not until(lambda: any(thing(secondary, one) for one in names), 4)
            waited = gauge.runs
        finally:
            functions.delete_function_concurrency(FunctionName=worker)
        assert until(lambda: all_there(secondary, names), PATIENCE)

    assert waited < 2 * THINGS
    assert tries_of(pair, name, since) == {0}
    assert failed_executions(pair) == before
    assert all(ledger(f"thing#{one}").get("state") != "failed" for one in names)


def test_an_operator_has_a_resource_checked_by_sending_a_message(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing(thingName=name)
    assert until(lambda: thing(secondary, name), SECONDS)
    secondary.update_thing(thingName=name, attributePayload={"attributes": {"site": "drifted"}})

    body = json.dumps({"looks": [{"kind": "thing", "name": name}]})
    pair.client("sqs", pair.secondary).send_message(QueueUrl=output(pair, "LookQueueUrl"), MessageBody=body)

    assert until(lambda: thing(secondary, name) == thing(primary, name), SECONDS)


def test_a_message_that_cannot_be_read_is_kept_where_somebody_requests(pair: Pair, name: str) -> None:
    sqs, kept = pair.client("sqs", pair.secondary), output(pair, "LookDeadLetterQueueUrl")
    sqs.send_message(QueueUrl=output(pair, "LookQueueUrl"), MessageBody=f"garbled {name}")

    def bodies() -> list[str]:
        return [one["Body"] for one in sqs.receive_message(QueueUrl=kept, VisibilityTimeout=0).get("Messages", ())]

    try:
        assert until(lambda: bodies() == [f"garbled {name}"], SECONDS)
    finally:
        sqs.purge_queue(QueueUrl=kept)
