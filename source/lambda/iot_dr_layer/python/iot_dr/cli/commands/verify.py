"""`iot-dr verify`: do both Regions hold the same, and if not, in what do they differ?"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from rich.table import Table

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import (
    SHADOWS,
    FromToolsrc,
    certificate_mode,
    credentials_and_state,
    from_toolsrc,
    output_format,
    settings,
)
from iot_dr.cli.options import unpaced as unpaced_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import ReadingPace, Watch, paced_bar
from iot_dr.cli.view.plans import field_lines, fields_json
from iot_dr.cli.view.tables import Screen, console, table
from iot_dr.cli.view.texts import say, visible, visible_json
from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.registry.differences import Difference, Numbers, Sigil
from iot_dr.model.registry.keys import Kind
from iot_dr.model.shadows.patterns import check
from iot_dr.model.words import counted
from iot_dr.runtime.commands.comparison import ComparisonSettings
from iot_dr.runtime.commands.verify import open_verification, write_page
from iot_dr.services.verify import VerifyRun

SAMPLE = 400
"""Certificates that --fast asks about: if all are alike, fewer than 3 in 400 of the fleet are not, 95 % sure."""

COLOURS = {Sigil.MISSING: "cyan", Sigil.SURPLUS: "yellow", Sigil.DIFFERENT: "magenta", Sigil.UNREADABLE: "red"}

HEADS = {
    Sigil.SAME: "= same",
    Sigil.MISSING: "+ missing",
    Sigil.SURPLUS: "- extra",
    Sigil.DIFFERENT: "* differ",
    Sigil.UNREADABLE: "! unread",
}

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr verify
  iot-dr verify --report verified.html
  iot-dr verify --select 'thingName:pump*'
  iot-dr verify --format json | jq -r 'select(.sigil == "+") | .name'
\b
Signs, one line per difference:
  +  only the primary has it         *  both have it, with different values
  -  only the secondary has it       !  a Region cannot tell
  =  the same (with --same)
"""


def _fitting(_context: click.Context, _option: click.Parameter, pattern: str) -> str:
    try:
        check(pattern)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from error
    return pattern


def _writable(_context: click.Context, _option: click.Parameter, report: str | None) -> str | None:
    """Refuse a page that could not be written before hours are spent on reading."""
    if report is None:
        return None
    page = Path(report)
    if not (page.parent.is_dir() and os.access(page if page.exists() else page.parent, os.W_OK)):
        raise click.BadParameter(f"{report} cannot be written; give a file in a folder that is there and yours")
    return report


