"""Two Regions in memory between which a trial's devices cross, as far and as late as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from iot_dr.errors import AccessDenied, IotDrError
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Entity
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.trials import Trial, device_names, make_trial
from iot_dr.reconcile.translate import translate
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.fleet import TrialFleet
from iot_dr.services.trial.prove import Place, Proof
from tests.builders import ACCOUNT, PRIMARY, REGIONS, SECONDARY
from tests.fakes import FakeClock, InMemoryRegistry, Writes
from tests.shadow_fakes import InMemoryShadows

ALL_SHADOWS = ShadowSelection()


def credentials(name: str) -> ProbeCredentials:
    """A key and certificate that nobody can use."""
    return ProbeCredentials(name, f"id-of-{name}", f"certificate of {name}", f"key of {name}")


def a_trial(
    number: int = 2, *, with_type: bool = False, shadows: ShadowSelection = ALL_SHADOWS, name: str = "trial"
) -> Trial:
    """A trial of some devices."""
    held = [credentials(device) for device in device_names(name, number)]
    return make_trial(name, held, region=PRIMARY, account=ACCOUNT, shadows=shadows, with_type=with_type)


class Mqtt:
    """An endpoint that lets in who has an active certificate with a policy in its Region."""

    def __init__(self, registry: InMemoryRegistry) -> None:
        self._registry = registry
        self.refusals = 0
        self.answer: Callable[[str], str] = lambda nonce: nonce

    def round_trip(self, held: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        """Answer, unless it is to refuse."""
        assert timeout_seconds > 0
        found = self._registry.certificate(held.certificate_id)
        allowed = self._registry.policies_of(f"cert/{held.certificate_id}")
        if self.refusals or not allowed or not isinstance(found, Certificate):
            self.refusals -= 1
            raise AccessDenied("the endpoint refused the certificate")
        assert found.status is CertificateStatus.ACTIVE
        return self.answer(nonce)


@dataclass
class Seen:
    """What was shown to whoever watches."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    done: int = 0

    def begin(self, stage: str, total: int) -> None:
        """Begin with a stage."""
        self.stages.append((stage, total))
        self.done = 0

    def advance(self, number: int) -> None:
        """Count."""
        self.done += number


class World:
    """Two Regions. While somebody waits, what `crosses` lets through is replicated, and removed unless it `stays`."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.clock = FakeClock()
        self.primary, self.secondary = InMemoryRegistry(self.clock), InMemoryRegistry(self.clock)
        self.primary_shadows, self.secondary_shadows = InMemoryShadows(self.clock), InMemoryShadows(self.clock)
        self.in_primary, self.in_secondary = Mqtt(self.primary), Mqtt(self.secondary)
        self.seen = Seen()
        self.asked: list[Key] = []
        self.crosses: Callable[[Entity], Entity | None] = lambda entity: entity
        self.stays: Callable[[Key], bool] = lambda key: False
        self.on_pause: Callable[[], None] = lambda: None

    @property
    def rounds(self) -> Rounds:
        """Waiting that lets replication go on."""
        return Rounds(lambda: self.clock() / 1000, self._pause, self.seen)

    @property
    def fleet(self) -> TrialFleet:
        """The trial in the primary."""
        return TrialFleet(self.trial, PRIMARY, self.primary, self.primary, self.primary_shadows, self.rounds)

    def proof(self, seconds: float = 60) -> Proof:
        """A run."""
        return Proof(
            fleet=self.fleet,
            direction=REGIONS,
            primary=Place(PRIMARY, self.primary, self.primary_shadows, self.in_primary),
            secondary=Place(SECONDARY, self.secondary, self.secondary_shadows, self.in_secondary),
            workflow=self,
            rounds=self.rounds,
            seconds=seconds,
            new_nonce=lambda: "nonce",
        )

    @property
    def left(self) -> set[Key]:
        """Whatever either Region still has."""
        shadows = {*self.primary_shadows.documents, *self.secondary_shadows.documents}
        return {*self.primary.entities, *self.secondary.entities, *shadows}

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Be asked for requests."""
        self.asked += [request.key for request in requests]

    def replicate(self) -> None:
        """Make the secondary what the primary is, as far as it may."""
        wanted = [crossed for one in self.primary.entities.values() if (crossed := self.crosses(one)) is not None]
        gone = [key for key in self.secondary.entities if key not in self.primary.entities and not self.stays(key)]
        types = [key for key in gone if key.kind is Kind.THING_TYPE]
        self.secondary.remove(*(key for key in gone if key not in types))
        self.secondary.remove(*types)
        self.secondary.put(*(translate(entity, REGIONS) for entity in wanted))
        for key, document in self.primary_shadows.documents.items():
            self.secondary_shadows.become(key, document)
        for key in self.secondary_shadows.documents.keys() - self.primary_shadows.documents.keys():
            self.secondary_shadows.delete(key)

    def _pause(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.on_pause()
        self.replicate()


class FailingWriter(Writes):
    """Refuses creations of one kind, some times, before it does what the registry does."""

    def __init__(self, registry: InMemoryRegistry, kind: Kind, error: IotDrError, times: int) -> None:
        self._registry, self._kind, self._error, self._times = registry, kind, error, times
        self.delete, self.update = registry.delete, registry.update

    def create(self, change: Create) -> None:
        """Refuse or make."""
        if change.key.kind is self._kind and self._times:
            self._times -= 1
            raise self._error
        self._registry.create(change)
