"""The four templates, generated once."""

from __future__ import annotations

import pytest

from templates.config import Config
from tests.unit.templates.stacks import STACKS, Stack, golden_config, make_stacks


@pytest.fixture(scope="session")
def config() -> Config:
    """Return what the golden files are generated for."""
    return golden_config()


@pytest.fixture(scope="session")
def stacks() -> dict[str, Stack]:
    """Return all four by their short names."""
    return make_stacks()


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Stack:
    """Return each of the four in turn."""
    return stacks[request.param]
