"""`iot-dr adopt`: have replication own what the secondary Region had before it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import click
from rich.text import Text

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.commands.verify import ReadingWatch
from iot_dr.cli.options import applying, credentials_and_state, from_toolsrc, output_format, settings, unpaced
from iot_dr.cli.options import max_age as max_age_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_lines, answer_text, problem_as_json
from iot_dr.cli.view.plans import field_lines, fields_json, print_lines
from iot_dr.cli.view.tables import console, table
from iot_dr.cli.view.texts import say, visible, visible_json
from iot_dr.model.registry.keys import Kind, plural
from iot_dr.model.sync.adoption import (
    DIFFERING,
    AdoptionChoice,
    AdoptionPlan,
    AdoptionResult,
    AdoptionRow,
    AdoptionStanding,
)
from iot_dr.model.words import counted
from iot_dr.runtime.commands.adopt import KINDS, AdoptSettings, open_adoption
from iot_dr.services.adopt import Adoption

HOUR = 3_600_000

SHOWN = 20
"""Lines of what was not adopted; `--format json` has more."""

NUMBERED = (
    AdoptionStanding.EQUAL,
    AdoptionStanding.DIFFERS,
    AdoptionStanding.REMADE,
    AdoptionStanding.ONLY_SECONDARY,
    AdoptionStanding.OWNED,
    AdoptionStanding.ADOPTED,
    AdoptionStanding.ONLY_PRIMARY,
    AdoptionStanding.UNREADABLE,
)

WHY = {
    AdoptionStanding.REMADE: "AWS lets nobody change that: once adopted, it is deleted and created again",
    AdoptionStanding.ONLY_SECONDARY: "the primary does not have it; it stays as it is",
}

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr adopt                               # what is there, and what would be adopted
  iot-dr adopt --apply                       # what both Regions hold alike
  iot-dr adopt --select 'thingName:pump*' --apply
  iot-dr adopt --kind policy --kind policy_attachment --apply
  iot-dr adopt --differing --apply           # what differs, too
  iot-dr adopt --release --apply             # take it back
"""


