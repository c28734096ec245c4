"""Devices that go where the fleet's name leads: real MQTT clients that connect again by the name when they are cut off.

Each publishes numbered messages with QoS 1, so that it can be told how long it was without service.
"""

import math
import random
import socket
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lab.devices import Resolve, ResolvingClient, tls_context
from lab.fleet import Device
from lab.waiting import until

_AGAIN = (0.2, 1.0)
"""Seconds between two tries to connect: drawn between these, so that devices do not come together."""
_CONNECTORS = 8


@dataclass(frozen=True)
class Acknowledged:
    """A message that the broker took: its number, from whom, and when, in monotonic seconds."""

    number: int
    address: str
    at: float


@dataclass
class Trace:
    """What one device met, in monotonic seconds: connections with their addresses, ends, and acknowledged messages."""

    connected: list[tuple[float, str]] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)

    def without_service(self, address: str) -> float | None:
        """Seconds from the last message acknowledged elsewhere to the first by this address; None if there is none."""
        before = [one.at for one in self.acknowledged if one.address != address]
        after = [one.at for one in self.acknowledged if one.address == address and (not before or one.at > before[-1])]
        return after[0] - before[-1] if before and after else None


class RoamingDevice:
    """One device, from `start` to `stop`."""

    def __init__(self, device: Device, name: str, port: int, resolve: Resolve, ca_file: Path, *, every: float) -> None:
        self.trace = Trace()
        self.device = device
        self._topic = f"devices/{device.thing_name}/numbers"
        self._port, self._name, self._every = port, name, every
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._client = ResolvingClient(
            CallbackAPIVersion.VERSION2,
            client_id=device.thing_name,
            # By itself paho tries again after 1, 2, 4, ... s, and all devices at the same moments.
            reconnect_on_failure=False,
            resolve=resolve,
        )
        self._client.connect_timeout = 4.0
        self._client.tls_set_context(tls_context(device.identity, ca_file))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._pending: dict[int, int] = {}
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._connect, self._publish)]

    @property
    def address(self) -> str:
        """Where it is connected; empty if it is not."""
        with self._lock:
            return self.trace.connected[-1][1] if len(self.trace.connected) > len(self.trace.cut) else ""

    def start(self) -> None:
        """Connect, and go on by itself."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self._ended.set()
        self._client.disconnect()
        for thread in self._threads:
            thread.join(10)

    def _connect(self) -> None:
        while not self._ended.is_set():
            try:
                self._client.connect(self._name, self._port, keepalive=30)
                self._client.loop_forever(retry_first_connection=False)
            except (OSError, ValueError):
                pass
            self._ended.wait(random.uniform(*_AGAIN))

    def _publish(self) -> None:
        while not self._ended.wait(self._every):
            if self.address:
                self._number += 1
                told = self._client.publish(self._topic, str(self._number).encode(), qos=1)
                with self._lock:
                    # What is not acknowledged paho sends again, with the same ID, when it has connected again.
                    self._pending[told.mid] = self._number

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        peer = client.socket()
        with self._lock:
            address = peer.getpeername()[0] if isinstance(peer, socket.socket) else ""
            self.trace.connected.append((time.monotonic(), address))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._lock:
            if len(self.trace.cut) < len(self.trace.connected):
                self.trace.cut.append(time.monotonic())

    def _on_publish(self, _client: Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        with self._lock:
            number = self._pending.pop(mid, 0)
            if number and self.trace.connected:
                at = Acknowledged(number, self.trace.connected[-1][1], time.monotonic())
                self.trace.acknowledged.append(at)


class RoamingFleet:
    """Devices that roam together for the length of a `with` block."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        name: str,
        port: int,
        resolve: Resolve,
        ca_file: Path,
        every: float = 1.0,
    ) -> None:
        self.devices = [RoamingDevice(one, name, port, resolve, ca_file, every=every) for one in devices]

    def all_at(self, address: str, seconds: float) -> bool:
        """Wait until each is connected there and has had a message acknowledged there since."""
        return bool(until(lambda: all(self._served(one, address) for one in self.devices), seconds))

    def at(self, address: str) -> int:
        """How many are connected there."""
        return sum(one.address == address for one in self.devices)

    def without_service(self, address: str) -> list[float]:
        """The seconds that each was without service before it was served there, sorted."""
        found = (one.trace.without_service(address) for one in self.devices)
        return sorted(one for one in found if one is not None)

    @staticmethod
    def _served(one: RoamingDevice, address: str) -> bool:
        last = one.trace.acknowledged[-1:]
        return one.address == address and bool(last) and last[0].address == address

    def __enter__(self) -> Self:
        with ThreadPoolExecutor(_CONNECTORS) as executor:
            list(executor.map(lambda one: one.start(), self.devices))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor(_CONNECTORS) as executor:
            list(executor.map(lambda one: one.stop(), self.devices))


def percentile(seconds: Sequence[float], share: float) -> float:
    """The value below which this share of them lies, by the nearest rank."""
    # A share has no exact binary form: 0.07 * 100 is a little more than 7.
    rank = math.ceil(round(share * len(seconds), 9))
    return sorted(seconds)[max(1, rank) - 1]


def summary(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and longest."""
    return f"median {statistics.median(seconds):.1f} s, p95 {percentile(seconds, 0.95):.1f} s, max {max(seconds):.1f} s"
