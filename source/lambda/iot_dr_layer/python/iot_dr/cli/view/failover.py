"""How a failover looks: what may be lost, how far the devices are, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from iot_dr.cli.view.answers import drift_as_json, part_as_json, parts_as_json
from iot_dr.cli.view.bars import Watch, paced_bar
from iot_dr.cli.view.status_view import leadership_as_json, names_as_json, names_text
from iot_dr.cli.view.tables import Screen, console, distance, facts_table, iso
from iot_dr.cli.view.texts import say
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.checks import error_line
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.model.words import counted
from iot_dr.runtime.clock import now
from iot_dr.services.failover.follow import seconds_left
from iot_dr.services.failover.losses import Losses, Waiting
from iot_dr.services.failover.result import FailoverResult

SHOWN = 20
"""Names of devices that are left behind; `--format json` has more."""

LINE_EVERY = 10.0
"""Seconds between two lines where no bar can be drawn, as in a build's log."""


class FailoverWatch(Watch):
    """Tells on standard error what is waited for, and how far devices are: a bar in a terminal, else lines."""

    def __init__(self) -> None:
        super().__init__(paced_bar(Screen(stderr=True)), lines=False)
        self._task = self._bar.add_task("", total=None, pace="", visible=False)
        self._began = self._line_due = time.monotonic()
        self.switched = False
        """Whether the order may be given already."""

    def step(self, text: str) -> None:
        """Say what is waited for now, or what was seen."""
        super().step(text)
        # What is counted next is told at once.
        self._line_due = time.monotonic()

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""
        self._began = time.monotonic()
        self._bar.reset(self._task, total=total, description=stage, pace="", visible=True)

    def advance(self, number: int) -> None:
        """Say that it went on by so many."""
        self._bar.advance(self._task, number)
        task, seconds = self._bar.tasks[0], time.monotonic() - self._began
        rate = task.completed / seconds if seconds > 1 else None
        left = (task.total or 0) - task.completed
        self._show(f"{task.description}: {task.completed:,.0f} of {task.total or 0:,.0f}", _pace(rate, left))

    def moved(self, counts: DeviceCounts, per_second: float | None) -> None:
        """Show who is connected where, how many a second come, and how long the rest takes."""
        left = counts.left_behind
        self._bar.update(
            self._task,
            description="Devices",
            completed=counts.arrived,
            total=counts.arrived + left,
            visible=True,
        )
        told = f"Devices: {_size(counts.here)} connected to the new Region, {_size(counts.there)} to the old one"
        left_seconds = seconds_left(counts, per_second)
        self._show(told, _pace(per_second, None if left_seconds is None else left))

    def _show(self, line: str, pace: str) -> None:
        self._bar.update(self._task, pace=pace)
        if self.says_lines and time.monotonic() >= self._line_due:
            self.step(f"{line}{f', {pace}' if pace else ''}")
            self._line_due = time.monotonic() + LINE_EVERY


def _pace(per_second: float | None, left: float | None) -> str:
    if not per_second or per_second < 0:
        return ""
    rate = f"{per_second:,.1f}/s"
    return rate if left is None else f"{rate}, {distance(int(left / per_second * 1000), 0).removeprefix('in ')} left"


def _size(size: FleetSize | Unread) -> str:
    if isinstance(size, Unread):
        return f"unknown ({error_line(size.reason)})"
    return f"{'' if size.exact else 'at least '}{size.things:,}"


def print_losses(losses: Losses, region: str, other: str, *, on_stderr: bool) -> None:
    """Print what may be lost, before anything is changed."""
    screen = Screen(stderr=True) if on_stderr else console()
    screen.print(Text(f"What may be lost when {region} takes over from {other}:", style="bold"))
    screen.print(facts_table(_lost(losses, now())))
    screen.print(
        Text(f"Changes that have not left {other} cannot be counted here; they are filled in when it is back.")
    )


def _lost(losses: Losses, at: int) -> Iterator[tuple[str, str]]:
    yield "Not in sync", _waiting(losses.waiting)
    yield "Oldest of them", _oldest(losses.waiting, at)
    yield "Lag", _lags(losses.lags)
    yield "Streams", _streams(losses.streams)
    yield "Last verify", _drift(losses.drift, at)
    for region, size in losses.connected.items():
        yield f"Connected to {region}", _size(size)


def _waiting(waiting: Waiting | Unread) -> str:
    if isinstance(waiting, Unread):
        return f"cannot tell: {waiting.reason}"
    if not waiting.total:
        return "none"
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(waiting.states.items()))
    return f"{'' if waiting.complete else 'at least '}{counted(waiting.total, 'resource')}: {states}"


