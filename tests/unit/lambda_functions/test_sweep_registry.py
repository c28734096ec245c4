"""The sweep as the schedule calls it: one task to retry, one to compare."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError, UnsafePlan
from iot_dr.runtime.sweep_registry import sweep_registry_handler
from tests.builders import PRIMARY
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import BACKGROUND_QUEUE, WORKER_VARIABLES, Function, load, queued_looks

SENT = Answer({"Successful": [], "Failed": []})
EMPTY_LISTS: dict[str, list[str]] = {
    name: [] for name in ("things", "thingTypes", "certificates", "policies", "thingGroups", "billingGroups")
}


def answering(things_of: Callable[[str], list[str]]) -> Callable[[Request], Answer]:
    """Answer as two Regions do whose registries hold nothing but these things, all of them owned."""

    def answer(request: Request) -> Answer:
        match request.operation.partition("?")[0]:
            case "GET /things":
                return Answer({"things": [{"thingName": name} for name in things_of(request.region)]})
            case "BatchGetItem":
                keys = request.body["RequestItems"]["ledger"]["Keys"]
                return Answer({"Responses": {"ledger": [{**key, "owned_at": {"N": "1"}} for key in keys]}})
            case "Query":
                return Answer({"Items": [{"resource": {"S": "thing#waits"}}]})
            case "SendMessageBatch":
                return SENT
            case "ListServiceQuotas":
                return Answer({"Quotas": []})
            case operation:
                return Answer(EMPTY_LISTS if operation.startswith("GET") else {})

    return answer


@contextmanager
def sweeping(
    patch: pytest.MonkeyPatch, things_of: Callable[[str], list[str]], **variables: str
) -> Iterator[tuple[Endpoint, Function]]:
    given = {**WORKER_VARIABLES, "BACKGROUND_QUEUE_URL": BACKGROUND_QUEUE, "REPLICATE_SHADOWS": "none", **variables}
    with Endpoint(answering(things_of)) as aws:
        yield aws, load("sweep_registry", aws, patch, given)


def _looks(aws: Endpoint) -> list[dict[str, Any]]:
    return queued_looks(aws, BACKGROUND_QUEUE)


def _started(aws: Endpoint) -> list[str]:
    return [look["name"] for look in _looks(aws)]


def test_a_sweep_queues_what_differs_as_background_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with sweeping(monkeypatch, lambda region: ["a", "b"] if region == PRIMARY else ["b"]) as (aws, sweep):
        answer = sweep({"task": "sweep"}, None)

    assert answer["drift"] == 1
    assert sorted(_started(aws)) == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("all", {"thing", "thing_shadows"}),
        ("classic", {"thing", "thing_shadows"}),
        ("named", {"thing", "thing_shadows"}),
        ("none", {"thing"}),
    ],
)
def test_a_sweep_has_shadows_looked_at_if_any_are_replicated(
    mode: str, kinds: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sweeping(monkeypatch, lambda _region: ["a"], REPLICATE_SHADOWS=mode) as (aws, sweep):
        sweep({"task": "sweep"}, None)

    assert {look["kind"] for look in _looks(aws)} == kinds


def test_a_retry_queues_what_is_due_as_background_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with sweeping(monkeypatch, lambda _region: []) as (aws, sweep):
        answer = sweep({"task": "retry"}, None)

    assert answer == {"retried": 1}
    assert _started(aws) == ["waits"]
    assert set(aws.operations()) == {"ListServiceQuotas", "Query", "SendMessageBatch"}


def test_an_unsafe_sweep_is_refused_until_its_share_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"pump-{number}" for number in range(20)]
    with sweeping(monkeypatch, lambda region: [] if region == PRIMARY else names) as (aws, sweep):
        with pytest.raises(UnsafePlan):
            sweep({"task": "sweep"}, None)
        assert _started(aws) == []

        answer = sweep({"task": "sweep", "delete_share": 1.0}, None)

    assert answer["drift"] == 20


def test_drift_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with sweeping(monkeypatch, lambda region: ["a"] if region == PRIMARY else []) as (_, sweep):
        sweep({"task": "sweep"}, None)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Drift"] for line in lines if "_aws" in line] == [[1.0]]


def test_without_its_variables_the_function_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="PRIMARY_REGION"):
        sweep_registry_handler({})
