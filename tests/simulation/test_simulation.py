"""The simulation, some seconds of it: seeds that broke something once, and fresh ones; a story says its seed."""

from __future__ import annotations

import subprocess
import sys
import time
from random import SystemRandom

import pytest

from tests.planted.copies import PACKAGE, ROOT
from tests.simulation.checks import Violation
from tests.simulation.searching import Settings, told, tried
from tests.simulation.story import timeline
from tests.simulation.teeth.reverts import REVERTS
from tests.simulation.world import Run

STEADY = range(1, 61)
SECONDS = 40.0
SETTINGS = Settings(ignore=frozenset())
"""Rules are left out of which stories are known that break them."""


def _explained(broken: dict[int, Violation]) -> str:
    return "\n".join(line for seed, violation in list(broken.items())[:1] for line in told(seed, SETTINGS, violation))


@pytest.mark.row("C1")
def test_no_rule_is_broken_under_the_seeds_of_every_day() -> None:
    tally = tried(STEADY, SETTINGS)

    assert not tally.broken, _explained(tally.broken)
    assert tally.operations > 1_000
    assert tally.faults > 100
    assert tally.failovers > 5
    assert tally.failbacks > 2


@pytest.mark.row("C1")
def test_no_rule_is_broken_under_fresh_seeds() -> None:
    first = SystemRandom().randrange(10**9)
    ends, seed = time.monotonic() + SECONDS, first
    while time.monotonic() < ends:
        tally = tried([seed], SETTINGS)
        assert not tally.broken, _explained(tally.broken)
        seed += 1


def _story_of(seed: int) -> list[str]:
    run = Run(SETTINGS.scenario(seed), tell=True)
    run.run()
    return list(timeline(run.story, (), last=10**6))


def test_a_seed_decides_everything() -> None:
    assert any(_story_of(seed) for seed in range(1, 4))
    assert [_story_of(seed) for seed in range(1, 4)] == [_story_of(seed) for seed in range(1, 4)]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_decides_the_same_in_every_process(hash_seed: str) -> None:
    # Sets of texts have another order in each process.
    program = (
        "from tests.simulation.test_simulation import _story_of;"
        "print(*[line for seed in range(1, 11) for line in _story_of(seed)], sep='\\n')"
    )
    told_there = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{PACKAGE.parent}", "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert told_there.splitlines() == [line for seed in range(1, 11) for line in _story_of(seed)]


@pytest.mark.parametrize("revert", REVERTS, ids=lambda revert: revert.name)
def test_every_revert_still_fits_the_code(revert: object) -> None:
    for edit in revert.edits:  # type: ignore[attr-defined]  # a Revert
        text = edit.path(PACKAGE, ROOT).read_text(encoding="utf-8")
        assert text.count(edit.text) == 1, f"{edit.module}: {edit.text}"
