"""Devices that stay connected until they are cut off, in processes of their own, and what each met when.

paho waits by select(), which knows the first 1,024 files of a process only, so one process holds some 300 clients.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lab.devices import ResolvingClient, tls_context
from lab.fleet import Device
from lab.route53.resolver import CachingResolver
from lab.waiting import until

EACH = 250
"""Clients in a process."""

AGAIN_SECONDS = 1
"""After a connection has ended, each waits as long as all others, so the pace of the ends is that of the arrivals."""

WILL = "will"
"""The last part of the topic of every will."""

TOLD_SECONDS = 60.0

Met = tuple[float, str]
"""When a client was accepted by an address, or cut off if that is empty; in monotonic seconds, which all processes of a
machine share."""


@dataclass(frozen=True)
class Place:
    """The fleet's name and port, the authority that its certificate is checked by, and the zone's name servers.

    `scale` turns seconds of the record's TTL into the lab's.
    """

    name: str
    port: int
    ca_file: Path
    name_servers: Sequence[tuple[str, int]]
    scale: float

    def resolver(self) -> CachingResolver:
        """Return a resolver whose seconds are as short as the lab's."""
        return CachingResolver(self.name_servers, clock=lambda: time.monotonic() / self.scale)


class StickyClients:
    """Clients in other processes, for the length of `connected`."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._pipes = pipes

    def met(self) -> list[Met]:
        """Return what all clients have met so far, the earliest first."""
        for pipe in self._pipes:
            pipe.send("met")
        return sorted(met for pipe in self._pipes for met in _told(pipe))

    def all_at(self, address: str, number: int, seconds: float) -> bool:
        """Wait until so many have come to an address."""
        return bool(until(lambda: sum(at == address for _, at in self.met()) >= number, seconds))


@contextmanager
def connected(devices: Sequence[Device], place: Place) -> Iterator[StickyClients]:
    """Have devices connect by the fleet's name, for the length of a `with` block."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for first in range(0, len(devices), EACH):
        here, there = context.Pipe()
        process = context.Process(target=_hold, args=(list(devices[first : first + EACH]), place, there), daemon=True)
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    try:
        yield StickyClients(pipes)
    finally:
        for pipe in pipes:
            pipe.close()  # the process ends its clients, and itself
        for process in processes:
            process.join(TOLD_SECONDS)


def _told(pipe: Connection) -> list[Met]:
    if not pipe.poll(TOLD_SECONDS):
        message = f"a process of clients did not answer within {TOLD_SECONDS} s"
        raise TimeoutError(message)
    told: list[Met] = pipe.recv()
    return told


def _hold(devices: Sequence[Device], place: Place, asked: Connection) -> None:
    """Run in the process: hold the clients, and tell what they met, until nobody asks any more."""
    met: list[Met] = []
    resolver = place.resolver()

    def on_connect(client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        at, peer = time.monotonic(), client.socket()
        if isinstance(peer, socket.socket) and not reason.is_failure:
            met.append((at, peer.getpeername()[0]))

    def on_disconnect(_client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        met.append((time.monotonic(), ""))

    clients = [_client(device, place, resolver) for device in devices]
    for client in clients:
        client.on_connect, client.on_disconnect = on_connect, on_disconnect
        client.connect(place.name, place.port, keepalive=30)
        client.loop_start()
    try:
        while asked.recv():
            asked.send(list(met))
    except EOFError:
        for client in clients:
            client.disconnect()


def _client(device: Device, place: Place, resolver: CachingResolver) -> ResolvingClient:
    client = ResolvingClient(CallbackAPIVersion.VERSION2, client_id=device.thing_name, resolve=resolver.address)
    client.reconnect_delay_set(AGAIN_SECONDS, AGAIN_SECONDS)
    client.will_set(f"devices/{device.thing_name}/{WILL}", b"cut off", qos=1)
    client.tls_set_context(tls_context(device.identity, place.ca_file))
    return client
