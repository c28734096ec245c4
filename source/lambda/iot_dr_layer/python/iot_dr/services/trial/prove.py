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
from iot_dr.model.registry.keys import SHADOW_KINDS, Key, Kind, plural
from iot_dr.model.registry.kinds import RELATIONS
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sites import Direction
from iot_dr.model.status.checks import Check, Level, failure, ok
from iot_dr.model.trials import TrialDevice
from iot_dr.model.words import counted
from iot_dr.ports.health import MqttProbe
from iot_dr.ports.registry import RegistryReader
from iot_dr.ports.replication import Workflow
from iot_dr.ports.shadows import ShadowReader
from iot_dr.reconcile.plan import plan
from iot_dr.reconcile.translate import translate
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.rounds import Rounds
from iot_dr.services.single_resource import read_one
from iot_dr.services.trial.fleet import REMOVE_BY_HAND, TrialFleet, reasons_text

MQTT_SECONDS = 10.0
"""For one round trip, connecting included."""

MQTT_PATIENCE = 60
"""How long a device is tried that is refused: AWS caches certificates and policies for a while."""

ASKED_AFTER = 20
"""Seconds after which this run asks for checks what is left in the secondary.

A deleted certificate or policy raises no event. Mostly its thing's event has it deleted; else it is checked a minute
or two later, or the sweep finds it within `SweepMinutes`: the same requests.
"""

TYPE_SECONDS = 600
"""How much longer a type takes to leave the secondary, where the five minutes count from its deprecation there."""


@dataclass(frozen=True)
class Place:
    """What one Region is asked through."""

    region: str
    registry: RegistryReader
    shadows: ShadowReader
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
        self._direction = direction
        self._primary, self._secondary = primary, secondary
        self._fleet = fleet
        self._workflow = workflow
        self._rounds = rounds
        self._seconds = seconds
        self._new_nonce = new_nonce
        self._scopes = ScopeReader(primary.registry, secondary.registry, direction)

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
        devices = {device.key: device for device in self._trial.devices}
        self._rounds.begin(f"Waiting for them in {self._secondary.region}", len(devices))
        began = self._rounds.clock()
        times: list[float] = []

        def check(key: Key) -> str:
            # One call, until there is anything to compare.
            if not self._secondary.registry.principals_of_thing(key.name):
                return f"{self._secondary.region} has no such thing with a certificate"
            found = self._differences(devices[key])
            if not found:
                times.append(self._rounds.clock() - began)
            return "; ".join(f"{other}: {reason}" for other, reason in found.items())

        left = self._rounds.until_all(devices, check, self._seconds)
        crossed = tuple(device for key, device in devices.items() if key not in left)
        if left:
            found = f"{len(crossed)} of {len(devices)} after {self._seconds:.0f} s; {reasons_text(left)}"
            return failure("devices crossed", found, "run `iot-dr doctor`", map(str, left)), crossed
        found = f"{len(crossed)} to {self._secondary.region}, {_pace(len(crossed), max(times, default=0.0))}"
        return ok("devices crossed", found), crossed

    # Compare

    def _compared(self) -> Iterator[Check]:
        """Read everything of both Regions once more, now that nothing is under way."""
        self._rounds.begin("Comparing both Regions", len(self._trial.devices))
        differing: dict[Kind, dict[Key, str]] = defaultdict(dict)
        for found in self._rounds.each(self._differences, self._trial.devices):
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

    def _differences(self, device: TrialDevice) -> Mapping[Key, str]:
        """Return in what the Regions differ of one device, and in what the primary holds something else than was made.

        Raises:
            RetryableError: a Region does not answer.
        """
        scope = self._scopes.read(device.key, needs=True)
        found = {change.key: change.reason for change in plan(scope.desired, scope.actual)}
        for entity in device.entities:
            if scope.desired.entities.get(entity.key) != translate(entity, self._direction):
                found.setdefault(entity.key, f"not as it was made in {self._primary.region}")
        for key, document in device.shadows.items():
            for place in (self._primary, self._secondary):
                shadow = place.shadows.shadow(key)
                if shadow is None:
                    found.setdefault(key, f"missing in {place.region}")
                elif shadow.document != document:
                    found.setdefault(key, f"the document differs in {place.region}")
        return found

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
        name = f"gone from {self._secondary.region}"
        keys = [key for key in (*self._trial.entities, *self._trial.shadows) if key.kind not in RELATIONS]
        keys = [key for key in keys if key not in staying]
        self._rounds.begin(f"Waiting until nothing is left in {self._secondary.region}", len(keys))
        began = self._rounds.clock()
        seconds = self._seconds + (TYPE_SECONDS if any(key.kind is Kind.THING_TYPE for key in keys) else 0)
        left = self._rounds.until_all(keys, self._gone, min(ASKED_AFTER, seconds))
        asked = [ReconcileRequest(key) for key in left if key.kind not in SHADOW_KINDS]
        if asked:
            self._workflow.start(asked)
        if left:
            left = self._rounds.until_all(left, self._gone, seconds)
        spent = self._rounds.clock() - began
        if left:
            found = f"{len(left)} of {len(keys)} stay after {spent:.0f} s: {reasons_text(left)}"
            return failure(name, found, "see `iot-dr status`; the sweep removes what is left", map(str, left))
        helped = f"; checks {len(asked)} of them were asked for, as the sweep does" if asked else ""
        return ok(name, f"nothing is left of {counted(len(keys), 'resource')} after {spent:.1f} s{helped}")

    def _gone(self, key: Key) -> str:
        place = self._secondary
        found = place.shadows.shadow(key) if key.kind is Kind.SHADOW else read_one(place.registry, key)
        return "" if found is None else "still there"


def _pace(number: int, seconds: float) -> str:
    """Return how long it took.

    >>> _pace(30, 12.0), _pace(1, 0.0)
    ('12.0 s, 2.5 a second', '0.0 s')
    """
    return f"{seconds:.1f} s" + (f", {number / seconds:.1f} a second" if seconds else "")
