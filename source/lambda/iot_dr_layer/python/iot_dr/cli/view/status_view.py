"""How the overview of `iot-dr status` looks, in a terminal and to a program."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iot_dr.cli.view.tables import SafeTable, distance, iso, item_as_json, state_text, table
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.services.status.status import Backlog
from iot_dr.services.status.status_view import StatusView

REASON_LENGTH = 100
"""Characters of a reason in the table of what waits; the status of the one device has all of it."""

_LAG_NUMBERS = ("Now", "Median", "p99", "Longest", "Hour", "Worst p99", "Longest, hour")


def screen_of(found: StatusView) -> Group:
    """Return it as lines and tables of at most a hundred columns."""
    return Group(*_parts(found))


def _parts(found: StatusView) -> Iterator[RenderableType]:
    facts = SafeTable(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(found):
        facts.add_row(name, value)
    yield facts
    yield Text()
    yield _lag_table(found.lags) if found.lags and not isinstance(found.lags, Unread) else _no_lag(found.lags)
    yield Text()
    yield from _waiting(found.backlog, found.at)


def _facts(found: StatusView) -> Iterator[tuple[str, Text]]:
    if isinstance(found.control, Unread):
        yield "Control", _unread(found.control)
    else:
        yield "Leader", Text(f"{found.control.leader} ({found.control.mode})")
        yield "Replication", Text(found.control.replication, style="green" if _is_active(found) else "bold yellow")
    yield "Stacks", _lines(found.stacks, _stack)
    yield "Streams", _lines(found.streams, _stream)
    yield "Requests waiting", _requests(found)
    yield "Dead letters", _queues(found)
    yield "Last verify", _drift(found.drift, found.at)


def _is_active(found: StatusView) -> bool:
    return not isinstance(found.control, Unread) and found.control.replication == "active"


def _stack(stack: LaunchedStack) -> str:
    return f"{stack.name} {stack.version} {stack.status} in {stack.region}"


def _stream(age: StreamAge) -> str:
    return f"{age.function} " + (
        "nothing in ten minutes" if age.milliseconds is None else f"{_seconds(age.milliseconds)} s behind"
    )


def _lines(part: Sequence[Any] | Unread, told: Any) -> Text:
    if isinstance(part, Unread):
        return _unread(part)
    return Text("\n".join(map(told, part)) or "none")


def _requests(found: StatusView) -> Text:
    if isinstance(found.requests, Unread):
        return _unread(found.requests)
    return Text(", ".join(f"{name} {number:,}" for name, number in found.requests.items()) or "none")


def _queues(found: StatusView) -> Text:
    if isinstance(found.queues, Unread):
        return _unread(found.queues)
    full = ", ".join(f"{name} {number}" for name, number in found.queues.items() if number)
    return Text(full, style="red") if full else Text("none")


def _drift(drift: Drift | Unread | None, at: int) -> Text:
    match drift:
        case Unread():
            return _unread(drift)
        case None:
            return Text("none on this machine: iot-dr verify")
        case Drift(verified_at=verified_at, differing=differing):
            told = f"{distance(verified_at, at)}: {f'{differing:,} differ' if differing else 'all the same'}"
            return Text(told, style="yellow" if differing else "")


def _unread(part: Unread) -> Text:
    return Text(f"cannot tell: {part.reason}", style="dim")


def _no_lag(lags: Sequence[Lag] | Unread) -> Text:
    return Text.assemble(("Lag  ", "bold"), _unread(lags) if isinstance(lags, Unread) else "no change in three hours")


def _lag_table(lags: Sequence[Lag]) -> Table:
    made = table("Lag, seconds", *_LAG_NUMBERS, numbers=frozenset(_LAG_NUMBERS))
    for lag in lags:
        now = (str(lag.changes), _seconds(lag.median), _seconds(lag.p99), _seconds(lag.longest))
        made.add_row(lag.kind, *now, str(lag.hour_changes), _seconds(lag.hour_p99), _seconds(lag.hour_longest))
    return made


def _seconds(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.3f}"


def _waiting(backlog: Backlog, at: int) -> Iterator[RenderableType]:
    if not backlog.total:
        yield Text("Nothing waits.")
        return
    groups = table("State", "Number", "Reason", numbers=frozenset({"Number"}))
    for group in backlog.groups:
        groups.add_row(state_text(group.state), str(group.number), Text(group.reason))
    yield groups
    yield Text(f"\n{backlog.total} wait; the oldest {len(backlog.oldest)}:" if backlog.total > 1 else "\nIt is:")
    oldest = table("Resource", "State", "Since", "Tries", "Next", "Reason", numbers=frozenset({"Tries"}))
    for item in backlog.oldest:
        oldest.add_row(
            Text(str(item.key)),
            state_text(str(item.state or "unknown")),
            distance(item.since, at),
            str(item.attempts),
            distance(item.next_attempt, at),
            Text(textwrap.shorten(item.reason, REASON_LENGTH, placeholder=" …")),
        )
    yield oldest


def overview_as_json(found: StatusView) -> dict[str, Any]:
    """Return the same for programs; what cannot be told is an object with `unread`."""
    return {
        "at": iso(found.at),
        "control": _plain(found.control),
        "stacks": _json(
            found.stacks,
            lambda one: {"region": one.region, "name": one.name, "version": one.version, "status": one.status},
        ),
        "lag_ms": _json(found.lags, dataclasses.asdict),
        "streams": _json(found.streams, dataclasses.asdict),
        "looks_waiting": {"unread": found.requests.reason}
        if isinstance(found.requests, Unread)
        else dict(found.requests),
        "dead_letters": {"unread": found.queues.reason} if isinstance(found.queues, Unread) else dict(found.queues),
        "last_verify": _drift_as_json(found.drift),
        "waiting": found.backlog.total,
        "groups": [dataclasses.asdict(group) for group in found.backlog.groups],
        "oldest": [item_as_json(item) for item in found.backlog.oldest],
    }


def _json(part: Sequence[Any] | Unread, of: Any) -> Any:
    return {"unread": part.reason} if isinstance(part, Unread) else [of(one) for one in part]


def _plain(part: Any) -> Any:
    if isinstance(part, Unread):
        return {"unread": part.reason}
    return {name: str(value) for name, value in dataclasses.asdict(part).items()}


def _drift_as_json(drift: Drift | Unread | None) -> Any:
    match drift:
        case Unread(reason=reason):
            return {"unread": reason}
        case None:
            return None
        case Drift(verified_at=at, differing=differing):
            return {"at": iso(at), "differing": differing}
