"""Answers for scripts: JSON with the version of its form, which docs/schemas describe."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from iot_dr.cli.view.tables import iso
from iot_dr.cli.view.texts import visible_json
from iot_dr.model.status.status_parts import Drift, Unread
from iot_dr.model.sync.progress import ChangeResult

Part = TypeVar("Part")

VERSION = 1
"""Of the form of every answer. It is raised when a member goes or means something else; new ones come without."""


def answer_text(facts: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """Return an answer as text.

    >>> answer_text({"trial": "x"}, indent=None)
    '{"version": 1, "trial": "x"}'
    """
    return visible_json(json.dumps({"version": VERSION, **facts}, indent=indent))


def error_text(message: str, code: int) -> str:
    """Return an error as text: one line, so that it stands beside lines of progress.

    >>> error_text("no right", 2)
    '{"version": 1, "error": {"message": "no right", "exit_code": 2}}'
    """
    return answer_text({"error": {"message": message, "exit_code": code}}, indent=None)


def answer_lines(facts: Mapping[str, Any], name: str, items: Iterable[str]) -> Iterator[str]:
    """Yield the lines of an answer whose list `name` comes last: its items, as JSON, are drawn while it is printed."""
    yield f'{answer_text(facts)[:-2]},\n  "{name}": ['
    before = ""
    for item in items:
        yield from (before + ",",) if before else ()
        before = f"    {item}"
    yield from (before,) if before else ()
    yield "  ]\n}"


def _fields(part: Any) -> dict[str, Any]:
    return dataclasses.asdict(part)


def part_as_json(part: Part | Unread | None, of: Callable[[Part], Any] = _fields) -> Any:
    """Return a part of an answer; what cannot be told is an object with `unread`, and None stays None.

    >>> part_as_json(Unread("no right"))
    {'unread': 'no right'}
    """
    if part is None:
        return None
    return {"unread": part.reason} if isinstance(part, Unread) else of(part)


def parts_as_json(parts: Sequence[Part] | Unread, of: Callable[[Part], Any] = _fields) -> Any:
    """Return a list of an answer, or that it cannot be told."""
    return part_as_json(parts, lambda known: [of(one) for one in known])


def drift_as_json(drift: Drift | Unread | None) -> Any:
    """Return what the last verification found."""
    return part_as_json(drift, lambda known: {"at": iso(known.verified_at), "differing": known.differing})


def problem_as_json(problem: ChangeResult) -> dict[str, str]:
    """Return a change that was not made."""
    return {"resource": str(problem.key), "result": str(problem.ending), "reason": problem.reason}
