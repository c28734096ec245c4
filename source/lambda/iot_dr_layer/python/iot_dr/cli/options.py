"""Options that default to what `toolsrc` puts into the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import click

from iot_dr.errors import ConfigurationError
from iot_dr.runtime import environment

EnvironmentType = TypeVar("EnvironmentType")


def from_toolsrc(name: str, text: str) -> click.Option:
    """Make an option whose default is the variable of the same name."""
    return click.Option([f"--{name}"], envvar=_variable(name), show_envvar=True, default="", help=text)


def require(options: Mapping[str, str], *kinds: type[object]) -> None:
    """See to it that the settings of a command are complete.

    Raises:
        ConfigurationError: some were neither given nor set; the message names all of them.
    """
    missing = [name for kind in kinds for name in _needed(kind) if not options.get(name.lower())]
    if missing:
        named = ", ".join(f"{name} (--{name.lower().replace('_', '-')})" for name in missing)
        raise ConfigurationError(
            f"missing: {named}; read the launch's settings with `. ./toolsrc`, set the variable or give the option"
        )


def settings(kind: type[EnvironmentType], options: Mapping[str, str]) -> EnvironmentType:
    """Build the settings of a command from its options; raises as `require` does."""
    require(options, kind)
    return environment.read(kind, {name.upper(): value for name, value in options.items()})


def _needed(kind: type[object]) -> list[str]:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every environment is a dataclass
    return [field.name.upper() for field in fields if field.default is dataclasses.MISSING]


def _variable(name: str) -> str:
    return name.replace("-", "_").upper()
