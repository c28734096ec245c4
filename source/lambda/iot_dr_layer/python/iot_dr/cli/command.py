"""What every command has in common: it refuses what would be taken for something else, and can be told as it was given.

An option that is given twice, or with an empty value, is a mistake of whoever wrote it: mostly a shell variable that is
not set. Nothing is guessed then, for `--select ""` would be the whole fleet.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import click
from click.core import ParameterSource

from iot_dr.cli.options import FORMAT, LAUNCH, SETTINGS, FromToolsrc, launch_options, take_profile
from iot_dr.cli.telling import LOG_FILE, telling_options
from iot_dr.cli.view.answers import error_text
from iot_dr.cli.view.texts import say
from iot_dr.services.ordered import OrderPlace

_RUNNING = "iot_dr.running"
"""Where the context of a group has the context of the command that runs."""

_HINT = re.compile(r"(?P<command>(?:(?<=`)|^|(?<=: ))iot-dr (?P<name>[a-z-]+))(?P<rest>[^`]*)(?=`|$)")

ALIASES = {"--device": "--thing", "--shadows": "--with-shadows"}
"""Names that options had in earlier releases, and have no more where something else has taken them."""


class Command(click.Command):
    """A command that takes every option once, and none with an empty value.

    One of a launch takes the launch's settings, and every one says how much it tells.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if any(isinstance(parameter, FromToolsrc) for parameter in self.params):
            self.params += launch_options()
        self.params += telling_options()

    def make_parser(self, ctx: click.Context) -> Any:
        """Return the parser, which knows old names of options too; help does not show them."""
        parser = super().make_parser(ctx)
        known = parser._long_opt  # click offers no other place for a name that is not shown
        for old, new in ALIASES.items():
            if new in known:
                known.setdefault(old, known[new])
        return parser

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line.

        Raises:
            click.UsageError: an option is given twice, or has an empty value.
        """
        with ExitStack() as refused:
            # What has begun to be told goes on until the error is said.
            refused.callback(ctx.find_root().call_on_close, ctx.close)
            rest = self._parsed(ctx, args)
            refused.pop_all()
        return rest

    def _parsed(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_RUNNING] = ctx
        if "--format=json" in args or ("--format", "json") in pairwise(args):
            # Before anything is refused, so that a script reads why.
            ctx.meta[FORMAT] = "json"
        if not ctx.resilient_parsing:
            self._refuse_twice(ctx, args)
        rest = super().parse_args(ctx, args)
        take_profile(ctx)
        for parameter in () if ctx.resilient_parsing else self.get_params(ctx):
            if _is_given(ctx, parameter) and _is_empty(_value(ctx, parameter)):
                mend = "give one or leave it out (is a shell variable not set?)"
                raise click.UsageError(f"{_name(ctx, parameter)} has an empty value; {mend}", ctx)
        return rest

    def _refuse_twice(self, ctx: click.Context, args: list[str]) -> None:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        seen: set[str] = set()
        for parameter in order:
            if not isinstance(parameter, click.Option) or parameter.multiple or parameter.is_flag:
                continue
            if parameter.opts[0] in seen:
                raise click.UsageError(f"{_name(ctx, parameter)} is given twice; give it once", ctx)
            seen.add(parameter.opts[0])


def order_place(context: click.Context, primary: str, secondary: str, state: str = "") -> OrderPlace:
    """Return where it is written down what a command orders, as it was given."""
    return OrderPlace(command_line(context), primary, secondary, lambda text: say(text, err=True), state)


def say_error(context: click.Context, message: str, code: int, text: str = "") -> None:
    """Say on standard error what is wrong, in one line: as a script reads it, or as a person does."""
    as_json = context.meta.get(FORMAT) == "json"
    say(error_text(message, code) if as_json else text or f"error: {message}", err=True)


_KEPT = {"settings": SETTINGS, "launch": LAUNCH, "log_file": LOG_FILE}
"""Where the values are of options that no command is given."""


def command_line(context: click.Context, **changes: Any) -> str:
    """Return the command as it was given, to be copied into a shell; `changes` are parameters by their names.

    What changes to None is left out. So a hint never asks for more, or for somewhere else, than what was asked for.
    """
    parameters = context.command.get_params(context)
    kept = [one for one in parameters if _is_given(context, one) and one.name not in changes]
    given = [(one, _value(context, one)) for one in kept]
    given += [(one, changes[one.name]) for one in parameters if one.name and one.name in changes]
    return shlex.join([*context.command_path.split(), *_line(given)])


def with_settings(context: click.Context | None, text: str) -> str:
    """Return a text whose hints, `iot-dr NAME` in accents or at the end, say the same launch and credentials.

    What was given to this command, and the other takes too, is put behind the other's name: whose credentials, which
    Regions, tables and stacks, and which state folder. Nothing is added that came from the environment.
    """
    if context is None:
        return text
    running = context.meta.get(_RUNNING, context)
    return _HINT.sub(lambda found: _with_settings(running, found), text)


def _with_settings(context: click.Context, found: re.Match[str]) -> str:
    group = context.find_root().command
    other = group.get_command(context, found["name"]) if isinstance(group, click.Group) else None
    if other is None:
        return found[0]
    taken = {one.name for one in other.params if isinstance(one, FromToolsrc)} | (
        {one.name for one in other.params} & {"profile", "state", "settings"}
    )
    shared = [one for one in context.command.get_params(context) if one.name in taken and _is_given(context, one)]
    words = _line([(one, _value(context, one)) for one in shared if f" {one.opts[0]} " not in f"{found['rest']} "])
    return f"{found['command']}{f' {shlex.join(words)}' if words else ''}{found['rest']}"


def _line(given: Iterable[tuple[click.Parameter, Any]]) -> list[str]:
    given = list(given)
    arguments = [str(value) for one, value in given if isinstance(one, click.Argument)]
    valued = [(one, value) for one, value in given if isinstance(one, click.Option) and value is not None]
    options = [word for one, value in valued for word in _words(one, value)]
    # What begins with a hyphen would be read as an option.
    ahead = not any(word.startswith("-") for word in arguments)
    return [*arguments, *options] if ahead else [*options, "--", *arguments]


def _words(option: click.Option, value: Any) -> Iterator[str]:
    name = next((name for name in option.opts if name.startswith("--")), option.opts[0])
    if option.is_flag:
        yield name if value else option.secondary_opts[0]
        return
    for one in value if option.multiple else (value,):
        text = str(one)
        yield from (f"{name}={text}",) if text.startswith("-") else (name, text)


def _value(context: click.Context, parameter: click.Parameter) -> Any:
    name = parameter.name or ""
    return context.params[name] if name in context.params else context.meta.get(_KEPT.get(name, ""))


def _is_given(context: click.Context, parameter: click.Parameter) -> bool:
    return context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, tuple) and any(isinstance(one, str) and not one.strip() for one in value)


def _name(context: click.Context, parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
