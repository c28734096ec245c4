"""The failure recorder: what the workflow could not do is in the ledger, with a reason that can be read."""

import json
from collections.abc import Iterator

import pytest

from tests.endpoint import Answer, Endpoint
from tests.unit.lambda_functions.functions import Function, load

REQUEST = {"kind": "thing", "name": "pump-17", "event_id": "e-1"}


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with Endpoint(lambda _request: Answer({"Attributes": {"attempts": {"N": "1"}}})) as endpoint:
        yield endpoint


@pytest.fixture
def recorder(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Function:
    return load("record_failure", aws, monkeypatch, {"LEDGER_TABLE": "ledger"})


@pytest.mark.parametrize(
    ("cause", "wanted"),
    [
        (json.dumps({"errorMessage": "no right", "errorType": "AccessDenied", "stackTrace": ["..."]}), "no right"),
        ("The function timed out", "The function timed out"),
        ('["not", "an", "object"]', '["not", "an", "object"]'),
        ("", ""),
    ],
)
def test_the_reason_is_the_functions_own_message(cause: str, wanted: str, aws: Endpoint, recorder: Function) -> None:
    answer = recorder({"looks": [REQUEST], "error": {"Error": "AccessDenied", "Cause": cause}}, None)

    assert answer == {"recorded": 1}
    assert set(aws.operations()) == {"UpdateItem"}
    assert aws.requests[0].body["Key"] == {"resource": {"S": "thing#pump-17"}}
    assert aws.requests[0].body["ExpressionAttributeValues"][":reason"] == {"S": f"AccessDenied: {wanted}"}


def test_a_failure_is_an_error_in_the_log_and_counted(
    recorder: Function, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder({"looks": [REQUEST], "error": {"Error": "AccessDenied"}}, None)

    errors = [vars(record)["resource"] for record in caplog.records if record.levelname == "ERROR"]
    metrics, together = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert errors == ["thing#pump-17"]
    assert metrics["Failed"] == together["Failed"] == [1.0]
    assert (metrics["service"], together["service"]) == ("record_failure", "replication")
