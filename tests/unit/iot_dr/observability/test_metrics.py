"""Metrics are log lines whose dimensions stay few."""

import json

import pytest

from iot_dr.observability.metrics import ALL_SERVICES, NAMESPACE, ReplicationMetrics


def _flushed(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_outcome_is_one_line_with_its_kind_and_its_lag(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ReplicationMetrics("worker")

    metrics.outcome("thing", "in_sync", 700)
    metrics.flush()

    (line,) = _flushed(capsys)
    assert (line["Applied"], line["ReplicationLag"], line["kind"]) == ([1.0], [700.0], "thing")
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == NAMESPACE


@pytest.mark.parametrize(
    ("state", "name"), [("in_sync", "Applied"), ("failed", "Failed"), ("pending", "Pending"), ("absent", "Skipped")]
)
def test_each_state_has_its_metric(state: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ReplicationMetrics("worker")

    metrics.outcome("thing", state, None)
    metrics.flush()

    line, *_ = _flushed(capsys)
    assert line[name] == [1.0]
    assert "ReplicationLag" not in line


def test_what_else_is_counted_may_be_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ReplicationMetrics("worker")

    metrics.count("Retries", 3, "policy")
    metrics.flush()

    (line,) = _flushed(capsys)
    assert (line["Retries"], line["kind"]) == ([3.0], "policy")


def test_nothing_counted_is_nothing_written(capsys: pytest.CaptureFixture[str]) -> None:
    ReplicationMetrics("worker").flush()

    assert _flushed(capsys) == []


def test_one_invocation_leaves_nothing_to_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ReplicationMetrics("worker")
    for kind in ("thing", "policy"):
        metrics.outcome(kind, "in_sync", None)
        metrics.flush()

    first, second = _flushed(capsys)
    assert (first["kind"], second["kind"]) == ("thing", "policy")
    assert first["Applied"] == second["Applied"] == [1.0]


def test_what_failed_or_came_late_is_counted_once_more_for_all_functions_and_kinds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "worker")
    metrics = ReplicationMetrics()
    for kind, state, lag in (("thing", "failed", None), ("policy", "failed", 60_000), ("thing", "in_sync", 60_001)):
        metrics.outcome(kind, state, lag)
        metrics.flush()
    metrics.outcome("thing", "in_sync", 5)
    metrics.flush()

    lines = [line for line in _flushed(capsys) if line["service"] == ALL_SERVICES]
    assert [(line.get("Failed"), line.get("Late")) for line in lines] == [([1.0], None), ([1.0], None), (None, [1.0])]
    dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines]
    assert dimensions == 3 * [[["service"]]]
