#!/usr/bin/env python3
"""Ten lines that let a device on paho-mqtt follow its fleet's name: `follow` and `watch`. The rest sets the client up.

paho resolves the name whenever it connects, and sends again by itself what was not acknowledged. So a device whose
connection ends finds its Region. What it lacks is to leave a connection that still works: that is what `watch` adds.

    paho_ten_lines.py iot.example.com pump-17 certificate.pem private.key
"""

from __future__ import annotations

import random
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

WITHIN = 60.0
"""Seconds over which the moves of the fleet spread: its devices divided by half of the quota of CONNECT requests."""


def target(name: str) -> str:
    """Return where the name points: the end of its chain of CNAMEs; empty if DNS does not tell."""
    try:
        return socket.getaddrinfo(name, None, flags=socket.AI_CANONNAME)[0][3]
    except OSError:
        return ""


def follow(client: Client, name: str) -> None:
    """Connect to the name, again and again; paho reconnects by itself, and its loop ends after `disconnect` alone."""
    while True:
        client.connect_async(name, 8883, keepalive=30)
        client.loop_forever(retry_first_connection=True)


def watch(
    client: Client, name: str, here: str, look: Callable[[str], str], pause: Callable[[float, float], object]
) -> None:
    """Disconnect when the name points elsewhere than `here`, where it pointed before the client connected.

    `pause` waits some seconds between two numbers.
    """
    while True:
        while look(name) in ("", here):
            pause(24, 36)
        pause(0, WITHIN)
        here = look(name)  # before it connects: if the name changes in between, it connects once more
        client.disconnect()


def pause(least: float, most: float) -> None:
    """Wait for a time drawn by chance, so that a fleet does not act at once."""
    threading.Event().wait(random.uniform(least, most))  # noqa: S311 - nothing secret is drawn


def main() -> None:
    """Follow the name of the command line, subscribe at each connection, and leave publishing to the reader."""
    name, thing, certificate, key = sys.argv[1:]
    client = Client(CallbackAPIVersion.VERSION2, client_id=thing)
    client.tls_set(certfile=certificate, keyfile=key)
    client.reconnect_delay_set(random.randint(1, 10), 120)  # noqa: S311 - paho doubles the pause and draws nothing

    def subscribe(*_: Any) -> None:
        client.subscribe(f"devices/{thing}/commands", qos=1)

    client.on_connect = subscribe
    threading.Thread(target=watch, args=(client, name, target(name), target, pause), daemon=True).start()
    follow(client, name)


if __name__ == "__main__":
    main()
