"""The launches that an operator gave names to: `~/.config/iot-dr/settings.toml`, or below XDG_CONFIG_HOME.

default = "fleet"

[launch.fleet]
settings = "s3://iot-dr-primary-5f0c2a/tools/toolsrc"   # a file or an object, or the variables themselves:
PRIMARY_REGION = "us-east-1"
profile = "operations"                                  # whose credentials, if --profile does not say
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iot_dr.errors import ConfigurationError


@dataclass(frozen=True)
class NamedLaunch:
    """One launch of the file: where its settings are, or the variables themselves, and whose credentials it takes."""

    name: str
    settings: str = ""
    profile: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedLaunches:
    """All launches of the file, and which one is meant if none is named."""

    where: str
    launches: Mapping[str, NamedLaunch] = field(default_factory=dict)
    default: str = ""


def settings_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is, if there is one."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "iot-dr" / "settings.toml"


def read_named_launches(path: Path) -> NamedLaunches:
    """Return the launches of the file; none if there is no file.

    Raises:
        ConfigurationError: it cannot be read, or has what the operator did not mean.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NamedLaunches(str(path))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    launches = found.pop("launch", {})
    default = found.pop("default", "")
    if found:
        raise ConfigurationError(f"{path} has {', '.join(sorted(found))}; it knows default and [launch.NAME] alone")
    if not isinstance(launches, dict) or not all(isinstance(one, dict) for one in launches.values()):
        raise ConfigurationError(f"{path}: each launch is a table, [launch.NAME]")
    if default and default not in launches:
        raise ConfigurationError(f"{path}: default is {default!r}, and there is no [launch.{default}]")
    return NamedLaunches(str(path), {name: _named(path, name, one) for name, one in launches.items()}, default)


def _named(path: Path, name: str, found: Mapping[str, object]) -> NamedLaunch:
    if wrong := sorted(one for one, value in found.items() if not isinstance(value, str)):
        raise ConfigurationError(f"{path}: {', '.join(wrong)} of [launch.{name}] must be text")
    texts = {one: str(value) for one, value in found.items()}
    settings, profile = texts.pop("settings", ""), texts.pop("profile", "")
    if wrong := sorted(one for one in texts if not one.isupper()):
        raise ConfigurationError(
            f"{path}: [launch.{name}] has {', '.join(wrong)}; it knows settings, profile and variables such as "
            "PRIMARY_REGION"
        )
    return NamedLaunch(name, settings, profile, texts)
