"""How the overview of `iot-dr status` looks, in a terminal and to a program."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iot_dr.cli.command import with_settings
from iot_dr.cli.view.answers import drift_as_json, part_as_json, parts_as_json
from iot_dr.cli.view.tables import distance, facts_table, iso, item_as_json, moment, state_text, table
from iot_dr.model.failover.control import Mode, ReplicationState
from iot_dr.model.failover.fence import Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswers
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.model.words import counted
from iot_dr.services.status.status import Backlog
from iot_dr.services.status.status_view import NO_NAME, StatusView

REASON_LENGTH = 100
"""Characters of a reason in the table of what waits; the status of the one device has all of it."""

_LAG_NUMBERS = (
    "Changes in 5 min",
    "median s",
    "p99 s",
    "longest s",
    "Changes in 1 h",
    "worst p99 s",
    "longest s",
)


DECIDED = {
    Mode.AUTOMATIC: "health checks decide",
    Mode.PINNED: "pinned by an order",
    Mode.MOVING: "devices are being moved",
}
"""Who decides which Region leads, by the mode of the control item."""


def screen_of(found: StatusView) -> Group:
    """Return it as lines and tables, which fit any screen."""
    return Group(*_parts(found))


def _parts(found: StatusView) -> Iterator[RenderableType]:
    yield facts_table(_facts(found))
    yield Text()
    yield _lag_table(found.lags) if found.lags and not isinstance(found.lags, Unread) else _no_lag(found.lags)
    yield Text()
    yield from _waiting(found.backlog, found.at)


def _facts(found: StatusView) -> Iterator[tuple[str, Text]]:
    yield from _leadership(found.leadership, found.at)
    if not isinstance(found.names, Unread) or found.names != NO_NAME:
        yield "Name servers", names_text(found.names)
    for region, domain in found.domains.items():
        yield f"Domain in {region}", _domain(domain, found.at)
    if found.backlog.held:
        yield "Held", Text(f"{found.backlog.held:,} until the secondary follows again", style="bold yellow")
    yield "Stacks", _lines(found.stacks, _stack)
    yield "Streams", _lines(found.streams, _stream)
    yield "Requests waiting", _requests(found)
    yield "Dead letters", _queues(found)
    yield "Last verify", _drift(found.drift, found.at)


def _leadership(known: Leadership | Unread, at: int) -> Iterator[tuple[str, Text]]:
    if isinstance(known, Unread):
        yield "Leader", _unread(known)
        return
    control, fence = known.control, known.fence
    since = f", since {moment(control.at, at)}" if control.at else ""
    decided = DECIDED[control.mode]
    yield "Leader", Text(f"{control.leader} ({decided}), epoch {control.epoch}{since}{_because(control.why)}")
    since = f", since {moment(fence.since, at)}" if fence.since else ""
    told = f"secondary {fence.role}, epoch {fence.epoch}{since}{_because(fence.why)}"
    yield "Fence", Text(told, style="bold yellow" if fence.leads else "")
    active = control.replication is ReplicationState.ACTIVE
    yield "Replication", Text(control.replication, style="green" if active else "bold yellow")


def _because(why: str) -> str:
    return f": {why}" if why else ""


def names_text(names: NameAnswers | Unread) -> Text:
    """Return what each name server answers, a line each."""
    if isinstance(names, Unread):
        return _unread(names)
    lines = (
        f"{server} cannot tell: {one.reason}" if isinstance(one, Unread) else f"{server} {one.target}, {one.ttl} s"
        for server, one in names.by_server.items()
    )
    return Text("\n".join(lines) or "none")


def _domain(domain: FleetDomain | Unread | None, at: int) -> Text:
    match domain:
        case Unread():
            return _unread(domain)
        case None:
            return Text("no domain configuration has the fleet's name", style="bold yellow")
        case FleetDomain(name=name, enabled=enabled, certificate_ends=ends):
            state = "enabled" if enabled else "disabled"
            told = f"{name} {state}" + (f", its certificate ends {moment(ends, at)}" if ends else "")
            return Text(told, style="" if enabled else "bold yellow")


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
    full = [f"{name} {number}" for name, number in found.queues.items() if number]
    if isinstance(found.records, Unread):
        return Text.assemble((", ".join((*full, "")), "red"), "kept stream records: ", _unread(found.records))
    full += [f"kept stream records {found.records}"] if found.records else []
    return Text(", ".join(full), style="red") if full else Text("none")


def _drift(drift: Drift | Unread | None, at: int) -> Text:
    match drift:
        case Unread():
            return _unread(drift)
        case None:
            hint = with_settings(click.get_current_context(silent=True), "run `iot-dr verify`")
            return Text(f"none of the whole fleet on this machine; {hint}")
        case Drift(verified_at=verified_at, differing=differing):
            found = counted(differing, "differs", "differ") if differing else "all the same"
            told = f"{distance(verified_at, at)}: {found}"
            return Text(told, style="yellow" if differing else "")


def _unread(part: Unread) -> Text:
    return Text(f"cannot tell: {part.reason}", style="dim")


def _no_lag(lags: Sequence[Lag] | Unread) -> Text:
    return Text.assemble(("Lag  ", "bold"), _unread(lags) if isinstance(lags, Unread) else "no change in three hours")


def _lag_table(lags: Sequence[Lag]) -> Table:
    rest = ("longest s", "worst p99 s", "median s")
    made = table("Lag", *_LAG_NUMBERS, numbers=frozenset(_LAG_NUMBERS), optional=rest)
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
    heads = ("Resource", "State", "Since", "Tries", "Next", "Reason")
    oldest = table(*heads, numbers=frozenset({"Tries"}), optional=("Next", "Tries", "Since"))
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
        **leadership_as_json(found.leadership),
        "name_servers": names_as_json(found.names),
        "domains": {region: part_as_json(domain, _domain_as_json) for region, domain in found.domains.items()},
        "stacks": parts_as_json(
            found.stacks,
            lambda one: {"region": one.region, "name": one.name, "version": one.version, "status": one.status},
        ),
        "lag_ms": parts_as_json(found.lags),
        "streams": parts_as_json(found.streams),
        "looks_waiting": part_as_json(found.requests, dict),
        "dead_letters": part_as_json(found.queues, dict),
        "kept_stream_records": part_as_json(found.records, int),
        "last_verify": drift_as_json(found.drift),
        "waiting": found.backlog.total,
        "held": found.backlog.held,
        "groups": [dataclasses.asdict(group) for group in found.backlog.groups],
        "oldest": [item_as_json(item) for item in found.backlog.oldest],
    }


def leadership_as_json(known: Leadership | Unread) -> dict[str, Any]:
    """Return the control item and the fence for programs."""
    if isinstance(known, Unread):
        return {"control": {"unread": known.reason}, "fence": {"unread": known.reason}}
    control, fence = dataclasses.asdict(known.control), dataclasses.asdict(known.fence)
    del fence["elsewhere_at"]  # the watch's own note, which says nothing of who leads
    del control["unwell"]  # which only a drill's item says
    return {
        "control": {**control, "at": iso(control["at"]) if control["at"] else None},
        "fence": {**fence, "since": iso(fence["since"]) if fence["since"] else None},
    }


def names_as_json(names: NameAnswers | Unread) -> Any:
    """Return what each name server answers for programs."""
    return part_as_json(names, lambda known: {server: part_as_json(one) for server, one in known.by_server.items()})


def _domain_as_json(domain: FleetDomain) -> dict[str, Any]:
    return {"name": domain.name, "enabled": domain.enabled, "certificate_ends": iso(domain.certificate_ends)}
