"""`iot-dr verify` reads shadows by the index of things where both Regions have them in it, and finds the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.operators import operator_environ
from lab.pair import Pair
from lab.quiet import unscheduled
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.commands import iot_dr
from tests.e2e.observing import SECONDS, await_quiet

pytestmark = pytest.mark.row("T3")

NUMBER = 12
INDEXED = {
    "thingIndexingMode": "REGISTRY_AND_SHADOW",
    "namedShadowIndexingMode": "ON",
    "filter": {"namedShadowNames": ["config"]},
}


@pytest.fixture(autouse=True)
def indexed(pair: Pair) -> Iterator[None]:
    """Both Regions index classic shadows and those named `config`; afterwards what they indexed before."""
    clients = [pair.client("iot", region) for region in (pair.primary, pair.secondary)]
    before = [one.get_indexing_configuration()["thingIndexingConfiguration"] for one in clients]
    for one in clients:
        one.update_indexing_configuration(thingIndexingConfiguration=INDEXED)
    # What is spoiled in the secondary stays so.
    with unscheduled(pair):
        yield
    for one, configured in zip(clients, before, strict=True):
        kept = {key: value for key, value in configured.items() if key in INDEXED}
        one.update_indexing_configuration(thingIndexingConfiguration=kept)


@pytest.fixture
def regions(pair: Pair) -> dict[str, Shadows]:
    return {region: Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary)}


@pytest.fixture
def things(pair: Pair, name: str, primary: Any, regions: dict[str, Shadows]) -> list[str]:
    """Things that each have a classic shadow and one named `config`, which have crossed."""
    names = [f"{name}-{number}" for number in range(NUMBER)]
    ours, theirs = regions.values()
    for number, thing in enumerate(names):
        primary.create_thing(thingName=thing)
        ours.update(thing, {"desired": {"interval": number, "nested": {"rate": 0.5}}, "reported": {"tags": ["a"]}})
        ours.update(thing, {"reported": {"on": True}}, "config")
    assert until(lambda: all(theirs.of(thing) == ours.of(thing) for thing in names), SECONDS)
    await_quiet(pair)
    return names


def verified(pair: Pair, folder: Path, name: str, *arguments: str) -> tuple[dict[tuple[str, str], str], Counter[str]]:
    """The signs of this test's own shadows, and how many calls of each API went to both Regions through the proxy."""
    pair.proxy.reset()
    command = ("verify", "--format", "json", "--unpaced", "--anew", "--state", str(folder), *arguments)
    result = iot_dr(pair, *command, environ={**operator_environ(pair), **pair.proxy.environ()})
    assert "Traceback" not in result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines, result.stderr
    assert result.returncode in (0, 1)
    found = {(one["name"], one["other"]): one["sigil"] for one in lines if one.get("kind") == "shadow"}
    calls: Counter[str] = Counter()
    for call, number in pair.proxy.counts().items():
        calls[call.operation] += number
    return {key: sign for key, sign in found.items() if name in key[0]}, calls


def test_differing_and_missing_shadows_are_found_and_equal_ones_are_not_read_one_by_one(
    pair: Pair, name: str, things: list[str], regions: dict[str, Shadows], tmp_path: Path
) -> None:
    theirs = regions[pair.secondary]
    theirs.update(things[0], {"desired": {"interval": -1}})
    theirs.update(things[1], {"reported": {"on": False}}, "config")
    theirs.delete(things[2])
    theirs.delete(things[3], "config")
    theirs.update(things[4], {"desired": {"surplus": True}}, "state")

    found, calls = verified(pair, tmp_path, name)
    again, one_by_one = verified(pair, tmp_path, name, "--no-index")

    assert found == {
        (things[0], ""): "*",
        (things[1], "config"): "*",
        (things[2], ""): "+",
        (things[3], "config"): "+",
        (things[4], "state"): "-",
    }
    assert again == found
    assert calls["SearchIndex"] >= 2
    assert one_by_one["SearchIndex"] == 0
    # Each of them is read in one Region at most, to see whether the index holds all of it; otherwise in both.
    equal = 2 * NUMBER - 4
    assert one_by_one["GetThingShadow"] - calls["GetThingShadow"] >= equal


def test_no_named_shadow_is_listed_where_the_index_holds_all_that_are_wanted(
    pair: Pair, name: str, things: list[str], regions: dict[str, Shadows], tmp_path: Path
) -> None:
    theirs = regions[pair.secondary]
    theirs.delete(things[0], "config")
    theirs.update(things[1], {"reported": {"on": False}}, "config")
    wanted = ("--shadow-name-pattern", "config")

    found, calls = verified(pair, tmp_path, name, *wanted)
    again, one_by_one = verified(pair, tmp_path, name, *wanted, "--no-index")

    assert found == again == {(things[0], "config"): "+", (things[1], "config"): "*"}
    assert one_by_one["ListNamedShadowsForThing"] - calls["ListNamedShadowsForThing"] >= 2 * NUMBER
