"""Runs seed after seed, and tells of those that break a rule."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tests.simulation.checks import Violation
from tests.simulation.shrinking import shrink
from tests.simulation.story import timeline
from tests.simulation.world import Run, Scenario, scenario


@dataclass
class Tally:
    """What so many runs did."""

    runs: int = 0
    operations: int = 0
    calls: int = 0
    faults: int = 0
    events: int = 0
    failovers: int = 0
    """Runs in which the secondary took the lead."""
    failbacks: int = 0
    """Failbacks that came to their end."""
    broken: dict[int, Violation] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.runs += other.runs
        self.operations += other.operations
        self.calls += other.calls
        self.faults += other.faults
        self.events += other.events
        self.failovers += other.failovers
        self.failbacks += other.failbacks
        self.broken |= other.broken

    @property
    def rules(self) -> Counter[str]:
        """Return how often each rule was broken."""
        return Counter(violation.rule for violation in self.broken.values())


@dataclass(frozen=True)
class Settings:
    """What all runs share."""

    size: int = 40
    verbs: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()

    def scenario(self, seed: int) -> Scenario:
        """Draw the scenario of a seed."""
        return scenario(seed, self.size, self.verbs, self.fixed)


def tried(seeds: Iterable[int], settings: Settings) -> Tally:
    """Run these seeds."""
    tally = Tally()
    for seed in seeds:
        run = Run(settings.scenario(seed), ignore=settings.ignore)
        violation = run.run()
        tally.runs += 1
        tally.operations += run.fleet.calls
        tally.calls += run.faults.calls
        tally.faults += run.faults.met
        tally.failovers += bool(run.failovers.takeovers)
        tally.failbacks += run.failbacks.completed
        if violation:
            tally.broken[seed] = violation
    return tally


def told(seed: int, settings: Settings, violation: Violation, *, shrunk: bool = True) -> Iterator[str]:
    """Tell the story of a seed that breaks a rule, as small as it gets."""
    story = settings.scenario(seed)
    if shrunk:
        story = shrink(story, violation, settings.ignore)
    run = Run(story, ignore=settings.ignore, tell=True)
    found = run.run() or violation
    yield f"seed {seed}: {found}"
    yield "  " + ", ".join(
        f"{one.name}={getattr(story, one.name)}" for one in fields(story) if one.name != "operations"
    )
    for operation in story.operations:
        yield f"  {operation.at / 1000:9.3f} s  {operation.verb} {operation.subject} {operation.other}"
    yield "        time  actor        call"
    yield from timeline(run.story, found.keys)
    verbs = f' --verbs "{",".join(settings.verbs)}"' if settings.verbs else ""
    fixed = "".join(f" --set {name}={json.dumps(value)}" for name, value in settings.fixed.items())
    yield f"again: python -m tests.simulation --runs 1 --seed {seed} --size {settings.size}{verbs}{fixed}"
