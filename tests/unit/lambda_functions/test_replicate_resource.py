"""The worker: a look in; outcome, pause and the next look out."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, EventError, Throttled
from iot_dr.runtime.replicate_resource import replicate_resource_handler
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import MISSING, Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import WORKER_VARIABLES, Function, load

PUMP = {"thingName": "pump-17", "attributes": {"site": "north"}, "version": 1}
LOOK = {"kind": "thing", "name": "pump-17", "created": True, "occurred_at": 1, "event_id": "e-1"}


def a_thing_in_the_primary(request: Request) -> Answer:
    """Answer as AWS does while the primary has a bare thing and the secondary nothing."""
    match request.operation, request.region:
        case "GET /things/pump-17", "us-east-1":
            return Answer(PUMP)
        case "GET /things/pump-17", _:
            return MISSING
        case operation, _ if operation.startswith("GET /things/pump-17/principals-v2"):
            return Answer({"thingPrincipalObjects": []})
        case operation, _ if operation.startswith("GET /things/pump-17/thing-groups"):
            return Answer({"thingGroups": []})
        case "TransactWriteItems" | "UpdateItem" | "POST /things/pump-17", _:
            return Answer({"Attributes": {"attempts": {"N": "1"}}})
        case operation, region:
            raise AssertionError(f"nothing should call {operation} in {region}")


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(a_thing_in_the_primary) as endpoint:
        yield endpoint


@pytest.fixture
def worker(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)


def test_a_thing_is_read_in_both_regions_and_written_in_its_own_alone(aws: Endpoint, worker: Function) -> None:
    worker({"resource": LOOK}, None)

    calls = Counter((request.operation.partition("?")[0], request.region) for request in aws.requests)
    assert calls[("GET /things/pump-17", PRIMARY)] == calls[("GET /things/pump-17", SECONDARY)] == 1
    writes = [request for request in aws.requests if not request.operation.startswith("GET")]
    assert {request.region for request in writes} == {SECONDARY}
    (made,) = [request for request in writes if request.operation == "POST /things/pump-17"]
    assert made.body == {"attributePayload": {"attributes": {"site": "north"}}}


def test_the_answer_is_what_the_workflow_needs_to_look_again(worker: Function) -> None:
    answer = worker({"resource": LOOK | {"occurred_at": 10**13}}, None)

    assert answer["outcome"] in {"in_sync", "pending"}
    assert answer["pause"] == 1
    assert (answer["resource"]["name"], answer["resource"]["looks"]) == ("pump-17", 1)
    assert json.loads(json.dumps(answer)) == answer


def test_a_look_leaves_one_log_line_and_one_line_of_metrics(
    worker: Function, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")

    worker({"resource": LOOK}, None)

    (log,) = [vars(record) for record in caplog.records if record.name == "replicate_resource"]
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (log["resource"], log["changes"], log["event_id"]) == ("thing#pump-17", ["Create thing#pump-17"], "e-1")
    assert metrics["service"] == "replicate_resource"
    assert metrics["ReplicationLag"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer({"message": "no"}, 403, "AccessDeniedException"), AccessDenied),
        (Answer({"message": "slow down"}, 400, "LimitExceededRate"), Throttled),
    ],
)
def test_a_fault_leaves_the_function_by_the_name_that_the_workflow_matches(
    answer: Answer, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Endpoint(lambda _request: answer) as aws:
        worker = load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)

        with pytest.raises(error):
            worker({"resource": LOOK}, None)


@pytest.mark.parametrize("resource", [{}, {"kind": "job", "name": "x"}, {"kind": "thing"}])
def test_what_cannot_be_looked_at_is_refused(worker: Function, resource: dict) -> None:
    with pytest.raises(EventError):
        worker({"resource": resource}, None)


def test_without_its_variables_the_function_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="PRIMARY_REGION"):
        replicate_resource_handler({})


def test_a_pair_of_one_region_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="choose a different secondary Region"):
        replicate_resource_handler({**WORKER_VARIABLES, "PRIMARY_REGION": SECONDARY, "AWS_REGION": SECONDARY})
