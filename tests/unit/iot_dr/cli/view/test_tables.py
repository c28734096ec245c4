"""How times and long readings look; examples stand in the functions' docstrings."""

from __future__ import annotations

import doctest

import pytest

from iot_dr.cli.view import answers, tables, texts
from iot_dr.services.status import status


@pytest.mark.parametrize("module", [answers, tables, texts, status], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # looser than the type on purpose
