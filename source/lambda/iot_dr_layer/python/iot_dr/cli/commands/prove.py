"""`iot-dr prove`: do devices cross, connect in both Regions, and go again? With devices that are made for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import click

from iot_dr.cli.command import Command, command_line
from iot_dr.cli.options import from_toolsrc, output_format, region_of, settings
from iot_dr.cli.options import profile as profile_option
from iot_dr.cli.stopping import stoppable
from iot_dr.cli.view.answers import answer_text
from iot_dr.cli.view.bars import Watch, paced_bar
from iot_dr.cli.view.checks import as_json, print_checks
from iot_dr.cli.view.tables import Screen, console
from iot_dr.cli.view.texts import say
from iot_dr.errors import IotDrError
from iot_dr.model.status.checks import Level
from iot_dr.model.words import counted
from iot_dr.runtime.commands.prove import Proved, ProvingEnvironment, clean, prove
from iot_dr.services.doctor.doctor import worst
from iot_dr.services.trial.order import TrialOrder

MOST = 1000
"""Devices: beyond, it is a load test, which needs more than one machine's patience."""

_EPILOG = """
\b
Examples:
  . ./toolsrc
  iot-dr prove -n 3
  iot-dr prove -n 100 --timeout 900
  iot-dr prove -n 3 --with-type --format json > proof.json
  iot-dr prove --clean iot-dr-trial-20261127-163000-0af3
"""


@click.command(
    "prove",
    cls=Command,
    epilog=_EPILOG,
    params=[
        click.Option(["-n", "--number"], type=click.IntRange(1, MOST), help="How many devices to create."),
        click.Option(
            ["--with-type"],
            is_flag=True,
            help="Give them a thing type too, which takes more than five minutes to be deleted.",
        ),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(min=1),
            default=TrialOrder.seconds,
            show_default=True,
            help="Seconds that devices may take to reach the secondary, and again to be deleted there.",
        ),
        click.Option(
            ["--clean"],
            metavar="TRIAL",
            help="Create nothing; remove what a killed run did not: everything whose name begins with TRIAL.",
        ),
        from_toolsrc("primary-region", "Region in which the devices are created."),
        from_toolsrc("secondary-region", "Region to which they are copied."),
        from_toolsrc("stack-postfix", "Ends the names of the launch's stacks."),
        from_toolsrc("uuid", "Ends the names of the launch's work buckets."),
        from_toolsrc("look-queue-url", "Queue of requests in the secondary Region."),
        from_toolsrc("iot-endpoint-primary", "Where devices connect in the primary Region."),
        from_toolsrc("iot-endpoint-secondary", "Where devices connect in the secondary Region."),
        profile_option(),
        output_format(),
    ],
)
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: click.Context,
    /,
    number: int | None,
    clean: str | None,
    with_type: bool,
    timeout: float,
    profile: str,
    output: str,
    **toolsrc: str,
) -> None:
    """Test an installation with devices that are created for the test and removed again.

    Each has its own key and certificate, a policy (shared or its own), attributes, a group, and a classic and a named
    shadow. When all are in the secondary Region, every setting and shadow is compared in both Regions, and each device
    publishes and subscribes in both, by MQTT with mutual TLS. Then everything is deleted in the primary Region, and the
    command waits until the secondary has none of it. Private keys are kept only in memory. Exits 0 if all checks pass,
    1 if one fails, 2 if it cannot run or was stopped. Ctrl-C and SIGTERM remove what was created; --clean removes what
    a killed run did not.
    """
    if (number is None) is (clean is None):
        raise click.UsageError("say how many devices, by -n, or of what run to remove the rest, by --clean")
    watch = TrialWatch(partial(command_line, context, number=None, with_type=None, timeout=None))
    if number is None:
        _clean(region_of("primary", toolsrc), str(clean), watch, profile, output)
        return
    environment, order = settings(ProvingEnvironment, toolsrc), TrialOrder(number, with_type, timeout)
    with stoppable(watch.left), watch:
        try:
            proved = prove(environment, order, watch, watch.announce, profile)
        except IotDrError:
            watch.end()
            say(watch.left(), err=True)
            raise
    if output == "json":
        facts = {"trial": proved.trial, "devices": number, "seconds": round(watch.seconds, 1), "notes": proved.notes}
        say(answer_text({**facts, **as_json(proved.checks)}))
    else:
        _print(context, proved, number, watch.seconds)
    context.exit(1 if worst(proved.checks) is Level.FAILURE else 0)


def _clean(region: str, trial: str, watch: TrialWatch, profile: str, output: str) -> None:
    with stoppable(lambda: f"Run `{watch.again(clean=trial)}` again to go on."), watch:
        removed = clean(region, trial, watch, profile)
    if output == "json":
        say(answer_text({"trial": trial, "region": region, "removed": removed}))
    elif removed:
        number = counted(removed, "resource or relation", "resources and relations")
        say(f"What begins with {trial} is removed from {region}: {number}.")
    else:
        say(f"Nothing in {region} begins with {trial}.")


def _print(context: click.Context, proved: Proved, number: int, seconds: float) -> None:
    print_checks(proved.checks, context)
    screen = console()
    for note in proved.notes:
        screen.print(note)
    failed = worst(proved.checks) is Level.FAILURE
    screen.print(f"\n{'Not proved' if failed else 'Proved'} with {counted(number, 'device')} in {seconds:.0f} s.")


class TrialWatch(Watch):
    """Shows on standard error how far it is and at what pace: a bar in a terminal, a line a stage in a log."""

    def __init__(self, again: Callable[..., str]) -> None:
        self.again = again
        """Returns the command that was given, with what changes."""
        self._console = Screen(stderr=True)
        super().__init__(paced_bar(self._console))
        self._task = self._bar.add_task("", total=None, pace="")
        self._began = self._stage_began = time.monotonic()
        self._trial = ""

    @property
    def seconds(self) -> float:
        """Return how long it has been under way."""
        return time.monotonic() - self._began

    def announce(self, trial: str) -> None:
        """Tell what the names of all that is made begin with."""
        self._trial = trial
        say(f"All that is made has a name that begins with {trial}.", err=True)

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""
        self._stage_began = time.monotonic()
        self._bar.reset(self._task, total=total, description=stage, pace="")
        if self.says_lines:
            say(f"{stage} ...", err=True)

    def advance(self, number: int) -> None:
        """Say that it went on by so many."""
        self._bar.advance(self._task, number)
        seconds = time.monotonic() - self._stage_began
        done = self._bar.tasks[0].completed
        self._bar.update(self._task, pace=f"{done / seconds:,.1f}/s" if seconds > 1 else "")

    def left(self) -> str:
        """Say what an interrupted run leaves."""
        if not self._trial:
            return "Nothing was made."
        if not self._bar.tasks[0].finished:
            again = self.again(clean=self._trial)
            return (
                f"Some of what begins with {self._trial} is still in the primary Region; to remove it, run `{again}`."
            )
        return f"What begins with {self._trial} is removed from the primary Region; the secondary follows by itself."
