"""`iot-dr sync --in-cloud`: how a sync in the account is started, looks while it goes, and ends."""

from __future__ import annotations

import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import click
from click.core import ParameterSource
from rich.text import Text

from iot_dr.cli.command import command_line, order_place
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import Watch, left_text, paced_bar
from iot_dr.cli.view.tables import Screen, console, distance, table
from iot_dr.cli.view.texts import say
from iot_dr.errors import RetryableError
from iot_dr.model.registry.keys import Kind, plural
from iot_dr.model.status.checks import error_line
from iot_dr.model.sync.fleet_runs import FailedRequest, FleetRun, RequestsDone, RunState, requests_to_come
from iot_dr.model.words import counted
from iot_dr.runtime.commands.sync import SyncSettings
from iot_dr.runtime.commands.sync_in_cloud import open_cloud_sync
from iot_dr.services.sync.cloud_sync import CloudSync, Pace

POLL = 2.0
"""Seconds between two requests for a run."""

WINDOW = 60.0
"""Seconds over which the pace is taken."""

LINE_EVERY = 30.0
"""Seconds between two lines where no bar can be drawn, as in a build's log."""

SHOWN = 20
"""Lines of what failed; `--format json` has all."""


RUNNING = "running"
"""What stands for the ARN of the run that is under way."""


def follow_option(text: str) -> click.Option:
    """Make the option that watches a run."""
    return click.Option(["--follow"], metavar="[ARN]", is_flag=False, flag_value=RUNNING, default="", help=text)


def options() -> list[click.Option]:
    """Return the options of a sync in the account."""
    return [
        click.Option(["--in-cloud"], is_flag=True, help="Have it done in the account; this machine only watches."),
        follow_option("Watch a sync in the account that was started: the running one, if no ARN is given."),
        click.Option(
            ["--redrive"],
            is_flag=True,
            help="Run again what failed of the last one, or of that of --follow.",
        ),
        click.Option(
            ["--at-once"],
            type=click.IntRange(1, 1000),
            help="Parallel batches of ten resources.  [default: chosen from your quotas]",
        ),
    ]


_HERE = ("anew", "delete_share", "state", "unpaced")
"""Parameters of a sync from this machine, which mean nothing to one in the account."""

_OF_A_START = ("select", "at_once")
"""Parameters of a sync that is started, which mean nothing to one that was."""


def refuse_what_has_no_effect(context: click.Context) -> None:
    """Refuse options that would be ignored in silence.

    Raises:
        click.UsageError: one is given; the message names it.
    """
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    started = {"follow", "redrive"} & given
    for name in (*_HERE, *(_OF_A_START if started else ())):
        if name in given:
            option = f"--{name.replace('_', '-')}"
            why = "a sync that was started has its own" if name in _OF_A_START else "it is for a sync from this machine"
            raise click.UsageError(f"{option} has no effect in the account: {why}; leave it out")
    if "apply" in given and context.params["apply"] and "redrive" not in given and "follow" in given:
        raise click.UsageError("--follow only watches; leave out --apply, or add --redrive to run again what failed")


def run_in_cloud(  # noqa: PLR0913  # the options
    context: click.Context,
    settings: SyncSettings,
    *,
    apply: bool,
    output: str,
    follow: str,
    redrive: bool,
    at_once: int | None,
) -> None:
    """Start a sync in the account, or take one up, watch it to its end, print what came of it, and exit."""
    sync = open_cloud_sync(settings, order_place(context, settings.primary_region, settings.secondary_region))
    follow = sync.running() if follow == RUNNING else follow
    if redrive and not apply:
        _plan_again(context, sync, follow or sync.newest(), output)
        return
    earlier = follow or (sync.newest() if redrive else "")
    arn = sync.again(earlier) if redrive else earlier or sync.start(apply=apply, at_once=at_once or 0)
    if arn is None:
        _print_nothing_again(earlier, output)
        return
    stop = ["aws", "stepfunctions", "stop-execution", "--execution-arn", arn, "--region", settings.secondary_region]
    stop += ["--profile", settings.profile] if settings.profile else []
    go_on = (
        f"It continues in the account. To watch it again: {_following(context, arn)}\nTo stop it: {shlex.join(stop)}"
    )
    with stoppable(lambda: go_on):
        say(f"Following {arn}", err=True)
        state = _watched(sync, arn)
    if state.run.apply or not state.succeeded:
        failures = tuple(sync.failures(state))
        _print_result(state, failures, output, _following(context, arn, redrive=True, apply=True))
        context.exit(0 if state.succeeded and not failures else 1)
    _print_estimate(state, sync.pace(), output, command_line(context, apply=True))


