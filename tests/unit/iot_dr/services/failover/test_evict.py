"""Eviction: everybody who is connected, in at most three rounds, with leftovers named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iot_dr.errors import AccessDenied, InvalidResource, Throttled
from iot_dr.services.failover.evict import BATCH, Evicted, Eviction
from tests.failover_fakes import SILENT, InMemoryConnections, RecordedFailover, Time

CLIENTS = [f"device-{number}" for number in range(1200)]


def evict(connections: InMemoryConnections, seen: RecordedFailover | None = None, time: Time | None = None) -> Evicted:
    return Eviction(connections, seen or RecordedFailover(), (time or Time()).pause).run()


def test_every_connection_is_ended_in_one_round_and_counted() -> None:
    connections, seen = InMemoryConnections(list(CLIENTS)), RecordedFailover()

    assert evict(connections, seen) == Evicted(1200, 1, ())
    assert sorted(connections.ended) == sorted(CLIENTS)
    assert seen.stages == [("Evicting, round 1", 1200)]
    assert seen.advanced == 1200


def test_nobody_connected_is_nobody_asked() -> None:
    time = Time()

    assert evict(InMemoryConnections(), time=time) == Evicted(0, 0, ())
    assert time.pauses == []


def test_who_comes_back_is_ended_again_in_three_rounds_at_most_and_then_named() -> None:
    connections, time = InMemoryConnections(["a", "b"], stays=frozenset({"b"})), Time()

    assert evict(connections, time=time) == Evicted(4, 3, ("b",))
    assert connections.ended == ["a", "b", "b", "b"]
    assert time.pauses == [15.0] * 3


def test_a_client_that_aws_throttles_or_refuses_keeps_nobody_else() -> None:
    connections = InMemoryConnections(["a", "b", "c"], faults={"a": Throttled("slow"), "b": InvalidResource("odd")})

    assert evict(connections) == Evicted(1, 3, ("a", "b"))


def test_a_missing_right_ends_the_eviction() -> None:
    with pytest.raises(AccessDenied):
        evict(InMemoryConnections(["a"], faults={"a": AccessDenied("no right")}))


def test_a_region_that_does_not_say_who_is_connected_ends_the_eviction() -> None:
    with pytest.raises(type(SILENT)):
        evict(InMemoryConnections(["a"], error=SILENT))


def test_the_next_clients_are_read_while_those_before_are_ended() -> None:
    seen: list[str] = []

    class Listed(InMemoryConnections):
        def clients(self) -> Iterator[str]:
            for client in list(self.connected):
                seen.append(f"read {client}")
                yield client

        def end(self, client: str) -> bool:
            seen.append(f"end {client}")
            return super().end(client)

    evict(Listed(list(CLIENTS)))

    assert seen.index(f"read {CLIENTS[2 * BATCH - 1]}") < seen.index(f"end {CLIENTS[BATCH - 1]}")
    assert seen.index(f"end {CLIENTS[0]}") < seen.index(f"read {CLIENTS[2 * BATCH]}")
