"""What a device's policy lets it publish, as far as topic rules take it for AWS's own word.

A rule does not tell who published a message. So whoever may publish what AWS tells of a shadow, or may send messages to
any rule, can tell replication of things that are not its own.

https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html
https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iot_dr.model import exact_json

SHADOWS = "$aws/things/+/shadow/..."
RULES = "$aws/rules/..."
"""The two ways in, as they are told."""

_VARIABLE = re.compile(r"\$\{[^}]*\}")
_SHADOW_TOPICS = ("update/documents", "delete/accepted", "name/any/update/documents", "name/any/delete/accepted")
_ANY_RULE = "$aws/rules/IoTDRPrimary00000000000000_ThingEvent_any/any"
"""A rule of the product, whose name no policy has by chance."""


def ways_in(document: str) -> tuple[str, ...]:
    """Return what a policy lets a device tell of things other than one; a policy that cannot be read lets nothing.

    A policy that names its own thing, by the variable or by a name, lets a device tell lies of nothing but itself.
    """
    try:
        statements = exact_json.loads(document).get("Statement", [])
    except (ValueError, AttributeError):
        return ()
    known = [one for one in (statements if isinstance(statements, list) else [statements]) if isinstance(one, dict)]
    allowed = [one for one in known if one.get("Effect") == "Allow" and _publishes(one)]
    # A condition may not hold, and then nothing is denied.
    denied = [one for one in known if one.get("Effect") == "Deny" and _publishes(one) and "Condition" not in one]
    told = {way for one in allowed for way, topic in _samples(one) if _covers(one, topic) and not _any(denied, topic)}
    return tuple(sorted(told))


def _samples(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield topics that a statement may be about, one for each kind, by the way in that they are."""
    yield RULES, _ANY_RULE
    for thing in {"any", *_things(statement)}:
        for topic in _SHADOW_TOPICS:
            yield SHADOWS, f"$aws/things/{thing}/shadow/{topic}"


def _things(statement: dict[str, Any]) -> Iterator[str]:
    """Yield a name for each pattern of things' names."""
    for pattern in _patterns(statement, "Resource"):
        levels = pattern.split("/")
        if pattern.startswith("$aws/things/") and any(one in levels[2] for one in "*?"):
            yield levels[2].replace("*", "any").replace("?", "x")


def _any(statements: list[dict[str, Any]], topic: str) -> bool:
    return any(_covers(one, topic) for one in statements)


def _covers(statement: dict[str, Any], topic: str) -> bool:
    if "NotResource" in statement:
        return not any(_fits(pattern, topic) for pattern in _patterns(statement, "NotResource"))
    return any(_fits(pattern, topic) for pattern in _patterns(statement, "Resource"))


def _patterns(statement: dict[str, Any], member: str) -> Iterator[str]:
    """Yield the patterns of topics; a variable stands for a name that nothing else has."""
    for text in _texts(statement.get(member)):
        plain = _VARIABLE.sub("its-own", text)
        if plain == "*":
            yield plain
        elif plain.startswith("arn:"):
            kind, _, pattern = plain.split(":", 5)[-1].partition("/")
            if kind in ("topic", "*"):
                yield pattern or "*"
            elif kind.endswith("*"):
                yield "*"


def _publishes(statement: dict[str, Any]) -> bool:
    return any(_fits(action.lower(), "iot:publish") for action in _texts(statement.get("Action")))


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _fits(pattern: str, text: str) -> bool:
    """Tell whether a pattern covers all of a text, in time that grows with their lengths alone.

    A regular expression would try every way to share the text among the stars: a policy could stop its reader.
    """
    first, *others = pattern.split("*")
    if not _stands(first, text, 0):
        return False
    if not others:
        return len(first) == len(text)
    *middle, last = others
    at = len(first)
    # The first place that a part fits leaves most of the text to those after it.
    for part in middle:
        found = next((start for start in range(at, len(text) + 1) if _stands(part, text, start)), None)
        if found is None:
            return False
        at = found + len(part)
    return len(text) - len(last) >= at and _stands(last, text, len(text) - len(last))


def _stands(part: str, text: str, start: int) -> bool:
    """Tell whether a part without stars fits the text from a place on."""
    return start + len(part) <= len(text) and all(
        wanted in ("?", found) for wanted, found in zip(part, text[start:], strict=False)
    )
