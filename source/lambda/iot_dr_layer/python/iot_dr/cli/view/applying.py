"""What `sync` and `repair` have in common: options, how a run looks while it goes, and what they print."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

import click
from rich.text import Text

from iot_dr.cli.command import command_line
from iot_dr.cli.options import applying, credentials_and_state, delete_share, from_toolsrc, output_format, unpaced
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_lines, answer_text, problem_as_json
from iot_dr.cli.view.bars import ReadingPace, Watch, left_text, paced_bar
from iot_dr.cli.view.plans import STEPS, plan_lines, print_lines, resource_json
from iot_dr.cli.view.tables import Screen, console, table
from iot_dr.cli.view.texts import say
from iot_dr.errors import IotDrError
from iot_dr.model.registry.changes import Create, Update
from iot_dr.model.registry.differences import Difference
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import ChangeResult, Planned, Step, SyncProgress
from iot_dr.model.words import counted
from iot_dr.runtime.commands.sync import SyncSettings, open_sync
from iot_dr.services.pacing import Use, most_waited_for
from iot_dr.services.snapshots.restore_run import RestoreRun
from iot_dr.services.sync.sync_run import SyncRun

SHOWN = 20
"""Lines of what failed; `--format json` has all."""

WINDOW = 20.0
"""Seconds over which the pace is taken."""


def options(apply: str) -> list[click.Option]:
    """Return the options of both commands; `apply` says what `--apply` does."""
    return [
        applying(apply),
        click.Option(
            ["--select"],
            metavar="QUERY",
            default="",
            help="Only these things, with everything that they have: `thingName:pump*`.",
        ),
        delete_share(),
        from_toolsrc("primary-region", "Region that is read."),
        from_toolsrc("secondary-region", "Region that is made equal."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        from_toolsrc("stack-postfix", "Postfix of the launch."),
        from_toolsrc("uuid", "UUID of the launch."),
        output_format(),
        *credentials_and_state(),
        unpaced(),
    ]


Applying = SyncRun | RestoreRun
"""A run that is open: first it plans, then perhaps it applies."""

Opening = Callable[["SyncWatch"], AbstractContextManager[Applying]]
"""Opens a run that tells the watch how far it is."""


def run(context: click.Context, settings: SyncSettings, *, apply: bool, output: str) -> None:
    """Plan or apply a sync, print the result, and exit."""
    run_opened(context, lambda watch: open_sync(settings, watch), apply=apply, output=output)


def run_opened(context: click.Context, opening: Opening, *, apply: bool, output: str) -> None:
    """Plan or apply what is opened, print the result, and exit."""
    # What an earlier run has read and done is not dropped by whoever wants to go on from there.
    again = command_line(context, **({"anew": None} if "anew" in context.params else {}))
    # A selection has no place where its reading can go on.
    kept = "" if context.params.get("select") else "What was read is kept"
    watch = SyncWatch()
    with stoppable(lambda: _go_on(watch.last, again, kept)), watch, opening(watch) as syncing:
        watch.watch(syncing.uses)
        _say_what_is_taken_up(syncing, apply=apply)
        try:
            answer = syncing.apply() if apply else syncing.plan()
        except IotDrError:
            watch.end()
            if watch.last.all_ended:
                say(_go_on(watch.last, again, kept), err=True)
            raise
        watch.end()
        if isinstance(answer, Planned):
            _print_plan(answer, syncing.differences(), output, command_line(context, apply=True))
            context.exit(1 if answer.changes() else 0)
        _print_result(answer, syncing, output, again)
        context.exit(0 if answer.complete else 1)


def _say_what_is_taken_up(syncing: Applying, *, apply: bool) -> None:
    if syncing.taken_up:
        goes_on = "Resuming" if apply else "With --apply this resumes"
        say(f"{goes_on} the interrupted run; --anew starts again from the beginning.", err=True)


def _go_on(progress: SyncProgress, command: str, kept: str) -> str:
    done = progress.all_ended - progress.failed - progress.left
    if done:
        kept = f"{done} of {counted(progress.all_planned, 'change')} {'is' if done == 1 else 'are'} done and noted"
    return f"{kept}; run `{command}` again to continue from there." if kept else f"Run `{command}` again."


class SyncWatch(Watch):
    """Shows on standard error how far reading and applying are: bars in a terminal, a line now and then in a log.

    There is one time that is left: of the reading while nothing is applied, and then of everything together.
    """

    goal = "in all"
    """What the time that is left leads to, once something is applied."""

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self.last = SyncProgress()
        self._stopwatch = stopwatch
        self._console = Screen(stderr=True)
        super().__init__(paced_bar(self._console))
        self._reading = self._bar.add_task("Reading", total=None, pace="")
        self._applying = self._bar.add_task("Applying", total=None, pace="changes", visible=False)
        self._uses: Callable[[], Mapping[str, tuple[Use, ...]]] = dict
        self._past: deque[tuple[float, SyncProgress, Mapping[str, tuple[Use, ...]]]] = deque()
        self._reading_pace = ReadingPace(stopwatch)

    @property
    def seconds_to_come(self) -> float:
        """Return how long it takes what follows after the applying, as far as that is known."""
        return 0.0

    def watch(self, uses: Callable[[], Mapping[str, tuple[Use, ...]]]) -> None:
        """Say where to ask what was made of the APIs' budgets."""
        self._uses = uses

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Begin with a stage of the reading."""
        self._reading_pace.begin(calls, ahead)
        self._bar.reset(self._reading, total=calls, description=f"Reading {stage}", pace="calls")

    def advance(self, calls: int, found: int) -> None:  # noqa: ARG002  # the protocol's
        """Count the calls of the reading."""
        pace = self._reading_pace.advance(calls)
        if self._bar.tasks[self._applying].visible:
            pace = self._reading_pace.rate_text
        elif self._reading_pace.seconds_left:
            pace += " to read"
        self._bar.update(self._reading, advance=calls, pace=pace)

    def policies(self, changes: Iterable[Difference]) -> None:
        """Name the policies that are created or changed, before they are."""
        number = 0
        for one in (one for one in changes if isinstance(one.change, Create | Update)):
            number += 1
            if number == 1:
                self._console.print("Policies, which say who may do what, that are created or changed:", soft_wrap=True)
            if number <= SHOWN:
                done = "create" if isinstance(one.change, Create) else "change"
                self._console.print(f"  {done} {one.key.name}", soft_wrap=True)
        if number > SHOWN:
            self._console.print(f"  ... and {number - SHOWN} more")

    def reached(self, progress: SyncProgress) -> None:
        """Show how far the applying is, at what pace, how long it takes, and what limits it."""
        now = self._stopwatch()
        self._past.append((now, progress, self._uses()))
        while len(self._past) > 1 and now - self._past[1][0] > WINDOW:
            self._past.popleft()
        self.last = progress
        pace = ", ".join(filter(None, ("changes", self._pace(now))))
        done, planned = progress.all_ended, max(progress.all_planned, progress.all_ended)
        self._bar.update(self._applying, completed=done, total=planned, visible=True, pace=pace)

    def _pace(self, now: float) -> str:
        then, earlier, uses_then = self._past[0]
        _, progress, uses = self._past[-1]
        if now - then < 1:
            return ""
        parts = [f"{(progress.all_ended - earlier.all_ended) / (now - then):.1f}/s"]
        if left := self._seconds_left(progress, earlier, now - then):
            parts.append(f"{left_text(left)} {self.goal}")
        if limit := _limit(uses_then, uses):
            parts.append(f"limited by {limit}")
        if progress.failed:
            parts.append(f"{progress.failed} failed")
        return ", ".join(parts)

    def _seconds_left(self, progress: SyncProgress, earlier: SyncProgress, seconds: float) -> float | None:
        """Return how long everything takes: what is read meanwhile goes on beside the applying, the rest follows."""
        reading = self._reading_pace.seconds_left
        applying = progress.seconds_left(earlier, seconds, self._reading_pace.share)
        return None if reading is None or applying is None else max(reading, applying) + self.seconds_to_come


def _limit(before: Mapping[str, tuple[Use, ...]], after: Mapping[str, tuple[Use, ...]]) -> str:
    """Name the API that was waited for longest, with the Region and the rate that its budget allows."""
    found = {region: most_waited_for(before.get(region, ()), uses) for region, uses in after.items()}
    waited = [(use.waited, region, use) for region, use in found.items() if use is not None]
    if not waited:
        return ""
    _, region, use = max(waited, key=lambda one: one[0])
    return f"{use.operation} in {region} ({use.rate:.1f}/s)"


def _print_plan(planned: Planned, differences: Iterable[Difference], output: str, command: str) -> None:
    if output == "json":
        print_lines(_plan_as_json(planned, differences))
        return
    if not planned.steps:
        say("Nothing differs.")
        return
    print_lines(plan_lines(planned, differences))
    screen = console()
    heads = [str(step) for step in STEPS]
    shown = table("Kind", *heads, numbers=frozenset(heads))
    for kind in dict.fromkeys(kind for kind, _ in planned.steps):
        counts = (planned.steps[kind, step] for step in STEPS)
        shown.add_row(kind.replace("_", " "), *(str(count) if count else "" for count in counts))
    screen.print(shown)
    changes = planned.changes().total()
    if changes:
        screen.print(f"\nNothing was changed. To make {counted(changes, 'change')}, run `{command}`.", soft_wrap=True)
    if any(step is Step.LEAVE for _, step in planned.steps):
        screen.print("What stays is not changed: replication did not create it, or cannot change it.")


def _plan_as_json(planned: Planned, differences: Iterable[Difference]) -> Iterator[str]:
    """Return the lines of the plan, whose resources come last."""
    plan = [{"kind": kind, "step": step, "number": number} for (kind, step), number in planned.steps.items()]
    facts = {"applied": False, "plan": plan, "changes": planned.changes().total(), "existing": planned.existing}
    return answer_lines(facts, "resources", map(resource_json, differences))


def _print_result(progress: SyncProgress, syncing: Applying, output: str, again: str) -> None:
    done = progress.all_ended - progress.failed - progress.left
    if output == "json":
        problems = [problem_as_json(one) for one in syncing.problems()]
        facts = {"applied": True, "done": done, "failed": progress.failed, "left": progress.left}
        say(answer_text({**facts, "problems": problems, "calls": _calls(syncing.uses())}))
        return
    screen = console()
    # Shadows are checked thing by thing, and whether one has to be written shows then.
    checks = " and checks of shadows" if progress.ended.get(Kind.THING_SHADOWS) else ""
    words = f"{counted(done, 'change', 'changes')}{checks} {'is' if done == 1 and not checks else 'are'} done"
    screen.print(f"{words}, {progress.failed} failed, {progress.left} not tried.")
    if progress.complete:
        return
    screen.print(_problems(syncing.problems()))
    if progress.failed + progress.left > SHOWN:
        screen.print(f"... and {progress.failed + progress.left - SHOWN} more; --format json has all of them")
    screen.print(f"\nFix what failed and run `{again}` again: what is done is not repeated.", soft_wrap=True)


def _problems(problems: Iterable[ChangeResult]) -> Any:
    shown = table("Resource", "Result", "Reason")
    for one in islice(problems, SHOWN):
        shown.add_row(Text(str(one.key)), Text(one.ending, style="red"), Text(one.reason))
    return shown


def _calls(uses: Mapping[str, tuple[Use, ...]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        region: {use.operation: {"calls": use.calls, "refused": use.refused, "rate": use.rate} for use in each}
        for region, each in uses.items()
    }
