"""How long a device takes to cross: from its last provisioning call's answer to its being complete in the secondary."""

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.fleet import Device

_PAUSE = 0.02


@dataclass(frozen=True)
class Lag:
    """Seconds over a fleet."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """Half of the devices were faster."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """One in twenty was slower."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]

    @property
    def longest(self) -> float:
        """The slowest device."""
        return max(self.seconds)


def is_complete(iot: Any, device: Device) -> bool:
    """Whether a Region has the device whole: thing, type, certificate, policy, attachments."""
    try:
        thing = iot.describe_thing(thingName=device.thing_name)
        principals = iot.list_thing_principals(thingName=device.thing_name)["principals"]
    except iot.exceptions.ResourceNotFoundException:
        return False
    certificates = [arn for arn in principals if arn.endswith(device.identity.certificate_id)]
    if (
        not certificates
        or thing.get("thingTypeName") != device.thing_type
        or (thing.get("attributes") or {}) != dict(device.attributes)
    ):
        return False
    try:
        status = iot.describe_certificate(certificateId=device.identity.certificate_id)["certificateDescription"][
            "status"
        ]
        attached = iot.list_attached_policies(target=certificates[0])["policies"]
    except iot.exceptions.ResourceNotFoundException:
        return False
    return status == "ACTIVE" and device.policy_name in [policy["policyName"] for policy in attached]


class LagWatch:
    """Looks for each device in the secondary, on a thread beside the provisioning; a `with` block around that.

    Devices are checked in the order in which they were made, so that checking costs little; a device that crosses
    before an older one is noted when that one has.
    """

    def __init__(self, secondary: Any) -> None:
        self._iot = secondary
        self._waiting: list[tuple[Device, float]] = []
        self._seconds: dict[str, float] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._watch, name="lag-watch", daemon=True)

    def made(self, device: Device) -> None:
        """The device's last provisioning call has just answered."""
        with self._changed:
            self._waiting.append((device, time.monotonic()))
            self._changed.notify_all()

    def wait(self, seconds: float) -> list[str]:
        """Wait until all have crossed; names of those that have not."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, seconds)
            return [device.thing_name for device, _ in self._waiting]

    @property
    def lag(self) -> Lag:
        """Of the devices that have crossed."""
        return Lag(list(self._seconds.values()))

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if self._ended:
                    return
                device, made = self._waiting[0]
            if is_complete(self._iot, device):
                with self._changed:
                    self._seconds[device.thing_name] = time.monotonic() - made
                    self._waiting.pop(0)
                    self._changed.notify_all()
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._ended, _PAUSE)

    def __enter__(self) -> "LagWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
