"""Whether a drill met its objectives, and how it compares with an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from iot_dr.model.drill.fleet import FleetFindings
from iot_dr.model.drill.results import DrillResult, Leg, spread

REMOVED = "removed"


@dataclass(frozen=True)
class Judgement:
    """One objective: what it is about, what was found, and whether that is as it should be."""

    about: str
    found: str
    met: bool


def judgements(result: DrillResult) -> tuple[Judgement, ...]:
    """Judge everything that decides a drill; what was not tested decides nothing."""
    return tuple(_judged(result))


def is_met(result: DrillResult) -> bool:
    """Tell whether all objectives are met."""
    return all(one.met for one in judgements(result))


def _judged(result: DrillResult) -> Iterator[Judgement]:
    for leg in result.legs:
        yield from _of_leg(leg, result.objectives.rto)
    yield from _of_changes(result)
    lost = f"{result.lost:,} of {result.acknowledged:,} acknowledged messages"
    yield Judgement("messages lost", lost, met=not result.lost and result.acknowledged > 0)
    yield Judgement("late writes that overwrote", f"{result.overwritten:,}", met=not result.overwritten)
    if result.fleet is not None:
        yield from _of_fleet(result, result.fleet)
    left = "; ".join(result.left) or "nothing is left"
    yield Judgement(REMOVED, left, met=not result.left)


def _of_leg(leg: Leg, objective: float) -> Iterator[Judgement]:
    served, clients = leg.rtos, len(leg.lines)
    yield Judgement(f"served in {leg.target}", f"{len(served)} of {clients} clients", met=len(served) == clients > 0)
    if served:
        text = f"{served[-1]:.1f} s for the last client, {objective:g} s allowed"
        yield Judgement(f"RTO to {leg.target}", text, met=served[-1] <= objective)


def _of_changes(result: DrillResult) -> Iterator[Judgement]:
    allowed = result.objectives.rpo
    if result.behind is not None:
        text = f"{result.behind:.1f} s behind at most, {allowed:g} s allowed"
        yield Judgement("RPO of shadows", text, met=result.behind <= allowed)
    if result.late_thing is None:
        text = f"not in {result.secondary} when the drill ended, {allowed:g} s allowed"
        yield Judgement("RPO of things", text, met=False)
    else:
        text = f"in {result.secondary} after {result.late_thing:.1f} s, {allowed:g} s allowed"
        yield Judgement("RPO of things", text, met=result.late_thing <= allowed)


def _of_fleet(result: DrillResult, fleet: FleetFindings) -> Iterator[Judgement]:
    yield Judgement(f"fleet moved to {result.secondary}", fleet.moved or "nothing was seen of it", met=fleet.as_asked)
    back = fleet.stopped or f"{result.primary} leads again"
    yield Judgement(f"fleet is back in {result.primary}", back, met=not fleet.stopped)


def summary(result: DrillResult) -> Mapping[str, float]:
    """Return the numbers by which two drills are compared; seconds, and counts."""
    found: dict[str, float] = {}
    for leg in result.legs:
        found |= {f"RTO to {leg.target}, {name}": value for name, value in spread(leg.rtos).items()}
        found[f"without service on the way to {leg.target}, max"] = spread(leg.silences)["max"]
    if result.behind is not None:
        found["shadows behind"] = round(result.behind, 3)
    if result.late_thing is not None:
        found["last thing crossed after"] = round(result.late_thing, 3)
    return found | {
        "messages acknowledged": result.acknowledged,
        "messages lost": result.lost,
        "messages doubled": result.doubled,
        "messages reordered": result.reordered,
        "late writes that overwrote": result.overwritten,
    }


@dataclass(frozen=True)
class Compared:
    """One number of two drills; None where one of them does not have it."""

    about: str
    before: float | None
    now: float | None


def compared(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Compared, ...]:
    """Return the numbers of an earlier drill beside those of this one, in this one's order.

    >>> compared({"a": 1.0}, {"b": 2.0})
    (Compared(about='b', before=None, now=2.0), Compared(about='a', before=1.0, now=None))
    """
    return tuple(Compared(name, before.get(name), now.get(name)) for name in dict.fromkeys((*now, *before)))
