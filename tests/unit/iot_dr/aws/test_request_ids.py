"""A log line tells what was written by the IDs under which AWS has it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.request_ids import note_requests_of, noting_requests
from iot_dr.services.concurrency import on_threads


@pytest.fixture
def iot() -> Any:
    client = boto3.client("iot", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    return note_requests_of(client)


def _scripted(client: Any, *operations: str) -> Stubber:
    stubber = Stubber(client)
    for number, operation in enumerate(operations):
        stubber.add_response(operation, {"ResponseMetadata": {"RequestId": f"r-{number}"}})
    stubber.activate()
    return stubber


def test_writes_are_noted_and_reads_are_not(iot: Any) -> None:
    _scripted(iot, "delete_thing", "describe_thing", "delete_policy")

    with noting_requests() as requests:
        iot.delete_thing(thingName="a")
        iot.describe_thing(thingName="a")
        iot.delete_policy(policyName="a")

    assert requests == ["DeleteThing r-0", "DeletePolicy r-2"]


def test_what_threads_write_for_a_piece_of_work_is_noted_with_it(iot: Any) -> None:
    _scripted(iot, "delete_thing", "delete_thing")

    with ThreadPoolExecutor(1) as executor, noting_requests() as requests:
        on_threads(executor)(lambda name: iot.delete_thing(thingName=name), ["a", "b"])

    assert requests == ["DeleteThing r-0", "DeleteThing r-1"]


def test_what_nobody_asks_for_is_noted_nowhere(iot: Any) -> None:
    _scripted(iot, "delete_thing", "delete_thing")
    iot.delete_thing(thingName="before")

    with noting_requests() as requests:
        pass
    iot.delete_thing(thingName="after")

    assert requests == []
