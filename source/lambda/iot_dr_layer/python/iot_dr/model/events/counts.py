"""Counts and times that an event tells, as far as they can be AWS's.

An event may come from somebody else than AWS: whoever may publish on the topics that the rules hear, or to the rules
themselves. https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly; no count or time of AWS's comes near it."""

FAR_AHEAD = 1000
"""A version that is more than this above the known one is doubtful.

AWS counts by one, and the newest of a batch of events stands for at most so many (`BATCH_SIZE` of the stream mapping).
"""

_DIGITS = re.compile(r"[0-9]{1,16}")


def count(value: Any) -> int:
    """Return a version, or a time in whole units, as an event tells it: a number, or its digits.

    Raises:
        ValueError: it is no whole number from 0 to `LARGEST`.
    """
    match value:
        case bool():
            pass
        case int() if 0 <= value <= LARGEST:
            return value
        case float() | Decimal() if isfinite(value) and 0 <= value <= LARGEST and value == int(value):
            return int(value)
        case str() if _DIGITS.fullmatch(value) and int(value) <= LARGEST:
            return int(value)
    # Not repeated whole: it may be as long as a message.
    raise ValueError(f"{str(value)[:40]} as a count")
