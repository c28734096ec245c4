"""Environments are read once, typed, and complete or refused."""

from dataclasses import dataclass

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.runtime.environment import read


@dataclass(frozen=True)
class Example:
    ledger_table: str
    settle_seconds: int
    note: str = "none"
    slice_size: int = 200


def test_fields_are_variables_in_capitals() -> None:
    environ = {"LEDGER_TABLE": "ledger", "SETTLE_SECONDS": "3", "SLICE_SIZE": "7", "OTHER": "x"}

    assert read(Example, environ) == Example("ledger", 3, "none", 7)


@pytest.mark.parametrize("environ", [{}, {"LEDGER_TABLE": ""}])
def test_a_missing_variable_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="LEDGER_TABLE is missing"):
        read(Example, environ)


def test_an_empty_variable_with_a_default_has_its_default() -> None:
    assert read(Example, {"LEDGER_TABLE": "ledger", "SETTLE_SECONDS": "3", "NOTE": ""}).note == "none"


@pytest.mark.parametrize("text", ["three", "3.5", "3 s"])
def test_a_number_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SETTLE_SECONDS is not a whole number"):
        read(Example, {"LEDGER_TABLE": "ledger", "SETTLE_SECONDS": text})
