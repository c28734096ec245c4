"""Whatever a page or a help text tells an operator to type can be typed: commands parse, targets of make exist."""

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from iot_dr.cli.main import COMMANDS, cli
from tests.architecture.sources import PACKAGE, ROOT, python_files, tree

CHANGELOG = ROOT / "CHANGELOG.md"
"""Tells of commands as they were, and with placeholders."""

PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "source", "examples") for page in (ROOT / folder).rglob("*.md")),
    }
    - {CHANGELOG}
)
BLOCK = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4,}[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
OUTPUT = re.compile(r"^```text\n.*?^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
CONTINUED = re.compile(r"\\\n\s*")
COMMENT = re.compile(r"(^|\s)#.*")
ASSIGNMENT = re.compile(r"[A-Z_]+=")
NAMED_HEADING = re.compile(r"(docs/[\w/-]+\.md), ([A-Z][a-z]+(?: [a-z]+)*)")
BY_MODULE = ["python3", "-m", "iot_dr.cli"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_parse(page: Path) -> None:
    wrong = [f"{shlex.join(words)}: {why}" for words in commands(page.read_text()) if (why := refusal(words))]

    assert wrong == []


def test_commands_in_help_texts_parse() -> None:
    context = click.Context(cli)
    helps = [cli, *filter(None, (cli.get_command(context, name) for name in COMMANDS))]
    examples = "\n".join(text for shown in helps for text in (shown.help, shown.epilog) if text)
    # A page's block is indented further than a help text's.
    typed = list(commands(textwrap.indent(examples, "    ")))
    wrong = [f"{shlex.join(words)}: {why}" for words in typed if (why := refusal(words))]

    assert typed
    assert wrong == []


def test_every_command_is_shown_on_a_page_of_operations() -> None:
    pages = (ROOT / "docs" / "operations").glob("*.md")
    shown = {words[0] for page in pages for words in commands(page.read_text()) if words}

    assert shown == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_of_make_on_a_page_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = {words[1] for words in typed_lines(page.read_text()) if words[0] == "make" and len(words) > 1}

    assert typed <= targets


def test_headings_that_a_message_names_exist() -> None:
    texts = (
        node.value
        for path in python_files(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    named = {found for text in texts for found in NAMED_HEADING.findall(text)}
    missing = [(page, heading) for page, heading in named if f"# {heading}\n" not in (ROOT / page).read_text()]

    assert named
    assert missing == []


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("iot-dr sync --aply", "No such option"),
        ("iot-dr mend", "no such command"),
        ("iot-dr verify --shadows some", "is not one of"),
        ("iot-dr restore one two", "one word too many"),
        ("iot-dr prove -n many", "is not a valid integer"),
    ],
)
def test_a_command_that_the_program_refuses_is_found(typed: str, why: str) -> None:
    (words,) = commands(f"    . ./toolsrc && {typed}   # and a comment\n")

    assert why in refusal(words)


def commands(page: str) -> Iterator[list[str]]:
    """Yield what follows `iot-dr` wherever a page has it typed, in a block or within a sentence."""
    for words in typed_lines(page):
        if words[:1] == ["iot-dr"]:
            yield words[1:]
        elif words[:3] == BY_MODULE:
            yield words[3:]


def typed_lines(page: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell on a page."""
    page = OUTPUT.sub("", page)
    for fenced, indented in BLOCK.findall(page):
        for line in CONTINUED.sub(" ", fenced or indented).splitlines():
            if "iot-dr" in line or "iot_dr" in line or "make" in line:
                yield from _commands_of(line)
    for span in SPAN.findall(BLOCK.sub("", page).replace("\n", " ")):
        if span.startswith(("iot-dr ", "make ")):
            yield from _commands_of(span)


def _commands_of(line: str) -> Iterator[list[str]]:
    """Yield the commands that one line of a shell runs, without the variables that are set for them."""
    lexer = shlex.shlex(COMMENT.sub("", line), posix=True, punctuation_chars=";&|")
    lexer.commenters = ""  # a shell's comment begins a word, shlex's may stand in the middle of one
    lexer.wordchars += "<>:$(){}@,%#+"
    words: list[str] = []
    for word in [*_words(lexer), ";"]:
        if set(word) <= set(";&|>"):
            if words and words[0] != ">":
                yield words
            words = [">"] if word == ">" else []
        elif words or not ASSIGNMENT.match(word):
            words.append(word)


def _words(lexer: shlex.shlex) -> list[str]:
    try:
        return list(lexer)
    except ValueError:  # a sentence with an apostrophe, not a command
        return []


def refusal(words: list[str]) -> str:
    """Return why the program refuses these words as they stand; empty if it does not.

    What a command needs besides may come from the environment, so nothing that is left out counts as missing.
    """
    context = click.Context(cli)
    if not words or words[0].startswith("-"):
        return _refused(cli, words)
    command = cli.get_command(context, words[0])
    return _refused(command, words[1:]) if command else f"no such command: {words[0]}"


def _refused(command: click.Command, words: list[str]) -> str:
    context = click.Context(command)
    try:
        values, rest, _ = command.make_parser(context).parse_args(list(words))
        for parameter in command.get_params(context):
            if isinstance(value := values.get(parameter.name or ""), str | list):
                parameter.type_cast_value(context, value)
    except click.UsageError as error:
        return error.format_message()
    return f"one word too many: {rest[0]}" if rest else ""
