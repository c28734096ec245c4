"""The help of every command fits a terminal, shows an example that can be typed, and needs no glossary."""

from __future__ import annotations

import re
from textwrap import indent

import click
import pytest
from click.testing import CliRunner

from iot_dr.cli.main import COMMANDS, cli
from tests.architecture.test_documented_commands import commands, refusal

WIDTH = 100

JARGON = re.compile(
    r"\b(looks?|looked|looking|anew|surplus|left|the round|mends?|mended|taken? up|takes up|batch of requests)\b", re.I
)
"""Words of this project that no operator knows."""

NAMES = re.compile(r"--?[a-z][\w-]*|[A-Z][A-Z_]{2,}")
"""Options and variables, which have names of their own."""


def shown(*words: str, width: int = WIDTH) -> str:
    result = CliRunner().invoke(cli, [*words, "--help"], terminal_width=width, max_content_width=width)
    assert result.exit_code == 0, result.output
    return result.stdout


EACH = pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids=["iot-dr", *COMMANDS])


@EACH
@pytest.mark.parametrize("width", [WIDTH, 80])
def test_help_fits_the_terminal(words: tuple[str, ...], width: int) -> None:
    lines = shown(*words, width=width).splitlines()

    assert [line for line in lines if len(line) > WIDTH] == []


@EACH
def test_help_has_an_example_that_can_be_typed(words: tuple[str, ...]) -> None:
    command = cli.get_command(click.Context(cli), words[0]) if words else cli
    assert command is not None
    assert command.epilog, "no examples"
    examples = [typed for typed in commands(indent(command.epilog, "    ")) if not words or typed[:1] == [words[0]]]

    assert examples
    assert [(typed, why) for typed in examples if (why := refusal(typed))] == []


@EACH
def test_help_has_no_word_of_this_projects_own(words: tuple[str, ...]) -> None:
    text = " ".join(NAMES.sub("", shown(*words)).split())

    assert [text[max(0, found.start() - 40) : found.end() + 20] for found in JARGON.finditer(text)] == []


@EACH
def test_every_option_says_what_it_is_for(words: tuple[str, ...]) -> None:
    command = cli.get_command(click.Context(cli), words[0]) if words else cli
    assert command is not None
    options = [one for one in command.get_params(click.Context(command)) if isinstance(one, click.Option)]

    assert [one.opts for one in options if not one.hidden and not one.help] == []


@pytest.mark.parametrize("width", [80, 60])
def test_the_list_of_all_commands_cuts_no_sentence(width: int) -> None:
    text = shown(width=width)
    listed = text[text.index("\nCommands:\n") : text.index("\n  Examples:\n")].splitlines()[2:]

    assert [line for line in listed if "..." in line] == []
    assert {line.split()[0] for line in listed if line[2:3].strip()} == {*COMMANDS}
