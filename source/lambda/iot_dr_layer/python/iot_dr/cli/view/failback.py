"""How a failback looks: its plan, the two sides of each conflict, how far it is, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from rich.text import Text

from iot_dr.cli.view.answers import problem_as_json
from iot_dr.cli.view.applying import SyncWatch
from iot_dr.cli.view.failover import FailoverWatch
from iot_dr.cli.view.tables import console, table
from iot_dr.cli.view.texts import say
from iot_dr.model.failback.plan import FailbackVerdict, PlannedRow, PlanNumbers
from iot_dr.model.failback.steps import FailbackResult, FailbackStep
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.entity_json import to_json

SHOWN = 20
"""Conflicts, problems and differences that are shown; `--format json` has all of them, or a thousand."""

MOST_ROWS = 10_000
"""Rows of a plan that JSON has; the counts are of all."""

LONGEST = 200
"""Characters of a value that are shown; `--format json` has all."""

_COLUMNS = {
    FailbackVerdict.CREATE_OLD: "old: create",
    FailbackVerdict.UPDATE_OLD: "old: update",
    FailbackVerdict.DELETE_OLD: "old: delete",
    FailbackVerdict.CREATE_LEADER: "leader: create",
    FailbackVerdict.UPDATE_LEADER: "leader: update",
    FailbackVerdict.CONFLICT: "conflict",
    FailbackVerdict.UNDECIDED: "unread",
}


class DevicesWatch(FailoverWatch):
    """Tells of the devices in lines: the bar of the terminal shows the reading and the applying."""

    def __init__(self) -> None:
        super().__init__()
        self._bar.disable = True


class FailbackWatch(SyncWatch):
    """Tells which step comes next, and how far the reading and the applying are."""

    goal = "until both Regions are equal"

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stopwatch)
        self.last_step = ""
        self._read_from: float | None = None
        self._snapshot_took = 0.0

    @property
    def seconds_to_come(self) -> float:
        """Return how long the last reading takes: about as long as the snapshot did, for both Regions are read."""
        return self._snapshot_took

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Begin with a stage of the reading."""
        self._read_from = self._stopwatch() if self._read_from is None else self._read_from
        super().begin(stage, calls, ahead)

    def step(self, text: str) -> None:
        """Say what comes next; what was read and applied before it is over."""
        if self._read_from is not None:
            self._snapshot_took = self._snapshot_took or self._stopwatch() - self._read_from
            self._read_from = None
        self._past.clear()
        self._reading_pace.begin(None, 0)
        self._bar.update(self._applying, visible=False)
        self.last_step = text
        super().step(text)


def sides(row: PlannedRow) -> Iterator[tuple[str, Any, Any]]:
    """Yield each field in which both sides differ, with the leader's value and the old primary's; None if unset."""
    leader, old = _values(row.leader), _values(row.wanted)
    if leader is None or old is None:
        yield "", None if leader is None else "there", None if old is None else "there"
        return
    for name in dict.fromkeys((*leader, *old)):
        if leader.get(name) != old.get(name):
            yield name, leader.get(name), old.get(name)


def _values(entity: Entity | None) -> dict[str, Any] | None:
    return None if entity is None else to_json(entity)


def plan_as_json(
    numbers: PlanNumbers, rows: Iterable[PlannedRow], undecided: Iterable[PlannedRow], digest: str
) -> dict[str, Any]:
    """Return a plan for scripts: the first rows without their values, and all that is undecided with both sides."""
    return {
        "applied": False,
        "plan": digest,
        "differing": numbers.total,
        "steps": [
            {"kind": str(kind), "step": str(verdict), "number": number}
            for (kind, verdict), number in sorted(numbers.verdicts.items())
        ],
        "rows": [
            {"resource": str(row.key), "step": str(row.verdict), "reason": row.decision.reason}
            for row in islice(rows, MOST_ROWS)
        ],
        "undecided": [_row_as_json(row) for row in undecided],
    }


def _row_as_json(row: PlannedRow) -> dict[str, Any]:
    return {
        "resource": str(row.key),
        "step": str(row.verdict),
        "reason": row.decision.reason,
        "leader": _values(row.leader),
        "old": _values(row.wanted),
    }


