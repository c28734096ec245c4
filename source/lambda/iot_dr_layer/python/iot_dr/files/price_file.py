"""Reads a file of prices, TOML or JSON by the end of its name."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from iot_dr.errors import ConfigurationError
from iot_dr.model.cost.prices import PriceList, parse

LARGEST = 100_000
"""Bytes; a file of prices has some hundred."""


def read_prices(path: Path) -> PriceList:
    """Return the prices of a file.

    Raises:
        ConfigurationError: it cannot be read, or has what is no price.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode()
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} must hold an object of names and prices")
    return parse(found, str(path))
