"""Makes a story that breaks a rule smaller, as long as it goes on breaking it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.checks import Violation
from tests.simulation.world import Run, Scenario

LUCK = 6
"""Orders of what happens that are tried for each smaller story: without an operation, chance falls otherwise."""

MOST_RUNS = 600


def shrink(found: Scenario, violation: Violation, ignore: frozenset[str] = frozenset()) -> Scenario:
    """Return a story with fewer operations, faults and actors that breaks the same rule about such a resource."""
    kinds = {key.kind for key in violation.keys}
    left = MOST_RUNS

    def breaks(tried: Scenario) -> Scenario | None:
        nonlocal left
        for luck in range(LUCK):
            if left <= 0:
                return None
            left -= 1
            lucky = replace(tried, seed=found.seed + luck)
            broken = Run(lucky, ignore=ignore).run()
            if broken and broken.rule == violation.rule and (not kinds or kinds & {key.kind for key in broken.keys}):
                return lucky
        return None

    best, smaller = found, True
    while smaller and left > 0:
        smaller = False
        for candidate in _candidates(best):
            if (lucky := breaks(candidate)) is not None:
                best, smaller = lucky, True
                break
    return best


def _candidates(story: Scenario) -> Iterator[Scenario]:
    number = len(story.operations)
    for size in (number // 2, number // 4, number // 8):
        for start in range(0, number, size) if size > 1 else ():
            yield replace(story, operations=story.operations[:start] + story.operations[start + size :])
    for simpler in (
        {"syncs": ()},
        {"syncs": story.syncs[1:]},
        {"sweeps": story.sweeps and not story.strict},
        {"fault_rate": 0.0},
        {"kills": False},
        {"late": False},
        {"lost": 0.0},
        {"doubled": 0.0},
        {"slow_events": 0.0},
        {"parallel": False},
        {"functions": min(story.functions, 2)},
        {"functions": 1},
    ):
        simple = replace(story, **simpler)
        if simple != story:
            yield simple
    if number <= 40:
        for start in range(number):
            yield replace(story, operations=story.operations[:start] + story.operations[start + 1 :])
