"""Devices on their way back to the old primary."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.services.failback.moving import Moved, Moving
from iot_dr.services.failover.follow import Follow, NameSeen
from tests.builders import PRIMARY, SECONDARY
from tests.failover_fakes import (
    ENDPOINTS,
    FLEET,
    InMemoryConnections,
    RecordedFailover,
    ScriptedNameServers,
    Time,
)


@dataclass
class Way:
    """Name servers, connections of both Regions, and a clock."""

    name: str = FLEET
    servers: ScriptedNameServers = field(default_factory=ScriptedNameServers)
    here: InMemoryConnections = field(default_factory=InMemoryConnections)
    there: InMemoryConnections = field(default_factory=lambda: InMemoryConnections(["a", "b", "c"]))
    seen: RecordedFailover = field(default_factory=RecordedFailover)
    time: Time = field(default_factory=Time)
    rates: list[float] = field(default_factory=list)

    def move(self) -> Moved:
        return Moving(
            following=self.follow,
            connects=lambda: (500.0, ""),
            connections=self.paced,
            progress=self.seen,
            pause=self.time.pause,
        ).move(1000)

    def follow(self, since: int) -> Follow:
        return Follow(
            region=PRIMARY,
            endpoint=ENDPOINTS[PRIMARY],
            name=self.name,
            servers=self.servers,
            since=since,
            here=self.here,
            there=self.there,
            seconds=60.0,
            clock=self.time.clock,
            stopwatch=self.time.stopwatch,
            pause=self.time.pause,
            progress=self.seen,
        )

    def paced(self, rate: float) -> InMemoryConnections:
        self.rates.append(rate)
        return self.there


def test_who_stays_connected_is_ended_at_half_of_what_the_old_primary_lets_connect() -> None:
    way = Way()

    moved = way.move()

    assert moved.complete
    assert way.there.ended == ["a", "b", "c"]
    assert way.rates == [250.0]


def test_nobody_is_ended_before_dns_has_moved() -> None:
    way = Way()
    way.servers.lead_to(SECONDARY)

    moved = way.move()

    assert not moved.complete
    assert "name servers" in moved.why
    assert way.there.ended == []


def test_a_fleet_without_a_name_is_counted_and_nobody_is_ended() -> None:
    way = Way(name="", there=InMemoryConnections([]))

    moved = way.move()

    assert moved.complete
    assert moved.name.unwatched
    assert way.rates == []


def test_who_cannot_be_ended_is_named() -> None:
    way = Way(there=InMemoryConnections(["a", "b"], stays=frozenset({"b"})))

    moved = way.move()

    assert (moved.complete, moved.left_behind, moved.number_left) == (False, ("b",), 1)


def test_a_missing_right_is_told() -> None:
    way = Way(there=InMemoryConnections(["a"], faults={"a": AccessDenied("iot:DeleteConnection")}))

    assert "iot:DeleteConnection" in way.move().why


@pytest.mark.parametrize("moved", [Moved(NameSeen(seen=True)), Moved(NameSeen(unwatched=True))])
def test_where_nobody_can_be_counted_nobody_is_known_to_be_left(moved: Moved) -> None:
    assert (moved.complete, moved.number_left) == (True, 0)
