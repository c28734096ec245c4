"""What the index of a Region's things holds of their shadows, as SearchIndex answers.

https://docs.aws.amazon.com/iot/latest/developerguide/managing-index.html. The index follows the shadows with some
delay, and it need not hold all of a document: AWS names null, and arrays that hold anything but texts, numbers, true
and false, as what it does not index.
"""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.model.exact_json import Json, Number, parse
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.shadow import Shadow, document_of, numbers_in

EXACT_DIGITS = 15
EXACT_EXPONENT = 300
"""How precise and how large a decimal number is at most if any double keeps it: the index may hold numbers as such."""


@dataclass(frozen=True)
class IndexCoverage:
    """Which shadows an index holds: the classic ones, and the named ones of these names.

    `why`: why it cannot be read now although things are indexed, a clause that names the Region.
    """

    classic: bool = False
    named: frozenset[str] = frozenset()
    why: str = ""

    def __and__(self, other: IndexCoverage) -> IndexCoverage:
        """Return what both hold."""
        return IndexCoverage(self.classic and other.classic, self.named & other.named, self.why or other.why)


def indexed_shadows(thing: str, text: str) -> tuple[Shadow, ...]:
    """Read the shadows of a thing out of what the index holds of it.

    Args:
        thing: its name.
        text: JSON. The sections and the version of the classic shadow stand in it directly, those of the named ones
            under `name` and the shadow's own name.

    Raises:
        ValueError: it is something else, tells no version, or holds a number that the index may have rounded.
    """
    found = parse(text)
    if not isinstance(found, dict) or not isinstance(found.get("name") or {}, dict):
        raise ValueError("what the index holds of a thing is no object of shadows")  # noqa: TRY004  # the text is at fault
    shadows = [_shadow(thing, name, one) for name, one in sorted((found.get("name") or {}).items())]
    if found.keys() - {"name"}:
        shadows.insert(0, _shadow(thing, "", found))
    return tuple(shadows)


def _shadow(thing: str, name: str, found: Json) -> Shadow:
    document = document_of(found)
    if not all(map(_kept_by_doubles, numbers_in(document))):
        raise ValueError("a number has more digits than the index may keep")
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, Number):
        raise ValueError("a shadow has no version")  # noqa: TRY004  # the text is at fault
    return Shadow(shadow_key(thing, name), document, int(version.value))


def _kept_by_doubles(number: Number) -> bool:
    value = number.value
    return len(value.as_tuple().digits) <= EXACT_DIGITS and abs(value.adjusted()) <= EXACT_EXPONENT
