"""`iot-dr status`: how replication stands as a whole; or is a device ready to fail over, since when, and why not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
from rich.live import Live
from rich.text import Text

from iot_dr.cli.command import Command
from iot_dr.cli.keys import ResourceKey
from iot_dr.cli.options import completed_by, credentials_and_state, from_toolsrc, output_format, settings
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import Counting
from iot_dr.cli.view.status_view import overview_as_json, screen_of
from iot_dr.cli.view.tables import console, facts_table, item_as_json, moment, state_text
from iot_dr.cli.view.texts import say
from iot_dr.model.registry.keys import Key, Kind, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.runtime.clock import now, utc_text
from iot_dr.runtime.commands.status import StatusEnvironment, status_of, waiting_of, watched
from iot_dr.services.status.status import Progress, ResourceStatus
from iot_dr.services.status.status_view import StatusView

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr status
  iot-dr status --watch
  iot-dr status --thing pump-17
  iot-dr status --resource policy#pumps --format json
  iot-dr status --list failed
"""

LISTED = {str(state): (state,) for state in (State.PENDING, State.FAILED, State.HELD)} | {"all": ()}
"""What `--list` takes, with the states that it means; none stands for all."""

EVERY = 5.0
"""Seconds."""


@click.command(
    "status",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Option(["--thing", "device"], metavar="NAME", help="Name of a thing."),
        click.Option(
            ["--resource"],
            type=ResourceKey(),
            shell_complete=completed_by(lambda: [f"{kind}#" for kind in Kind]),
            help="Any resource, as the ledger names it: policy#NAME.",
        ),
        click.Option(
            ["--list", "listed"],
            type=click.Choice(list(LISTED)),
            help="List all that waits or is held, or what of it has this state: a line each, in JSON too.",
        ),
        click.Option(["--watch"], is_flag=True, help="Tell it again and again, until Ctrl-C."),
        click.Option(
            ["--every"],
            type=click.FloatRange(min=1),
            default=EVERY,
            show_default=True,
            help="Seconds between two requests of --watch; metrics and stacks are read once a minute.",
        ),
        from_toolsrc("primary-region", "Region whose registry is replicated."),
        from_toolsrc("secondary-region", "Region of the ledger."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        from_toolsrc("dynamodb-global-table", "Table that carries events, which holds the control item too."),
        from_toolsrc("stack-postfix", "Ends the names of the launch's stacks."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        from_toolsrc("fleet-name", "Name that devices connect to, if the fleet has one."),
        from_toolsrc("name-servers", "Name servers of its zone; the system's resolver names them otherwise."),
        output_format(),
        *credentials_and_state(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    device: str | None,
    resource: Key | None,
    listed: str | None,
    watch: bool,
    every: float,
    output: str,
    profile: str,
    state: str,
    **toolsrc: str,
) -> None:
    """Show how replication stands, or whether one device is ready for a failover.

    Without a device: which Region leads and why, what the name servers answer, how far behind the secondary is now and
    in the last hour, what waits or is held and why, dead letters, what the last verification on this machine found, and
    the releases of the stacks. Exits 0 if nothing waits, 1 if something does. With a device or resource: in sync,
    pending, failed or unsupported, since when and why. Exits 0 if it is in sync, 1 if it is not or the ledger does not
    know it. With --list: every resource that waits, however many, with state, since when and why. Exits 0 if there is
    none, 1 if there is. All exit 2 if they cannot tell.
    """
    if len([one for one in (device, resource, listed) if one]) > 1:
        raise click.UsageError("give either --thing, --resource or --list")
    key = thing_key(device) if device else resource
    where = settings(StatusEnvironment, toolsrc)
    if key is not None:
        if watch:
            raise click.UsageError("--watch shows replication as a whole; leave out --thing and --resource")
        standing = status_of(key, where, profile)
        _print_standing(standing, output)
        context.exit(0 if standing.in_sync else 1)
    if listed:
        if watch:
            raise click.UsageError("--watch shows replication as a whole; leave out --list")
        context.exit(1 if _print_listed(waiting_of(where, LISTED[listed], profile), output) else 0)
    read = watched(where, profile, state)
    found = _watch(read, output, every) if watch else _once(read, output)
    context.exit(1 if found.backlog.total else 0)


def _print_listed(items: Iterator[LedgerItem], output: str) -> bool:
    """Print one line for each, as it is read; return whether there is any."""
    found = False
    for item in items:
        found = True
        if output == "json":
            say(answer_text(item_as_json(item), indent=None))
        else:
            say(f"{item.state or 'unknown'}  {item.key}  since {moment(item.since, now())}  {item.reason}".rstrip())
    if not found and output != "json":
        say("Nothing waits.")
    return found


def _once(read: Callable[[Progress], StatusView], output: str) -> StatusView:
    with Counting() as counting:
        found = read(counting.reached)
    if output == "json":
        say(answer_text(overview_as_json(found)))
    else:
        console().print(screen_of(found))
    return found


def _watch(read: Callable[[Progress], StatusView], output: str, every: float) -> StatusView:
    """Tell it until Ctrl-C: live in a terminal, each time anew in a pipe, a line of JSON for a program."""
    found, pause = read(_quietly), threading.Event()
    with contextlib.suppress(KeyboardInterrupt):
        if output == "json" or not console().is_terminal:
            while True:
                _print_once(found, output)
                pause.wait(every)
                found = read(_quietly)
        with Live(screen_of(found), console=console(), auto_refresh=False) as live:
            while True:
                pause.wait(every)
                found = read(_quietly)
                live.update(screen_of(found), refresh=True)
    return found


def _print_once(found: StatusView, output: str) -> None:
    if output == "json":
        say(answer_text(overview_as_json(found), indent=None))
        return
    say(utc_text(now()))
    console().print(screen_of(found))
    say("")


def _quietly(_: int) -> None:
    """Count nothing: what is watched is drawn over."""


def _print_standing(standing: ResourceStatus, output: str) -> None:
    if output == "json":
        say(answer_text(standing_as_json(standing)))
        return
    console().print(facts_table(_lines(standing, now())))


def _lines(standing: ResourceStatus, at: int) -> list[tuple[str, Text]]:
    item = standing.item
    facts: list[tuple[str, str]] = [("Why", standing.reason)]
    if item is not None:
        facts += [
            ("Since", moment(item.since, at)),
            ("Checked", moment(item.checked_at, at)),
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
    return [("Resource", Text(str(standing.key))), ("State", state_text(standing.state))] + [
        (name, Text(value)) for name, value in facts if value
    ]


def standing_as_json(standing: ResourceStatus) -> dict[str, Any]:
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