def print_plan(numbers: PlanNumbers, rows: Iterable[PlannedRow], digest: str, again: str) -> None:
    """Print a plan; `again` is the command that applies it."""
    if not numbers.total:
        say("Nothing differs.")
        return
    screen = console()
    heads = tuple(_COLUMNS.values())
    shown = table("Kind", *heads, numbers=frozenset(heads))
    for kind in numbers.kinds:
        counts = (numbers.verdicts[kind, verdict] for verdict in _COLUMNS)
        shown.add_row(kind.replace("_", " "), *(str(count) if count else "" for count in counts))
    screen.print(shown)
    _print_undecided(numbers, rows)
    if numbers.of(FailbackVerdict.DELETE_OLD):
        screen.print("What was deleted in the leader stays in the old primary unless you give --with-deletes.")
    screen.print(f"\nNothing was changed. To apply this plan, {digest}, run `{again}`.", soft_wrap=True)


def _print_undecided(numbers: PlanNumbers, rows: Iterable[PlannedRow]) -> None:
    number = numbers.of(FailbackVerdict.CONFLICT) + numbers.of(FailbackVerdict.UNDECIDED)
    if not number:
        return
    shown = table("Conflict", "Field", "Leader", "Old primary")
    for row in islice(rows, SHOWN):
        first = f"{row.key}: {row.decision.reason}"
        for field, leader, old in sides(row):
            shown.add_row(Text(first), Text(field), _short(leader), _short(old))
            first = ""
    console().print(shown)
    if number > SHOWN:
        console().print(f"... and {number - SHOWN} more; --format json has all of them")
    if numbers.of(FailbackVerdict.CONFLICT):
        console().print("Say which side wins with --prefer leader or --prefer old; the other is in the snapshot.")


def _short(value: Any) -> Text:
    text = "-" if value is None else str(value)
    return Text(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")


def result_as_json(result: FailbackResult) -> dict[str, Any]:
    """Return what a run came to, for scripts."""
    checked = result.checked
    return {
        "applied": True,
        "complete": result.complete,
        "done": [str(step) for step in result.done],
        "stopped": None if result.stopped is None else str(result.stopped),
        "why": result.why,
        "snapshot": result.snapshot,
        "problems": [problem_as_json(one) for one in result.problems],
        "differing": [{"resource": str(key), "reason": why} for key, why in checked.differing] if checked else [],
        "left": checked.left if checked else 0,
        "new_since": {str(kind): number for kind, number in checked.since.items()} if checked else {},
        "left_behind": list(result.left_behind),
    }


def print_result(result: FailbackResult, again: str, switch: str) -> None:
    """Print what a run came to; `again` goes on, and `switch` brings the devices back."""
    screen = console()
    if result.snapshot:
        screen.print(f"The old primary as it was is in {result.snapshot}.", soft_wrap=True)
    _print_lists(result)
    checked = result.checked
    if checked is not None and checked.left:
        screen.print(f"{checked.left} differences stay, as you have said.")
    if checked is not None and checked.since.total():
        screen.print(f"{checked.since.total()} resources are new in the leader since; they come with the switch.")
    if not result.complete:
        screen.print(f"\nStopped at {result.stopped}: {result.why}. Run `{again}` again to go on.", soft_wrap=True)
    elif FailbackStep.RELEASE in result.done:
        screen.print("The old primary leads again, and replication goes on in the old direction.")
    else:
        screen.print(f"Both Regions hold the same. To bring the devices back, run `{switch}`.", soft_wrap=True)


def _print_lists(result: FailbackResult) -> None:
    told = [(str(one.key), str(one.ending), one.reason) for one in result.problems]
    told += [(str(key), "differs", why) for key, why in (result.checked.differing if result.checked else ())]
    told += [(client, "left behind", "it stays connected") for client in result.left_behind]
    if not told:
        return
    shown = table("Resource", "Result", "Reason")
    for name, what, why in told[:SHOWN]:
        shown.add_row(Text(name), Text(what, style="red"), Text(why))
    console().print(shown)
    if len(told) > SHOWN:
        console().print(f"... and {len(told) - SHOWN} more; --format json has more of them")