@click.command(
    "adopt",
    cls=Command,
    epilog=_EPILOG,
    params=[
        applying("Note in the ledger that replication owns it."),
        click.Option(
            ["--select"],
            metavar="QUERY",
            default="",
            help="Only these things, with everything that they have: `thingName:pump*`.",
        ),
        click.Option(
            ["--kind", "kinds"],
            type=click.Choice([str(kind) for kind in KINDS]),
            metavar="KIND",
            multiple=True,
            help="Only this kind, `thing` or `policy_attachment`; may be given several times. A wrong one names all.",
        ),
        click.Option(
            ["--differing"], is_flag=True, help="Adopt also what differs; replication then makes it equal soon."
        ),
        click.Option(
            ["--release"], is_flag=True, help="Take adoptions back; what replication itself created stays its own."
        ),
        click.Option(
            ["--accept"], metavar="DIGEST", default="", help="Apply only the plan that has this digest, as was shown."
        ),
        max_age_option("If both Regions were read longer ago than this, they are read again first."),
        from_toolsrc("primary-region", "Region that is replicated."),
        from_toolsrc("secondary-region", "Region that has resources from before."),
        from_toolsrc("ledger-table", "Table of the ledger."),
        from_toolsrc("stack-postfix", "Postfix of the launch."),
        from_toolsrc("uuid", "UUID of the launch."),
        output_format(),
        *credentials_and_state(),
        unpaced(),
        click.Option(["--anew"], is_flag=True, help="Start again from the beginning; do not use what was read before."),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    apply: bool,
    kinds: tuple[str, ...],
    differing: bool,
    release: bool,
    accept: str,
    max_age: float,
    output: str,
    unpaced: bool,
    anew: bool,
    **given: str,
) -> None:
    """Have replication own what the secondary Region had before the launch, so that deletions reach it too.

    Replication keeps such resources equal to the primary's, but deletes only what it owns. This shows what it does not
    own, by kind: equal in both Regions, different, or only in the secondary. With --apply it notes in the ledger that
    what is equal is owned; it writes nothing else. What only the secondary has is never adopted. Exits 0 if there was
    nothing to adopt or all was adopted, 1 if something would be adopted or was not, 2 if it cannot run.
    """
    if accept and not apply:
        raise click.UsageError("--accept goes with --apply")
    if release and differing:
        raise click.UsageError("--release takes back whatever was adopted; leave out --differing")
    wanted = settings(
        AdoptSettings,
        given,
        not_older_than=int(max_age * HOUR),
        differing=differing,
        release=release,
        anew=anew,
        paced=not unpaced,
        command=command_line(context),
    )
    wanted = dataclasses.replace(wanted, kinds=tuple(map(Kind, dict.fromkeys(kinds))))
    again = command_line(context, **({"anew": None} if anew else {}))
    with stoppable(lambda: f"Run `{again}` again."), ReadingWatch() as watch, open_adoption(wanted, watch) as adoption:
        adoption.read()
        watch.end()
        if apply:
            _apply(context, adoption, accept, output, again)
        plan = adoption.plan()
        if output == "json":
            print_lines(_plan_as_json(plan, adoption.rows(), adoption.choice))
        else:
            _print_plan(plan, adoption, command_line(context, apply=True, **({"anew": None} if anew else {})))
    context.exit(1 if plan.chosen else 0)


def _apply(context: click.Context, adoption: Adoption, accept: str, output: str, again: str) -> None:
    result = adoption.apply(accept)
    if output == "json":
        say(answer_text(_result_as_json(result, adoption.choice)))
    else:
        _print_result(result, adoption.choice, again)
    context.exit(1 if result.left else 0)


def _print_plan(plan: AdoptionPlan, adoption: Adoption, command: str) -> None:
    if not plan.numbers:
        say("There is nothing that could be owned.")
        return
    print_lines(_plan_lines(plan, adoption.rows(), adoption.choice))
    heads = [one for one in NUMBERED if plan.number(one)]
    shown = table("Kind", *map(_head, heads), numbers=frozenset(map(_head, heads)))
    for kind in dict.fromkeys(kind for kind, _ in plan.numbers):
        counts = (plan.numbers[kind, one] for one in heads)
        shown.add_row(kind.replace("_", " "), *(f"{count:,}" if count else "" for count in counts))
    screen = console()
    screen.print(shown)
    if plan.chosen:
        done = "released" if adoption.choice.release else "adopted"
        be = f"{counted(plan.chosen, 'resource')} would be {done}; the plan's digest is {plan.digest}."
        screen.print(f"\n{be}\nNothing was changed. To do it, run `{command}`.", soft_wrap=True)
    else:
        screen.print(f"\nThere is nothing to {'release' if adoption.choice.release else 'adopt'}.")


def _head(standing: AdoptionStanding) -> str:
    return standing.capitalize()


def _plan_lines(plan: AdoptionPlan, rows: Iterable[AdoptionRow], choice: AdoptionChoice) -> Iterator[str]:
    kind: Kind | None = None
    for row in rows:
        if row.key.kind is not kind:
            kind = row.key.kind
            counts = ((one, plan.numbers[kind, one]) for one in NUMBERED)
            told = ", ".join(f"{number:,} {one}" for one, number in counts if number)
            yield click.style(f"{plural(kind).capitalize()}: {told}", bold=True)
        why = row.reason or WHY.get(row.standing, "")
        how = "" if row.standing is AdoptionStanding.EQUAL or choice.release else f" ({row.standing})"
        line = ": ".join(filter(None, (f"{row.key}{how}", why)))
        yield f"  {_step(row, choice)} {visible(line)}"
        yield from field_lines(row.fields, ("secondary", "primary"))
    yield ""


def _step(row: AdoptionRow, choice: AdoptionChoice) -> str:
    if row.standing not in choice.accepted:
        return "leave"
    return "release" if choice.release else "adopt"


def _plan_as_json(plan: AdoptionPlan, rows: Iterable[AdoptionRow], choice: AdoptionChoice) -> Iterator[str]:
    """Return the lines of the plan, whose resources come last."""
    numbers = [{"kind": kind, "standing": one, "number": number} for (kind, one), number in plan.numbers.items()]
    facts = {"applied": False, "release": choice.release, "chosen": plan.chosen, "digest": plan.digest}
    return answer_lines({**facts, "numbers": numbers}, "resources", (_row_as_json(row, choice) for row in rows))


def _row_as_json(row: AdoptionRow, choice: AdoptionChoice) -> str:
    key = row.key
    facts = {"resource": str(key), "kind": key.kind, "name": key.name, "other": key.other}
    told = json.dumps({**facts, "standing": row.standing, "step": _step(row, choice), "reason": row.reason})
    fields = fields_json(row.fields if row.standing in DIFFERING else (), "secondary", "primary")
    return visible_json(f'{told[:-1]}, "fields": {fields}}}')


def _result_as_json(result: AdoptionResult, choice: AdoptionChoice) -> dict[str, Any]:
    problems = [problem_as_json(one) for one in result.problems]
    facts = {"applied": True, "release": choice.release, "done": result.done, "left": result.left}
    return {**facts, "problems": problems}


def _print_result(result: AdoptionResult, choice: AdoptionChoice, again: str) -> None:
    screen = console()
    done = "released" if choice.release else "adopted"
    are = counted(result.done, "resource is", "resources are")
    screen.print(f"{are} {done}, {result.left} not. No registry was changed.")
    if not result.left:
        return
    shown = table("Resource", "Reason")
    for one in islice(result.problems, SHOWN):
        shown.add_row(Text(str(one.key)), Text(one.reason))
    screen.print(shown)
    if result.left > SHOWN:
        screen.print(f"... and {result.left - SHOWN} more; --format json has more of them")
    screen.print(f"\nRun `{again}` again: what is {done} is not repeated.", soft_wrap=True)
