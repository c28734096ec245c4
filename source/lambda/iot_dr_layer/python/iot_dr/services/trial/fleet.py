"""Makes a trial's devices in the primary Region and removes them again; either may be repeated, and cut off anywhere.

What is made is known by name before it is made, certificates by their IDs too. So all of it can be removed, whatever
became of the call that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from iot_dr.errors import Conflict, NotReadyYet, TerminalError
from iot_dr.model.registry.changes import Create, Delete
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.registry.kinds import RELATIONS
from iot_dr.model.status.checks import first_names
from iot_dr.model.trials import Trial
from iot_dr.model.words import counted
from iot_dr.ports.registry import RegistryReader, RegistryWriter
from iot_dr.ports.shadows import ShadowStore
from iot_dr.services.rounds import Rounds
from iot_dr.services.single_resource import read_one

MAKING_SECONDS = 120
"""How long the making of one kind is tried again after AWS refused it for its rate."""

REMOVAL_SECONDS = 420
"""AWS deletes a policy up to five minutes after its detachment, and a type five minutes after its deprecation.

https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePolicy.html
"""

REMOVE_BY_HAND = "remove it in the console or by the AWS CLI"

_GOING = (
    (Kind.SHADOW, *RELATIONS),
    (Kind.CERTIFICATE, Kind.POLICY),
    (Kind.THING,),
    (Kind.THING_GROUP,),
    (Kind.THING_TYPE,),
)
"""The order of removal: a thing goes last of what belongs to a device, so that its event tells of all the rest."""


@dataclass(frozen=True)
class TrialFleet:
    """A trial, and the primary Region in which it is made."""

    trial: Trial
    region: str
    reader: RegistryReader
    writer: RegistryWriter
    shadows: ShadowStore
    rounds: Rounds

    def make(self) -> Mapping[Key, str]:
        """Make everything; return what could not be made, and why. Behind that, nothing was made.

        Raises:
            TerminalError: AWS refuses something for good.
        """
        keys = (*self.trial.entities, *self.trial.shadows)
        self.rounds.begin(f"Making {counted(len(self.trial.devices), 'device')} in {self.region}", len(keys))
        for _, of_a_kind in groupby(keys, key=lambda key: key.kind):
            if left := self.rounds.until_all(of_a_kind, self._make, MAKING_SECONDS):
                return left
        return {}

    def remove(self) -> Mapping[Key, str]:
        """Remove everything; what is not there is success. Return what stays, and why."""
        keys = [*self.trial.entities, *self.trial.shadows]
        self.rounds.begin(f"Removing them from {self.region}", len(keys))
        left: dict[Key, str] = {}
        for kinds in _GOING:
            going = [key for key in keys if key.kind in kinds]
            # One that AWS refuses to remove must not keep the others.
            left |= self.rounds.until_all(going, self._remove, REMOVAL_SECONDS, hopeless=(TerminalError,))
        return left

    def withdraw(self) -> None:
        """Remove what an interrupted run has made; the secondary Region follows by itself.

        Raises:
            NotReadyYet: something stays; the message names it.
        """
        if left := self.remove():
            raise NotReadyYet(f"not removed from {self.region}: {reasons_text(left)}; {REMOVE_BY_HAND}")

    def _make(self, key: Key) -> str:
        if key.kind is Kind.SHADOW:
            self.shadows.make(key)
            found = self.shadows.shadow(key)
            self.shadows.update(key, self.trial.shadows[key], found.version if found else 0)
            return ""
        try:
            self.writer.write(Create(self.trial.entities[key], self.trial.name))
        except Conflict:
            # Its name is nobody else's: an earlier attempt, whose answer was lost, made it.
            return "" if read_one(self.reader, key) else "refused as if it were there"
        return ""

    def _remove(self, key: Key) -> str:
        if key.kind is Kind.SHADOW:
            self.shadows.delete(key)
            return ""
        found = read_one(self.reader, key)
        if found is not None:
            self.writer.write(Delete(found, f"end of {self.trial.name}"))
        return ""


def reasons_text(reasons: Mapping[Key, str]) -> str:
    """Return the first reason in full, and of what else there is one."""
    first, reason = next(iter(reasons.items()))
    others = [str(key) for key in reasons if key != first]
    return f"{first}: {reason}" + (f"; also {first_names(others)}" if others else "")
