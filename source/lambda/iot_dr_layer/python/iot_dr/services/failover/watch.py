"""Has a Region take the lead when its fleet's name has come to lead there by itself, so that a failover sticks.

Route 53 fails over without asking anybody. Whoever is well again would then get the devices back unattended, with what
they have written meanwhile overwritten. So the Region that they came to takes the lead. Never the other way: to follow
again is a failback, which somebody orders.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from iot_dr.errors import IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control, Mode
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.status.checks import error_line
from iot_dr.ports.failover import NameServers
from iot_dr.ports.health import MqttProbe, SecretReader
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.failover.naming import ask_all
from iot_dr.services.failover.take_lead import LeadOrder, TakeLead
from iot_dr.services.health import REMEMBER_SECONDS, same

BETWEEN_SECONDS = 5.0
"""Between the two times that the servers are asked: one answer may be a change that is on its way."""

PROBE_SECONDS = 3.0
"""For one round trip: twice what the health check has, for nobody waits here."""

BY = "the watch of the fleet's name"
WHY = "most name servers send devices here, and the Region's own round trip is fine"


class WatchEnding(enum.StrEnum):
    """What a look at the name came to."""

    LEADS = "leads"
    """The Region leads already; nothing is asked."""
    FINISHED = "finished"
    """An order that was stopped halfway now stands in the control item too."""
    ELSEWHERE = "elsewhere"
    """The name does not lead here."""
    NEW = "new"
    """The name leads here, but it was never seen to lead elsewhere: its records may be about to be made."""
    ORDERED = "ordered"
    """The name leads here, but somebody has pinned the other Region, or is moving devices: that order stands."""
    PROBE_FAILED = "probe_failed"
    """The name leads here, but the Region's own round trip fails."""
    TOOK_LEAD = "took_lead"


@dataclass(frozen=True)
class Watched:
    """How a look ended, with the number of the order that stands, and why a probe failed."""

    ending: WatchEnding
    epoch: int
    reason: str = ""


@dataclass(frozen=True)
class RoundTrip:
    """The Region's own round trip, as its health check makes it; `new_nonce` gives a text that nobody can foresee."""

    secret_id: str
    secrets: SecretReader
    probe: MqttProbe
    new_nonce: Callable[[], str]

    def make(self) -> None:
        """Make it once.

        Raises:
            IotDrError: it fails.
        """
        nonce = self.new_nonce()
        credentials = ProbeCredentials.parse(self.secrets.read(self.secret_id, REMEMBER_SECONDS))
        if not same(self.probe.round_trip(credentials, nonce, PROBE_SECONDS), nonce):
            raise RegionUnavailable("another message than the one that was sent came back")


@dataclass(frozen=True)
class DomainWatch:
    """Looks where a name leads, for one Region with its endpoint.

    `probe` makes the Region's own round trip and raises if it fails; `pause` lets so many seconds pass.
    """

    name: str
    endpoint: str
    servers: NameServers
    lead: TakeLead
    probe: Callable[[], None]
    pause: Callable[[float], object]
    together: Together = one_by_one

    def look(self) -> Watched:
        """Look once, and take the lead if devices are sent here.

        Raises:
            IotDrError: an item or the servers' names cannot be read, or the order cannot be written.
        """
        known = self.lead.read()
        if self.lead.unfinished(known):
            return self._finish(known)
        if known.fence.leads:
            return Watched(WatchEnding.LEADS, known.control.epoch)
        if (ending := self._stays(known)) is not None:
            return Watched(ending, known.control.epoch)
        try:
            self.probe()
        except IotDrError as error:
            return Watched(WatchEnding.PROBE_FAILED, known.control.epoch, error_line(error))
        taken = self.lead.take(known, LeadOrder(known.control.mode, BY, WHY))
        return Watched(WatchEnding.TOOK_LEAD, taken.epoch)

    def _stays(self, known: Leadership) -> WatchEnding | None:
        """Return why the Region does not take the lead; None if devices have been sent here."""
        if not self._leads_here(known.fence) or not self._leads_here(known.fence, after=BETWEEN_SECONDS):
            return WatchEnding.ELSEWHERE
        if self._is_ordered_otherwise(known.control):
            return WatchEnding.ORDERED
        if not known.fence.elsewhere_at and known.control.leader != self.lead.region:
            return WatchEnding.NEW
        return None

    def _leads_here(self, fence: Fence, after: float = 0.0) -> bool:
        if after:
            self.pause(after)
        answers = ask_all(self.servers, self.name, self.together)
        if not fence.elsewhere_at and answers.most_say_another(self.endpoint):
            # A launch makes the secondary's record first, and new health checks have no answer yet. Only a name that
            # has led elsewhere before can have failed over.
            self.lead.fence.note_elsewhere(self.lead.clock())
        return answers.most_say(self.endpoint)

    def _finish(self, known: Leadership) -> Watched:
        fence = known.fence
        taken = self.lead.take(known, LeadOrder(fence.mode, fence.by, fence.why))
        return Watched(WatchEnding.FINISHED, taken.epoch)

    def _is_ordered_otherwise(self, control: Control) -> bool:
        pinned_there = control.mode is Mode.PINNED and control.leader != self.lead.region
        return pinned_there or control.mode is Mode.MOVING
