"""What the failover's benchmark makes of what devices met, and the times of large fleets that the page has."""

from __future__ import annotations

import dataclasses
import heapq
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import failover
from benchmarks.failover import Arrivals, Moved, Noted, Outage, as_json, busiest, by_second, is_met, outage, spread
from docs import failover_times
from docs.failover_times import (
    BACK_OFF,
    CALL,
    EVICTION_SHARE,
    FLEETS,
    INTERVALS,
    LISTED_AT_ONCE,
    LISTS,
    QUOTAS,
    Setting,
    arrived,
    commanded,
    drained,
    evicted,
    lost,
)
from iot_dr.aws.quotas import DEFAULTS
from iot_dr.aws.registry.selected_things import HITS
from iot_dr.runtime.commands.failover import THREADS
from lab.emulator import LabError
from lab.pair import FLEET
from lab.roaming import Acknowledged, Trace
from lab.route53.resolver import CachingResolver
from lab.route53.zones import Record, Reply

OLD, NEW = "127.0.1.1", "127.0.1.2"
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "failover.md").read_text()
TRACE = Trace(
    connected=[(1.0, OLD), (15.0, NEW)],
    cut=[10.1],
    acknowledged=[Acknowledged(1, OLD, 9.8), Acknowledged(2, NEW, 15.25), Acknowledged(3, NEW, 15.5)],
)
OUTAGE = Outage(whole=5.0, detect=3.0, notice=0.1, dns=1.0, connect=0.5, reconnect=0.2)
MOVED = Moved([OUTAGE] * 20, unserved=0, target=10.0)
ARRIVALS = Arrivals(
    devices=4, rate=2.0, answered=3.0, ended=[0.0, 0.5, 1.0, 1.5], came=[1.0, 1.5, 2.0, 2.5], wills=0, left=0, rounds=1
)


def test_an_outage_lasts_from_the_last_acknowledgement_before_to_the_first_after_and_its_parts_follow_each_other() -> (
    None
):
    found = outage(TRACE, NEW, fault=10.0, answered=13.0, resolved=14.0)

    assert found is not None
    about: Any = pytest.approx
    assert found == Outage(whole=about(5.45), detect=3, notice=about(0.1), dns=1, connect=1, reconnect=0.25)
    before_the_fault = 10.0 - 9.8
    assert found.whole == pytest.approx(before_the_fault + found.detect + found.dns + found.connect + found.reconnect)


def test_a_device_that_is_not_served_by_the_new_region_has_no_outage_to_count() -> None:
    silent = dataclasses.replace(TRACE, acknowledged=TRACE.acknowledged[:1])

    assert outage(silent, NEW, fault=10.0, answered=13.0, resolved=14.0) is None


def test_a_resolver_that_was_asked_between_two_looks_at_the_name_servers_took_no_time() -> None:
    found = outage(TRACE, NEW, fault=10.0, answered=13.0, resolved=12.98)

    assert found is not None
    assert found.dns == 0


def test_the_target_is_missed_by_one_device_in_ten_that_is_late_or_by_one_that_is_never_served() -> None:
    late = dataclasses.replace(OUTAGE, whole=10.1)

    assert MOVED.is_met
    assert dataclasses.replace(MOVED, outages=[OUTAGE] * 19 + [late]).is_met
    assert not dataclasses.replace(MOVED, outages=[OUTAGE] * 18 + [late] * 2).is_met
    assert not dataclasses.replace(MOVED, unserved=1).is_met


def test_the_fullest_second_may_begin_at_any_moment() -> None:
    assert busiest([]) == 0
    assert busiest([0.0, 0.9, 1.0, 1.8, 1.85, 2.5]) == 4
    assert by_second([5.0, 5.9, 7.1]) == [2, 0, 1]
    assert by_second([]) == []


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1))
def test_no_second_that_begins_with_the_first_is_fuller_than_the_fullest(moments: list[float]) -> None:
    begun = [at - min(moments) for at in moments]

    assert sum(by_second(begun)) == len(begun)
    assert max(by_second(begun)) <= busiest(begun)


def test_evicted_devices_must_all_come_none_too_fast_and_without_a_will() -> None:
    assert ARRIVALS.is_met
    assert not dataclasses.replace(ARRIVALS, came=[1.0, 1.5, 1.9, 2.5]).is_met
    assert not dataclasses.replace(ARRIVALS, came=ARRIVALS.came[:3]).is_met
    assert not dataclasses.replace(ARRIVALS, wills=1).is_met
    assert not dataclasses.replace(ARRIVALS, left=1).is_met


def test_programs_get_each_part_with_whether_it_met_its_target() -> None:
    told = as_json({"command": MOVED}, ARRIVALS)

    assert told["command"]["whole"] == {"p50": 5.0, "p95": 5.0, "max": 5.0}
    assert set(failover.PHASES) <= told["command"].keys()
    assert (told["command"]["within_target"], told["sticky"]["within_target"]) == (True, True)
    assert (told["sticky"]["most_in_a_second"], told["sticky"]["by_second"]) == (2, [2, 2])


