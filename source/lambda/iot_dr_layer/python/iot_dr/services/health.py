"""Decide whether devices may come to this Region: one real MQTT round trip, the control item, and who is answered what.

`/health` says whether devices may come here, `/drains` whether they are to leave the other Region. An order in the
control item decides both; without one the round trip does (`reconcile.failover`).

Route 53 asks every two seconds or so and fails over on the answer, so each call proves the Region anew: connection,
client ID, topic and nonce live for one call and no verdict outlives it. What may be remembered says nothing about the
Region's health: the text of the two secrets (docs/adr/0006-mqtt-client.md), and the last order while it cannot be read.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from iot_dr.errors import AccessDenied, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.ports.failover import ControlReader
from iot_dr.ports.health import MqttProbe, SecretReader
from iot_dr.reconcile.failover import HealthAnswer, drains_other, health_answer

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

ORDER_SECONDS = 300
"""How long the last order that was read stays in force while the control item cannot be read. An outage of DynamoDB
alone must not move a fleet, and an order that nobody can read any more must not hold it for ever."""


@dataclass(frozen=True)
class Verdict:
    """The answer: a status code for Route 53 and a reason for a person, from a fixed list that tells nothing secret.

    Attributes:
        status_code: what Route 53 goes by.
        reason: why.
        probe: the reason of the round trip, where it was made and an order decided.
    """

    status_code: int
    reason: str
    probe: str = ""


HEALTHY = Verdict(200, "round_trip")
FORBIDDEN = Verdict(403, "forbidden")
REFUSED = Verdict(503, "refused")
UNREACHABLE = Verdict(503, "unreachable")
WRONG_MESSAGE = Verdict(503, "wrong_message")
NOT_READY = Verdict(503, "not_ready")
PINNED = Verdict(200, "pinned")
"""Devices are to come here, whatever the round trip says."""
DRAINED = Verdict(503, "drained")
"""Devices are to go to the other Region, whatever a round trip would say."""
UNWELL = Verdict(503, "unwell")
"""A drill has this Region fail for the drill's own devices."""
DRAINS = Verdict(200, "drains")
"""Devices are to leave the other Region."""
DRAINS_NOT = Verdict(404, "drains_not")
"""The other Region's own health decides."""


class Notice(enum.StrEnum):
    """What somebody should know of beside the answer; the values are metrics."""

    CONTROL_UNREADABLE = "ControlUnreadable"
    PINNED_WHILE_FAILING = "PinnedWhileFailing"


def _noticed_by_nobody(notice: Notice, reason: str) -> None:
    """Let a notice pass."""


class LastKnownControl:
    """The control item of this Region's replica, as it was last read while it cannot be read."""

    def __init__(self, reader: ControlReader, clock: Callable[[], float]) -> None:
        self._reader, self._clock = reader, clock
        self._known: tuple[float, Control] | None = None

    def read(self) -> Control:
        """Return what is in force now; it is read at each call.

        Raises:
            IotDrError: it cannot be read, or says something that is not known.
        """
        control = self._reader.control()
        self._known = (self._clock(), control)
        return control

    def remembered(self) -> Control | None:
        """Return what was read last, at most five minutes ago."""
        if self._known is None or self._clock() - self._known[0] > ORDER_SECONDS:
            return None
        return self._known[1]


@dataclass(frozen=True)
class HealthSecrets:
    """Which secrets hold the path's secret part and the probe's credentials."""

    path: str
    probe: str


@dataclass(frozen=True)
class HealthCheck:
    """Answers one call.

    Attributes:
        ids: the secrets' names.
        secrets: reads them.
        probe: makes the round trip.
        clock: tells monotonic seconds.
        new_nonce: gives a text that nobody can foresee.
        region: the Region that is asked.
        orders: the control item; without it the round trip alone decides, and this Region drains no other.
        notice: is told what somebody should know of, with the reason for the log.
        canary: a drill's control item, by which its own devices are answered.
    """

    ids: HealthSecrets
    secrets: SecretReader
    probe: MqttProbe
    clock: Callable[[], float]
    new_nonce: Callable[[], str]
    region: str = ""
    orders: LastKnownControl | None = None
    notice: Callable[[Notice, str], None] = _noticed_by_nobody
    canary: LastKnownControl | None = None

    def for_canary(self) -> HealthCheck:
        """Return the same check by the control item of a drill, of which nobody is to be told anything."""
        return replace(self, orders=self.canary, notice=_noticed_by_nobody)

    def check(self, offered: str) -> Verdict:
        """Judge a caller by the secret offered, then tell whether devices may come to this Region.

        Raises:
            IotDrError: no order is in force and the round trip could not be made; `failure` gives the verdict.
        """
        return self._answer(offered, self._healthy)

    def drains(self, offered: str) -> Verdict:
        """Judge a caller by the secret offered, then tell whether devices are to leave the other Region.

        An order is told without a round trip, and so is that there is none for this Region.
        """
        return self._answer(offered, self._drains)

    def _answer(self, offered: str, tell: Callable[[Control | None, float], Verdict]) -> Verdict:
        deadline = self.clock() + DEADLINE_SECONDS
        if not self._admitted(offered):
            return FORBIDDEN
        return tell(self._order(), deadline)

    def _healthy(self, control: Control | None, deadline: float) -> Verdict:
        match HealthAnswer.PROBE if control is None else health_answer(self.region, control):
            case HealthAnswer.DRAINED:
                return DRAINED
            case HealthAnswer.UNWELL:
                return UNWELL
            case HealthAnswer.PINNED:
                return self._pinned(deadline)
            case HealthAnswer.PROBE:
                return self._proved(deadline)

    def _drains(self, control: Control | None, deadline: float) -> Verdict:
        if control is None or not drains_other(self.region, control, probe=True):
            return DRAINS_NOT
        if drains_other(self.region, control, probe=False):
            return DRAINS
        proved, _ = self._tried(deadline)
        return DRAINS if proved == HEALTHY else replace(DRAINS_NOT, probe=proved.reason)

    def _order(self) -> Control | None:
        if self.orders is None:
            return None
        try:
            return self.orders.read()
        except IotDrError as error:
            self.notice(Notice.CONTROL_UNREADABLE, str(error))
            return self.orders.remembered()

    def _pinned(self, deadline: float) -> Verdict:
        proved, why = self._tried(deadline)
        if proved != HEALTHY:
            self.notice(Notice.PINNED_WHILE_FAILING, why)
        return replace(PINNED, probe=proved.reason)

    def _tried(self, deadline: float) -> tuple[Verdict, str]:
        """Return the round trip's verdict, whatever it ends in, and AWS's own words for the log."""
        try:
            proved = self._proved(deadline)
        except IotDrError as error:
            return failure(error), str(error)
        return proved, proved.reason

    def _proved(self, deadline: float) -> Verdict:
        nonce = self.new_nonce()
        received = self._round_trip(nonce, deadline)
        return HEALTHY if same(received, nonce) else WRONG_MESSAGE

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
