"""Route 53's data plane for one emulator: reads checks and zones from it, asks, and answers."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.emulator import PRIMARY_REGION, SECONDARY_REGION, Emulator
from lab.route53.asking import Asking, through_gateway
from lab.route53.checkers import Ask, HealthCheckers
from lab.route53.health import health_check
from lab.route53.name_servers import ADDRESS, NameServer
from lab.route53.resolver import CachingResolver
from lab.route53.zones import View, Zone, canonical, record_set

SCALE = 0.1
"""Seconds of the lab for a second of Route 53's: a check of every 10 s is made every second."""

NAME_SERVERS = 2

REGION_ADDRESSES: Mapping[str, str] = {PRIMARY_REGION: "127.0.1.1", SECONDARY_REGION: "127.0.1.2"}
"""Where the names of a Region's IoT endpoints lead."""

_READ_SECONDS = 0.5
"""How long a changed record set or health check may go unnoticed; AWS says up to 60 s."""

_BEAT_SECONDS = 0.02
_ASKERS = 16


@dataclass(frozen=True)
class _Turn:
    """What is done again and again on a thread of its own."""

    name: str
    seconds: float
    take: Callable[[], None]

    def repeat(self, ended: threading.Event) -> None:
        while not ended.wait(self.seconds):
            self.take()


class Route53:
    """Name servers, and the health checkers that decide what they answer.

    The ports are taken at once, so that an emulator can be told of them. After `start` the name servers answer, and
    know nothing yet. `evaluating` reads checks and zones, and asks endpoints, for the length of a `with` block:
    endpoints of the product's are functions, and take their share of this machine. The control plane is not needed
    meanwhile: what was read last counts.
    """

    def __init__(self, *, addresses: Mapping[str, str] = REGION_ADDRESSES) -> None:
        self._emulator: Emulator | None = None
        self._exit = ExitStack()
        self.hosts = {f"*.iot.{region}.amazonaws.com.": address for region, address in addresses.items()}
        """Addresses of hosts outside the zones, by name with its dot; `*.` stands for any one label. Add to it."""
        self.checkers = HealthCheckers(Asking())
        self._zones: tuple[Zone, ...] = ()
        self._servers: dict[str, str] = {}
        self.name_servers = tuple(NameServer(self.view) for _ in range(NAME_SERVERS))
        for server in self.name_servers:
            self._exit.callback(server.listener.stop)

    @property
    def dns(self) -> str:
        """Host and port of an authoritative name server."""
        return self.name_servers[0].listener.host_port

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every name server."""
        return tuple((ADDRESS, server.port) for server in self.name_servers)

    def environ(self) -> dict[str, str]:
        """Environment that leads the product to these name servers, which are not where a zone's NS records say."""
        return {"NAME_SERVERS": ",".join(server.listener.host_port for server in self.name_servers)}

    def start(self, emulator: Emulator) -> None:
        """Begin to answer for an emulator's zones."""
        self._emulator = emulator
        for server in self.name_servers:
            server.listener.start()

    def stop(self) -> None:
        """End all that was started, and give the ports back; safe to call twice."""
        self._exit.close()

    def resolver(self, **options: Any) -> CachingResolver:
        """A caching resolver of a client's own, which asks these name servers."""
        return CachingResolver(self.addresses, **options)

    def view(self) -> View:
        """What the name servers know now."""
        return View(self._zones, self.checkers.verdicts(), {**self._servers, **self.hosts})

    @contextmanager
    def evaluating(
        self, scale: float = SCALE, *, asking: Asking | None = None, each_asks: bool = False
    ) -> Iterator[HealthCheckers]:
        """Ask the endpoints of all health checks every interval x `scale`, and let the name servers answer by it."""
        with ThreadPoolExecutor(_ASKERS, thread_name_prefix="health-checker") as askers:
            checkers = HealthCheckers(asking or self._asking(), scale=scale, run=askers.submit, each_asks=each_asks)
            with self._deciding(checkers, _Turn("health-checkers", min(_BEAT_SECONDS, scale), checkers.step)):
                yield checkers

    @contextmanager
    def stepped(
        self, clock: Callable[[], float], *, asking: Ask | None = None, each_asks: bool = False
    ) -> Iterator[HealthCheckers]:
        """The same by a clock of the test's, in Route 53's own seconds: endpoints are asked by `step` alone."""
        checkers = HealthCheckers(asking or self._asking(), scale=1, clock=clock, each_asks=each_asks)
        with self._deciding(checkers):
            yield checkers

    def evaluate(self, scale: float = SCALE) -> None:
        """What `evaluating` does, until `stop`."""
        self._exit.enter_context(self.evaluating(scale))

    @contextmanager
    def _deciding(self, checkers: HealthCheckers, *turns: _Turn) -> Iterator[None]:
        """Let the name servers answer by these checkers, who are told of every change; `turns` are taken beside."""
        emulator = self._started()
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        with closing(emulator.client("route53", config=config)) as client:
            before, self.checkers = self.checkers, checkers
            self._read(client)
            ended = threading.Event()
            threads = [
                threading.Thread(target=turn.repeat, args=(ended,), name=turn.name, daemon=True)
                for turn in (
                    _Turn("route53-reader", _READ_SECONDS, partial(self._read, client)),
                    _Turn("health-check-status", _READ_SECONDS, partial(self._publish, emulator)),
                    *turns,
                )
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
                # One within another takes the answers over for its time.
                self.checkers = before

    def _started(self) -> Emulator:
        assert self._emulator is not None, "start comes first"
        return self._emulator

    def _asking(self) -> Asking:
        emulator = self._started()
        return Asking(through_gateway(emulator.port, emulator.tls_port))

    def _read(self, client: Any) -> None:
        """Read checks and zones; while the emulator does not answer, or refuses, what is known goes on to count."""
        with suppress(ClientError, BotoCoreError):
            checks = [health_check(told) for told in _listed(client, "list_health_checks", "HealthChecks")]
            zones, servers = [], dict[str, str]()
            for told in _listed(client, "list_hosted_zones", "HostedZones"):
                sets = [
                    record_set(one)
                    for one in _listed(
                        client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=told["Id"]
                    )
                ]
                zones.append(Zone(canonical(told["Name"]), tuple(sets)))
                servers |= {canonical(name): ADDRESS for one in sets if one.type == "NS" for name in one.values}
            self.checkers.know(checks)
            self._zones = tuple(zones)
            self._servers = servers

    def _publish(self, emulator: Emulator) -> None:
        """Tell the emulator what the checkers met, for GetHealthCheckStatus."""
        _write(emulator.health_check_file, self.checkers.observations())


def _listed(client: Any, operation: str, field: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[field]


def _write(path: Path, content: object) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)
