"""JSON whose numbers stay what they were written as: a copy of a document is neither rounded nor widened.

Values are Python's own (None, bool, str, list, dict), but for numbers. So `==` compares as JSON means it: `true` is not
1, `"1"` is not 1, and 1, 1.0 and 10e-1 are the same number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn


@dataclass(frozen=True, eq=False)
class Number:
    """A number as its text stands in a document, for example `1E+2`.

    Raises:
        ValueError: it is beyond what a decimal number of any precision can be.
    """

    literal: str

    def __post_init__(self) -> None:
        try:
            Decimal(self.literal)
        except InvalidOperation as error:
            raise ValueError(f"a number of {len(self.literal)} characters is beyond all exponents") from error

    @property
    def value(self) -> Decimal:
        """Return it with all its digits; arithmetic would round it, comparison does not."""
        return Decimal(self.literal)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


DEEPEST = 100
"""Levels. AWS admits 8 of a shadow's sections, and no policy needs ten:
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#device-shadow-limits"""
_TOO_DEEP = "the document is nested too deep to be read"

_ENCODER = json.JSONEncoder(ensure_ascii=False)
"""Made once: `json.dumps` makes one for each value, which takes most of the time of writing a document."""

Json = None | bool | str | Number | list["Json"] | dict[str, "Json"]


def parse(text: str | bytes) -> Any:
    """Read JSON with its numbers kept as `Number`.

    Raises:
        ValueError: the text is not JSON (NaN and Infinity are not), is nested too deep, or holds an impossible number.
    """
    return _shallow(partial(json.loads, text, parse_int=Number, parse_float=Number, parse_constant=_refuse))


def loads(text: str | bytes) -> Any:
    """Read JSON as Python's own values.

    Raises:
        ValueError: the text is not JSON, or is nested too deep.
    """
    return _shallow(partial(json.loads, text))


def _shallow(read: Callable[[], Any]) -> Any:
    """Return what is read, if it can also be walked and written: both take more of the stack than reading does."""
    try:
        value = read()
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    level, depth = [value], 1
    while level := [child for one in level for child in _children(one)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
    return value


def _children(value: Any) -> Iterable[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inside if isinstance(one, dict | list)]


def render(value: Json) -> str:
    """Write JSON with numbers as they were read and keys in order, so that the same value gives the same text.

    >>> render({"b": [Number("1E+2"), True], "a": {}})
    '{"a":{},"b":[1E+2,true]}'
    """
    match value:
        case dict():
            return "{" + ",".join(f"{_text(name)}:{render(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(render, value)) + "]"
        case Number(literal):
            return literal
        case _:
            return _text(value)


def to_bytes(value: Json) -> bytes:
    """Write it as UTF-8; half a surrogate pair, which UTF-8 cannot hold, stays the escape that it came as."""
    return render(value).encode("utf-8", "backslashreplace")


def _text(value: str | bool | None) -> str:
    return _ENCODER.encode(value)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
