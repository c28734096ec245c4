"""Has whoever gave a command type a name, before what is not taken back as easily."""

from __future__ import annotations

import sys

import click

from iot_dr.errors import ConfigurationError


def at_a_terminal() -> bool:
    """Tell whether there is somebody who can be asked."""
    return sys.stdin.isatty()


def require_typed(to: str, name: str) -> None:
    """Have a name typed; `to` says for what.

    Raises:
        ConfigurationError: something else was.
    """
    typed = click.prompt(f"To {to}, type {name}", default="", show_default=False, err=True)
    require_name(typed.strip(), name)


def require_name(given: str, name: str) -> None:
    """See to it that the name is the one that is meant.

    Raises:
        ConfigurationError: it is another.
    """
    if given != name:
        raise ConfigurationError(f"{given!r} is not {name}; nothing was changed")
