"""Measures once a minute how replication stands: what waits, what is held, and whether both control items agree.

Events and sweeps count what they do. What stands still is counted by nobody, so it is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.errors import InvalidResource, IotDrError
from iot_dr.ports.failover import ControlReader
from iot_dr.ports.ledger import LedgerGauges


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        waiting: resources that wait for another try.
        held: resources that are held because the target leads.
        unequal: whether the Regions' control items differ or one is garbled; None if a Region does not answer.
    """

    waiting: int
    held: int
    unequal: bool | None


def measure(ledger: LedgerGauges, here: ControlReader, there: ControlReader) -> Measured:
    """Measure; the other Region may be away.

    Raises:
        RetryableError: the ledger cannot be read now.
    """
    return Measured(ledger.number_waiting(), ledger.number_held(), _unequal(here, there))


def _unequal(here: ControlReader, there: ControlReader) -> bool | None:
    try:
        return here.control() != there.control()
    except InvalidResource:
        return True
    except IotDrError:
        return None
