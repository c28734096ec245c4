"""Ask everything that a failover rests on, each question by itself: what cannot be asked never hides what can.

What fault a question meets is an answer too. A right that is missing says nothing about the product, so it is a
warning that names the right; a Region that does not answer is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from iot_dr.errors import AccessDenied, ConfigurationError, IotDrError, RegionUnavailable, Throttled
from iot_dr.model.status.checks import Check, Level, error_line, failure, warning
from iot_dr.services.concurrency import Together, one_by_one

_DENIED = re.compile(r"not authorized to perform: (?P<right>[\w-]+:\w+)")


@dataclass(frozen=True)
class Examination:
    """One question: its name, the Region that is asked, the rights that asking needs, and how it is asked."""

    name: str
    region: str
    rights: tuple[str, ...]
    ask: Callable[[], Iterable[Check]]


def examine(examinations: Sequence[Examination], together: Together = one_by_one) -> tuple[Check, ...]:
    """Ask all of them, and return the answers in the same order."""
    return tuple(check for answers in together(_answers, examinations) for check in answers)


def worst(checks: Iterable[Check]) -> Level:
    """Return the level that counts."""
    levels = {check.level for check in checks}
    return next((level for level in (Level.FAILURE, Level.WARNING) if level in levels), Level.OK)


def _answers(examination: Examination) -> tuple[Check, ...]:
    try:
        return tuple(examination.ask())
    except IotDrError as error:
        return (_unanswered(examination, error),)


def _unanswered(examination: Examination, error: IotDrError) -> Check:
    name, region = examination.name, examination.region
    match error:
        case AccessDenied():
            named = _DENIED.search(str(error))
            rights = named["right"] if named else " or ".join(examination.rights)
            return warning(name, f"cannot tell of {region}: you lack {rights}", f"allow {rights} to whoever runs this")
        case RegionUnavailable():
            mend = "check https://health.aws.amazon.com and at your own network, then ask again"
            return failure(name, f"{region} does not answer: {error_line(error)}", mend)
        case Throttled():
            return warning(name, f"cannot tell of {region}: {error_line(error)}", "ask again when fewer calls are made")
        case ConfigurationError():
            return failure(name, str(error), "give the settings of a launch that is there: . ./toolsrc")
        case _:
            return warning(name, f"cannot tell of {region}: {error_line(error)}", "check it in the console")
