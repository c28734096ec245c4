"""Wires the watch of the fleet's name, which a schedule calls each minute."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from iot_dr.aws.devices.mqtt import IotMqttProbe
from iot_dr.aws.failover.name_servers import DnsNameServers
from iot_dr.aws.secrets import CachedSecretReader, impatient_client
from iot_dr.observability.logs import logger
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.failover import FailoverEnvironment, lead_of
from iot_dr.services.concurrency import on_threads
from iot_dr.services.failover.watch import DomainWatch, RoundTrip, Watched, WatchEnding

THREADS = 4
"""As many name servers as a zone of Route 53 has."""

UNNAMED = "the fleet has no name"


def watch_domain_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the watch: anything in, how it ended out. Without a fleet's name, secret or endpoint it looks at nothing.

    What it cannot read or write is raised, so that the function's own error alarm tells of it.
    """
    environment = read(FailoverEnvironment, environ)
    lead, log = lead_of(environment), logger()
    servers = DnsNameServers(environment.name_servers)
    probe = RoundTrip(
        secret_id=environment.probe_secret_arn,
        # Wall clock: a function that is frozen between calls must see its secrets age.
        secrets=CachedSecretReader(impatient_client(), time.time),
        probe=IotMqttProbe(environment.iot_endpoint),
        new_nonce=lambda: secrets.token_hex(16),
    )

    def handle(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
        if not (environment.fleet_name and environment.probe_secret_arn and environment.iot_endpoint):
            return {"ending": "unnamed", "reason": UNNAMED}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="names") as executor:
            watch = DomainWatch(
                name=environment.fleet_name,
                endpoint=environment.iot_endpoint,
                servers=servers,
                lead=lead,
                probe=probe.make,
                pause=threading.Event().wait,
                together=on_threads(executor),
            )
            answer = _answer(watch.look())
        quiet = answer["ending"] in {WatchEnding.LEADS, WatchEnding.ELSEWHERE}
        (log.info if quiet else log.warning)("looked where the fleet's name leads", extra=answer)
        return answer

    return handle


def _answer(watched: Watched) -> dict[str, Any]:
    return {"ending": str(watched.ending), "epoch": watched.epoch, "reason": watched.reason}
