"""Write manual pages from the help of each command: `python -m docs.manual FOLDER`, or `make man`.

One page for `iot-dr`, and one for each command, `iot-dr-sync.1`, as `man` reads them (man(7)).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from iot_dr import __version__
from iot_dr.cli.main import cli


def main() -> None:
    """Write all pages into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / f"{name}.1").write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page by its name."""
    root = click.Context(cli, info_name="iot-dr")
    yield "iot-dr", page(root)
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            yield f"iot-dr-{name}", page(click.Context(command, info_name=name, parent=root))


def page(context: click.Context) -> str:
    """Return the page of one command."""
    command, name = context.command, context.command_path
    first, _, rest = cleandoc(command.help or "").partition("\n\n")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{name.replace(" ", "-").upper()}" 1 "" "iot-dr {__version__}" "Disaster recovery for AWS IoT"',
        ".SH NAME",
        f"{roff(name.replace(' ', '-'))} \\- {roff(first)}",
        ".SH SYNOPSIS",
        f".B {roff(name)}",
        roff(usage),
        ".SH DESCRIPTION",
        roff(first),
    ]
    for paragraph in filter(None, rest.split("\n\n")):
        lines += [".PP", roff(paragraph)]
    lines += _options(context)
    if isinstance(command, click.Group):
        lines += [".SH COMMANDS"]
        for one in command.list_commands(context):
            found = command.get_command(context, one)
            lines += [".TP", f".BR iot-dr-{one} (1)", roff(found.get_short_help_str(200) if found else "")]
    lines += _epilog(command.epilog or "")
    return "\n".join(lines) + "\n"


def _options(context: click.Context) -> Iterator[str]:
    records = [one.get_help_record(context) for one in context.command.get_params(context)]
    shown = [record for record in records if record is not None and record[1]]
    if shown:
        yield ".SH OPTIONS"
    for names, text in shown:
        yield from (".TP", f".B {roff(names)}", roff(text))


def _epilog(epilog: str) -> Iterator[str]:
    """Yield the examples, each line as it stands."""
    for block in re.split(r"^\x08\n|^\\b\n", epilog, flags=re.MULTILINE):
        head, _, rest = block.strip("\n").partition("\n")
        if head:
            yield from (f".SH {roff(head.rstrip(':').upper())}", ".nf", *map(roff, rest.splitlines()), ".fi")


def roff(text: str) -> str:
    """Return a text so that nothing in it is a command of roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


if __name__ == "__main__":
    main()
