"""How a command prints the checks that it made: a table, what to do, and the same for scripts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import click
from rich.text import Text

from iot_dr.cli.command import with_settings
from iot_dr.cli.view.tables import console, table
from iot_dr.model.status.checks import Check, Level
from iot_dr.services.doctor.doctor import worst

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "bold red"}


def as_json(checks: Sequence[Check]) -> dict[str, object]:
    """Return the answers for scripts."""
    numbers = Counter(check.level for check in checks)
    return {
        "level": str(worst(checks)),
        **{str(level): numbers[level] for level in Level},
        "checks": [dataclasses.asdict(check) for check in checks],
    }


def print_checks(checks: Sequence[Check], context: click.Context) -> None:
    """Print the answers, then the mends of what is not in order, failures first; commands as whole as this one."""
    screen = console()
    answers = table("", "Check", "Found")
    for check in checks:
        answers.add_row(Text(check.level, style=_STYLES[check.level]), Text(check.name), Text(check.found))
    screen.print(answers)
    ill = [check for level in (Level.FAILURE, Level.WARNING) for check in checks if check.level is level]
    if ill:
        screen.print("\nWhat to do:")
    for name, level, mend in dict.fromkeys((check.name, check.level, check.mend) for check in ill):
        # A command is copied whole, so these lines are left to the terminal to wrap.
        whole = with_settings(context, mend)
        screen.print(Text.assemble("  ", (name, _STYLES[level]), ": ", whole), soft_wrap=True)
    numbers = Counter(check.level for check in checks)
    screen.print("\n" + ", ".join(f"{numbers[level]} {level}" for level in Level))
