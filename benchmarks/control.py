"""The control of the burst: one Standard execution per event, beside the product on the same pair.

It has the product's own worker and reading of events. Nothing is coalesced, nothing waits in a queue, and each event
starts an execution of its own of a Standard state machine, which retries and waits by itself, as replication by event
is commonly built.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.waiting import until
from templates.blocks.states import Catch, Retry, State, choose, expression, fail, machine, succeed, task, wait

NAME = "iot-dr-benchmark-control"
STACK_SECONDS = 60

HANDLER = """
import json
import os

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from iot_dr.aws.clients import client
from iot_dr.model.events.registry_events import decode
from iot_dr.model.replication.requests import coalesce

STATES = client("stepfunctions")


def lambda_handler(event, _context):
    for record in event["Records"]:
        (request,) = coalesce([decode(dict(DynamoDBRecord(record).dynamodb.new_image))])
        given = json.dumps({"looks": [request.to_json()]})
        STATES.start_execution(stateMachineArn=os.environ["STATE_MACHINE_ARN"], input=given)
"""
"""One execution per event."""

Client = Callable[[str], Any]


class Control:
    """The control's state machine and trigger in the secondary Region, made from what the product's stack has."""

    def __init__(self, client: Client, state_machine_arn: str) -> None:
        self._client = client
        self._product_arn = state_machine_arn
        self._mapping = _mapping_of_the_product(client("lambda"))

    @contextmanager
    def instead_of_the_product(self) -> Iterator[None]:
        """Stop the product's stream mapping and let the control read the stream from here on."""
        functions = self._client("lambda")
        functions.update_event_source_mapping(UUID=self._mapping["UUID"], Enabled=False)
        self._create_trigger(functions, self._create_state_machine())
        mapping = functions.create_event_source_mapping(
            EventSourceArn=self._mapping["EventSourceArn"],
            FunctionName=NAME,
            StartingPosition="LATEST",
            BatchSize=self._mapping["BatchSize"],
            FilterCriteria=self._mapping["FilterCriteria"],
        )
        try:
            yield
        finally:
            functions.delete_event_source_mapping(UUID=mapping["UUID"])

    def _create_state_machine(self) -> str:
        states = self._client("stepfunctions")
        product = states.describe_state_machine(stateMachineArn=self._product_arn)
        worker = json.loads(product["definition"])["States"]["Replicate thing"]["Arguments"]["FunctionName"]
        recorder = json.loads(product["definition"])["States"]["Record failure"]["Arguments"]["FunctionName"]
        created = states.create_state_machine(
            name=NAME, type="STANDARD", definition=json.dumps(definition(worker, recorder)), roleArn=product["roleArn"]
        )
        return str(created["stateMachineArn"])

    def _create_trigger(self, functions: Any, state_machine_arn: str) -> None:
        product = functions.get_function_configuration(FunctionName=self._mapping["FunctionArn"])
        role = self._create_role(state_machine_arn)
        functions.create_function(
            FunctionName=NAME,
            Runtime=product["Runtime"],
            Architectures=product["Architectures"],
            Handler="handler.lambda_handler",
            Role=role,
            Code={"ZipFile": _zipped(HANDLER)},
            Layers=[layer["Arn"] for layer in product["Layers"]],
            Environment={"Variables": {"STATE_MACHINE_ARN": state_machine_arn}},
            Timeout=product["Timeout"],
            MemorySize=product["MemorySize"],
        )
        until(
            lambda: functions.get_function_configuration(FunctionName=NAME).get("State", "Active") == "Active",
            STACK_SECONDS,
        )

    def _create_role(self, state_machine_arn: str) -> str:
        iam = self._client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        start = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": state_machine_arn}
        role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=_policy(trust))["Role"]
        iam.put_role_policy(RoleName=NAME, PolicyName="StartExecutions", PolicyDocument=_policy(start))
        return str(role["Arn"])


def definition(worker: str, recorder: str) -> State:
    """Return the control's definition: one look and what follows of it, in one execution."""
    retries = (
        Retry(("Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.Unknown"), attempts=4),
        Retry(("Throttled", "RegionUnavailable", "Conflict", "NotReadyYet"), attempts=6),
    )
    failed = Catch("Record failure", {"looks": expression("$states.input.looks"), "error": _ERROR})
    return machine(
        "The control of the burst",
        {
            "Replicate": task(
                worker, {"looks": expression("$states.input.looks")}, retry=retries, catch=(failed,), then="Settled"
            ),
            "Settled": choose({"$states.input.pause > 0": "Wait"}, otherwise="Done"),
            "Wait": wait("$states.input.pause", output={"looks": expression("$states.input.looks")}, then="Replicate"),
            "Record failure": task(recorder, expression("$states.input"), catch=(Catch("Lost", {}),), then="Done"),
            "Done": succeed(),
            "Lost": fail("FailureLost", "The ledger could not be told"),
        },
    )


_ERROR = {"Error": expression("$states.errorOutput.Error"), "Cause": expression("$states.errorOutput.Cause")}


def _mapping_of_the_product(functions: Any) -> dict[str, Any]:
    pages = functions.get_paginator("list_event_source_mappings").paginate()
    # Shadows have a table, hence a mapping, of their own.
    every = (one for page in pages for one in page["EventSourceMappings"])
    (mapping,) = (one for one in every if ":table/IoTDRGlobalTable" in one["EventSourceArn"])
    return dict(mapping)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", code)
    return buffer.getvalue()
