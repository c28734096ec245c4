"""What the doctor says of one question: a level, what was found, and the command or choice that mends it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

_ANSWER = re.compile(
    r"An error occurred \((?P<code>[^)]+)\) when calling the (?P<operation>\w+) operation"
    r"(?: \(reached max retries: \d+\))?: *(?P<words>.*)"
)


class Level(enum.StrEnum):
    """How much an answer matters."""

    OK = "ok"
    WARNING = "warning"
    """Replication works, but something is lost at a failover, is about to break, or could not be asked."""
    FAILURE = "failure"
    """Replication does not work, or what it brought is not what the primary has."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's answer; `mend` is empty where nothing is to be done.

    `names` are all the resources that `found` speaks of, where it names the first few alone.
    """

    name: str
    level: Level
    found: str
    mend: str = ""
    names: tuple[str, ...] = ()


def ok(name: str, found: str) -> Check:
    """Say that all is well."""
    return Check(name, Level.OK, found)


def warning(name: str, found: str, mend: str, names: Iterable[str] = ()) -> Check:
    """Say that something should be mended before a failover."""
    return Check(name, Level.WARNING, found, mend, tuple(names))


def failure(name: str, found: str, mend: str, names: Iterable[str] = ()) -> Check:
    """Say that something must be mended."""
    return Check(name, Level.FAILURE, found, mend, tuple(names))


def first_names(names: Iterable[str], shown: int = 3) -> str:
    """Return the first few names, and how many more there are.

    >>> first_names(["a", "b", "c", "d", "e"]), first_names(["a"])
    ('a, b, c and 2 more', 'a')
    """
    listed = sorted(names)
    more = len(listed) - shown
    return ", ".join(listed[:shown]) + (f" and {more} more" if more > 0 else "")


def error_line(error: Exception | str) -> str:
    """Return an error in one line's words: what AWS answered to which call, where it was AWS.

    >>> error_line("An error occurred (InvalidRequestException) when calling the ListThings operation: no such page")
    'ListThings answered InvalidRequestException, no such page'
    >>> error_line("An error occurred (A) when calling the SearchIndex operation (reached max retries: 0): not indexed")
    'SearchIndex answered A, not indexed'
    """
    answer = _ANSWER.search(str(error))
    if answer is None:
        return str(error)
    return f"{answer['operation']} answered {answer['code']}" + (f", {answer['words']}" if answer["words"] else "")
