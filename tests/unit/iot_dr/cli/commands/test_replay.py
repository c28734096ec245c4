from __future__ import annotations

import json
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands import replay as module
from iot_dr.cli.main import cli
from iot_dr.errors import AccessDenied
from iot_dr.model.events.dead_letters import DeadLetterSource
from iot_dr.ports.progress import ReplayObserver
from iot_dr.runtime.commands.replay import RuleErrorsEnvironment, ShadowRuleErrorsEnvironment, StreamRecordsEnvironment
from iot_dr.services.events.replay import Letter

TOOLSRC = {
    "PRIMARY_REGION": "us-east-1",
    "DYNAMODB_GLOBAL_TABLE": "events",
    "RULE_ERROR_QUEUE_URL": "https://queue",
    "DYNAMODB_SHADOW_TABLE": "shadow-events",
    "SHADOW_RULE_ERROR_QUEUE_URL": "https://shadow-queue",
    "SECONDARY_REGION": "us-west-2",
    "SECONDARY_BUCKET": "iot-dr-secondary-1",
    "LOOK_QUEUE_URL": "https://sqs.us-west-2.amazonaws.com/123456789012/requests",
}
GOOD = Letter(DeadLetterSource.RULE_ERRORS, "m-1", "thing#pump-17", "CREATED", "throttled")
BAD = Letter(
    DeadLetterSource.STREAM_RECORDS,
    "aws/lambda/" + "one/" * 40,
    "x",
    cause="RetryAttemptsExhausted",
    problem="not base64 of JSON",
)

Arrange = Callable[..., list[object]]


@pytest.fixture
def arranged(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Arrange what the runtime finds, and return the list of what is asked of it."""

    def arrange(rules: tuple[Letter, ...] | AccessDenied = (), records: tuple[Letter, ...] = ()) -> list[object]:
        asked: list[object] = []

        def rule_errors(
            environment: RuleErrorsEnvironment, progress: ReplayObserver, _orders: object, profile: str, *, apply: bool
        ) -> tuple[Letter, ...]:
            assert profile == "operator"
            asked.append((environment, apply))
            if isinstance(rules, AccessDenied):
                raise rules
            progress.found(DeadLetterSource.RULE_ERRORS, len(rules))
            progress.done(len(rules))
            return rules

        def shadow_rule_errors(
            environment: ShadowRuleErrorsEnvironment,
            _progress: ReplayObserver,
            _orders: object,
            profile: str,
            *,
            apply: bool,
        ) -> tuple[Letter, ...]:
            assert profile == "operator"
            asked.append((environment, apply))
            return ()

        def stream_records(
            environment: StreamRecordsEnvironment,
            _progress: ReplayObserver,
            _orders: object,
            profile: str,
            *,
            apply: bool,
        ) -> tuple[Letter, ...]:
            assert profile == "operator"
            asked.append((environment, apply))
            return records

        monkeypatch.setattr(module, "replay_rule_errors", rule_errors)
        monkeypatch.setattr(module, "replay_shadow_rule_errors", shadow_rule_errors)
        monkeypatch.setattr(module, "replay_stream_records", stream_records)
        return asked

    return arrange


def run(*arguments: str, **environ: str | None) -> Result:
    return CliRunner().invoke(cli, ["replay", "--profile", "operator", *arguments], env={**TOOLSRC, **environ})


def test_every_place_is_read_where_the_environment_says_and_nothing_is_changed(arranged: Arrange) -> None:
    asked = arranged()

    result = run()

    assert result.exit_code == 0
    assert asked == [
        (RuleErrorsEnvironment("us-east-1", "events", "https://queue"), False),
        (ShadowRuleErrorsEnvironment("us-east-1", "shadow-events", "https://shadow-queue"), False),
        (StreamRecordsEnvironment("us-west-2", "iot-dr-secondary-1", TOOLSRC["LOOK_QUEUE_URL"]), False),
    ]


def test_a_dry_run_ends_with_what_would_replay(arranged: Arrange) -> None:
    arranged((GOOD,))

    result = run()

    assert result.exit_code == 0
    assert "Nothing was changed. To replay 1, run `cli replay --profile operator --apply`." in result.stdout
    assert "thing#pump-17" in result.stdout


def test_apply_replays_and_exits_0_when_nothing_stays(arranged: Arrange) -> None:
    asked = arranged((GOOD,))

    result = run("--apply")

    assert result.exit_code == 0
    assert [applied for _, applied in asked] == [True, True, True]  # type: ignore[misc, has-type]  # noted by a fake
    assert "Nothing was changed" not in result.stdout
    assert ["rule-errors", "1", "1", "0"] in [line.split() for line in result.stdout.splitlines()]


def test_what_stays_exits_1_and_is_told_with_reason_and_place_within_a_hundred_columns(arranged: Arrange) -> None:
    arranged((GOOD,), (BAD,))

    result = run("--apply", COLUMNS="100", FORCE_COLOR="1")

    shown = click.unstyle(result.stdout)
    assert result.exit_code == 1
    assert ["stream-records", "1", "0", "1"] in [line.split() for line in shown.splitlines()]
    assert "not base64 of JSON" in shown
    assert "aws/lambda/one/" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_many_are_cut_short_with_what_stays_first(arranged: Arrange) -> None:
    arranged((GOOD,) * 30, (BAD,))

    result = run()

    assert "... and 11 more" in result.stdout
    assert "not base64 of JSON" in result.stdout


def test_one_place_alone_needs_only_its_own_settings(arranged: Arrange) -> None:
    asked = arranged()

    result = run("--from", "stream-records", PRIMARY_REGION=None, RULE_ERROR_QUEUE_URL=None)

    assert result.exit_code == 0
    assert len(asked) == 1


def test_all_missing_settings_are_named_before_anything_is_read(arranged: Arrange) -> None:
    asked = arranged()

    result = run(RULE_ERROR_QUEUE_URL=None, SECONDARY_BUCKET=None)

    assert (result.exit_code, asked) == (2, [])
    assert "RULE_ERROR_QUEUE_URL (--rule-error-queue-url), SECONDARY_BUCKET (--secondary-bucket)" in result.stderr


def test_what_stands_in_the_way_is_one_line_and_exit_2(arranged: Arrange) -> None:
    arranged(AccessDenied("not authorized to perform: sqs:ReceiveMessage"))

    result = run("--apply")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == "error: not authorized to perform: sqs:ReceiveMessage"


def test_json_has_every_letter(arranged: Arrange) -> None:
    arranged((GOOD,) * 30, (BAD,))

    result = run("--format", "json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["applied"], len(answer["letters"])) == (1, False, 31)
    assert answer["letters"][0] == {
        "source": "rule-errors",
        "place": "m-1",
        "resource": "thing#pump-17",
        "operation": "CREATED",
        "cause": "throttled",
        "problem": "",
    }
