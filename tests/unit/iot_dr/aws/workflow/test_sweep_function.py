"""The function that sweeps is asked once, and what it raises is raised here."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.workflow.sweep_function import LambdaSweepFunction
from iot_dr.errors import IotDrError, TerminalError, Throttled, UnsafePlan

ASKED = {"FunctionName": "sweep-1", "Payload": json.dumps({"task": "sweep", "delete_share": 0.3})}


@pytest.fixture
def stubbed() -> Iterator[tuple[LambdaSweepFunction, Stubber]]:
    client = boto3.client("lambda", "us-west-2")
    with Stubber(client) as stubber:
        yield LambdaSweepFunction(client, "sweep-1"), stubber
        stubber.assert_no_pending_responses()
    client.close()


def answer(told: Any, **fields: str) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(told).encode()), **fields}


def test_its_counts_are_returned(stubbed: tuple[LambdaSweepFunction, Stubber]) -> None:
    function, stubber = stubbed
    stubber.add_response("invoke", answer({"drift": 3, "left": 0, "round": 9}), ASKED)

    assert function.run(0.3) == {"drift": 3, "left": 0, "round": 9}


@pytest.mark.parametrize(
    ("name", "kind"), [("UnsafePlan", UnsafePlan), ("TerminalError", TerminalError), ("KeyError", TerminalError)]
)
def test_what_it_raises_is_raised_by_the_name_of_its_class(
    stubbed: tuple[LambdaSweepFunction, Stubber], name: str, kind: type[IotDrError]
) -> None:
    function, stubber = stubbed
    told = {"errorType": name, "errorMessage": "too many"}
    stubber.add_response("invoke", answer(told, FunctionError="Unhandled"), ASKED)

    with pytest.raises(kind, match="too many"):
        function.run(0.3)


def test_one_that_runs_already_is_no_failure_of_it(stubbed: tuple[LambdaSweepFunction, Stubber]) -> None:
    function, stubber = stubbed
    stubber.add_client_error("invoke", "TooManyRequestsException", http_status_code=429)

    with pytest.raises(Throttled):
        function.run(0.3)
