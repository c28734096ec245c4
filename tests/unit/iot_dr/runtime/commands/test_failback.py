"""A failback over the wire: where devices are followed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.model.failback.plan import FailbackChoices
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.fleets import FleetSize
from iot_dr.runtime.commands.failback import FailbackSettings, open_failback
from iot_dr.runtime.commands.failover import FleetEnvironment
from iot_dr.services.ordered import OrderPlace
from tests.account import LAUNCH, LEDGER, NAMES, Account, Unwatched, served
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

CONNECTED = {PRIMARY: 2, SECONDARY: 1}


def connected(request: Request) -> Answer | None:
    """Tell how many devices a Region has."""
    if not request.operation.startswith("POST /indices/statistics"):
        return None
    return Answer({"statistics": {"count": CONNECTED[request.region]}})


def test_devices_are_followed_to_the_old_primary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = Account(ReplicateShadows="none", CertificateMode="copy")
    account.answering = connected
    environment = FleetEnvironment(**NAMES, ledger_table=LEDGER, dynamodb_global_table=LAUNCH.global_table)
    settings = FailbackSettings(environment, FailbackChoices(), state=str(tmp_path), minutes=0, paced=False)
    place = OrderPlace("iot-dr failback", PRIMARY, SECONDARY, print, str(tmp_path))

    with (
        served(account, monkeypatch),
        open_failback(settings, place, Unwatched(), Unwatched(), lambda _seconds: None) as failback,
    ):
        moved = failback.moving(0)

    assert moved.devices == DeviceCounts(here=FleetSize(2), there=FleetSize(1))
