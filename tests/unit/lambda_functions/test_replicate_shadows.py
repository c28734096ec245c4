"""The function of shadows: a batch of their stream in, the secondary's shadows written; and requests of the
workflow.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from iot_dr.aws.quotas import SHADOWS
from iot_dr.errors import RegionUnavailable
from iot_dr.model.registry.keys import shadow_key, thing_shadows_key
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.runtime.budgets import event_budgets
from iot_dr.runtime.functions import replicate_shadows
from iot_dr.services.pacing import RegionCallBudgets
from tests.builders import PRIMARY, SECONDARY, a_stream_record
from tests.endpoint import MISSING, Answer, Answering, Endpoint, Request
from tests.unit.lambda_functions.functions import Function, load

VARIABLES = {
    "PRIMARY_REGION": PRIMARY,
    "LEDGER_TABLE": "ledger",
    "CONTROL_TABLE": "control",
    "WORK_BUCKET": "iot-dr-work",
}
SECRET = "only the device knows"
DENIED = Answer({"message": "no right"}, 400, "AccessDeniedException")
COPY = Answer({"state": {}, "version": 1, "timestamp": 1})


def aws_with(control: Mapping[str, Any] | None = None, refused: str = "", copy: Answer = COPY) -> Answering:
    """Both Regions' AWS: an empty shadow wherever one is asked for, or `copy` in the secondary.

    Notes of what is `refused` cannot be kept.
    """
    claims: dict[str, dict[str, Any]] = {}

    def answer(request: Request) -> Answer:
        match request.operation, request.body:
            # Only the global table has a sort key.
            case "BatchGetItem", {"RequestItems": {"control": {"Keys": [{"event_id": _} as key]}, "ledger": _}}:
                return Answer({"Responses": {"control": [key | control] if control else []}})
            case (("GetItem" | "UpdateItem"), {"Key": {"resource": {"S": resource}}}):
                if refused and refused in resource:
                    return DENIED
                values = request.body.get("ExpressionAttributeValues", {})
                claims.setdefault(resource, {}).update(
                    {name.removeprefix(":"): value for name, value in values.items() if name != ":over"}
                )
                return Answer({"Item": claims[resource], "Attributes": claims[resource]})
            case operation, _ if "ListNamedShadowsForThing" in operation:
                return Answer({"results": ["config"]})
            case operation, _ if operation.startswith(("GET", "POST")):
                return copy if request.region == SECONDARY else COPY
            case _:
                return Answer()

    return answer


def an_update(thing: str, version: int, **fields: str) -> dict[str, str]:
    state = json.dumps({"reported": {"secret": SECRET, "version": version}})
    return {
        "resource": thing,
        "event_id": f"{thing}-{version}",
        "operation": "UPDATED",
        "version": str(version),
        "payload": base64.b64encode(state.encode()).decode(),
        **fields,
    }


def a_batch(*items: Mapping[str, str]) -> dict[str, Any]:
    return {"Records": [a_stream_record(item, str(100 + number)) for number, item in enumerate(items)]}


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(aws_with()) as endpoint:
        yield endpoint


Loading = Callable[..., Function]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loading:
    def function(endpoint: Endpoint, **variables: str) -> Function:
        return load("replicate_shadows", endpoint, monkeypatch, {**VARIABLES, **variables})

    return function


def written(aws: Endpoint) -> list[tuple[str, str, Any]]:
    """What was written into shadows: Region, path and what was reported; empty updates change nothing."""
    return [
        (request.region, request.operation.removeprefix("POST "), request.body["state"]["reported"])
        for request in aws.requests
        if request.operation.startswith("POST") and request.body["state"]
    ]


def test_of_a_batch_the_newest_state_of_each_shadow_is_written_once(aws: Endpoint, loaded: Loading) -> None:
    batch = a_batch(an_update("pump", 2), an_update("pump", 3), an_update("pump", 1), an_update("valve", 1, shadow="a"))

    answer = loaded(aws)(batch, None)

    assert answer == {"batchItemFailures": []}
    assert sorted(written(aws), key=str) == [
        (SECONDARY, "/things/pump/shadow", {"secret": SECRET, "version": 3}),
        (SECONDARY, "/things/valve/shadow?name=a", {"secret": SECRET, "version": 1}),
    ]
    assert PRIMARY not in {request.region for request in aws.requests}


def test_the_control_item_is_read_once_for_a_batch(aws: Endpoint, loaded: Loading) -> None:
    loaded(aws)(a_batch(*(an_update(f"pump-{number}", 1) for number in range(20))), None)

    assert aws.operations().count("BatchGetItem") == 1


def test_what_events_ask_of_shadows_waits_for_the_quota(
    aws: Endpoint, loaded: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[RegionCallBudgets] = []

    def budgets(**named: float) -> RegionCallBudgets:
        given.append(event_budgets(**named))
        return given[-1]

    monkeypatch.setattr(replicate_shadows, "event_budgets", budgets)
    loaded(aws)(a_batch(an_update("pump", 1), an_update("valve", 1)), None)

    asked = [one for one in aws.requests if one.operation.startswith(("GET /things", "POST /things"))]
    uses = [use for each in given for use in each.uses()]
    assert [(use.operation, use.calls) for use in uses] == [(SHADOWS, len(asked))]


def test_an_unreadable_event_is_kept_aside_and_the_others_are_applied(aws: Endpoint, loaded: Loading) -> None:
    answer = loaded(aws)(a_batch(an_update("pump", 1, payload="no base64!"), an_update("valve", 1)), None)

    assert answer == {"batchItemFailures": []}
    assert [path for _, path, _ in written(aws)] == ["/things/valve/shadow"]
    assert [one for one in aws.operations() if one.startswith("PUT")] == ["PUT /iot-dr-work/unreadable/id-100.json"]


def test_a_shadow_that_not_even_the_ledger_can_be_told_of_is_handed_in_again_with_all_its_events(
    loaded: Loading,
) -> None:
    with Endpoint(aws_with(refused="#bad")) as aws:
        batch = a_batch(an_update("good", 1), an_update("bad", 1), an_update("bad", 2), an_update("better", 1))

        answer = loaded(aws)(batch, None)

        assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}, {"itemIdentifier": "102"}]}
        assert sorted(path for _, path, _ in written(aws)) == ["/things/better/shadow", "/things/good/shadow"]


@pytest.mark.parametrize(
    "control",
    [
        {"replication": {"S": "suspended"}},
        {"leader": {"S": SECONDARY}, "mode": {"S": "pinned"}, "epoch": {"N": "2"}},
        {"leader": {"S": "us-west2"}},
    ],
    ids=["suspended", "the secondary leads", "garbled"],
)
def test_over_what_devices_wrote_nothing_is_written_and_what_waits_is_counted(
    loaded: Loading, capsys: pytest.CaptureFixture[str], control: dict[str, Any]
) -> None:
    written_here = Answer({"state": {"reported": {"on": True}}, "version": 7, "timestamp": 1})
    with Endpoint(aws_with(control, copy=written_here)) as aws:
        answer = loaded(aws)(a_batch(an_update("pump", 1), an_update("valve", 1)), None)

        assert answer == {"batchItemFailures": []}
        assert written(aws) == []
    (metrics,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line]
    assert (metrics["HeldBack"], metrics["kind"]) == ([2.0], "shadow")


def test_a_request_compares_both_regions_and_nothing_of_it_comes_again(aws: Endpoint, loaded: Loading) -> None:
    keys = (shadow_key("pump", "status"), thing_shadows_key("valve"))

    answer = loaded(aws)({"looks": [ReconcileRequest(key).to_json() for key in keys]}, None)

    assert answer == {"looks": [], "pause": 0}
    read = {
        (request.region, request.operation)
        for request in aws.requests
        if request.operation.startswith("GET") and request.operation.partition("?")[0].endswith("/shadow")
    }
    paths = ("/things/pump/shadow?name=status", "/things/valve/shadow", "/things/valve/shadow?name=config")
    assert read == {(region, f"GET {path}") for region in (PRIMARY, SECONDARY) for path in paths}


def test_a_request_that_not_even_the_ledger_can_be_told_of_fails_as_the_workflow_repeats(loaded: Loading) -> None:
    with Endpoint(aws_with(refused="#bad")) as aws:
        function = loaded(aws)

        with pytest.raises(RegionUnavailable, match="shadow#bad"):
            function({"looks": [ReconcileRequest(shadow_key("bad")).to_json()]}, None)


@pytest.mark.parametrize(
    ("variables", "paths"),
    [
        ({"REPLICATE_SHADOWS": "none"}, []),
        ({"REPLICATE_SHADOWS": "classic"}, ["/things/pump/shadow"]),
        ({"SHADOW_NAME_PATTERN": "st.*"}, ["/things/pump/shadow", "/things/pump/shadow?name=status"]),
    ],
)
def test_the_parameters_of_the_stack_choose_the_shadows(
    variables: dict[str, str], paths: list[str], aws: Endpoint, loaded: Loading
) -> None:
    events = [an_update("pump", 1, shadow=name) for name in ("", "config", "status")]

    loaded(aws, **variables)(a_batch(*events), None)

    assert sorted(path for _, path, _ in written(aws)) == paths


def test_no_state_of_a_shadow_is_logged(
    aws: Endpoint, loaded: Loading, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded(aws)(a_batch(an_update("pump", 1), an_update("valve", 1, payload=SECRET)), None)

    told = [str(vars(record)) for record in caplog.records] + [capsys.readouterr().out]
    assert any("'in_sync': 1" in line for line in told)
    assert not [line for line in told if SECRET in line]


def test_a_shadow_that_is_gone_from_both_regions_is_no_failure(loaded: Loading) -> None:
    usual = aws_with()
    with Endpoint(lambda one: MISSING if one.operation.startswith("GET /things") else usual(one)) as aws:
        assert loaded(aws)({"looks": [ReconcileRequest(shadow_key("pump")).to_json()]}, None) == {
            "looks": [],
            "pause": 0,
        }
        assert written(aws) == []
