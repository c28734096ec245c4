"""The sweep as the schedule calls it: one task to retry, one to compare."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from iot_dr.errors import TerminalError, UnsafePlan
from iot_dr.runtime.functions.sweep_registry import SECONDS_TO_START
from tests.builders import PRIMARY, SECONDARY, a_certificate_id
from tests.endpoint import Answer, Endpoint, Request
from tests.unit.lambda_functions.functions import BACKGROUND_QUEUE, WORKER_VARIABLES, Function, load, queued_requests

SENT = Answer({"Successful": [], "Failed": []})
EMPTY_LISTS: dict[str, list[str]] = {
    name: [] for name in ("things", "thingTypes", "certificates", "policies", "thingGroups", "billingGroups")
}


NamesOf = Callable[[str], list[str]]
"""Tells the names of a kind of resource that a Region has."""


def _nothing(_region: str) -> list[str]:
    return []


def answering(things_of: NamesOf, certificates_of: NamesOf) -> Callable[[Request], Answer]:
    """Answer as two Regions do whose registries hold nothing but these, all of them owned."""

    def answer(request: Request) -> Answer:  # noqa: PLR0911  # an answer an operation
        match request.operation.partition("?")[0]:
            case "GET /things":
                return Answer({"things": [{"thingName": name} for name in things_of(request.region)]})
            case "GET /certificates":
                ids = certificates_of(request.region)
                return Answer({"certificates": [{"certificateId": one, "status": "ACTIVE"} for one in ids]})
            case "BatchGetItem":
                if "control" in request.body["RequestItems"]:
                    (key,) = request.body["RequestItems"]["control"]["Keys"]
                    assert "event_id" in key, "the global table has a sort key"
                    return Answer({"Responses": {"control": [], "ledger": []}})
                keys = request.body["RequestItems"]["ledger"]["Keys"]
                return Answer({"Responses": {"ledger": [{**key, "owned_at": {"N": "1"}} for key in keys]}})
            case "Query":
                waiting = request.body["ExpressionAttributeValues"][":state"] == {"S": "waiting"}
                if request.body.get("Select") == "COUNT":
                    return Answer({"Count": 2 if waiting else 1})
                names = ("role_alias#of-another-release", "thing#waits") if waiting else ()
                due = {"next_attempt": {"N": "1"}}
                return Answer({"Items": [{"resource": {"S": name}} | due for name in names]})
            case "SendMessageBatch":
                return SENT
            case "ListServiceQuotas":
                return Answer({"Quotas": []})
            case operation:
                return Answer(EMPTY_LISTS if operation.startswith("GET") else {})

    return answer


@dataclass(frozen=True)
class Invocation:
    """What Lambda tells a function of the invocation."""

    seconds: float = 900

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * self.seconds)


@contextmanager
def sweeping(
    patch: pytest.MonkeyPatch, things_of: NamesOf, certificates_of: NamesOf = _nothing, **variables: str
) -> Iterator[tuple[Endpoint, Function]]:
    given = {**WORKER_VARIABLES, "BACKGROUND_QUEUE_URL": BACKGROUND_QUEUE, "REPLICATE_SHADOWS": "none", **variables}
    with Endpoint(answering(things_of, certificates_of)) as aws:
        yield aws, load("sweep_registry", aws, patch, given)


def _requests(aws: Endpoint) -> list[dict[str, Any]]:
    return queued_requests(aws, BACKGROUND_QUEUE)


def _started(aws: Endpoint) -> list[str]:
    return [request["name"] for request in _requests(aws)]


def test_a_sweep_queues_what_differs_as_background_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with sweeping(monkeypatch, lambda region: ["a", "b"] if region == PRIMARY else ["b"]) as (aws, sweep):
        answer = sweep({"task": "sweep"}, Invocation())

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
def test_a_sweep_has_shadows_checked_if_any_are_replicated(
    mode: str, kinds: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sweeping(monkeypatch, lambda _region: ["a"], REPLICATE_SHADOWS=mode) as (aws, sweep):
        sweep({"task": "sweep"}, Invocation())

    assert {request["kind"] for request in _requests(aws)} == kinds


@pytest.mark.parametrize("number", [1, 2])
def test_a_sweep_has_as_many_of_what_is_alike_checked_as_its_slice_says(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sweeping(monkeypatch, lambda _region: ["a", "b", "c"], SWEEP_SLICE=str(number)) as (aws, sweep):
        sweep({"task": "sweep"}, Invocation())

    assert len(_started(aws)) == number


def test_a_retry_queues_what_is_due_as_background_work_and_tells_of_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with sweeping(monkeypatch, lambda _region: []) as (aws, sweep):
        answer = sweep({"task": "retry"}, Invocation())

    assert answer == {"retried": 1, "unknown": 1}
    assert _started(aws) == ["waits"]
    assert set(aws.operations()) == {"GetItem", "ListServiceQuotas", "Query", "UpdateItem", "SendMessageBatch"}
    warnings = [record.__dict__ for record in caplog.records if record.levelname == "WARNING"]
    assert [warning["first"] for warning in warnings] == ["role_alias#of-another-release"]


@pytest.mark.parametrize(("leader_there", "unequal"), [(PRIMARY, 0.0), (SECONDARY, 1.0)])
def test_a_retry_measures_what_stands_still_and_whether_both_control_items_agree(
    leader_there: str, unequal: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: Request) -> Answer:
        if request.operation == "GetItem":
            return Answer({"Item": {"leader": {"S": leader_there if request.region == PRIMARY else PRIMARY}}})
        return answering(_nothing, _nothing)(request)

    variables = {**WORKER_VARIABLES, "BACKGROUND_QUEUE_URL": BACKGROUND_QUEUE}
    with Endpoint(answer) as aws:
        load("sweep_registry", aws, monkeypatch, variables)({"task": "retry"}, Invocation())

    (line,) = [found for found in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in found]
    assert (line["Waiting"], line["Held"], line["ControlUnequal"]) == ([2.0], [1.0], [unequal])


def test_an_unsafe_sweep_leaves_the_deletions_until_their_share_is_allowed_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"pump-{number}" for number in range(20)]
    with sweeping(monkeypatch, lambda region: ["new"] if region == PRIMARY else names) as (aws, sweep):
        with pytest.raises(UnsafePlan, match=r"deletes 20 of 20 .* \(drift 21, left 20\)"):
            sweep({"task": "sweep"}, Invocation())
        assert _started(aws) == ["new"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

        answer = sweep({"task": "sweep", "delete_share": 1.0}, Invocation())

    logged = [record.__dict__["refused"] for record in caplog.records if record.message == "swept"]
    assert [refused.partition(" of ")[0] for refused in logged] == ["the plan deletes 20", ""]
    assert [(line["Drift"], line["StaleCertificates"]) for line in lines if "_aws" in line] == [([21.0], [0.0])]
    assert (answer["drift"], answer["left"], answer["refused"]) == (21, 0, "")


def test_a_sweep_whose_time_is_over_before_the_lists_are_read_fails_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        sweeping(monkeypatch, lambda _region: ["a"]) as (aws, sweep),
        pytest.raises(TerminalError, match=r"not read to their end within 0 s.*raise the quotas"),
    ):
        sweep({"task": "sweep"}, Invocation(seconds=SECONDS_TO_START))

    assert _started(aws) == []


def test_the_longest_list_bounds_a_sweeps_time_and_not_the_sum_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    six_lists_of_two_regions = Barrier(12, timeout=10)

    def answer(request: Request) -> Answer:
        if request.operation.startswith("GET"):
            six_lists_of_two_regions.wait()
        return answering(_nothing, _nothing)(request)

    variables = {**WORKER_VARIABLES, "BACKGROUND_QUEUE_URL": BACKGROUND_QUEUE}
    with Endpoint(answer) as aws:
        load("sweep_registry", aws, monkeypatch, variables)({"task": "sweep"}, Invocation())

    assert sum(operation.startswith("GET") for operation in aws.operations()) == 12


@pytest.mark.parametrize(("mode", "drift"), [("copy", 1), ("jitr", 0)])
def test_a_certificate_that_only_the_primary_has_is_a_difference_where_certificates_are_copied(
    mode: str, drift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def certificates_of(region: str) -> list[str]:
        return [a_certificate_id("pump-1")] if region == PRIMARY else []

    with sweeping(monkeypatch, lambda _region: [], certificates_of, CERTIFICATE_MODE=mode) as (_, sweep):
        answer = sweep({"task": "sweep"}, Invocation())

    assert answer["drift"] == drift


def test_drift_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with sweeping(monkeypatch, lambda region: ["a"] if region == PRIMARY else []) as (_, sweep):
        sweep({"task": "sweep"}, Invocation())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Drift"] for line in lines if "_aws" in line] == [[1.0]]
