"""The launches that the operator gave names to, without anything of AWS: every command asks for them."""

from __future__ import annotations

from collections.abc import Collection

from iot_dr.files.settings_toml import read_named_launches, settings_path


def default_launch() -> str:
    """Return the name of the launch that is meant if none is named: the default, or the only one; else nothing."""
    named = read_named_launches(settings_path())
    return named.default or (next(iter(named.launches)) if len(named.launches) == 1 else "")


def known_launches() -> Collection[str]:
    """Return the names."""
    return read_named_launches(settings_path()).launches.keys()
