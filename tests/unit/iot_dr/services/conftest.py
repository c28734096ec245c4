"""What tests of several rooms of the services share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_dr.files.comparison_store import SqliteComparisonStore
from tests.world import World


@pytest.fixture
def world() -> World:
    """Return two Regions without a resource, what replicates between them, and its customer."""
    return World()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteComparisonStore]:
    """Return where a comparison keeps what it reads."""
    with SqliteComparisonStore(tmp_path / "comparison.sqlite") as opened:
        yield opened
