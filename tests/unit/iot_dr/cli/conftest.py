"""Nobody's settings are found by themselves in these tests, unless a test says which."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.toolsrc import FoundSettings
from iot_dr.runtime.commands.settings import launches


@pytest.fixture(autouse=True)
def _nothing_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def find_settings(launch: str, profile: str, wanted: Collection[str]) -> FoundSettings:
        raise ConfigurationError("no launch has a stack in us-east-1")

    # What commands write down stays out of the folder in which the tests are run.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setattr(launches, "find_settings", find_settings)
