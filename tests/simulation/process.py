"""A process of the product: its calls of ports take time, meet faults, and end with it when it is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from iot_dr.errors import AccessDenied, IotDrError, NotReadyYet, RegionUnavailable, Throttled
from iot_dr.model.registry.changes import Delete, Update
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Thing
from tests.fakes import Killed, Writes
from tests.simulation.scheduler import Scheduler

TIME_OUT = 90_000
"""Milliseconds that a function of the product may run; Lambda ends it then."""

LATEST_LANDING = 50_000
"""Milliseconds after the death of its process, or after its answer was given up, by which a write has landed."""

KINDS_OF_FAULT = ("throttled", "unavailable", "lost", "timed out", "away", "refused", "killed", "slow")
WEIGHTS = (30, 15, 15, 6, 2, 2, 12, 18)

Given = TypeVar("Given")
Result = TypeVar("Result")
Call = Callable[[], Any]


@dataclass
class Faults:
    """What may go wrong with a call, and how often; none once the trouble is over.

    `late` has a write land after its caller was told that there is no answer; `kinds` are the only faults, if named.
    """

    rate: float = 0.0
    kills: bool = True
    late: bool = True
    kinds: tuple[str, ...] = ()
    over: bool = False

    def __post_init__(self) -> None:
        self.away_until: dict[str, int] = {}
        self.met = self.calls = 0

    def drawn(self, chance: Random) -> str:
        """Draw what a call meets; empty if nothing."""
        self.calls += 1
        if self.over or chance.random() >= self.rate:
            return ""
        fault = chance.choice(self.kinds) if self.kinds else chance.choices(KINDS_OF_FAULT, WEIGHTS)[0]
        if fault == "killed" and not self.kills:
            return ""
        self.met += 1
        return fault


Seen = Callable[[int, str, str, tuple[Any, ...], Call], Any]
"""Makes a call's effect, for whoever watches: when its process began, side, operation, arguments, effect."""

Told = Callable[["Process", str, tuple[Any, ...], Any], None]
"""Writes a line of the story: process, call, arguments, answer or fault."""


