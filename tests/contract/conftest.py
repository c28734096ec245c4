"""One Region of the emulator, for the tests that hold the fakes to what it does."""

from collections.abc import Iterator

import pytest

from lab.emulator import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator without the product; every test uses names of its own."""
    with Emulator(tmp_path_factory.mktemp("contract")) as running:
        yield running
