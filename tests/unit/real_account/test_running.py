"""A run answers for each probe, stops at its budget, and removes whatever ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.real_account.account import Account, Regions
from tests.real_account.budget import BudgetUsedUpError, CallBudget
from tests.real_account.crossing import Scenario
from tests.real_account.doubts import Doubt, Finding, Verdict, confirmed, refuted
from tests.real_account.made import PREFIX, Journal, Kind, Made, Removal
from tests.real_account.running import Plan, Result, run

REGIONS = Regions("123456789012", "eu-west-1", "eu-central-1")
THING = Made(Kind.THING, REGIONS.primary, f"{PREFIX}try-1")


class Removed(Removal):
    """Removes nothing, and keeps what it was asked to."""

    def __init__(self, budget: CallBudget, left: dict[Made, str] | None = None) -> None:
        self.asked: list[Made] = []
        self._budget = budget
        self._left = left or {}

    def remove(self, made: Sequence[Made], type_seconds: float = 0.0) -> dict[Made, str]:
        self._budget._count()
        self.asked.extend(made)
        return self._left


def account(tmp_path: Path, **settings: str) -> Account:
    journal = Journal(tmp_path / "run.jsonl")
    return Account(REGIONS, f"{PREFIX}try", lambda *_: None, journal, lambda request, _: request(), settings)


def doubt(name: str, probe: Callable[[Account], Finding]) -> Doubt:
    return Doubt(name, "", "", "", probe, 1)


def makes_a_thing(account: Account) -> Finding:
    account.journal.note(THING)
    return confirmed("made")


def raising(error: BaseException) -> Callable[[Account], Finding]:
    def probe(account: Account) -> Finding:
        account.journal.note(THING)
        raise error

    return probe


@pytest.mark.parametrize(
    ("second", "code"), [(confirmed("yes"), 0), (refuted("no"), 1), (Finding(Verdict.UNKNOWN, "who knows"), 0)]
)
def test_a_run_fails_if_something_is_refuted(tmp_path: Path, second: Finding, code: int) -> None:
    budget = CallBudget(10)
    plan = Plan([doubt("one", makes_a_thing)], [Scenario("two", "", lambda _: second, 1)])

    result = run(plan, account(tmp_path), budget, Removed(budget), lambda _: None)

    assert result == Result({"one": confirmed("made"), "two": second}, {})
    assert result.exit_code == code


def test_what_stays_fails_the_run_and_is_told(tmp_path: Path) -> None:
    budget, told = CallBudget(10), list[str]()

    result = run(
        Plan([doubt("one", makes_a_thing)], []), account(tmp_path), budget, Removed(budget, {THING: "why"}), told.append
    )

    assert result.exit_code == 1
    assert f"left       {THING}: why" in told


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "CreateThing"),
        EndpointConnectionError(endpoint_url="nowhere"),
        TimeoutError("nobody answers"),
    ],
)
def test_what_cannot_be_tried_is_unknown_and_the_rest_is_tried(tmp_path: Path, error: Exception) -> None:
    budget = CallBudget(10)
    plan = Plan([doubt("one", raising(error)), doubt("two", makes_a_thing)], [])

    findings = run(plan, account(tmp_path), budget, Removed(budget), lambda _: None).findings

    assert {name: finding.verdict for name, finding in findings.items()} == {"one": "unknown", "two": "confirmed"}
    assert type(error).__name__ in findings["one"].seen


def test_a_used_up_budget_ends_the_run_and_not_the_removal(tmp_path: Path) -> None:
    budget = CallBudget(2)

    def asks(account: Account) -> Finding:
        account.journal.note(THING)
        for _ in range(3):
            budget._count()
        return confirmed("")

    removal = Removed(budget)
    findings = run(
        Plan([doubt("one", asks), doubt("two", asks)], []), account(tmp_path), budget, removal, print
    ).findings

    assert list(findings) == ["one"]
    assert "budget is used up" in findings["one"].seen
    assert removal.asked == [THING]
    assert budget.used == 3
    with pytest.raises(BudgetUsedUpError):
        budget._count()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a mistake of ours")])
def test_whatever_ends_a_run_it_removes_what_it_made(tmp_path: Path, error: BaseException) -> None:
    budget = CallBudget(10)
    removal = Removed(budget)

    with pytest.raises(type(error)):
        run(Plan([doubt("one", raising(error))], []), account(tmp_path), budget, removal, lambda _: None)

    assert removal.asked == [THING]


def test_copies_that_a_launch_made_are_removed_too(tmp_path: Path) -> None:
    budget = CallBudget(10)
    removal = Removed(budget)

    run(Plan([doubt("one", makes_a_thing)], []), account(tmp_path, STACK_POSTFIX="1"), budget, removal, lambda _: None)

    assert removal.asked == [THING, Made(Kind.THING, REGIONS.secondary, THING.name)]


def test_every_request_of_a_client_is_counted() -> None:
    registered: dict[str, Any] = {}
    budget = CallBudget(1)

    budget.watch(SimpleNamespace(meta=SimpleNamespace(events=SimpleNamespace(register=registered.__setitem__))))

    registered["before-send"](request=None, event_name="before-send.iot.CreateThing")
    with pytest.raises(BudgetUsedUpError, match="1 requests"):
        registered["before-send"](request=None)


def test_the_cost_is_told_rounded_up_to_a_cent() -> None:
    plan = Plan([doubt("one", makes_a_thing)], [Scenario("two", "", makes_a_thing, 999, 0.05)])

    assert (plan.calls, plan.dollars) == (1000, 0.06)
