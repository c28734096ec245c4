"""The function that lists for a sync in the account, as its state machine calls it."""

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.fleet_runs import FleetRun
from iot_dr.runtime.functions.list_fleet import list_fleet_handler
from tests.account import CALLER
from tests.builders import PRIMARY
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import WORKER_VARIABLES, load

VARIABLES = {**WORKER_VARIABLES, "WORK_BUCKET": "work"}
NO_OBJECTS = Answer(xml="<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
GIVEN = FleetRun("r", apply=True, at_once=4).to_json()


def empty(request: Request) -> Answer:
    """Answer as a primary does that holds nothing."""
    assert request.region == PRIMARY
    return Answer({"thingTypes": []})


def test_a_stage_of_which_there_is_nothing_is_listed_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(empty) as aws:
        answer = load("list_fleet", aws, monkeypatch, VARIABLES)(GIVEN, None)

    assert [request.operation.partition("?")[0] for request in aws.requests] == ["GET /thing-types"]
    assert (answer["kind"], answer["more"], answer["rows"]) == (str(Kind.THING_TYPE), False, 0)
    assert answer["kinds"] == GIVEN["kinds"][1:]


def test_what_waits_for_another_try_is_asked_for_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answering(request: Request) -> Answer:
        return {"Query": Answer({"Items": []}), "GetCallerIdentity": CALLER}.get(request.operation, NO_OBJECTS)

    run = FleetRun("r", apply=True, at_once=4, again="earlier", kinds=(Kind.THING,))
    with Endpoint(answering) as aws:
        load("list_fleet", aws, monkeypatch, VARIABLES)(run.to_json(), None)

    (asked,) = [request.body for request in aws.requests if request.operation == "Query"]
    assert asked["KeyConditionExpression"] == "retry_state = :state"
    assert asked["ExpressionAttributeValues"] == {":state": {"S": "waiting"}}


def test_a_variable_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="WORK_BUCKET"):
        list_fleet_handler(WORKER_VARIABLES)
