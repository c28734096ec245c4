"""Wires the function that has its Region take over: for an alarm, or for a plan of ARC Region switch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from iot_dr.model.failover.control import Mode
from iot_dr.observability.logs import logger
from iot_dr.runtime.environment import read
from iot_dr.runtime.functions.failover import FailoverEnvironment, lead_of
from iot_dr.services.failover.take_lead import LeadOrder

BY = "the function fail_over"
WHY = "no reason was given"


def fail_over_handler(environ: Mapping[str, str] = os.environ) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the function: `{"why": "..."}` in, who leads by which order out; whatever keeps it from that is raised.

    An event of another kind, such as an alarm's, has no `why`; it is an order all the same.
    """
    lead = lead_of(read(FailoverEnvironment, environ))
    log = logger()

    def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        why = event.get("why")
        order = LeadOrder(Mode.PINNED, BY, why if isinstance(why, str) and why else WHY)
        taken = lead.take(lead.read(), order)
        answer = {"leader": taken.leadership.control.leader, "epoch": taken.epoch, "changed": taken.changed}
        log.warning("the Region leads", extra=answer)
        return answer

    return handle