def _print_nothing_again(arn: str, output: str) -> None:
    if output == "json":
        say(answer_text({"arn": arn, "status": "SUCCEEDED", "applied": False, "failures": []}))
    else:
        say(f"Nothing of the run {arn} failed, so nothing is run again.")


def _following(context: click.Context, arn: str, **changes: bool) -> str:
    """Return the command that follows a run, with what else was given: whose credentials, which launch, which form."""
    begun: dict[str, Any] = dict.fromkeys(("in_cloud", "select", "at_once", "anew", "delete_share", "apply", "redrive"))
    return command_line(context, **{**begun, **changes, "follow": arn})


def _plan_again(context: click.Context, sync: CloudSync, arn: str, output: str) -> None:
    """Print what a redrive would run again, change nothing, and exit."""
    state = sync.ended(arn)
    failures = tuple(sync.failures(state))
    if output == "json":
        told = [{"resource": str(one.key), "reason": one.reason} for one in failures]
        say(answer_text({"arn": arn, "status": state.status, "applied": False, "failures": told}))
    else:
        screen = console()
        screen.print(f"The run {arn} ended as {state.status}.", soft_wrap=True)
        _print_failures(failures)
        if failures or not state.succeeded:
            again = _following(context, arn, redrive=True, apply=True)
            screen.print(f"\nNothing was changed. To run again what failed, run `{again}`.", soft_wrap=True)
        else:
            screen.print("Nothing of it failed.")
    context.exit(1 if failures or not state.succeeded else 0)


def _watched(sync: CloudSync, arn: str) -> RunState:
    pause = threading.Event()
    with CloudRunWatch(Outlook(sync)) as watch:
        while True:
            try:
                state = sync.state(arn)
            except RetryableError as error:
                # It takes hours, and its watching is not to end with a moment's fault.
                say(f"Not seen just now: {error}", err=True)
            else:
                watch.show(state)
                if state.ended:
                    return state
            pause.wait(POLL)


class Outlook:
    """Tells how long the stages take that follow after the one under way; AWS is asked once, when it is needed."""

    def __init__(self, sync: CloudSync) -> None:
        self._sync = sync
        self._known: tuple[Mapping[Kind, int], float] | None = None

    def seconds_to_come(self, run: FleetRun) -> float | None:
        """Return it, by what an earlier run listed and the rate that the quotas allow; None if that is not known."""
        try:
            self._known = self._known or (self._sync.listed_before(run), self._sync.pace().per_second)
        except RetryableError:
            return None
        listed, per_second = self._known
        requests = requests_to_come(run, listed)
        return None if requests is None else requests / per_second


