"""A manual page says what the help says, and nothing in it acts on roff."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from docs.manual import pages, roff
from iot_dr.cli.main import COMMANDS, cli

PAGES = dict(pages())


def test_there_is_a_page_for_each_command_and_one_for_all() -> None:
    assert PAGES.keys() == {"iot-dr", *(f"iot-dr-{name}" for name in COMMANDS)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_option_of_its_command(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    names = {roff(one.opts[0]) for one in command.params if isinstance(one, click.Option)}
    assert {option for option in names if option not in PAGES[f"iot-dr-{name}"]} == set()


def test_examples_stand_line_by_line() -> None:
    lines = PAGES["iot-dr-sync"].splitlines()

    begin = lines.index(".SH EXAMPLES")
    assert lines[begin + 1] == ".nf"
    assert any("iot\\-dr sync \\-\\-apply" in line for line in lines[begin:])


def test_no_text_is_a_command_of_roff() -> None:
    assert roff(".SH x\n'y\n\\fB--z") == "\\&.SH x\n\\&'y\n\\efB\\-\\-z"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", ["iot-dr", "iot-dr-sync"])
def test_groff_finds_nothing_to_complain_about(name: str) -> None:
    result = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8"], input=PAGES[name], capture_output=True, text=True, check=True
    )

    assert result.stderr == ""
