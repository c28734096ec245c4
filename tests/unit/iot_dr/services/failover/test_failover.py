"""A failover from its beginning to its end, with the other Region well, ahead or away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.status.fleets import FleetSize
from iot_dr.ports.progress import FailoverObserver
from iot_dr.services.failover.evict import Evicted
from iot_dr.services.failover.failover import Failover
from iot_dr.services.failover.follow import Follow
from iot_dr.services.failover.losses import LossSources, Waiting
from iot_dr.services.failover.result import FailoverResult
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import (
    ENDPOINTS,
    FLEET,
    InMemoryConnections,
    InMemoryControlStore,
    RecordedFailover,
    ScriptedNameServers,
    Secondary,
    Time,
)


@dataclass
class Scene:
    """Both Regions, the fleet's name and its devices."""

    executor: ThreadPoolExecutor
    secondary: Secondary = field(default_factory=Secondary)
    primary: InMemoryControlStore = field(default_factory=InMemoryControlStore)
    servers: ScriptedNameServers = field(default_factory=ScriptedNameServers)
    here: InMemoryConnections = field(default_factory=InMemoryConnections)
    there: InMemoryConnections = field(default_factory=lambda: InMemoryConnections(["a", "b"]))
    time: Time = field(default_factory=Time)
    seen: RecordedFailover = field(default_factory=RecordedFailover)
    rates: list[float] = field(default_factory=list)

    def _following(self, since: int, seconds: float, progress: FailoverObserver) -> Follow:
        return Follow(
            region=SECONDARY,
            endpoint=ENDPOINTS[SECONDARY],
            name=FLEET,
            servers=self.servers,
            since=since,
            here=self.here,
            there=self.there,
            seconds=seconds,
            clock=self.time.clock,
            stopwatch=self.time.stopwatch,
            pause=self.time.pause,
            progress=progress,
        )

    def _connections(self, rate: float) -> InMemoryConnections:
        self.rates.append(rate)
        return self.there

    @property
    def failover(self) -> Failover:
        return Failover(
            lead=self.secondary.lead,
            other=PRIMARY,
            controls_there=self.primary,
            sources=LossSources(lambda: Waiting({}, None), list, list, lambda: None, {PRIMARY: lambda: FleetSize(2)}),
            following=self._following,
            connects=lambda: (3000.0, ""),
            connections_there=self._connections,
            executor=self.executor,
            pause=self.time.pause,
        )

    def order(self) -> FailoverResult:
        return self.failover.order(self.failover.read(), "an operator", "an outage", self.seen)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ThreadPoolExecutor(4) as executor:
        yield Scene(executor)


def test_both_regions_have_the_order(scene: Scene) -> None:
    result = scene.order()

    assert (result.changed, result.untold) == (True, "")
    assert scene.secondary.controls.item == scene.primary.item
    assert scene.failover.stands(scene.failover.read())


def test_whoever_orders_now_orders_above_what_the_other_region_alone_has(scene: Scene) -> None:
    scene.primary.item = Control(PRIMARY, Mode.PINNED, 3)

    result = scene.order()

    assert result.leadership.control.epoch == result.leadership.fence.epoch == 4
    assert scene.primary.item == result.leadership.control


def test_what_may_be_lost_is_read_without_changing_anything(scene: Scene) -> None:
    assert scene.failover.losses().connected == {PRIMARY: FleetSize(2)}
    assert scene.secondary.fences.changes == []


def test_devices_are_evicted_at_half_of_the_quota_once_dns_has_moved(scene: Scene) -> None:
    scene.servers.lead_to(SECONDARY)

    result = scene.failover.follow(scene.order(), 300, scene.seen, evict=True)

    assert scene.rates == [1500.0]
    assert result.evicted == Evicted(2, 1, ())
    assert result.as_asked
    assert result.fenced


def test_nobody_is_evicted_before_dns_has_moved(scene: Scene) -> None:
    result = scene.failover.follow(scene.order(), 1, scene.seen, evict=True)

    assert scene.there.ended == []
    assert result.not_evicted
    assert not result.as_asked


def test_what_keeps_devices_from_being_evicted_is_told_and_the_rest_is_followed(scene: Scene) -> None:
    scene.servers.lead_to(SECONDARY)
    scene.there.faults = {"a": AccessDenied("no right")}

    result = scene.failover.follow(scene.order(), 1, scene.seen, evict=True)

    assert result.not_evicted == "no right"
    assert result.devices is not None
    assert result.fenced