def _oldest(waiting: Waiting | Unread, at: int) -> str:
    return "-" if isinstance(waiting, Unread) else distance(waiting.oldest, at)


def _lags(lags: tuple[Lag, ...] | Any) -> str:
    if isinstance(lags, Unread):
        return f"cannot tell: {lags.reason}"
    known = [one for one in lags if one.hour_p99 is not None]
    if not known:
        return "no change in the last hour"
    return "; ".join(f"{one.kind} {(one.hour_p99 or 0) / 1000:.3f} s (p99 of the last hour)" for one in known)


def _streams(streams: Any) -> str:
    if isinstance(streams, Unread):
        return f"cannot tell: {streams.reason}"
    return "; ".join(map(_stream, streams)) or "-"


def _stream(age: StreamAge) -> str:
    behind = "nothing in ten minutes" if age.milliseconds is None else f"{age.milliseconds / 1000:.3f} s behind"
    return f"{age.function} {behind}"


def _drift(drift: Drift | Unread | None, at: int) -> str:
    match drift:
        case Unread(reason=reason):
            return f"cannot tell: {reason}"
        case None:
            return "none on this machine"
        case Drift(verified_at=verified_at, differing=differing):
            found = counted(differing, "differs", "differ") if differing else "all the same"
            return f"{distance(verified_at, at)}: {found}"


def print_result(result: FailoverResult, again: str, follow: str) -> None:
    """Print what it came to, and what comes next: `again` goes on, and `follow` shows how devices move."""
    control = result.leadership.control
    begun = "leads now" if result.changed else "leads already; nothing was changed"
    say(f"{result.region} {begun}: {control.mode}, epoch {control.epoch}.")
    if result.untold:
        say(f"{result.other} was not told: {result.untold}. Nothing rests on it; the table's replication tells it.")
    if not result.followed:
        say(f"DNS follows by the health checks. To see it move, run `{follow}`.")
        return
    if not result.name.unwatched:
        say(f"DNS: {'all that answer lead' if result.name.seen else 'not seen to lead'} to {result.region}.")
        console().print(names_text(Unread(result.name.unread) if result.name.unread else result.name.answers))
    _print_devices(result)
    if result.fenced:
        say("Fenced: no worker can still overwrite what devices write.")
    if not result.as_asked:
        say(f"It is not all as asked. To go on, run `{again}` again.")


def _print_devices(result: FailoverResult) -> None:
    counts, evicted = result.devices, result.evicted
    if counts is not None:
        here, there = _size(counts.here), _size(counts.there)
        say(f"Connected: {here} to {result.region}, {there} to {result.other}.")
    if result.not_evicted:
        say(f"No connection was ended: {result.not_evicted}.")
    if evicted is not None:
        say(f"Evicted: {evicted.ended:,} connections ended in {evicted.rounds} rounds, {len(evicted.left)} left.")
        for name in evicted.left[:SHOWN]:
            say(f"  {name}")
        if len(evicted.left) > SHOWN:
            say(f"  ... and {len(evicted.left) - SHOWN} more")


def as_json(result: FailoverResult) -> dict[str, Any]:
    """Return the same for programs; what cannot be told is an object with `unread`."""
    return {
        "region": result.region,
        "other": result.other,
        "changed": result.changed,
        "as_asked": result.as_asked,
        **leadership_as_json(result.leadership),
        "losses": part_as_json(result.losses, _losses_as_json),
        "other_told": {"unread": result.untold} if result.untold else result.changed,
        "followed": result.followed,
        "dns": _dns_as_json(result),
        "devices": part_as_json(result.devices, _devices_as_json),
        "evicted": part_as_json(result.evicted),
        "not_evicted": result.not_evicted,
        "fenced": result.fenced,
    }


def _dns_as_json(result: FailoverResult) -> dict[str, Any] | None:
    if not result.followed:
        return None
    name = result.name
    return {"seen": name.seen, "unread": name.unread, "name_servers": names_as_json(name.answers)}


def _devices_as_json(counts: DeviceCounts) -> dict[str, Any]:
    return {"here": part_as_json(counts.here), "there": part_as_json(counts.there)}


def _losses_as_json(losses: Losses) -> dict[str, Any]:
    return {
        "waiting": part_as_json(losses.waiting, _waiting_as_json),
        "lag_ms": parts_as_json(losses.lags),
        "streams": parts_as_json(losses.streams),
        "last_verify": drift_as_json(losses.drift),
        "connected": {region: part_as_json(size) for region, size in losses.connected.items()},
    }


def _waiting_as_json(waiting: Waiting) -> dict[str, Any]:
    return {"states": dict(waiting.states), "oldest": iso(waiting.oldest), "complete": waiting.complete}
