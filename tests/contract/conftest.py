"""One Region of the emulator, for the tests that hold the fakes to what it does."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from iot_dr.aws.clients import config
from lab.emulator import Emulator
from tests.contract.emulated import Client


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator without the product; every test uses names of its own."""
    with Emulator(tmp_path_factory.mktemp("contract")) as running:
        yield running


@pytest.fixture(scope="session")
def client(emulator: Emulator) -> Iterator[Client]:
    """Clients of the emulator with the product's retries and time-outs, one per service and Region."""
    made: list[Any] = []

    @cache
    def make(service: str, region: str) -> Any:
        made.append(emulator.client(service, region, config=config()))
        return made[-1]

    yield make
    for one in made:
        one.close()
