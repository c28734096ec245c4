"""Reaches a device endpoint over TCP, as far as this machine's network lets it."""

from __future__ import annotations

import socket

from iot_dr.errors import RegionUnavailable

MQTT_PORT = 8883
SECONDS = 5.0


class TcpNetwork:
    """This machine's own network."""

    def connect(self, endpoint: str) -> None:
        """Open a connection to `host` or `host:port` and close it.

        Raises:
            RegionUnavailable: the name does not resolve, or nobody answers in five seconds.
        """
        host, _, port = endpoint.partition(":")
        try:
            with socket.create_connection((host, int(port or MQTT_PORT)), timeout=SECONDS):
                return
        except OSError as error:
            raise RegionUnavailable(f"{error} (port {port or MQTT_PORT})") from error
