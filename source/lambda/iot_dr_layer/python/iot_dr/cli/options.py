"""Options that default to what `toolsrc` puts into the environment."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from iot_dr.cli.telling import Telling, telling
from iot_dr.cli.view.texts import say
from iot_dr.errors import ConfigurationError, IotDrError
from iot_dr.model.launch.toolsrc import FoundSettings
from iot_dr.reconcile.safety import DEFAULT_LIMITS
from iot_dr.runtime import environment
from iot_dr.runtime.commands.settings.names import default_launch, known_launches

EnvironmentType = TypeVar("EnvironmentType")

SHADOWS = click.Choice(["all", "classic", "named", "none"])
"""Which shadows count."""

SETTINGS = "iot_dr.settings"
"""Where a command's context has the place of the settings that were named."""
FORMAT = "iot_dr.format"
"""Where it has the form of the result, so that errors have it too."""
LAUNCH = "iot_dr.launch"
"""Where it has the name of the launch that was named."""
_READ = "iot_dr.settings.read"
_ORIGINS = "iot_dr.settings.origins"


class FromToolsrc(click.Option):
    """An option whose default is in the settings that `--settings` or `--launch` names, or else in the environment."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the default."""
        named = _named_settings(ctx)
        if named is None:
            found, where = super().resolve_envvar_value(ctx), "the environment"
        else:
            found, where = named.variables.get(str(self.envvar)), named.where
        _origins(ctx)[str(self.envvar)] = where if found else ""
        return found


