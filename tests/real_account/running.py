"""One run: probes and scenarios one after the other, within a budget, and all that they made removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from tests.real_account.account import Account
from tests.real_account.budget import BudgetUsedUpError, CallBudget
from tests.real_account.crossing import Scenario
from tests.real_account.doubts import Doubt, Finding, Verdict, unknown
from tests.real_account.made import Made, Removal

REQUEST = 1.25e-6
"""Dollars of one operation of the registry or of a shadow; what a run makes of other requests costs less."""


@dataclass(frozen=True)
class Plan:
    """What a run would do."""

    doubts: Sequence[Doubt]
    scenarios: Sequence[Scenario]

    @property
    def calls(self) -> int:
        """How many requests it makes at most."""
        return sum(one.calls for one in self.doubts) + sum(one.calls for one in self.scenarios)

    @property
    def dollars(self) -> float:
        """What it costs at most, rounded up to a cent."""
        cents = 100 * (self.calls * REQUEST + sum(one.dollars for one in self.scenarios))
        return (int(cents) + 1) / 100


@dataclass(frozen=True)
class Result:
    """What a run found, and what it could not remove."""

    findings: dict[str, Finding]
    left: dict[Made, str]

    @property
    def exit_code(self) -> int:
        """1 if something is refuted or left, else 0."""
        refuted = any(finding.verdict is Verdict.REFUTED for finding in self.findings.values())
        return int(refuted or bool(self.left))


Tell = Callable[[str], None]


def run(plan: Plan, account: Account, budget: CallBudget, removal: Removal, tell: Tell) -> Result:
    """Try all of the plan, and remove what was made, whatever ends it."""
    findings: dict[str, Finding] = {}
    left: dict[Made, str] = {}
    try:
        for name, finding in _tried(plan, account):
            findings[name] = finding
            tell(f"{finding.verdict:9}  {name}: {finding.seen}")
    finally:
        with budget.removing():
            made = everywhere(account) if account.settings else account.journal.made()
            left.update(removal.remove(made))
        for one, reason in left.items():
            tell(f"left       {one}: {reason}")
    return Result(findings, left)


def everywhere(account: Account) -> list[Made]:
    """What the run made, and the copies that a launch may have made of it; the primary's first, which are copied."""
    made = account.journal.made()
    copies = [replace(one, region=account.secondary) for one in made if one.region == account.primary]
    return list(dict.fromkeys([*made, *copies]))


def _tried(plan: Plan, account: Account) -> Iterator[tuple[str, Finding]]:
    steps = [(doubt.name, doubt.probe) for doubt in plan.doubts if doubt.probe]
    steps += [(scenario.name, scenario.run) for scenario in plan.scenarios]
    for name, step in steps:
        try:
            yield name, step(account)
        except BudgetUsedUpError as error:
            yield name, unknown(f"the budget is used up: {error}")
            return
        except (ClientError, BotoCoreError, OSError) as error:
            yield name, unknown(f"{type(error).__name__}: {error}")
