"""What can fail between Regions and devices: a Region's broker, and the replication of global tables.

`lab.faults` spoils calls of APIs; `away` takes a whole Region away.
"""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab.counting import CountingProxy, Fault, Silence
from lab.emulator import Emulator
from lab.faults import without_region

_SECONDS = 10


@dataclass(frozen=True)
class Broker:
    """The MQTT broker of one Region: all its listeners, that of the fleet's name among them."""

    emulator: Emulator
    region: str

    def close(self, *, silent: bool = False) -> None:
        """Refuse connections from now on, and drop those that there are.

        A silent broker is what a lost Region may be too: connections are taken and kept, and nothing is ever answered.
        """
        _ask(self.emulator, "PUT", f"brokers/{self.region}", {"open": False, "silent": silent})

    def open(self) -> None:
        """Take connections again, and answer."""
        _ask(self.emulator, "PUT", f"brokers/{self.region}", {"open": True})

    @contextmanager
    def closed(self, *, silent: bool = False) -> Iterator[None]:
        """Close for the length of a `with` block."""
        self.close(silent=silent)
        try:
            yield
        finally:
            self.open()


@dataclass(frozen=True)
class Replicas:
    """The replicas of all global tables."""

    emulator: Emulator

    def pause(self) -> None:
        """From now on what one Region writes does not reach the other, nor its stream."""
        self._set(apart=True)

    def heal(self) -> None:
        """Bring both together: of each item the last write counts, and streams get what changed in their Region."""
        self._set(apart=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause for the length of a `with` block."""
        self.pause()
        try:
            yield
        finally:
            self.heal()

    def _set(self, *, apart: bool) -> None:
        _ask(self.emulator, "PUT", "replicas", {"apart": apart})


@contextmanager
def away(emulator: Emulator, proxy: CountingProxy, region: str, fault: Fault | None = None) -> Iterator[None]:
    """Take a Region for the length of a `with` block: its broker and, for all that goes through the proxy, its APIs.

    `fault` is what clients of the APIs see; without it their connections are reset. With Silence the broker is silent.
    """
    with Broker(emulator, region).closed(silent=isinstance(fault, Silence)), without_region(proxy, region, fault):
        yield


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate of the lab's own authority, and its key; in PEM."""

    certificate_pem: str
    key_pem: str


def server_certificate(emulator: Emulator, *names: str, days: int = 90) -> ServerCertificate:
    """A certificate for these names, as a customer's authority would issue it."""
    answer = _ask(emulator, "POST", "certificates", {"names": names, "days": days})
    return ServerCertificate(answer["certificate"], answer["key"])


def _ask(emulator: Emulator, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{emulator.endpoint_url}/_lab/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
