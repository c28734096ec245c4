"""`iot-dr history`: what runs with `--apply` changed, and how to take one back."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import click

from iot_dr.cli.command import Command
from iot_dr.cli.options import completed_by, output_format
from iot_dr.cli.view.answers import answer_lines, answer_text
from iot_dr.cli.view.plans import field_lines, fields_json, print_lines
from iot_dr.cli.view.tables import console, iso, table
from iot_dr.cli.view.texts import say, visible, visible_json
from iot_dr.model.registry.field_changes import FieldChange
from iot_dr.model.registry.keys import Kind, plural
from iot_dr.model.sync.records import (
    OF_THE_LEDGER,
    AppliedChange,
    ChangeKind,
    GivenOrder,
    RunHeader,
    RunSummary,
    Undo,
    WriteResult,
)
from iot_dr.runtime.commands.history import HistorySettings, open_history, write_undo

_EPILOG = """
\b
Examples:
  iot-dr history                                          # all runs, the newest first
  iot-dr history 20261128T031500.123-restore              # what one of them changed
  iot-dr history 20261128T031500.123-restore --format json
  iot-dr history 20261128T031500.123-restore --undo-plan  # how to take it back
"""


def _known_runs() -> list[str]:
    return [one.header.run for one in open_history(HistorySettings()).runs()]


@click.command(
    "history",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Argument(["run"], required=False, metavar="[RUN]", shell_complete=completed_by(_known_runs)),
        click.Option(
            ["--undo-plan"],
            is_flag=True,
            help="Write a snapshot of what was there before the run, and print the commands that restore it.",
        ),
        output_format(),
        click.Option(["--state"], default="", help="Folder of what was read and done.  [default: .iot-dr]"),
    ],
)
@click.pass_context
def command(context: click.Context, /, run: str | None, undo_plan: bool, output: str, state: str) -> None:
    """Show what commands changed or ordered from this machine.

    Each run of sync, repair, restore and failback with --apply writes down every change as it is made: the resource,
    its fields with old and new values, AWS's request IDs, and the result. A run of adopt writes down what it adopted or
    released. Failover, failback, replay, reconcile, sweep, uninstall and syncs in the account write down what they
    order. Values whose name says that they are secrets are not shown. Nothing in AWS is read or changed. Exits 0, or 2
    if there is no such run.
    """
    settings = HistorySettings(state)
    history = open_history(settings)
    if run is None:
        if undo_plan:
            raise click.UsageError("--undo-plan is about one run; name it, `iot-dr history` lists them", context)
        _print_runs(list(history.runs()), output)
    elif undo_plan:
        _print_undo(write_undo(settings, run), history.changes(run), output)
    else:
        header, changes, orders = history.header(run), history.changes(run), history.orders(run)
        as_lines = _run_as_json if output == "json" else _run_lines
        print_lines(as_lines(header, changes, orders))


def _print_runs(runs: list[RunSummary], output: str) -> None:
    if output == "json":
        say(answer_text({"runs": [_summary_as_json(one) for one in runs]}))
        return
    if not runs:
        say("Nothing was changed or ordered from this folder.")
        return
    kinds = [one for one in ChangeKind if one not in OF_THE_LEDGER or any(run.changes.get(one) for run in runs)]
    heads = [*map(str, kinds), "order", "refused"]
    shown = table(
        "Run", "Region", *heads, "Ended", "Command", numbers=frozenset(heads), optional=("Command", "Ended", "Region")
    )
    for one in runs:
        counts = (*(one.changes.get(kind, 0) for kind in kinds), one.orders, one.refused)
        numbers = (f"{count:,}" if count else "" for count in counts)
        shown.add_row(one.header.run, one.header.region, *numbers, _ended(one), one.header.command)
    console().print(shown)


def _ended(run: RunSummary) -> str:
    if run.end is None:
        # What is ordered goes on elsewhere, so that such a run has no end of its own.
        return "" if run.orders else "not to its end"
    return iso(run.end.ended) or ""


def _summary_as_json(run: RunSummary) -> dict[str, Any]:
    counts = {str(kind): run.changes.get(kind, 0) for kind in ChangeKind}
    end = None if run.end is None else {**dataclasses.asdict(run.end), "ended": iso(run.end.ended)}
    more = {"changes": counts, "orders": run.orders, "refused": run.refused, "end": end}
    return {**_header_as_json(run.header), **more}


def _header_as_json(header: RunHeader) -> dict[str, Any]:
    return {**dataclasses.asdict(header), "began": iso(header.began)}


def _run_lines(header: RunHeader, changes: Iterable[AppliedChange], orders: Iterable[GivenOrder]) -> Iterator[str]:
    yield visible(f"{header.run}: `{header.command}`")
    account = f", account {header.account}" if header.account else ""
    yield visible(f"Wrote {header.region}{account}, from {iso(header.began)}, release {header.release}")
    yield ""
    for given in orders:
        result = "" if given.result is WriteResult.DONE else f": refused, {given.reason}"
        yield visible(f"{iso(given.at)} {given.order} {given.of}{result}")
        yield from (visible(f"      request {request}") for request in given.requests)
    for one in changes:
        result = "" if one.result is WriteResult.DONE else f": refused, {one.reason}"
        yield visible(f"{iso(one.at)} {one.change} {one.key}{result}")
        yield from field_lines(one.fields)
        yield from (visible(f"      request {request}") for request in one.requests)


def _run_as_json(header: RunHeader, changes: Iterable[AppliedChange], orders: Iterable[GivenOrder]) -> Iterator[str]:
    """Return the lines of a run, whose changes come last."""
    given = [{**dataclasses.asdict(one), "at": iso(one.at)} for one in orders]
    return answer_lines({**_header_as_json(header), "orders": given}, "changes", map(_change_as_json, changes))


def _change_as_json(change: AppliedChange) -> str:
    facts = {"at": iso(change.at), "resource": str(change.key), "change": change.change, "result": change.result}
    told = json.dumps({**facts, "reason": change.reason, "requests": change.requests})
    return visible_json(f'{told[:-1]}, "fields": {fields_json(change.fields, "old", "new")}}}')


def _print_undo(undo: Undo, changes: Iterable[AppliedChange], output: str) -> None:
    if output == "json":
        restored = {str(kind): number for kind, number in undo.restored.items()}
        facts = {"run": undo.header.run, "snapshot": undo.folder, "restored": restored, "stays": undo.stays}
        say(answer_text({**facts, "unknown": undo.lost, "commands": _commands(undo)}))
        return
    print_lines(_undo_lines(undo, changes))


def _undo_lines(undo: Undo, changes: Iterable[AppliedChange]) -> Iterator[str]:
    for one in changes:
        if one.result is WriteResult.DONE and one.before is not None:
            yield visible(f"  take back the {one.change} of {one.key}")
            yield from field_lines(tuple(FieldChange(field.name, field.new, field.old) for field in one.fields))
        elif one.result is WriteResult.DONE and one.change is ChangeKind.CREATE:
            yield visible(f"  leave {one.key}, which the run created: a restore deletes nothing")
    yield ""
    if again := _adoption_taken_back(undo.header):
        yield "It changed nothing but the owners in the ledger. To see what would be taken back, and to do it:"
        yield from (f"  {visible(one)}" for one in again)
        return
    told = ", ".join(
        f"{number:,} {plural(kind) if number != 1 else kind.replace('_', ' ')}"
        for kind, number in undo.restored.items()
    )
    if not told:
        yield "A restore can take nothing of it back."
        return
    yield f"What was there before is in {visible(undo.folder)}: {told}."
    if undo.lost:
        yield f"Of {undo.lost:,} resources it is not known what was there before; they stay as they are."
    if undo.header.region == undo.header.secondary:
        yield (
            "Replication makes the secondary equal to the primary again: what both have alike "
            "by now is to be taken back in the primary."
        )
    yield "To see what a restore of it would change now, and to do it:"
    yield from (f"  {visible(one)}" for one in _commands(undo))


def _adoption_taken_back(header: RunHeader) -> list[str]:
    """Return the commands that take an adoption back, or a release, of the same selection; of any other run none."""
    words = shlex.split(header.command)
    if words[1:2] != ["adopt"]:
        return []
    dropped = {"--apply", "--anew", "--differing", "--release"}
    accepted = {place + 1 for place, word in enumerate(words) if word == "--accept"}
    kept = [one for at, one in enumerate(words) if one not in {*dropped, "--accept"} and at not in accepted]
    back = [*kept, *([] if "--release" in words else ["--release"])]
    return [shlex.join(back), shlex.join([*back, "--apply"])]


def _commands(undo: Undo) -> list[str]:
    if again := _adoption_taken_back(undo.header):
        return again
    if not undo.restored:
        return []
    header = undo.header
    side = "secondary" if header.region == header.secondary else "primary"
    # A Region that is no launch's, or whose launch the run did not know, is named by itself.
    regions = {"--primary-region": header.primary or header.region, "--secondary-region": header.secondary}
    named = [word for name, region in regions.items() if region for word in (name, region)]
    shadows = ["--with-shadows"] if any(kind is Kind.SHADOW for kind in undo.restored) else []
    words = ["iot-dr", "restore", undo.folder, "--into", side, *named, *shadows]
    return [shlex.join(words), shlex.join([*words, "--apply"])]
