"""Each question is asked by itself, and the fault that it meets is its answer."""

from collections.abc import Callable, Iterable

import pytest

from iot_dr.errors import (
    AccessDenied,
    ConfigurationError,
    IotDrError,
    RegionUnavailable,
    TerminalError,
    Throttled,
)
from iot_dr.model.status.checks import Check, Level, failure, ok, warning
from iot_dr.services.doctor.doctor import Examination, examine, worst

WELL = ok("clock", "right")


def asking(answer: Iterable[Check] | Exception, *rights: str) -> Examination:
    def ask() -> Iterable[Check]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Examination("topic rules", "us-west-2", rights, ask)


@pytest.mark.parametrize(
    ("error", "level", "found"),
    [
        (
            AccessDenied(
                "An error occurred (AccessDeniedException) when calling the ListTopicRules operation: User: "
                "arn:aws:iam::123456789012:user/me is not authorized to perform: iot:ListTopicRules on resource: *"
            ),
            Level.WARNING,
            "cannot tell of us-west-2: you lack iot:ListTopicRules",
        ),
        (AccessDenied("403"), Level.WARNING, "cannot tell of us-west-2: you lack iot:A or iot:B"),
        (RegionUnavailable("timed out"), Level.FAILURE, "us-west-2 does not answer: timed out"),
        (Throttled("Rate exceeded"), Level.WARNING, "cannot tell of us-west-2: Rate exceeded"),
        (ConfigurationError("there is no queue"), Level.FAILURE, "there is no queue"),
        (
            TerminalError("An error occurred (UnknownOperation) when calling the ListTopicRules operation: "),
            Level.WARNING,
            "cannot tell of us-west-2: ListTopicRules answered UnknownOperation",
        ),
    ],
)
def test_a_fault_is_the_answer_of_its_own_question_and_of_no_other(error: IotDrError, level: Level, found: str) -> None:
    first, second = examine([asking(error, "iot:A", "iot:B"), asking([WELL])])

    assert (first.name, first.level, first.found) == ("topic rules", level, found)
    assert first.mend
    assert second == WELL


def test_a_question_that_fails_half_way_is_a_failure_to_answer() -> None:
    def ask() -> Iterable[Check]:
        yield WELL
        raise RegionUnavailable("reset")

    (check,) = examine([Examination("alarms", "us-east-1", (), ask)])

    assert check.level is Level.FAILURE


def test_a_bug_is_no_answer() -> None:
    with pytest.raises(KeyError):
        examine([asking(KeyError("x"))])


@pytest.mark.parametrize(
    ("checks", "level"),
    [
        ([], Level.OK),
        ([WELL], Level.OK),
        ([WELL, warning("a", "b", "c")], Level.WARNING),
        ([failure("a", "b", "c"), WELL, warning("a", "b", "c")], Level.FAILURE),
    ],
)
def test_the_worst_answer_counts(checks: list[Check], level: Level) -> None:
    assert worst(checks) is level


def test_the_answers_keep_the_order_of_the_questions() -> None:
    def backwards(function: Callable[[Examination], object], items: Iterable[Examination]) -> list[object]:
        return [function(item) for item in reversed(list(items))][::-1]

    answers = examine([asking([ok("a", "")]), asking([ok("b", ""), ok("c", "")])], backwards)

    assert [check.name for check in answers] == ["a", "b", "c"]