class CloudRunWatch(Watch):
    """Shows on standard error how far a run is: a bar in a terminal, a line now and then in a log."""

    def __init__(self, outlook: Outlook, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._outlook, self._stopwatch = outlook, stopwatch
        self._console = Screen(stderr=True)
        super().__init__(paced_bar(self._console), lines=False)
        self._task = self._bar.add_task("Listing", total=None, pace="")
        self._past: deque[tuple[float, int]] = deque()
        self._kind: Kind | None = None
        self._line_due = stopwatch() + LINE_EVERY

    def show(self, state: RunState) -> None:
        """Show where it stands."""
        now = self._stopwatch()
        if state.run.kind is not self._kind:
            self._kind = state.run.kind
            self._past.clear()
        done = state.under_way
        kind = plural(state.run.kind) if state.run.kind else "what there is"
        if done is None:
            line, pace = f"Listing {kind}", ""
            self._bar.update(self._task, description=line, completed=state.run.rows, total=None, pace=pace)
        else:
            line, pace = f"Checking {kind}", self._pace(state.run, done, now)
            self._bar.update(self._task, description=line, completed=done.ended, total=done.total, pace=pace)
        if self.says_lines and now >= self._line_due:
            self._line_due = now + LINE_EVERY
            number = f"{state.run.rows}" if done is None else f"{done.ended} of {done.total}"
            say(", ".join(part for part in (f"{line}: {number}", pace) if part), err=True)

    def _pace(self, run: FleetRun, done: RequestsDone, now: float) -> str:
        self._past.append((now, done.ended))
        while len(self._past) > 1 and now - self._past[1][0] > WINDOW:
            self._past.popleft()
        parts = [f"{done.running} under way"]
        then, ended = self._past[0]
        if done.ended > ended:
            per_second = (done.ended - ended) / (now - then)
            here, to_come = (done.total - done.ended) / per_second, self._outlook.seconds_to_come(run)
            left = left_text(here if to_come is None else here + to_come)
            parts += [f"{per_second:.1f}/s", f"{left} {'of this kind' if to_come is None else 'in all'}"]
        if done.failed:
            parts.append(f"{done.failed} failed")
        return ", ".join(parts)


def _print_estimate(state: RunState, pace: Pace, output: str, command: str) -> None:
    devices = state.run.listed.get(Kind.THING, 0)
    seconds = devices / pace.per_second
    if output == "json":
        facts = {"arn": state.arn, "run": state.run.run, "applied": False, "listed": _listed(state)}
        apis = [{"region": region, "operation": operation} for region, operation in pace.limits]
        limit = {"per_second": pace.per_second, "apis": apis, "assumed": pace.assumed}
        say(answer_text({**facts, "hours_if_all_are_new": round(seconds / 3600, 3), "limit": limit}))
        return
    screen = console()
    shown = table("Kind", "In the primary", numbers=frozenset({"In the primary"}))
    for kind, number in state.run.listed.items():
        shown.add_row(plural(kind), str(number))
    screen.print(shown)
    screen.print("\nThese are in the primary Region; what the secondary has already is checked and costs less.")
    screen.print(
        f"Nothing was changed. If {'the device is' if devices == 1 else f'all {devices:,} devices are'} new, it takes "
        f"at least {_duration(seconds)}, at {pace.per_second:g} a second. Raise first the quotas that set that limit:"
    )
    for region in dict.fromkeys(region for region, _ in pace.limits):
        named = ", ".join(operation for where, operation in pace.limits if where == region)
        screen.print(f"  {region}: {named}")
    if pace.assumed:
        screen.print(f"Could not read your quotas, so AWS's defaults are assumed: {error_line(pace.assumed)}")
        screen.print("Grant servicequotas:ListServiceQuotas to know them.")
    screen.print(f"To do it, run `{command}`.", soft_wrap=True)


def _duration(seconds: float) -> str:
    return distance(int(max(seconds, 1) * 1000), 0).removeprefix("in ")


def _print_result(state: RunState, failures: tuple[FailedRequest, ...], output: str, again: str) -> None:
    if output == "json":
        facts: dict[str, Any] = {"arn": state.arn, "run": state.run.run, "status": state.status, "applied": True}
        requests = {str(kind): {"total": done.total, "failed": done.failed} for kind, done in state.done.items()}
        told = [{"resource": str(one.key), "reason": one.reason} for one in failures]
        more = {"reason": state.reason} if state.reason else {}
        say(answer_text({**facts, **more, "listed": _listed(state), "looks": requests, "failures": told}))
        return
    screen = console()
    shown = table("Kind", "Listed", "Checked", numbers=frozenset({"Listed", "Checked"}))
    for kind, number in state.run.listed.items():
        done = state.done.get(kind)
        shown.add_row(plural(kind), str(number), str(done.succeeded) if done else "")
    screen.print(shown)
    if not state.succeeded:
        screen.print(Text(f"\nIt ended as {state.status}: {state.reason or 'Step Functions gives no reason'}", "red"))
    _print_failures(failures)
    if failures or not state.succeeded:
        # Not by the screen, which would break the line that is to be copied.
        say(f"\nFix the causes, then run what failed again:\n  {again}")
    else:
        screen.print("\nAll of it was checked, with what is attached to it, and nothing failed.")


def _print_failures(failures: Sequence[FailedRequest]) -> None:
    if not failures:
        return
    screen = console()
    screen.print(f"\n{counted(len(failures), 'resource')} could not be copied:")
    screen.print(_failures(failures))
    if len(failures) > SHOWN:
        screen.print(f"... and {len(failures) - SHOWN} more; --format json has all of them")


def _failures(failures: Iterable[FailedRequest]) -> Any:
    shown = table("Resource", "Reason")
    for one in islice(failures, SHOWN):
        shown.add_row(Text(str(one.key)), Text(one.reason))
    return shown


def _listed(state: RunState) -> dict[str, int]:
    return {str(kind): number for kind, number in state.run.listed.items()}
