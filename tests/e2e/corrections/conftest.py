"""The emulator as it comes, and with the corrections of the lab."""

from collections.abc import Iterator

import pytest

from lab.emulator import Emulator
from tests.e2e.corrections.making import TYPE_DELETION_SECONDS, Aws


@pytest.fixture(scope="module")
def uncorrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with Emulator(tmp_path_factory.mktemp("uncorrected"), without=["all"]) as emulator:
        yield Aws(emulator)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    environ = {"LAB_TYPE_DELETION_SECONDS": TYPE_DELETION_SECONDS}
    with Emulator(tmp_path_factory.mktemp("corrected"), environ=environ) as emulator:
        yield Aws(emulator)
