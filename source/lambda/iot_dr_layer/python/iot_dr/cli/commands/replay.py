"""`iot-dr replay`: bring in the events that did not arrive."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from iot_dr.cli.command import Command, command_line, order_place
from iot_dr.cli.options import applying, from_toolsrc, output_format, require, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import Counting
from iot_dr.cli.view.tables import console, table
from iot_dr.cli.view.texts import say
from iot_dr.model.events.dead_letters import DeadLetterSource
from iot_dr.runtime.commands.history import ordering
from iot_dr.runtime.commands.replay import (
    RuleErrorsEnvironment,
    ShadowRuleErrorsEnvironment,
    StreamRecordsEnvironment,
    replay_rule_errors,
    replay_shadow_rule_errors,
    replay_stream_records,
)
from iot_dr.services.events.replay import Letter, problems

SHOWN = 20
"""Lines of the table; `--format json` has all."""

_ALL = "all"
_SETTINGS = {
    DeadLetterSource.RULE_ERRORS: RuleErrorsEnvironment,
    DeadLetterSource.SHADOW_RULE_ERRORS: ShadowRuleErrorsEnvironment,
    DeadLetterSource.STREAM_RECORDS: StreamRecordsEnvironment,
}
_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr replay
  iot-dr replay --apply
  iot-dr replay --from stream-records --apply
"""


@click.command(
    "replay",
    cls=Command,
    epilog=_EPILOG,
    params=[
        applying("Replay."),
        click.Option(
            ["--from", "wanted"],
            type=click.Choice([_ALL, *map(str, DeadLetterSource)]),
            default=_ALL,
            show_default=True,
            help="Where the events wait: the rules' error queues of registry and shadow events in the primary Region, "
            "or the stream records kept in the secondary's work bucket.",
        ),
        from_toolsrc("primary-region", "Region of the queue, and of the table's replica that is written."),
        from_toolsrc("rule-error-queue-url", "Queue of registry events that the topic rules could not store."),
        from_toolsrc("dynamodb-global-table", "Table that carries registry events to the secondary Region."),
        from_toolsrc("shadow-rule-error-queue-url", "Queue of shadow events that the topic rules could not store."),
        from_toolsrc("dynamodb-shadow-table", "Table that carries shadow events to the secondary Region."),
        from_toolsrc("secondary-region", "Region of the bucket and the workflow."),
        from_toolsrc("secondary-bucket", "Bucket of what the functions of the streams could not handle."),
        from_toolsrc("look-queue-url", "Queue of requests in the secondary Region."),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(context: click.Context, /, apply: bool, wanted: str, profile: str, output: str, **toolsrc: str) -> None:
    """Apply events of the registry and of shadows that did not arrive.

    Events that the topic rules could not store are written to the event table. For stream records that could not be
    handled, requests are queued. What was replayed is deleted where it waited. Without --apply nothing is changed. You
    can repeat it. Exits 0 if nothing stays where it is, 1 if something cannot be replayed and stays with its reason, 2
    if it cannot run.
    """
    sources = [source for source in DeadLetterSource if wanted in {_ALL, source}]
    # All settings before the first change: a replay by half tells less than none.
    require(toolsrc, *(_SETTINGS[source] for source in sources))
    letters: list[Letter] = []
    place = order_place(context, str(toolsrc["primary_region"]), str(toolsrc["secondary_region"]))
    # What is replayed changes the secondary Region, whichever side it waits on.
    orders = ordering(place, place.secondary)
    with Counting() as counting:
        progress = ReplayWatch(counting)
        if DeadLetterSource.RULE_ERRORS in sources:
            registry = settings(RuleErrorsEnvironment, toolsrc)
            letters += replay_rule_errors(registry, progress, orders, profile, apply=apply)
        if DeadLetterSource.SHADOW_RULE_ERRORS in sources:
            shadows = settings(ShadowRuleErrorsEnvironment, toolsrc)
            letters += replay_shadow_rule_errors(shadows, progress, orders, profile, apply=apply)
        if DeadLetterSource.STREAM_RECORDS in sources:
            records = settings(StreamRecordsEnvironment, toolsrc)
            letters += replay_stream_records(records, progress, orders, profile, apply=apply)
    if output == "json":
        say(answer_text({"applied": apply, "letters": [dataclasses.asdict(one) for one in letters]}))
    else:
        _print(sources, letters, "" if apply else command_line(context, apply=True))
    context.exit(1 if problems(letters) else 0)


class ReplayWatch:
    """Counts on standard error."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def found(self, source: DeadLetterSource, total: int) -> None:
        """Begin with a source."""
        self._counting.begin(f"Replaying {source}", total)

    def done(self, number: int) -> None:
        """Count on."""
        self._counting.advance(number)


def _print(sources: Sequence[DeadLetterSource], letters: Sequence[Letter], command: str) -> None:
    """Print the result; of a dry run, `command` is what makes it."""
    screen, left = console(), problems(letters)
    replayed = "To replay" if command else "Replayed"
    found, stay = Counter(one.source for one in letters), Counter(one.source for one in left)
    numbers = table("Source", "Found", replayed, "Stays", numbers=frozenset({"Found", replayed, "Stays"}))
    for source in sources:
        numbers.add_row(source, str(found[source]), str(found[source] - stay[source]), str(stay[source]))
    screen.print(numbers)
    if letters:
        screen.print()
        screen.print(_letters([*left, *(one for one in letters if not one.problem)], replayed))
    if len(letters) > SHOWN:
        screen.print(f"... and {len(letters) - SHOWN} more; --format json has all of them")
    if command and len(letters) > len(left):
        screen.print(f"\nNothing was changed. To replay {len(letters) - len(left)}, run `{command}`.", soft_wrap=True)
    if left:
        screen.print(
            "\nWhat cannot be replayed stays where it is: 14 days in the queue, in the bucket until you delete it."
        )


def _letters(letters: Sequence[Letter], replayed: str) -> Table:
    made = table("Resource", "Event", "Result", "Reason")
    for one in letters[:SHOWN]:
        result = Text("stays", style="red") if one.problem else Text(replayed.lower(), style="green")
        reason = f"{one.problem}\n{one.place}" if one.problem else one.cause
        made.add_row(Text(one.resource or "-"), Text(one.operation or "-"), result, Text(reason))
    return made
