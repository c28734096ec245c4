"""Regular expressions of a customer's, which are run for every shadow: only those that always end soon.

Python's engine tries one way after the other. Of `(a+)+b` there are more ways through sixty letters than there are
seconds, so one shadow's name could stop a function for good. How many ways there can be at most is counted beforehand.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any

from iot_dr.errors import ConfigurationError

LONGEST_NAME = 64
"""Characters of a shadow's name: https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_UpdateThingShadow.html"""
LONGEST = 256
"""Characters of a pattern."""
MOST_WAYS = 300_000
"""Through one name; they take some hundredths of a second. Three repetitions without bound have fewer."""

_PARSER: Any = importlib.import_module("re._parser")
_CONSTANTS: Any = importlib.import_module("re._constants")
_BACK = frozenset({_CONSTANTS.GROUPREF, _CONSTANTS.GROUPREF_EXISTS})
_REPEATS = frozenset({_CONSTANTS.MAX_REPEAT, _CONSTANTS.MIN_REPEAT, _CONSTANTS.POSSESSIVE_REPEAT})
_LOOKS = frozenset({_CONSTANTS.ASSERT, _CONSTANTS.ASSERT_NOT})


def check(pattern: str) -> None:
    """See that a pattern is one, and that it ends soon whatever the name is.

    Raises:
        ConfigurationError: it is not; the message says why, and what to write instead.
    """
    if len(pattern) > LONGEST:
        raise ConfigurationError(f"the shadow name pattern has {len(pattern)} characters; {LONGEST} are admitted")
    try:
        re.compile(pattern)
        ways = _ways(_PARSER.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigurationError(f"the shadow name pattern {pattern!r} is no regular expression: {error}") from error
    if ways > MOST_WAYS:
        raise ConfigurationError(
            f"the shadow name pattern {pattern!r} could take very long; use at most three repetitions without bound, "
            "and no repetition inside of another"
        )


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """Return how many ways there can be through a name at most, no more than one beyond what is admitted."""
    ways = 1
    for code, argument in items:
        ways = _limited(ways * _ways_of(code, argument))
    return ways


def _ways_of(code: Any, argument: Any) -> int:
    if code in _BACK:
        # What it repeats is known only as the name is read.
        return MOST_WAYS + 1
    if code in _REPEATS:
        least, most, inside = argument
        return _repeated(_ways(inside), least, min(int(most), LONGEST_NAME))
    if code is _CONSTANTS.BRANCH:
        return _limited(sum(_ways(one) for one in argument[1]))
    if code is _CONSTANTS.SUBPATTERN:
        return _ways(argument[3])
    if code in _LOOKS:
        return _ways(argument[1])
    return _ways(argument) if code is _CONSTANTS.ATOMIC_GROUP else 1


def _repeated(ways: int, least: int, most: int) -> int:
    """Return the ways of so many times at least, and at most."""
    if ways == 1:
        return max(1, most - least + 1)
    total, power = 0, _limited(ways ** min(least, LONGEST_NAME))
    for _ in range(least, max(least, most) + 1):
        total = _limited(total + power)
        power = _limited(power * ways)
        if total > MOST_WAYS:
            break
    return total


def _limited(ways: int) -> int:
    return min(ways, MOST_WAYS + 1)
