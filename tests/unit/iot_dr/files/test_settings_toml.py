"""The settings file gives launches names; what was not meant in it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.settings_toml import NamedLaunch, NamedLaunches, read_named_launches, settings_path

TEXT = """
default = "eu"
[launch.eu]
settings = "s3://iot-dr-primary-5f0c2a/tools/toolsrc"
profile = "operations"
[launch.us]
PRIMARY_REGION = "us-east-1"
"""


def test_launches_have_settings_or_variables_and_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(TEXT)

    assert read_named_launches(path) == NamedLaunches(
        str(path),
        {
            "eu": NamedLaunch("eu", "s3://iot-dr-primary-5f0c2a/tools/toolsrc", "operations"),
            "us": NamedLaunch("us", variables={"PRIMARY_REGION": "us-east-1"}),
        },
        "eu",
    )


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_named_launches(tmp_path / "none").launches == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default = 'eu'", "default is 'eu', and there is no"),
        ("launch = 1", "each launch is a table"),
        ("[launch]\neu = 1", "each launch is a table"),
        ("launches = 1", "has launches; it knows default and"),
        ("[launch.eu]\nsettings = 1", "settings of .launch.eu. must be text"),
        ("[launch.eu]\nregion = 'a'", "has region; it knows settings, profile and variables"),
        ("[launch", "cannot be read"),
    ],
)
def test_what_was_not_meant_is_said(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=message):
        read_named_launches(path)


def test_it_is_where_other_tools_have_theirs() -> None:
    assert settings_path({"XDG_CONFIG_HOME": "/there"}) == Path("/there/iot-dr/settings.toml")
    assert settings_path({}) == Path.home() / ".config/iot-dr/settings.toml"
