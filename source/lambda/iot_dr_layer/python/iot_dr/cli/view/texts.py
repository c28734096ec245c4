"""How a text reaches a terminal: whatever is in it, it is shown and does nothing.

Names, reasons and what AWS answers are somebody else's. A control character in one would move the cursor, colour the
screen or set its title; half of a surrogate pair cannot be written at all.
"""

from __future__ import annotations

import logging
import re

import click

_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 but the end of a line, DEL, C1, what turns the direction of writing, other ends of lines, and halves of pairs."""


SAID = logging.getLogger("iot_dr.said")
"""What was said on standard error."""


def visible(text: str) -> str:
    r"""Return the text with what a terminal would obey, or cannot show, written as an escape.

    >>> visible("pump\x1b[31m"), visible("\x9b1m \u202e")
    ('pump\\x1b[31m', '\\x9b1m \\u202e')
    """
    return _UNSAFE.sub(_escaped, text)


def visible_json(text: str) -> str:
    r"""Return JSON text with the same written as JSON escapes it; it stands inside strings alone.

    >>> visible_json('{"a": "\x7f\x9b1m"}')
    '{"a": "\\u007f\\u009b1m"}'
    """
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def say(text: str, *, err: bool = False) -> None:
    """Print a text as it is, and the end of a line; what stands on standard error is in the log of --log-file too."""
    shown = visible(text)
    click.echo(shown, err=err)
    if err:
        SAID.info("%s", shown)
