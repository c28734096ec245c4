"""What tests of several rooms of the services share."""

from __future__ import annotations

import pytest

from tests.world import World


@pytest.fixture
def world() -> World:
    """Return two Regions without a resource, what replicates between them, and its customer."""
    return World()
