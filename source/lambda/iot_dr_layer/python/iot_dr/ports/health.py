"""The round trip by which a Region shows that it serves."""

from __future__ import annotations

from typing import Protocol

from iot_dr.model.launch.probes import ProbeCredentials


class MqttProbe(Protocol):
    """Speaks MQTT to one Region's endpoint as a device does."""

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        """Connect, subscribe, publish the nonce and return what came back, over a connection of this call alone.

        Raises:
            AccessDenied: the endpoint refused the certificate or a policy does not allow the exchange.
            RegionUnavailable: no connection, or no message, within the time.
        """


class SecretReader(Protocol):
    """Reads a secret's current text."""

    def read(self, secret_id: str, max_age_seconds: float) -> str:
        """Return the text as it was no longer than `max_age_seconds` ago.

        Raises:
            IotDrError: it cannot be read, and was not read before.
        """
