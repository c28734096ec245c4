"""Answers for scripts: JSON with the version of its form, which docs/schemas describe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from iot_dr.cli.view.texts import visible_json

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
