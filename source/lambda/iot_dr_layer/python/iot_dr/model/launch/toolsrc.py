"""The settings of a launch as a shell can read them, read without a shell: nothing in the file is ever run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_dr.errors import ConfigurationError

LONGEST = 64 * 1024
"""Characters; what a launch writes has a fiftieth of that."""

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class FoundSettings:
    """The variables of a launch, where they are from, and whose credentials go with them."""

    where: str
    variables: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""


def parse(text: str, where: str) -> Mapping[str, str]:
    """Return the variables of a file that has nothing but comments and lines `export NAME=VALUE`.

    >>> parse("# of a launch\\nexport UUID='5f0c2a'\\n", "toolsrc")
    {'UUID': '5f0c2a'}

    Raises:
        ConfigurationError: it has anything else, which a launch did not write.
    """
    if len(text) > LONGEST:
        raise ConfigurationError(f"{where} is no toolsrc: it has {len(text)} characters")
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if words := _words(line):
            name, equals, value = words[-1].partition("=")
            if len(words) != 2 or words[0] != "export" or not equals or not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{where}:{number} is none of a toolsrc's lines, which are export NAME=VALUE; read the settings "
                    "that the launch wrote"
                )
            found[name] = value
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return [line, ""]
