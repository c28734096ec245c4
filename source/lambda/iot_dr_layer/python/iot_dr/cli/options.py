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
    """Make an option whose default is the variable of the same name; a Region's has a short name too, `--primary`."""
    names = dict.fromkeys((f"--{name}", f"--{name.removesuffix('-region')}"))
    return click.Option(list(names), envvar=_variable(name), show_envvar=True, default="", help=text)


def output_format(text: str = "How to print the result.") -> click.Option:
    """Make the option that asks for a table or for JSON."""
    kinds = click.Choice(["table", "json"])
    return click.Option(["--format", "output"], type=kinds, default="table", show_default=True, help=text)


def profile() -> click.Option:
    """Make the option that names whose credentials are used."""
    return click.Option(["--profile"], default="", help="Profile with the credentials, if not the environment's own.")


def applying(text: str) -> click.Option:
    """Make the option of a command that changes something; `text` says what is done with `--apply`."""
    return click.Option(["--apply/--dry-run"], default=False, help=f"{text} Without --apply nothing is changed.")


def unpaced() -> click.Option:
    """Make the option that has no budget kept."""
    return click.Option(
        ["--unpaced"],
        is_flag=True,
        help="Call as fast as AWS answers, whatever the account's quotas; what else calls is refused then, too.",
    )


def credentials_and_state() -> list[click.Option]:
    """Make the options of every command that compares: as whom, and where it is kept what was read."""
    return [
        profile(),
        click.Option(["--state"], default="", help="Folder of what was read and found.  [default: .iot-dr/REGIONS]"),
    ]


def region_of(side: str, options: Mapping[str, str]) -> str:
    """Return the Region of a side, which is the only one that is needed.

    Raises:
        ConfigurationError: it was neither given nor set.
    """
    name = f"{side}_region"
    if not options[name]:
        raise ConfigurationError(
            f"missing: {name.upper()} (--{side}); read the launch's settings with `. ./toolsrc`, set the variable or "
            "give the option"
        )
    return options[name]


def require(options: Mapping[str, str], *kinds: type[object]) -> None:
    """See to it that the settings of a command are complete.

    Raises:
        ConfigurationError: some were neither given nor set; the message names all of them.
    """
    needed = dict.fromkeys(name for kind in kinds for name in _needed(kind))
    missing = [name for name in needed if not options.get(name.lower())]
    if missing:
        named = ", ".join(f"{name} (--{name.lower().replace('_', '-')})" for name in missing)
        raise ConfigurationError(
            f"missing: {named}; read the launch's settings with `. ./toolsrc`, set the variable or give the option"
        )


def settings(kind: type[EnvironmentType], options: Mapping[str, str], **others: str | float) -> EnvironmentType:
    """Build the settings of a command from its options, and from what is no text; raises as `require` does."""
    require(options, kind)
    made = environment.read(kind, {name.upper(): value for name, value in options.items()})
    return dataclasses.replace(made, **others)  # type: ignore[type-var]  # every environment is a dataclass


def _needed(kind: type[object]) -> list[str]:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every environment is a dataclass
    return [field.name.upper() for field in fields if field.default is dataclasses.MISSING]


def _variable(name: str) -> str:
    return name.replace("-", "_").upper()
