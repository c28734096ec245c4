"""The worker: a batch of requests in; the requests to come and the pause before them out."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError, EventError, Throttled
from iot_dr.runtime.functions.replicate_resource import replicate_resource_handler
from tests.account import Account
from tests.builders import PRIMARY, SECONDARY, a_certificate_id, iot_arn
from tests.endpoint import MISSING, Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import WORKER_VARIABLES, Function, load

PUMP = {"thingName": "pump-17", "attributes": {"site": "north"}, "version": 1}
CERTIFICATE = a_certificate_id("pump-17")
REQUEST = {"kind": "thing", "name": "pump-17", "created": True, "occurred_at": 1, "event_id": "e-1"}


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
        case "BatchGetItem", "us-west-2":
            asked = request.body["RequestItems"]
            assert all("event_id" in key for key in asked.get("control", {"Keys": []})["Keys"])
            return Answer({"Responses": {}})
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
    worker({"looks": [REQUEST]}, None)

    calls = Counter((request.operation.partition("?")[0], request.region) for request in aws.requests)
    assert calls[("GET /things/pump-17", PRIMARY)] == calls[("GET /things/pump-17", SECONDARY)] == 1
    writes = [request for request in aws.requests if not request.operation.startswith("GET")]
    assert {request.region for request in writes} == {SECONDARY}
    (made,) = [request for request in writes if request.operation == "POST /things/pump-17"]
    assert made.body == {"attributePayload": {"attributes": {"site": "north"}}}


@pytest.fixture
def account() -> Account:
    """Two Regions of which the primary has a complete device."""
    found = Account()
    found.put_device(PRIMARY, "pump-17")
    return found


def worked(account: Account, patch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    """Have the worker check the device as its creation asks for it; return what it answers."""
    with Endpoint(account) as aws:
        worker = load("replicate_resource", aws, patch, WORKER_VARIABLES | variables)
        return worker({"looks": [REQUEST | {"occurred_at": 10**13, "depth": "attachments"}]}, None)


def test_a_device_is_read_and_written_by_the_arns_of_each_region(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked(account, monkeypatch)

    assert {one.region for one in account.calls(f"POST /attached-policies/{iot_arn(f'cert/{CERTIFICATE}')}")} == {
        PRIMARY
    }
    (attached,) = account.calls("PUT /target-policies/pumps")
    assert (attached.region, attached.body) == (SECONDARY, {"target": iot_arn(f"cert/{CERTIFICATE}", SECONDARY)})
    assert {region for _, region in account.writes()} == {SECONDARY}


@pytest.mark.parametrize(("mode", "registered"), [("copy", True), ("jitr", False)])
def test_a_certificate_is_registered_unless_devices_register_themselves(
    account: Account, monkeypatch: pytest.MonkeyPatch, mode: str, registered: bool
) -> None:
    worked(account, monkeypatch, CERTIFICATE_MODE=mode)

    assert (("POST /certificate/register-no-ca", SECONDARY) in account.writes()) is registered


def test_a_complete_device_is_waited_for_as_long_as_the_operator_says(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worked(account, monkeypatch, SETTLE_SECONDS="7", INCOMPLETE_SECONDS="90")["pause"] == 7


def test_the_answer_is_what_the_workflow_needs_to_check_again(worker: Function) -> None:
    answer = worker({"looks": [REQUEST | {"occurred_at": 10**13}]}, None)

    assert answer["pause"] == 1
    (request,) = answer["looks"]
    assert (request["name"], request["looks"]) == ("pump-17", 1)
    assert json.loads(json.dumps(answer)) == answer


def test_a_request_leaves_one_log_line_and_one_line_of_metrics_and_one_more_if_it_came_late(
    worker: Function, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")

    worker({"looks": [REQUEST]}, None)

    (log,) = [vars(record) for record in caplog.records if record.name == "replicate_resource"]
    metrics, late = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (log["resource"], log["changes"], log["event_id"]) == ("thing#pump-17", ["Create thing#pump-17"], "e-1")
    assert [request.split()[0] for request in log["requests"]] == ["CreateThing"]
    assert log["requests"][0].split()[1].startswith("r-")
    assert metrics["service"] == "replicate_resource"
    assert metrics["ReplicationLag"]
    assert late["Late"] == [1.0]


def test_the_requests_of_a_batch_are_taken_by_one_invocation(aws: Endpoint, worker: Function) -> None:
    answer = worker({"looks": [REQUEST | {"occurred_at": 10**13}, REQUEST | {"occurred_at": 10**13}]}, None)

    reads = [request for request in aws.requests if request.operation == "GET /things/pump-17"]
    assert len(reads) == 4
    assert len(answer["looks"]) == 2


def test_a_request_that_meets_a_fault_comes_again_and_its_neighbour_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answered(request: Request) -> Answer:
        if "valve-1" in request.operation:
            return Answer({"message": "slow down"}, 400, "LimitExceededRate")
        return a_thing_in_the_primary(request)

    with Endpoint(answered) as aws:
        worker = load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)

        answer = worker({"looks": [REQUEST | {"name": "valve-1"}, REQUEST | {"occurred_at": 10**13}]}, None)

    assert [(request["name"], request["tries"]) for request in answer["looks"]] == [("pump-17", 0), ("valve-1", 1)]
    assert any(request.operation == "POST /things/pump-17" for request in aws.requests)
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (metrics["Retries"], metrics["kind"]) == ([1.0], "thing")


def test_a_request_that_nothing_mends_is_recorded_as_failed_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answered(request: Request) -> Answer:
        if request.operation == "UpdateItem":
            return Answer({})
        return Answer({"message": "no"}, 403, "AccessDeniedException")

    with Endpoint(answered) as aws:
        worker = load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)

        answer = worker({"looks": [REQUEST]}, None)

    assert answer == {"looks": [], "pause": 0}
    (update,) = [request.body for request in aws.requests if request.operation == "UpdateItem"]
    assert update["ExpressionAttributeValues"][":state"] == {"S": "failed"}
    assert [vars(line)["state"] for line in caplog.records if line.levelname == "ERROR"] == ["failed"]


def test_a_failure_that_the_ledger_cannot_be_told_leaves_by_the_name_that_the_workflow_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answered(request: Request) -> Answer:
        if request.operation == "UpdateItem":
            return Answer({"__type": "ThrottlingException", "message": "slow down"}, 400)
        return Answer({"message": "no"}, 403, "AccessDeniedException")

    with Endpoint(answered) as aws:
        worker = load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)

        with pytest.raises(Throttled):
            worker({"looks": [REQUEST]}, None)


@pytest.mark.parametrize("resource", [{}, {"kind": "job", "name": "x"}, {"kind": "thing"}])
def test_what_cannot_be_checked_is_refused(worker: Function, resource: dict) -> None:
    with pytest.raises(EventError):
        worker({"looks": [resource]}, None)


def test_a_pair_of_one_region_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="choose a different secondary Region"):
        replicate_resource_handler({**WORKER_VARIABLES, "PRIMARY_REGION": SECONDARY, "AWS_REGION": SECONDARY})


@pytest.mark.parametrize(("background", "asked"), [(False, 0), (True, 2)])
def test_background_work_asks_once_for_the_quotas_of_each_region_and_events_never_do(
    background: bool, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(request: Request) -> Answer:
        if request.operation == "ListServiceQuotas":
            return Answer({"Quotas": []})
        return a_thing_in_the_primary(request)

    with Endpoint(answered) as aws:
        worker = load("replicate_resource", aws, monkeypatch, WORKER_VARIABLES)

        for _ in range(2):
            worker({"looks": [REQUEST], "background": background}, None)

    regions = [request.region for request in aws.requests if request.operation == "ListServiceQuotas"]
    assert (len(regions), len(set(regions))) == (asked, asked)
    assert any(request.operation == "POST /things/pump-17" for request in aws.requests)
