"""Wires the status: the ledger and the registry of the secondary Region to `services.status`."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.aws.clients import client
from iot_dr.aws.ledger_status import AttachedCertificates, LedgerStatus
from iot_dr.model.keys import Key
from iot_dr.services.status import Backlog, Progress, Standing, backlog, standing


@dataclass(frozen=True)
class StatusEnvironment:
    """The variables of `toolsrc` that tell where the ledger lies."""

    secondary_region: str
    ledger_table: str


def status_of(key: Key, environment: StatusEnvironment) -> Standing:
    """Return how one resource stands."""
    certificates = AttachedCertificates(client("iot", environment.secondary_region))
    return standing(key, _ledger(environment), certificates.of)


def status_of_all(environment: StatusEnvironment, progress: Progress) -> Backlog:
    """Return what waits."""
    return backlog(_ledger(environment), progress)


def _ledger(environment: StatusEnvironment) -> LedgerStatus:
    return LedgerStatus(client("dynamodb", environment.secondary_region), environment.ledger_table)
