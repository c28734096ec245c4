"""Waits until a trial's devices have crossed to the secondary Region, and until nothing of them is left there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iot_dr.model.registry.keys import SHADOW_KINDS, Key, Kind
from iot_dr.model.registry.kinds import RELATIONS
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.sites import Direction
from iot_dr.model.trials import Trial, TrialDevice
from iot_dr.ports.registry import RegistryReader
from iot_dr.ports.replication import Workflow
from iot_dr.ports.shadows import ShadowReader
from iot_dr.reconcile.plan import plan
from iot_dr.reconcile.translate import translate
from iot_dr.services.replication.scopes import ScopeReader
from iot_dr.services.rounds import Rounds
from iot_dr.services.single_resource import read_one

ASKED_AFTER = 20
"""Seconds after which a run asks for checks what is left in the secondary.

A deleted certificate or policy raises no event. Mostly its thing's event has it deleted; else it is checked a minute
or two later, or the sweep finds it within `SweepMinutes`: the same requests.
"""

TYPE_SECONDS = 600
"""How much longer a type takes to leave the secondary, where the five minutes count from its deprecation there."""


@dataclass(frozen=True)
class CrossingPlace:
    """What one Region is asked through."""

    region: str
    registry: RegistryReader
    shadows: ShadowReader


@dataclass(frozen=True)
class Crossed:
    """Which devices are in the secondary with all that they have, in how many seconds, and why others are not."""

    devices: tuple[TrialDevice, ...]
    seconds: float
    left: Mapping[Key, str]


@dataclass(frozen=True)
class Followed:
    """What the secondary still has of a trial and why, after how many seconds, and how many checks were asked for."""

    left: Mapping[Key, str]
    seconds: float
    asked: int
    keys: int


class Crossing:
    """One trial between two Regions."""

    def __init__(  # noqa: PLR0913  # by keyword, from those that run a trial
        self,
        trial: Trial,
        *,
        direction: Direction,
        primary: CrossingPlace,
        secondary: CrossingPlace,
        workflow: Workflow,
        rounds: Rounds,
        seconds: float,
    ) -> None:
        self._trial, self._direction = trial, direction
        self._primary, self._secondary = primary, secondary
        self._workflow, self._rounds, self._seconds = workflow, rounds, seconds
        self._scopes = ScopeReader(primary.registry, secondary.registry, direction)

    def crossed(self) -> Crossed:
        """Wait until the secondary has everything."""
        devices = {device.key: device for device in self._trial.devices}
        self._rounds.begin(f"Waiting for them in {self._secondary.region}", len(devices))
        began = self._rounds.clock()
        times: list[float] = []

        def check(key: Key) -> str:
            # One call, until there is anything to compare.
            if not self._secondary.registry.principals_of_thing(key.name):
                return f"{self._secondary.region} has no such thing with a certificate"
            found = self.differences(devices[key])
            if not found:
                times.append(self._rounds.clock() - began)
            return "; ".join(f"{other}: {reason}" for other, reason in found.items())

        left = self._rounds.until_all(devices, check, self._seconds)
        crossed = tuple(device for key, device in devices.items() if key not in left)
        return Crossed(crossed, max(times, default=0.0), left)

    def differences(self, device: TrialDevice) -> Mapping[Key, str]:
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

    def followed(self, staying: Iterable[Key]) -> Followed:
        """Wait until the secondary has nothing of the trial left but what stays in the primary."""
        keys = [key for key in (*self._trial.entities, *self._trial.shadows) if key.kind not in RELATIONS]
        kept = frozenset(staying)
        keys = [key for key in keys if key not in kept]
        self._rounds.begin(f"Waiting until nothing is left in {self._secondary.region}", len(keys))
        began = self._rounds.clock()
        seconds = self._seconds + (TYPE_SECONDS if any(key.kind is Kind.THING_TYPE for key in keys) else 0)
        left = self._rounds.until_all(keys, self._gone, min(ASKED_AFTER, seconds))
        asked = [ReconcileRequest(key) for key in left if key.kind not in SHADOW_KINDS]
        if asked:
            self._workflow.start(asked)
        if left:
            left = self._rounds.until_all(left, self._gone, seconds)
        return Followed(left, self._rounds.clock() - began, len(asked), len(keys))

    def _gone(self, key: Key) -> str:
        place = self._secondary
        found = place.shadows.shadow(key) if key.kind is Kind.SHADOW else read_one(place.registry, key)
        return "" if found is None else "still there"
