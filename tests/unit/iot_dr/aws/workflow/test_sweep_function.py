"""The function that sweeps is asked once, and what it raises is raised here."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.stub import Stubber

from iot_dr.aws.workflow.sweep_function import LambdaSweepFunction
from iot_dr.errors import IotDrError, TerminalError, Throttled, UnsafePlan

STUBBED = ("lambda", "us-west-2")
ASKED = {"FunctionName": "sweep-1", "Payload": json.dumps({"task": "sweep", "delete_share": 0.3})}


def answer(told: Any, **fields: str) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(told).encode()), **fields}


def test_its_counts_are_returned(stub: Stubber) -> None:
    function = LambdaSweepFunction(stub.client, "sweep-1")
    stub.add_response("invoke", answer({"drift": 3, "left": 0, "round": 9}), ASKED)

    assert function.run(0.3) == {"drift": 3, "left": 0, "round": 9}


@pytest.mark.parametrize(
    ("name", "kind"), [("UnsafePlan", UnsafePlan), ("TerminalError", TerminalError), ("KeyError", TerminalError)]
)
def test_what_it_raises_is_raised_by_the_name_of_its_class(stub: Stubber, name: str, kind: type[IotDrError]) -> None:
    function = LambdaSweepFunction(stub.client, "sweep-1")
    told = {"errorType": name, "errorMessage": "too many"}
    stub.add_response("invoke", answer(told, FunctionError="Unhandled"), ASKED)

    with pytest.raises(kind, match="too many"):
        function.run(0.3)


def test_one_that_runs_already_is_no_failure_of_it(stub: Stubber) -> None:
    function = LambdaSweepFunction(stub.client, "sweep-1")
    stub.add_client_error("invoke", "TooManyRequestsException", http_status_code=429)

    with pytest.raises(Throttled):
        function.run(0.3)
