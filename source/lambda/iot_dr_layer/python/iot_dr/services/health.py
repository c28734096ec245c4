"""Decide whether this Region serves devices: one real MQTT round trip, and what is answered to whom.

Route 53 asks every two seconds or so and fails over on the answer, so each call proves the Region anew: connection,
client ID, topic and nonce live for one call and no verdict outlives it. The only thing that may be remembered is the
text of the two secrets, which says nothing about the Region's health (docs/adr/0006-mqtt-client.md).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from iot_dr.errors import AccessDenied, IotDrError, RegionUnavailable
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.ports.health import MqttProbe, SecretReader

DEADLINE_SECONDS = 1.5
"""For all of one call. Route 53 wants the status within 2 s of connecting; the rest is for the API and the function.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

REMEMBER_SECONDS = 300
"""How old a remembered secret may be as long as it serves. At one call every 2 s, two reads a call would cost more than
the API, the function and the MQTT messages together."""

RENEW_SECONDS = 5
"""How old it may be once it did not serve: a rotated secret is found at once, and whoever guesses cannot cause a read a
guess."""


@dataclass(frozen=True)
class Verdict:
    """The answer: a status code for Route 53 and a reason for a person, from a fixed list that tells nothing secret."""

    status_code: int
    reason: str


HEALTHY = Verdict(200, "round_trip")
FORBIDDEN = Verdict(403, "forbidden")
REFUSED = Verdict(503, "refused")
UNREACHABLE = Verdict(503, "unreachable")
WRONG_MESSAGE = Verdict(503, "wrong_message")
NOT_READY = Verdict(503, "not_ready")


@dataclass(frozen=True)
class HealthSecrets:
    """Which secrets hold the path's secret part and the probe's credentials."""

    path: str
    probe: str


@dataclass(frozen=True)
class HealthCheck:
    """Answers one call; `clock` tells monotonic seconds, `new_nonce` gives a text that nobody can foresee."""

    ids: HealthSecrets
    secrets: SecretReader
    probe: MqttProbe
    clock: Callable[[], float]
    new_nonce: Callable[[], str]

    def check(self, offered: str) -> Verdict:
        """Judge a caller by the secret offered, then the Region by a round trip.

        Raises:
            IotDrError: the round trip could not be made; `failure` gives the verdict.
        """
        deadline = self.clock() + DEADLINE_SECONDS
        if not self._admitted(offered):
            return FORBIDDEN
        nonce = self.new_nonce()
        received = self._round_trip(nonce, deadline)
        if not same(received, nonce):
            return WRONG_MESSAGE
        return HEALTHY

    def _admitted(self, offered: str) -> bool:
        ages = (REMEMBER_SECONDS, RENEW_SECONDS)
        return any(same(offered, self.secrets.read(self.ids.path, age)) for age in ages)

    def _round_trip(self, nonce: str, deadline: float) -> str:
        credentials = self._credentials(REMEMBER_SECONDS)
        try:
            return self.probe.round_trip(credentials, nonce, self._left(deadline))
        except AccessDenied:
            renewed = self._credentials(RENEW_SECONDS)
            if renewed == credentials:
                raise
        return self.probe.round_trip(renewed, nonce, self._left(deadline))

    def _credentials(self, max_age_seconds: float) -> ProbeCredentials:
        return ProbeCredentials.parse(self.secrets.read(self.ids.probe, max_age_seconds))

    def _left(self, deadline: float) -> float:
        left = deadline - self.clock()
        if left <= 0:
            raise RegionUnavailable("the time for a health check is used up")
        return left


def same(offered: str, expected: str) -> bool:
    """Compare in constant time; nothing equals an empty expectation, so an unset secret opens no door.

    >>> same("s3cret", "s3cret"), same("guess", "s3cret"), same("", "")
    (True, False, False)
    """
    # What a caller sends may hold lone surrogates, which plain UTF-8 refuses to encode.
    return bool(expected) and hmac.compare_digest(
        *(text.encode(errors="surrogatepass") for text in (offered, expected))
    )


def failure(error: IotDrError) -> Verdict:
    """Return the verdict on a Region whose round trip ended in an error; AWS's own words stay in the log."""
    if isinstance(error, AccessDenied):
        return REFUSED
    return UNREACHABLE if isinstance(error, RegionUnavailable) else NOT_READY
