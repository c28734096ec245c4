"""How a plan is shown: each resource with the fields that change, grouped by kind, and the same for scripts.

It is drawn from what was read as it is printed, so that a plan of millions takes no memory; in a terminal that it does
not fit it goes through the pager, in a pipe it is whole.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import click

from iot_dr.cli.view.texts import visible, visible_json
from iot_dr.model.registry.differences import Difference
from iot_dr.model.registry.field_changes import DOCUMENT, FieldChange, document_diff
from iot_dr.model.registry.keys import Kind, plural
from iot_dr.model.sync.progress import Planned, Step, step_of

STEPS = (Step.CREATE, Step.UPDATE, Step.DELETE, Step.LEAVE, Step.UNREADABLE)

RESERVED = 20
"""Lines of a terminal that the table and the hints below a plan take."""

_COLOURS = {Step.CREATE: "green", Step.UPDATE: "yellow", Step.DELETE: "red", Step.UNREADABLE: "red"}
_DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_INDENT = " " * 6


def plan_lines(planned: Planned, differences: Iterable[Difference]) -> Iterator[str]:
    """Yield the lines of a plan: a heading for each kind, a line for each resource, and one for each field."""
    kind: Kind | None = None
    for one in differences:
        if one.key.kind is not kind:
            kind = one.key.kind
            yield click.style(_heading(planned, kind), bold=True)
        yield from _resource_lines(one)
    yield ""


def field_lines(fields: Iterable[FieldChange], names: tuple[str, str] | None = None) -> Iterator[str]:
    """Yield a line for each field: both its values, behind the two names if there are any; of a document the diff."""
    for one in fields:
        if one.name == DOCUMENT and one.old is not None and one.new is not None:
            yield f"{_INDENT}{DOCUMENT}:"
            yield from (f"{_INDENT}{_coloured(line)}" for line in document_diff(one, *(names or ("old", "new"))))
        else:
            yield f"{_INDENT}{visible(f'{one.name}: {_values(one, names)}')}"


def resource_json(difference: Difference) -> str:
    """Return what would be done about a resource, as one JSON object."""
    key = difference.key
    facts = {"resource": str(key), "kind": key.kind, "name": key.name, "other": key.other}
    told = {**facts, "step": step_of(difference), "reason": difference.reason}
    return visible_json(f'{json.dumps(told)[:-1]}, "fields": {fields_json(difference.fields, "old", "new")}}}')


def fields_json(fields: Iterable[FieldChange], old: str, new: str) -> str:
    """Return fields as a JSON array, values as they stand: no program's idea of a number comes between."""
    return f"[{', '.join(_field_json(one, old, new) for one in fields)}]"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they come; those that a terminal has no room for by the pager that $PAGER names, or `less`."""
    lines = iter(lines)
    if sys.stdout.isatty():
        page_lines(lines, shutil.get_terminal_size().lines - RESERVED, click.echo_via_pager)
        return
    for line in lines:
        click.echo(line)


def page_lines(lines: Iterator[str], room: int, pager: Callable[[Iterable[str]], None]) -> None:
    """Print lines if there is room for all, else hand them to a pager one by one."""
    first = list(islice(lines, max(1, room) + 1))
    if len(first) <= max(1, room):
        for line in first:
            click.echo(line)
    else:
        pager(f"{line}\n" for line in chain(first, lines))


def _heading(planned: Planned, kind: Kind) -> str:
    counts = ((step, planned.steps[kind, step]) for step in STEPS)
    return f"{plural(kind).capitalize()}: {', '.join(f'{number:,} {step}' for step, number in counts if number)}"


def _resource_lines(difference: Difference) -> Iterator[str]:
    step = step_of(difference)
    why = f": {difference.reason}" if step in (Step.LEAVE, Step.UNREADABLE, Step.DELETE) else ""
    yield f"  {click.style(step, fg=_COLOURS.get(step))} {visible(f'{difference.key}{why}')}"
    yield from field_lines(difference.fields)


def _values(change: FieldChange, names: tuple[str, str] | None) -> str:
    if names is not None:
        told = ((name, value) for name, value in zip(names, (change.old, change.new), strict=True))
        return ", ".join(f"{name} {value if value is not None else 'has none'}" for name, value in told)
    if change.old is None:
        return str(change.new)
    return change.old if change.new is None else f"{change.old} -> {change.new}"


def _coloured(line: str) -> str:
    return click.style(visible(line), fg=_DIFF_COLOURS.get(line[:1]))


def _field_json(change: FieldChange, old: str, new: str) -> str:
    values = ((old, change.old), (new, change.new))
    told = "".join(f', "{name}": {"null" if value is None else value}' for name, value in values)
    both = change.name == DOCUMENT and None not in (change.old, change.new)
    diff = f', "diff": {json.dumps(chr(10).join(document_diff(change, old, new)))}' if both else ""
    return f'{{"field": {json.dumps(change.name)}{told}{diff}}}'