def completed_by(names: Callable[[], Iterable[str]]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what completes a word in a shell by these names; none, if they cannot be told."""

    def complete(_context: click.Context, _parameter: click.Parameter, word: str) -> list[str]:
        try:
            return sorted(name for name in names() if name.startswith(word))
        except IotDrError:
            return []

    return complete


def launch_options() -> list[click.Option]:
    """Make the options that name a launch's settings, by where they are or by the launch."""
    return [
        click.Option(
            ["--settings"],
            metavar="FILE|s3://BUCKET/KEY",
            expose_value=False,
            is_eager=True,
            callback=_keep(SETTINGS),
            help="Read the launch's settings from its toolsrc, instead of from the environment; nothing in it is run.",
        ),
        click.Option(
            ["--launch"],
            metavar="NAME",
            expose_value=False,
            is_eager=True,
            callback=_keep(LAUNCH),
            shell_complete=completed_by(known_launches),
            help="Take this launch: its postfix, or its name in settings.toml. Without settings the only one is taken.",
        ),
    ]


def _keep(place: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(ctx: click.Context, _option: click.Parameter, given: str | None) -> None:
        if given is not None:
            ctx.meta[place] = given

    return keep


def _named_settings(ctx: click.Context) -> FoundSettings | None:
    """Return what the settings say that were named; read once, with the credentials that the command is given."""
    if ctx.resilient_parsing:
        # A shell completes a word, which is no reason to ask AWS.
        return None
    source, launch = ctx.meta.get(SETTINGS), ctx.meta.get(LAUNCH)
    if not source and not launch:
        # What a shell has read goes before what is always there.
        variables = (str(one.envvar) for one in ctx.command.params if isinstance(one, FromToolsrc))
        launch = "" if any(map(os.environ.get, variables)) else default_launch()
    if not source and not launch:
        return None
    if source and launch:
        raise click.UsageError("give either --settings or --launch")
    read: FoundSettings | None = ctx.meta.get(_READ)
    if read is None:
        profile = str(ctx.params.get("profile") or "")
        if source:
            # The SDK is imported where it is needed.
            from iot_dr.runtime.commands.settings.toolsrc import read_toolsrc  # noqa: PLC0415

            read = FoundSettings(f"--settings {source}", read_toolsrc(source, profile))
        else:
            read = _found(ctx, str(launch), profile)
        ctx.meta[_READ] = read
    return read


def _found(ctx: click.Context, launch: str, profile: str) -> FoundSettings:
    from iot_dr.runtime.commands.settings.launches import find_settings  # noqa: PLC0415

    wanted = {str(one.envvar) for one in ctx.command.params if isinstance(one, FromToolsrc)}
    found = find_settings(launch, profile, wanted)
    if telling() is not Telling.QUIET:
        say(f"Using {found.where}.", err=True)
    return found


def complete_settings(options: dict[str, Any]) -> None:
    """Fill in what nobody gave from the launch that is found by itself, if nobody named one.

    Raises:
        ConfigurationError: none is found, or which of several is meant has to be said.
    """
    ctx = click.get_current_context(silent=True)
    if ctx is None or ctx.meta.get(_READ) is not None:
        return
    found = ctx.meta[_READ] = _found(ctx, "", str(options.get("profile") or ctx.params.get("profile") or ""))
    for option in ctx.command.params:
        name = option.name or ""
        value = found.variables.get(str(option.envvar)) if isinstance(option, FromToolsrc) else None
        given = ctx.get_parameter_source(name) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)
        if value and name in options and not (given and options[name]):
            options[name] = value
            _origins(ctx)[str(option.envvar)] = found.where


def take_profile(ctx: click.Context) -> None:
    """Take the credentials of the launch that was named, if none are given."""
    read: FoundSettings | None = ctx.meta.get(_READ)
    if read is not None and read.profile and not ctx.params.get("profile", "none is asked for"):
        ctx.params["profile"] = read.profile


def _origins(ctx: click.Context) -> dict[str, str]:
    found: dict[str, str] = ctx.meta.setdefault(_ORIGINS, {})
    return found


def origins_of(ctx: click.Context, message: str) -> str:
    """Return where the settings are from that an error names; empty if it names none."""
    named = {name: where for name, where in _origins(ctx).items() if where and re.search(rf"\b{name}\b", message)}
    return ", ".join(f"{name} is from {where}" for name, where in named.items())


def from_toolsrc(name: str, text: str, *, any_region: bool = False) -> click.Option:
    """Make an option whose default is the variable of the same name; a Region's has a short name too, `--primary`.

    A Region that the SDK does not know is refused, unless it may be `any_region`.
    """
    names = dict.fromkeys((f"--{name}", f"--{name.removesuffix('-region')}"))
    known = known_region if name.endswith("-region") and not any_region else None
    return FromToolsrc(list(names), envvar=_variable(name), show_envvar=True, default="", help=text, callback=known)


def known_region(_context: click.Context, _option: click.Parameter, region: str | None) -> str | None:
    """Return a Region that is given, if there is such a one.

    Raises:
        ConfigurationError: there is none.
    """
    if region:
        from iot_dr.runtime.regions import ensure_region  # noqa: PLC0415  # the SDK is imported where it is needed

        ensure_region(region)
    return region


def certificate_mode() -> click.Option:
    """Make the option that says how the launch's certificates come to the secondary Region."""
    return FromToolsrc(
        ["--certificate-mode"],
        envvar="CERTIFICATE_MODE",
        show_envvar=True,
        type=click.Choice(["copy", "jitr"]),
        default="copy",
        show_default=True,
        help="The launch's own: with jitr a certificate may come later.",
    )


def output_format(text: str = "How to print the result.") -> click.Option:
    """Make the option that asks for a table or for JSON."""
    return click.Option(
        ["--format", "output"],
        type=_Format(["table", "json"]),
        default="table",
        show_default=True,
        help=text,
    )


class _Format(click.Choice[str]):
    """The forms of a result; one has an old name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert("table" if value == "text" else value, param, ctx)


def profile() -> click.Option:
    """Make the option that names whose credentials are used."""
    # Before what --settings names is read, which may need them.
    return click.Option(
        ["--profile"], default="", is_eager=True, help="Profile with the credentials, if not the environment's own."
    )


def applying(text: str) -> click.Option:
    """Make the option of a command that changes something; `text` says what is done with `--apply`."""
    return click.Option(["--apply/--dry-run"], default=False, help=f"{text} Without --apply nothing is changed.")


def delete_share(of: str = "the secondary Region") -> click.Option:
    """Make the option that bounds deletions, by the share of what a Region has."""
    return click.Option(
        ["--delete-share"],
        type=click.FloatRange(0, 1),
        default=DEFAULT_LIMITS.deletes,
        show_default=True,
        help=f"Share of what {of} has that may be deleted at most.",
    )


def max_age(text: str) -> click.Option:
    """Make the option that says how old what was read may be."""
    return click.Option(
        ["--max-age"], metavar="HOURS", type=click.FloatRange(0), default=1.0, show_default=True, help=text
    )


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


def region_of(side: str, options: dict[str, Any]) -> str:
    """Return the Region of a side, which is the only one that is needed.

    Raises:
        ConfigurationError: it was neither given nor set, and no launch is found that has it.
    """
    name = f"{side}_region"
    if not options[name]:
        _complete_or_refuse([name.upper()], {name.upper(): f"--{side}"}, options)
    return str(options[name])


def require(options: dict[str, Any], *kinds: type[object]) -> None:
    """See to it that the settings of a command are complete; what is missing is taken from the launch that is found.

    Raises:
        ConfigurationError: some were neither given nor set, and no launch is found that has them; the message names
            all of them.
    """
    needed = dict.fromkeys(name for kind in kinds for name in _needed(kind))
    names = {name: f"--{name.lower().replace('_', '-')}" for name in needed}
    if missing := [name for name in needed if not options.get(name.lower())]:
        _complete_or_refuse(missing, names, options)


def _complete_or_refuse(missing: list[str], names: dict[str, str], options: dict[str, Any]) -> None:
    why = ""
    try:
        complete_settings(options)
    except IotDrError as error:
        why = f" (no launch was found by itself: {error})"
    still = [name for name in missing if not options.get(name.lower())]
    if still:
        named = ", ".join(f"{name} ({names[name]})" for name in still)
        raise ConfigurationError(
            f"missing: {named}; read the launch's settings with `. ./toolsrc` or --settings, name it by --launch, set "
            f"the variable or give the option{why}"
        )


def settings(kind: type[EnvironmentType], options: dict[str, Any], **others: str | float) -> EnvironmentType:
    """Build the settings of a command from its options, and from what is no text; raises as `require` does."""
    require(options, kind)
    made = environment.read(kind, {name.upper(): value for name, value in options.items()})
    return dataclasses.replace(made, **others)  # type: ignore[type-var]  # every environment is a dataclass


def _needed(kind: type[object]) -> list[str]:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every environment is a dataclass
    return [field.name.upper() for field in fields if field.default is dataclasses.MISSING]


def _variable(name: str) -> str:
    return name.replace("-", "_").upper()