class Process:
    """One running invocation after the other, of a function or a command; what it starts dies with it."""

    def __init__(self, name: str, scheduler: Scheduler, faults: Faults, seen: Seen, told: Told) -> None:
        self.name = name
        self.began = 0
        self.parallel = True
        self._scheduler, self._faults, self._seen, self._told = scheduler, faults, seen, told
        self._chance = scheduler.chance
        self._run, self._pace = 0, 1
        self._actors: list[greenlet] = []
        self._under_way: dict[greenlet, Call] = {}
        self.landing = 0

    # What whoever starts it does

    def start(
        self,
        work: Callable[[], object],
        ended: Callable[[BaseException | None], None],
        longest: int = TIME_OUT,
    ) -> None:
        """Run once; `ended` is told None, or what ended it: an error of the product, or Killed."""
        self._run += 1
        run, self.began = self._run, self._scheduler.now
        # Now and then one is slow in all that it does, so that others overtake it.
        self._pace = 1 if self._chance.random() < 0.85 else self._chance.choice((5, 20, 60))

        def body() -> None:
            error: BaseException | None = None
            try:
                work()
            except (IotDrError, Killed) as raised:
                error = raised
            if run == self._run:
                self._run += 1
                self._actors, self._under_way = [], {}
                ended(error)

        def killed() -> None:
            if run == self._run:
                self._told(self, "killed", (), "")
                self._die()
                ended(Killed())

        self._kill = killed
        self._actors = [self._scheduler.spawn(body)]
        self._scheduler.after(longest, killed)

    def _die(self) -> None:
        self._run += 1
        actors, self._actors = self._actors, []
        under_way, self._under_way = self._under_way, {}
        for effect in under_way.values():
            if self._chance.random() < 0.5:
                self._land(effect)
        for actor in actors:
            # One that has not begun hands it on to whoever throws.
            with suppress(Killed):
                actor.throw(Killed)

    def _land(self, effect: Call) -> None:
        """Have a write reach AWS though nobody waits for its answer any more."""
        draw = self._chance.random()
        self.landing += 1

        def land() -> None:
            self.landing -= 1
            with suppress(IotDrError):
                effect()

        self._scheduler.after(int(5_000 * draw if draw < 0.9 else LATEST_LANDING * draw), land)

    # What the product uses

    def port(self, side: str, target: Any, protocol: type) -> Any:
        """Return a port of this process."""
        names = [name for name in dir(protocol) if not name.startswith("_")]
        return _Port(self, side, target, names)

    def together(self, function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
        """Apply to all at the same time, and raise the first error when all have ended, as the threads do."""
        listed = list(items)
        if len(listed) < 2 or not self.parallel:
            return [function(item) for item in listed]
        results: list[Any] = [None] * len(listed)
        errors: list[BaseException | None] = [None] * len(listed)
        waiting, left = getcurrent(), len(listed)
        parked = False

        def work(index: int) -> None:
            nonlocal left
            try:
                results[index] = function(listed[index])
            except IotDrError as error:
                errors[index] = error
            except Killed:
                return
            left -= 1
            if not left and parked:
                self._scheduler.after(0, waiting.switch)

        for index in range(len(listed)):
            self._actors.append(self._scheduler.spawn(partial(work, index)))
        parked = True
        self._scheduler.park()
        for error in errors:
            if error is not None:
                raise error
        return results

    def call(self, side: str, operation: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Make a call: it takes time, and whatever may happen to it happens."""
        chance, wait = self._chance, self._scheduler.wait
        fault = self._faults.drawn(chance)
        effect = partial(self._seen, self.began, side, operation, arguments, partial(method, *arguments, **named))
        writes = side in WRITTEN
        if writes:
            self._under_way[getcurrent()] = effect
        draw = chance.random()
        wait(self._pace * (2 + int(40 * draw)) if draw < 0.97 else int(100 * 50 ** chance.random()))
        region = REGIONS[side]
        if self._faults.away_until.get(region, 0) > self._scheduler.now and not self._faults.over:
            fault = "unavailable"
        if fault:
            self._meet(fault, f"{side}.{operation}", arguments, effect, region)
        if writes:
            self._under_way.pop(getcurrent(), None)
        try:
            answer = effect()
        except IotDrError as error:
            self._told(self, f"{side}.{operation}", arguments, error)
            raise
        self._told(self, f"{side}.{operation}", arguments, answer)
        if fault == "lost":
            self._told(self, f"{side}.{operation}", arguments, "the answer is lost")
            raise RegionUnavailable("no answer")
        if draw > 0.7:
            wait(1 + int(100 * (draw - 0.7)))
        return answer

    def _meet(self, fault: str, name: str, arguments: tuple[Any, ...], effect: Call, region: str) -> None:
        """Raise what a call meets, unless it gets through."""
        if fault in ("lost", "slow"):
            self._scheduler.wait(int(1_000 * 40 ** self._chance.random()) if fault == "slow" else 1)
            return
        self._told(self, name, arguments, fault)
        if fault == "killed":
            self._scheduler.after(0, self._kill)
            self._scheduler.park()
        given_up = self._under_way.pop(getcurrent(), None)
        if fault == "away":
            self._faults.away_until[region] = self._scheduler.now + int(1_000 * 120 ** self._chance.random())
        if fault == "timed out":
            self._scheduler.wait(10_000)
            if given_up is not None and self._chance.random() < 0.7:
                self._given_up(effect)
        if fault == "throttled":
            raise Throttled("slow down")
        if fault == "refused":
            raise AccessDenied("no right")
        raise RegionUnavailable("no answer")

    def _given_up(self, effect: Call) -> None:
        if self._faults.late and self._chance.random() < 0.2:
            self._land(effect)
        else:
            with suppress(IotDrError):
                effect()


class _Port:
    """A port whose calls are a process's."""

    def __init__(self, process: Process, side: str, target: Any, names: Iterable[str]) -> None:
        for name in names:
            method = getattr(target, name, None)
            if method is not None:
                setattr(self, name, partial(process.call, side, name, method))


WRITTEN = frozenset(
    {
        "writer",
        "ledger",
        "notes",
        "shadow copies",
        "workflow",
        "fence",
        "fence there",
        "orders",
        "orders there",
        "old primary",
        "old shadows",
        "leader",
        "bases",
    }
)
"""Sides whose calls may land after their process has died."""

REGIONS = {
    "primary": "primary",
    "primary shadows": "primary",
    "secondary": "secondary",
    "writer": "secondary",
    "shadow copies": "secondary",
    "ledger": "tables",
    "notes": "tables",
    "control": "tables",
    "fence": "tables",
    "orders": "tables",
    "control there": "primary",
    "fence there": "primary",
    "orders there": "primary",
    "old primary": "primary",
    "old shadows": "primary",
    "leader": "secondary",
    "bases": "tables",
    "names": "names",
    "workflow": "tables",
}
"""What is away together."""


class SteppingWriter(Writes):
    """A Region's writer, which makes several calls of AWS where the adapter does; between them others go on."""

    def __init__(self, process: Process, registry: Any, side: str = "writer") -> None:
        self.create = partial(process.call, side, "create", registry.create)
        self._update = partial(process.call, side, "update", registry.update)
        self._delete = partial(process.call, side, "delete", registry.delete)

    def update(self, change: Update) -> None:
        """Update a thing and then its billing group; anything else at once."""
        wanted, found = change.desired, change.actual
        if isinstance(wanted, Thing) and isinstance(found, Thing) and wanted.billing_group != found.billing_group:
            own = replace(wanted, billing_group=found.billing_group)
            if own != found:
                self._update(replace(change, desired=own))
            self._update(replace(change, actual=replace(own, version=found.version)))
        else:
            self._update(change)

    def delete(self, change: Delete) -> None:
        """Make a certificate inactive before it is deleted; anything else at once."""
        gone = change.actual
        if isinstance(gone, Certificate) and gone.status is CertificateStatus.ACTIVE:
            # The adapter takes it for success that there is none any more.
            with suppress(NotReadyYet):
                self._update(Update(replace(gone, status=CertificateStatus.INACTIVE), gone, "to be deleted"))
        self._delete(change)
