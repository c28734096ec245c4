"""Options that default to what `toolsrc` puts into the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import click

from iot_dr.errors import ConfigurationError
from iot_dr.runtime import environment

EnvironmentType = TypeVar("EnvironmentType")

SETTINGS = "iot_dr.settings"
"""Where a command's context has the place of the settings that were named."""
_READ = "iot_dr.settings.read"


class FromToolsrc(click.Option):
    """An option whose default is in the settings that `--settings` names, or else in the environment."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the default."""
        settings = _settings_of(ctx)
        return super().resolve_envvar_value(ctx) if settings is None else settings.get(str(self.envvar))


def _settings_of(ctx: click.Context) -> Mapping[str, str] | None:
    """Return what the settings say that were named; read once, with the credentials that the command is given."""
    source = ctx.meta.get(SETTINGS)
    if source is None:
        return None
    read: Mapping[str, str] | None = ctx.meta.get(_READ)
    if read is None:
        from iot_dr.runtime.commands.settings.toolsrc import read_toolsrc  # noqa: PLC0415  # the SDK is imported where it is needed

        read = ctx.meta[_READ] = read_toolsrc(source, ctx.params.get("profile") or "")
    return read


def settings_file() -> click.Option:
    """Make the option that names a launch's settings."""
    return click.Option(
        ["--settings"],
        metavar="FILE|s3://BUCKET/KEY",
        expose_value=False,
        is_eager=True,
        callback=_keep_settings,
        help="Read the launch's settings from its toolsrc, instead of from the environment; nothing in it is run.",
    )


def _keep_settings(ctx: click.Context, _option: click.Parameter, source: str | None) -> None:
    if source is not None:
        ctx.meta[SETTINGS] = source


def from_toolsrc(name: str, text: str) -> click.Option:
    """Make an option whose default is the variable of the same name; a Region's has a short name too, `--primary`."""
    names = dict.fromkeys((f"--{name}", f"--{name.removesuffix('-region')}"))
    return FromToolsrc(list(names), envvar=_variable(name), show_envvar=True, default="", help=text)


def output_format(text: str = "How to print the result.") -> click.Option:
    """Make the option that asks for a table or for JSON."""
    kinds = click.Choice(["table", "json"])
    return click.Option(["--format", "output"], type=kinds, default="table", show_default=True, help=text)


def profile() -> click.Option:
    """Make the option that names whose credentials are used."""
    # Before what --settings names is read, which may need them.
    return click.Option(
        ["--profile"], default="", is_eager=True, help="Profile with the credentials, if not the environment's own."
    )


def applying(text: str) -> click.Option:
    """Make the option of a command that changes something; `text` says what is done with `--apply`."""
    return click.Option(["--apply/--dry-run"], default=False, help=f"{text} Without --apply nothing is changed.")


def unpaced() -> click.Option:
    """Make the option that has no budget kept."""
    return click.Option(
        ["--unpaced"],
        is_flag=True,
        help="Ignore the account's quotas and call as fast as AWS answers; AWS then refuses other callers, too.",
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
            f"missing: {name.upper()} (--{side}); read the launch's settings with `. ./toolsrc` or --settings, set the "
            "variable or give the option"
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
            f"missing: {named}; read the launch's settings with `. ./toolsrc` or --settings, set the variable or give "
            "the option"
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