def test_every_part_that_was_measured_counts() -> None:
    late = dataclasses.replace(MOVED, target=1.0)

    assert is_met({"command": MOVED}, None)
    assert not is_met({"command": MOVED, "unattended": late}, ARRIVALS)
    assert not is_met({"command": MOVED}, dataclasses.replace(ARRIVALS, wills=1))


@pytest.mark.parametrize(
    ("moved", "code"), [({"command": MOVED}, 0), ({"command": dataclasses.replace(MOVED, target=1.0)}, 1)]
)
def test_the_exit_status_tells_whether_the_targets_are_met(
    moved: dict[str, Moved], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "open_scene", FakeScene)
    monkeypatch.setattr(failover, "measure", lambda *_: (moved, None))

    found = CliRunner().invoke(failover.main, ["--format", "json"])

    assert found.exit_code == code
    assert '"within_target"' in found.output


def test_a_pair_that_does_not_start_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LabError("no pair")

    monkeypatch.setattr(failover, "open_scene", FakeScene)
    monkeypatch.setattr(failover, "measure", refuse)

    found = CliRunner().invoke(failover.main, [])

    assert (found.exit_code, "no pair" in found.output) == (2, True)


class FakeScene:
    """A scene without a pair."""

    def __init__(self, _console: object) -> None:
        pass

    def __enter__(self) -> FakeScene:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Zone:
    """A name server whose answer and clock a test moves."""

    def __init__(self) -> None:
        self.address, self.now = OLD, 0.0

    def ask(self, name: str, _kind: str, _server: tuple[str, int]) -> Reply:
        return Reply("NOERROR", (Record(name, "A", 30, self.address),))

    def resolver(self) -> Noted:
        return Noted(CachingResolver([("", 0)], clock=lambda: self.now, ask=self.ask), lambda: self.now)

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_resolvers_forget_the_old_answer_at_moments_that_are_spread_over_the_ttl() -> None:
    zone = Zone()
    resolvers = [zone.resolver() for _ in range(10)]
    for resolver in resolvers:
        resolver.address(FLEET)

    spread(resolvers, 30.0, zone.pause)
    zone.address = NEW
    moved_at = zone.now
    while not all(NEW in resolver.first for resolver in resolvers):
        for resolver in resolvers:
            resolver.address(FLEET)
        zone.pause(1.0)

    assert sorted(resolver.first[NEW] - moved_at for resolver in resolvers) == pytest.approx(range(0, 30, 3), abs=1)


def test_the_page_has_the_times_of_large_fleets() -> None:
    assert "\n".join(failover_times.rows()) in PAGE


@pytest.mark.parametrize("quota", QUOTAS)
def test_an_eviction_keeps_up_with_half_of_any_quota(quota: int) -> None:
    wanted = EVICTION_SHARE * quota

    assert LISTED_AT_ONCE == HITS
    assert DEFAULTS["SearchIndex"] == LISTS
    assert wanted <= LISTED_AT_ONCE * LISTS, "names are listed as fast as they are ended"
    assert wanted <= THREADS / CALL


@pytest.mark.parametrize("devices", [300, 1_000, 3_000, 20_000])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_arithmetic_of_arrivals_agrees_with_devices_that_try_one_by_one(devices: int, share: float) -> None:
    quota = 10
    chance = random.Random(5)
    tries = [(BACK_OFF * (1 - math.sqrt(chance.random())), device) for device in range(devices)]
    heapq.heapify(tries)
    taken, came = Counter[int](), list[float]()
    while tries:
        at, device = heapq.heappop(tries)
        if taken[int(at)] < quota:
            taken[int(at)] += 1
            came.append(at)
        else:
            heapq.heappush(tries, (at + chance.uniform(0, BACK_OFF), device))

    expected = arrived(Setting(devices, 10, quota), share)

    assert came[math.ceil(share * devices) - 1] == pytest.approx(expected, rel=0.1, abs=8)


def test_devices_that_no_quota_holds_back_are_all_there_within_the_longest_pause() -> None:
    assert arrived(Setting(10_000, 10, 3_000), 1) == BACK_OFF
    assert arrived(Setting(1_000_000, 10, 500), 1) == 1_000_000 / 500 + BACK_OFF / 2


@pytest.mark.parametrize("devices", FLEETS)
@pytest.mark.parametrize("quota", QUOTAS)
@pytest.mark.parametrize("interval", INTERVALS)
def test_an_order_is_no_slower_than_none_and_the_last_device_comes_no_sooner_than_the_quota_admits(
    devices: int, quota: int, interval: int
) -> None:
    one = Setting(devices, interval, quota)

    assert commanded(one, 1) <= lost(one, 1)
    assert lost(one, 0.95) < lost(one, 1)
    assert min(lost(one, 1), commanded(one, 1)) >= devices / quota
    assert min(drained(one), evicted(one)) >= 2 * devices / quota
