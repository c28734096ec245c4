"""When a device looks where its fleet's name points, and when it moves there.

All of it is pure: the caller gives the time, in seconds of a clock that never jumps, and draws by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

Draw = Callable[[float, float], float]
"""A number between two others, each equally likely: `random.uniform`."""


@dataclass(frozen=True)
class Pace:
    """How often a device looks, and how long it may wait before it moves.

    Attributes:
        look_every: seconds from one look to the next, on average.
        look_spread: share by which each of these pauses is longer or shorter, so that a fleet does not look at once.
        within: seconds over which the moves of a whole fleet spread. At least the number of devices divided by half of
            the account's quota of CONNECT requests per second: the other half is for devices that connect anyway.
    """

    look_every: float = 30.0
    look_spread: float = 0.2
    within: float = 60.0


@dataclass(frozen=True)
class Course:
    """Where the fleet's name points, where the device went, and what it does next.

    Attributes:
        look_at: when the device looks again.
        points_to: where the name pointed at the last look that was answered; None before the first.
        went_to: where the name pointed when the device last connected; None if that was not known.
        move_at: when the device moves; None if it stays.
        hinted: it moves because it was asked to, so it does whatever the name says.
    """

    look_at: float
    points_to: str | None = None
    went_to: str | None = None
    move_at: float | None = None
    hinted: bool = False


def looked(course: Course, answer: str | None, now: float, pace: Pace, draw: Draw) -> Course:
    """Return the course after a look; None as the answer means that DNS told nothing, so the device stays."""
    look_at = now + draw(pace.look_every * (1 - pace.look_spread), pace.look_every * (1 + pace.look_spread))
    course = replace(course, look_at=look_at, points_to=answer or course.points_to)
    if answer is None or course.hinted:
        return course
    if answer == course.went_to:
        return replace(course, move_at=None)  # it changed back before the device had moved
    return _moving(course, now, pace, draw)


def hinted(course: Course, now: float, pace: Pace, draw: Draw) -> Course:
    """Return the course after a hint: the device moves even if its name server still has an old answer."""
    return _moving(replace(course, hinted=True), now, pace, draw)


def went(course: Course) -> Course:
    """Return the course of a device that now goes where the name points."""
    return replace(course, went_to=course.points_to, move_at=None, hinted=False)


def _moving(course: Course, now: float, pace: Pace, draw: Draw) -> Course:
    """Draw the time once: who draws again at each look or hint moves later and later."""
    return course if course.move_at is not None else replace(course, move_at=now + draw(0.0, pace.within))
