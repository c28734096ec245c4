"""Following a failover: DNS at its own servers, the time to live, devices, and when the Region counts as fenced."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied, NotReadyYet
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.status.status_parts import Unread
from iot_dr.services.failover.follow import WORKER_SECONDS, Follow, seconds_left
from templates import replication_workflow
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import (
    ENDPOINTS,
    FLEET,
    SILENT,
    InMemoryConnections,
    RecordedFailover,
    ScriptedNameServers,
    Time,
)


@dataclass
class Scene:
    """A failover that is looked after for five minutes at most."""

    servers: ScriptedNameServers = field(default_factory=ScriptedNameServers)
    here: InMemoryConnections = field(default_factory=InMemoryConnections)
    there: InMemoryConnections = field(default_factory=InMemoryConnections)
    time: Time = field(default_factory=Time)
    seen: RecordedFailover = field(default_factory=RecordedFailover)

    def follow(self, name: str = FLEET, since: int = 0) -> Follow:
        return Follow(
            region=SECONDARY,
            endpoint=f"{ENDPOINTS[SECONDARY]}:8883",
            name=name,
            servers=self.servers,
            since=since,
            here=self.here,
            there=self.there,
            seconds=300,
            clock=self.time.clock,
            stopwatch=self.time.stopwatch,
            pause=self.time.pause,
            progress=self.seen,
        )


def test_the_name_is_seen_once_all_servers_that_answer_lead_to_the_region() -> None:
    scene = Scene()
    scene.servers.by_server["ns-1"] = SILENT
    scene.servers.before = lambda asked: scene.servers.by_server.update(
        {f"ns-{asked + 1}": ENDPOINTS[SECONDARY]} if asked < 4 else {}
    )

    found = scene.follow().name_seen()

    assert found.seen
    assert scene.servers.asked == 3
    assert isinstance(found.answers.by_server["ns-1"], Unread)


def test_resolvers_are_given_the_time_to_live_to_forget() -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY)

    scene.follow().name_seen()

    assert scene.time.pauses == [30]


def test_a_name_that_does_not_move_is_given_up_when_the_time_is_over() -> None:
    scene = Scene()

    found = scene.follow().name_seen()

    assert not found.seen
    assert 300 <= scene.time.now <= 302
    assert 30 not in scene.time.pauses


def test_servers_that_nobody_knows_are_told_with_the_reason() -> None:
    scene = Scene()
    scene.servers.unknown = NotReadyYet("no name server is known")

    assert scene.follow().name_seen().unread == "no name server is known"


def test_a_fleet_without_a_name_is_not_watched_and_told_so() -> None:
    scene = Scene()

    assert scene.follow(name="").name_seen().unwatched
    assert scene.servers.asked == 0
    assert scene.seen.steps == ["The fleet has no name, so DNS is not watched"]


def test_devices_are_counted_until_nobody_is_left_in_the_other_region() -> None:
    scene = Scene(there=InMemoryConnections(["a", "b", "c"]))

    def one_moves() -> None:
        scene.here.connected.append(scene.there.connected.pop())

    scene.time.then = one_moves

    counts = scene.follow().devices()

    assert counts == DeviceCounts(FleetSize(3), FleetSize(0))
    assert [rate for _, rate in scene.seen.counts] == [None, 0.1, 0.1, 0.1]


def test_devices_that_stay_are_left_behind_when_the_time_is_over() -> None:
    scene = Scene(there=InMemoryConnections(["a"]))

    assert scene.follow().devices().left_behind == 1
    assert scene.time.now == 300


def test_where_the_other_region_does_not_answer_none_is_waited_for_once_no_more_come() -> None:
    scene = Scene(here=InMemoryConnections(["a"]), there=InMemoryConnections(error=SILENT))

    counts = scene.follow().devices()

    assert counts.left_behind == 0
    assert counts.arrived == 1
    assert scene.time.pauses == [10.0] * 3


def test_where_neither_region_tells_nobody_is_waited_for() -> None:
    scene = Scene(here=InMemoryConnections(error=AccessDenied("no right")), there=InMemoryConnections(error=SILENT))

    assert scene.follow().devices().is_unknown
    assert scene.time.pauses == []


def test_the_rest_takes_as_long_as_its_rate_says() -> None:
    counts = DeviceCounts(FleetSize(10), FleetSize(20))

    assert seconds_left(counts, 4.0) == 5.0
    assert seconds_left(counts, None) is None
    assert seconds_left(DeviceCounts(FleetSize(10), Unread("away")), 4.0) is None


@pytest.mark.parametrize(("now", "waited"), [(10.0, [35.0]), (44.5, [0.5]), (45.0, []), (400.0, [])])
def test_the_region_is_fenced_no_sooner_than_a_workers_time_out_after_the_fence(
    now: float, waited: list[float]
) -> None:
    scene = Scene(time=Time(now))

    scene.follow(since=0).fenced()

    assert scene.time.pauses == waited
    assert scene.seen.steps[-1].startswith(f"{SECONDARY} is fenced")


def test_no_worker_runs_longer_than_it_is_waited_for() -> None:
    assert WORKER_SECONDS >= replication_workflow.WORKER_SECONDS


def test_an_answer_that_leads_elsewhere_outweighs_no_majority() -> None:
    scene = Scene()
    scene.servers.lead_to(SECONDARY, 3)
    assert scene.servers.by_server["ns-4"] == ENDPOINTS[PRIMARY]

    assert not scene.follow().name_seen().seen
