"""`iot-dr status`: is a device ready to fail over, since when, and why not; or all that waits."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from iot_dr.cli.options import from_toolsrc, settings
from iot_dr.cli.tables import Counting, console, distance, iso, moment, table
from iot_dr.errors import EventError
from iot_dr.model.keys import ROOT_KINDS, Key, thing_key
from iot_dr.model.ledger_items import LedgerItem
from iot_dr.runtime.clock import now
from iot_dr.runtime.status import StatusEnvironment, status_of, status_of_all
from iot_dr.services.status import Backlog, Standing

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr status
  iot-dr status --device pump-17
  iot-dr status --resource policy#pumps --format json
"""

REASON_LENGTH = 100
"""Characters of a reason in the table of what waits; the status of the one device has all of it."""

_COLOURS = {"in_sync": "green", "pending": "yellow"}


class _ResourceKey(click.ParamType[Key]):
    """A key as the ledger has it."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Key:
        """Read it, or refuse it with the forms that there are."""
        forms = ", ".join(f"{kind}#NAME" for kind in sorted(ROOT_KINDS))
        try:
            key = Key.parse(str(value))
        except EventError:
            self.fail(f"{value!r} is none of {forms}", param, ctx)
        if key.kind not in ROOT_KINDS:
            self.fail(f"{value!r} is never looked at by itself; ask for one of {forms}", param, ctx)
        return key


@click.command(
    "status",
    epilog=_EPILOG,
    params=[
        click.Option(["--device"], metavar="NAME", help="Name of a thing."),
        click.Option(["--resource"], type=_ResourceKey(), help="Any resource, as the ledger names it: policy#NAME."),
        from_toolsrc("secondary-region", "Region of the ledger."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        click.Option(
            ["--format", "output"],
            type=click.Choice(["table", "json"]),
            default="table",
            show_default=True,
            help="How to print the result.",
        ),
    ],
)
@click.pass_context
def command(context: click.Context, /, device: str | None, resource: Key | None, output: str, **toolsrc: str) -> None:
    """Tell whether a device is ready to fail over, or what waits to be replicated.

    With a device or resource: in sync, pending, failed or unsupported, since when and why. Exits 0 if it is in sync, 1
    if it is not or the ledger does not know it. Without: all that waits, by state and reason, and what has waited
    longest. Exits 0 if nothing waits, 1 if something does. Either exits 2 if it cannot tell.
    """
    if device and resource:
        raise click.UsageError("give either --device or --resource")
    key = thing_key(device) if device else resource
    where = settings(StatusEnvironment, toolsrc)
    if key is None:
        with Counting() as counting:
            waiting = status_of_all(where, counting.reached)
        _print_backlog(waiting, output)
        context.exit(1 if waiting.total else 0)
    standing = status_of(key, where)
    _print_standing(standing, output)
    context.exit(0 if standing.in_sync else 1)


def _print_standing(standing: Standing, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(standing_as_json(standing), indent=2))
        return
    lines = Table(box=None, show_header=False, pad_edge=False)
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, value in _lines(standing, now()):
        lines.add_row(name, value)
    console().print(lines)


def _lines(standing: Standing, at: int) -> list[tuple[str, Text]]:
    item = standing.item
    facts: list[tuple[str, str]] = [("Why", standing.reason)]
    if item is not None:
        facts += [
            ("Since", moment(item.since, at)),
            ("Looked at", moment(item.checked_at, at)),
            ("Last change applied", moment(item.applied_at, at) if item.applied_at else ""),
            ("Lag of that change", f"{item.lag / 1000:.3f} s" if item.lag is not None else ""),
            ("Attempts", str(item.attempts or "")),
            ("Next attempt", moment(item.next_attempt, at) if item.next_attempt else ""),
            ("Made by replication", "yes" if item.owned else "no"),
        ]
    if standing.certificates is not None:
        facts.append(("Certificates", "\n".join(standing.certificates) or "none in the secondary Region"))
    if standing.unreadable:
        facts.append(("Certificates", f"cannot be read: {standing.unreadable}"))
    state = Text(standing.state, style=_COLOURS.get(standing.state, "red"))
    return [("Resource", Text(str(standing.key))), ("State", state)] + [
        (name, Text(value)) for name, value in facts if value
    ]


def standing_as_json(standing: Standing) -> dict[str, Any]:
    """Return the same for scripts."""
    facts = item_as_json(standing.item) if standing.item else {}
    certificates = None if standing.certificates is None else list(standing.certificates)
    return {
        **facts,
        "resource": str(standing.key),
        "state": standing.state,
        "reason": standing.reason,
        "certificates": certificates,
    }


def item_as_json(item: LedgerItem) -> dict[str, Any]:
    """Return a ledger item for scripts."""
    return {
        "resource": str(item.key),
        "state": str(item.state) if item.state else "unknown",
        "reason": item.reason,
        "since": iso(item.since),
        "checked_at": iso(item.checked_at),
        "applied_at": iso(item.applied_at),
        "lag_ms": item.lag,
        "attempts": item.attempts,
        "next_attempt": iso(item.next_attempt),
        "event_id": item.event_id,
        "owned": item.owned,
    }


def _print_backlog(backlog: Backlog, output: str) -> None:
    if output == "json":
        groups = [{"state": one.state, "reason": one.reason, "number": one.number} for one in backlog.groups]
        oldest = [item_as_json(item) for item in backlog.oldest]
        click.echo(json.dumps({"waiting": backlog.total, "groups": groups, "oldest": oldest}, indent=2))
        return
    if not backlog.total:
        click.echo("Nothing waits.")
        return
    screen, at = console(), now()
    groups_table = table("State", "Number", "Reason", numbers=frozenset({"Number"}))
    for group in backlog.groups:
        groups_table.add_row(_state(group.state), str(group.number), Text(group.reason))
    screen.print(groups_table)
    screen.print(f"\n{backlog.total} wait; the oldest {len(backlog.oldest)}:" if backlog.total > 1 else "\nIt is:")
    oldest_table = table("Resource", "State", "Since", "Tries", "Next", "Reason", numbers=frozenset({"Tries"}))
    for item in backlog.oldest:
        oldest_table.add_row(
            Text(str(item.key)),
            _state(str(item.state or "unknown")),
            distance(item.since, at),
            str(item.attempts),
            distance(item.next_attempt, at),
            Text(textwrap.shorten(item.reason, REASON_LENGTH, placeholder=" …")),
        )
    screen.print(oldest_table)


def _state(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, "red"))
