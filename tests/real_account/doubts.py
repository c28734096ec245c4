"""What the product believes of AWS and nobody has seen there, and what a probe says of it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from tests.real_account.account import Account


class Verdict(enum.StrEnum):
    """What a real account said of something that is believed."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The verdict of a probe, and what was seen."""

    verdict: Verdict
    seen: str


def confirmed(seen: str) -> Finding:
    """It is as it is believed."""
    return Finding(Verdict.CONFIRMED, seen)


def refuted(seen: str) -> Finding:
    """It is not."""
    return Finding(Verdict.REFUTED, seen)


def unknown(why: str) -> Finding:
    """This account, or this run, cannot tell."""
    return Finding(Verdict.UNKNOWN, why)


def found(holds: bool, seen: str) -> Finding:
    """Confirmed if it holds, else refuted."""
    return confirmed(seen) if holds else refuted(seen)


@dataclass(frozen=True)
class Doubt:
    """Something that is only believed of AWS.

    Attributes:
        name: by which it is chosen.
        believed: what the product, or the lab in its place, takes for true.
        settled_by: the exact calls that tell.
        otherwise: what follows if it is not so.
        probe: makes these calls; None if only a person can.
        calls: how many requests the probe makes at most, its own removal included.
        needs_launch: whether it reads something that a launch has made.
    """

    name: str
    believed: str
    settled_by: str
    otherwise: str
    probe: Callable[[Account], Finding] | None = None
    calls: int = 0
    needs_launch: bool = False
