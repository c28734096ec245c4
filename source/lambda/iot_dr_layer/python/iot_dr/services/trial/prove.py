"""Prove an installation: make devices in the primary Region, see everything of them arrive, use them, take them away.

The trial's devices are a fleet like any other, so what is proved is the whole path: events, tables, functions,
workflow, rights. Nothing is copied by this run itself. Whatever ends it, what it made is removed from the primary
Region, and replication removes it from the secondary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from iot_dr.errors import AccessDenied
from iot_dr.model.registry.keys import Key, Kind, plural
from iot_dr.model.sites import Direction
from iot_dr.model.status.checks import Check, Level, failure, ok
from iot_dr.model.trials import TrialDevice
from iot_dr.model.words import counted
from iot_dr.ports.health import MqttProbe
from iot_dr.ports.replication import Workflow
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.crossing import Crossing, CrossingPlace
from iot_dr.services.trial.fleet import REMOVE_BY_HAND, TrialFleet, reasons_text

MQTT_SECONDS = 10.0
"""For one round trip, connecting included."""

MQTT_PATIENCE = 60
"""How long a device is tried that is refused: AWS caches certificates and policies for a while."""


@dataclass(frozen=True)
class Place(CrossingPlace):
    """What one Region is asked through, and where devices connect."""

    mqtt: MqttProbe


class Proof:
    """One run."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        direction: Direction,
        primary: Place,
        secondary: Place,
        fleet: TrialFleet,
        workflow: Workflow,
        rounds: Rounds,
        seconds: float,
        new_nonce: Callable[[], str],
    ) -> None:
        self._trial = fleet.trial
        self._primary, self._secondary = primary, secondary
        self._fleet = fleet
        self._rounds = rounds
        self._seconds = seconds
        self._new_nonce = new_nonce
        self._crossing = Crossing(
            fleet.trial,
            direction=direction,
            primary=primary,
            secondary=secondary,
            workflow=workflow,
            rounds=rounds,
            seconds=seconds,
        )

    def run(self) -> tuple[Check, ...]:
        """Make the devices, check them, remove them, and return one check for each thing that was to be proved.

        Raises:
            IotDrError: AWS refuses what the run needs; what it had made is removed.
        """
        with ExitStack() as undo:
            undo.callback(self._fleet.withdraw)
            checks = [*self._lived(), *self._ended()]
            undo.pop_all()
        return tuple(checks)

    def _lived(self) -> Iterator[Check]:
        made = self._made()
        yield made
        if made.level is Level.FAILURE:
            return
        crossing, crossed = self._crossed()
        yield crossing
        yield from self._compared()
        yield self._connected(self._primary, self._trial.devices)
        yield self._connected(self._secondary, crossed)

    # Make

    def _made(self) -> Check:
        number, began = len(self._trial.devices), self._rounds.clock()
        left = self._fleet.make()
        if left:
            found = f"not in {self._primary.region}: {reasons_text(left)}"
            return failure("devices made", found, "see why the primary Region refuses it", map(str, left))
        seconds = self._rounds.clock() - began
        return ok("devices made", f"{number} in {self._primary.region}, {_pace(number, seconds)}")

    # Cross

    def _crossed(self) -> tuple[Check, tuple[TrialDevice, ...]]:
        """Wait until the secondary has everything, and return the devices of which that is so."""
        found, number = self._crossing.crossed(), len(self._trial.devices)
        crossed = len(found.devices)
        if found.left:
            text = f"{crossed} of {number} after {self._seconds:.0f} s; {reasons_text(found.left)}"
            return failure("devices crossed", text, "run `iot-dr doctor`", map(str, found.left)), found.devices
        return ok("devices crossed", f"{crossed} to {self._secondary.region}, {_pace(crossed, found.seconds)}"), (
            found.devices
        )

    # Compare

    def _compared(self) -> Iterator[Check]:
        """Read everything of both Regions once more, now that nothing is under way."""
        self._rounds.begin("Comparing both Regions", len(self._trial.devices))
        differing: dict[Kind, dict[Key, str]] = defaultdict(dict)
        for found in self._rounds.each(self._crossing.differences, self._trial.devices):
            for key, reason in found.items():
                differing[key.kind][key] = reason
        wanted: dict[Kind, int] = defaultdict(int)
        for key in (*self._trial.entities, *self._trial.shadows):
            wanted[key.kind] += 1
        for kind, number in wanted.items():
            name, unlike = plural(kind), differing[kind]
            if unlike:
                text = f"{len(unlike)} of {number} differ: {reasons_text(unlike)}"
                yield failure(name, text, "run `iot-dr doctor`", map(str, unlike))
            else:
                yield ok(name, f"{number} of {number} the same in both Regions")

    # Use

    def _connected(self, place: Place, devices: Iterable[TrialDevice]) -> Check:
        name = f"MQTT in {place.region}"
        credentials = {device.key: device.credentials for device in devices}
        number, wanted = len(credentials), len(self._trial.devices)
        if not credentials:
            return failure(name, "not tried: no device is there", "see to the devices that did not cross")

        def check(key: Key) -> str:
            nonce = self._new_nonce()
            try:
                received = place.mqtt.round_trip(credentials[key], nonce, MQTT_SECONDS)
            except AccessDenied as error:
                # Perhaps only not yet: AWS caches.
                return str(error)
            return "" if received == nonce else "another message came back than was sent"

        self._rounds.begin(f"Publishing and subscribing in {place.region}", number)
        left = self._rounds.until_all(credentials, check, MQTT_PATIENCE)
        if left:
            mend = "compare certificate and policy, then this machine's way to the endpoint (port 8883)"
            return failure(name, f"{number - len(left)} of {wanted}; {reasons_text(left)}", mend, map(str, left))
        if number < wanted:
            return failure(name, f"{number} of {wanted}; the others are not there", "see to those that did not cross")
        return ok(name, f"{number} of {number} published, and received what they published")

    # Remove

    def _ended(self) -> Iterator[Check]:
        left = self._fleet.remove()
        name, number = f"removed from {self._primary.region}", len(self._trial.entities) + len(self._trial.shadows)
        if left:
            yield failure(name, f"{len(left)} of {number} stay: {reasons_text(left)}", REMOVE_BY_HAND, map(str, left))
        else:
            yield ok(name, f"all {counted(number, 'resource or relation', 'resources and relations')}")
        yield self._followed(left)

    def _followed(self, staying: Mapping[Key, str]) -> Check:
        """Wait until the secondary has nothing of it left."""
        name, found = f"gone from {self._secondary.region}", self._crossing.followed(staying)
        if found.left:
            text = f"{len(found.left)} of {found.keys} stay after {found.seconds:.0f} s: {reasons_text(found.left)}"
            return failure(name, text, "see `iot-dr status`; the sweep removes what is left", map(str, found.left))
        helped = f"; checks {found.asked} of them were asked for, as the sweep does" if found.asked else ""
        return ok(name, f"nothing is left of {counted(found.keys, 'resource')} after {found.seconds:.1f} s{helped}")


def _pace(number: int, seconds: float) -> str:
    """Return how long it took.

    >>> _pace(30, 12.0), _pace(1, 0.0)
    ('12.0 s, 2.5 a second', '0.0 s')
    """
    return f"{seconds:.1f} s" + (f", {number / seconds:.1f} a second" if seconds else "")
