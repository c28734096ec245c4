"""Numbers with their nouns, as a sentence has them."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun; `many` is the plural, if it is not `one` with an s.

    >>> counted(1, "thing"), counted(1200, "thing"), counted(0, "policy", "policies"), counted(1, "differs", "differ")
    ('1 thing', '1,200 things', '0 policies', '1 differs')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
