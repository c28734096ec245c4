"""A failback's plan in numbers and words."""

from __future__ import annotations

from collections import Counter

from iot_dr.model.failback.plan import Decision, FailbackChoices, FailbackVerdict, Party, PlannedRow, PlanNumbers
from iot_dr.model.registry.keys import Kind, thing_key

NUMBERS = PlanNumbers(
    Counter(
        {
            (Kind.THING, FailbackVerdict.CONFLICT): 2,
            (Kind.POLICY, FailbackVerdict.CONFLICT): 1,
            (Kind.THING, FailbackVerdict.CREATE_OLD): 4,
        }
    )
)


def test_numbers_add_up_over_kinds_and_verdicts() -> None:
    assert (NUMBERS.of(FailbackVerdict.CONFLICT), NUMBERS.of(FailbackVerdict.DELETE_OLD), NUMBERS.total) == (3, 0, 7)


def test_kinds_come_in_the_order_in_which_they_can_be_made() -> None:
    assert NUMBERS.kinds == (Kind.POLICY, Kind.THING)


def test_choices_are_told_in_words_that_differ_if_they_do() -> None:
    texts = {str(FailbackChoices(prefer, deletes)) for prefer in (None, *Party) for deletes in (True, False)}

    assert len(texts) == 6


def test_a_row_has_the_verdict_of_its_decision() -> None:
    assert PlannedRow(thing_key("pump"), Decision(FailbackVerdict.CONFLICT, "why")).verdict is FailbackVerdict.CONFLICT