@click.command(
    "verify",
    cls=Command,
    epilog=_EPILOG,
    params=[
        from_toolsrc("primary-region", "Region that is replicated."),
        from_toolsrc("secondary-region", "Region that is kept equal to it."),
        certificate_mode(),
        FromToolsrc(
            ["--replicate-shadows", "--shadows"],
            type=SHADOWS,
            envvar="REPLICATE_SHADOWS",
            show_envvar=True,
            default="all",
            show_default=True,
            help="Shadows to compare.",
        ),
        FromToolsrc(
            ["--shadow-name-pattern"],
            envvar="SHADOW_NAME_PATTERN",
            show_envvar=True,
            default=".*",
            show_default=True,
            callback=_fitting,
            help="Compare the named shadows whose whole name fits this expression.",
        ),
        click.Option(["--no-index"], is_flag=True, help="Read every shadow directly, not by the index of things."),
        click.Option(
            ["--select"], metavar="QUERY", default="", help="Compare only these things, with everything that they have."
        ),
        click.Option(
            ["--fast"], is_flag=True, help=f"Read only what {SAMPLE} certificates are attached to, and no shadows."
        ),
        click.Option(["--same"], is_flag=True, help="Print also what is the same."),
        click.Option(
            ["--report"],
            type=click.Path(dir_okay=False),
            callback=_writable,
            help="Write a page with counts, plots and a table.",
        ),
        output_format("How to print: lines and a table, or JSON lines."),
        *credentials_and_state(),
        unpaced_option(),
        click.Option(
            ["--anew"], is_flag=True, help="Start again from the beginning; do not resume an interrupted run."
        ),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    same: bool,
    report: str | None,
    output: str,
    fast: bool,
    unpaced: bool,
    anew: bool,
    no_index: bool,
    select: str,
    **given: str,
) -> None:
    """Compare both Regions, every field of every resource and relation, and change nothing.

    Reads both by their lists, and shadows by the index of things if it holds them. What neither shows is read one by
    one: what certificates are attached to, and policies' documents. What differs is read again before it is reported.
    Exits 0 if both hold the same, 1 if not, 2 if it cannot tell. The next run resumes a run that was stopped, by Ctrl-C
    or otherwise.
    """
    if fast and select:
        raise click.UsageError("--fast is for the whole fleet; of what --select finds everything is read")
    if fast:
        given["replicate_shadows"] = "none"
    where = settings(
        ComparisonSettings,
        given,
        paced=not unpaced,
        anew=anew,
        select=select,
        sample=SAMPLE * fast,
        by_index=not no_index,
    )
    go_on = _how_to_go_on(context, select)
    with stoppable(lambda: go_on), ReadingWatch() as watch, open_verification(where, watch) as verifying:
        if verifying.resumed:
            say("Resuming an interrupted run; --anew starts again from the beginning.", err=True)
        with _failing_on(watch, go_on):
            verifying.read()
        watch.end()
        print_difference = _print_json if output == "json" else _print_line
        for difference in verifying.differences(same=same):
            print_difference(difference)
        _print_summary(verifying, output, watch.seconds)
        if report:
            write_page(verifying, Path(report))
            say(f"The page is {Path(report).resolve()}", err=output == "json")
        context.exit(1 if verifying.differing else 0)


def _how_to_go_on(context: click.Context, select: str) -> str:
    again = command_line(context, anew=None)
    # A selection has no place where its reading can go on.
    return f"Run `{again}` again." if select else f"What was read is kept; run `{again}` again to continue from there."


@contextmanager
def _failing_on(watch: ReadingWatch, go_on: str) -> Iterator[None]:
    """Say how to go on before the error that ends the reading, if it is not that there is nothing to read."""
    try:
        yield
    except ConfigurationError:
        watch.end()
        raise
    except IotDrError:
        watch.end()
        say(go_on, err=True)
        raise


class ReadingWatch(Watch):
    """Shows on standard error how far the reading is, at what rate and for how long."""

    def __init__(self) -> None:
        screen = Screen(stderr=True)
        super().__init__(paced_bar(screen))
        self._task = self._bar.add_task("Reading", total=None, pace="")
        self._begun = time.monotonic()
        self._pace = ReadingPace()
        self.seconds = 0.0
        """How long the reading took."""

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Begin with a stage of the reading."""
        self._pace.begin(calls, ahead)
        self._bar.reset(self._task, total=calls, description=f"Reading {stage}", pace="")

    def advance(self, calls: int, found: int) -> None:  # noqa: ARG002  # the protocol's
        """Count the calls of the reading."""
        self._bar.update(self._task, advance=calls, pace=self._pace.advance(calls))

    def end(self) -> None:
        """Show nothing more."""
        self.seconds = self.seconds or time.monotonic() - self._begun
        super().end()


def _print_line(difference: Difference) -> None:
    sign = click.style(str(difference.sigil), fg=COLOURS.get(difference.sigil), bold=True)
    click.echo(f"{sign} {visible(f'{difference.key}  {difference.reason}')}".rstrip())
    if difference.sigil is Sigil.DIFFERENT:
        for line in field_lines(difference.fields, ("secondary", "primary")):
            click.echo(line)


def _print_json(difference: Difference) -> None:
    key = difference.key
    facts = {"sigil": difference.sigil, "kind": key.kind, "name": key.name, "other": key.other}
    fields = difference.fields if difference.sigil is Sigil.DIFFERENT else ()
    told = json.dumps({**facts, "reason": difference.reason})
    say(visible_json(f'{told[:-1]}, "fields": {fields_json(fields, "secondary", "primary")}}}'))


def _print_summary(verifying: VerifyRun, output: str, seconds: float) -> None:
    numbers, calls = verifying.numbers(), verifying.calls
    things = max(numbers[Kind.THING].source, numbers[Kind.THING].target) if Kind.THING in numbers else 0
    if output == "json":
        facts = {"differences": verifying.differing, "calls": calls, "seconds": round(seconds, 1)}
        kinds = {kind: _numbers_as_json(found) for kind, found in numbers.items()}
        say(answer_text({"summary": {**facts, "kinds": kinds, "notes": verifying.notes()}}, indent=None))
        return
    screen = console()
    if verifying.differing:
        click.echo()
    screen.print(_table(numbers))
    screen.print(f"\n{counted(things, 'thing')} in {seconds:,.1f} s{_pace(calls, things, seconds)}.")
    for note in verifying.notes():
        screen.print(note)
    screen.print(
        f"{counted(verifying.differing, 'difference')}." if verifying.differing else "Both Regions hold the same."
    )


def _pace(calls: Mapping[str, Mapping[str, int]], things: int, seconds: float) -> str:
    made = sum(sum(each.values()) for each in calls.values())
    if not made or not things:
        return ""
    return f" by {counted(made, 'call')}, {things / seconds:,.0f} things/s, {made / things:.2f} calls a thing"


def _table(numbers: Mapping[Kind, Numbers]) -> Table:
    heads = ("Primary", "Secondary", *HEADS.values())
    # What a narrow screen has no room for follows from the rest, or is in --format json.
    optional = (HEADS[Sigil.SAME], "Secondary", "Primary")
    made = table("Kind", *heads, numbers=frozenset(heads), optional=optional)
    for kind, found in numbers.items():
        counts: Iterable[int] = (found.source, found.target, *(found.sigils.get(sigil, 0) for sigil in HEADS))
        made.add_row(kind.replace("_", " "), *(f"{count:,}" if count else "" for count in counts))
    return made


def _numbers_as_json(found: Numbers) -> dict[str, int]:
    return {"primary": found.source, "secondary": found.target, **{str(k): v for k, v in found.sigils.items()}}
