"""Environment variables as frozen dataclasses: read once, typed, and complete or refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from iot_dr.errors import ConfigurationError

EnvironmentType = TypeVar("EnvironmentType")


def read(kind: type[EnvironmentType], environ: Mapping[str, str]) -> EnvironmentType:
    """Build a dataclass from variables named like its fields in SCREAMING_SNAKE; fields are `str` or `int`.

    Raises:
        ConfigurationError: a variable without default is missing or empty, or a number is not a number.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every environment is a dataclass
        name = field.name.upper()
        text = environ.get(name, "")
        if not text:
            if field.default is dataclasses.MISSING:
                raise ConfigurationError(f"the environment variable {name} is missing; set it, or update the stack")
            continue
        values[field.name] = _parse(name, text, hints[field.name])
    return kind(**values)


def _parse(name: str, text: str, kind: type) -> str | int:
    if kind is not int:
        return text
    try:
        return int(text)
    except ValueError as error:
        raise ConfigurationError(f"the environment variable {name} is not a whole number: {text!r}") from error
