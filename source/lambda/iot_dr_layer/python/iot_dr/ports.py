"""What the services need from the outside, as protocols; `aws/` implements them, the tests' fakes too.

Every method raises only `iot_dr.errors`. Not found on a read is None or empty, said by AWS and never guessed;
already gone on a delete is success.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from iot_dr.model.changes import Create, Delete, Update
from iot_dr.model.control import Control
from iot_dr.model.differences import Pair, Unreadable
from iot_dr.model.entities import BillingGroup, Certificate, Policy, Thing, ThingGroup, ThingPrincipal, ThingType
from iot_dr.model.keys import Key, Kind
from iot_dr.model.look_messages import LookMessage, Run
from iot_dr.model.looks import Look
from iot_dr.model.marks import Mark
from iot_dr.model.outcomes import LastRead, Outcome
from iot_dr.model.probes import ProbeCredentials
from iot_dr.model.questions import Answer, Call, Question
from iot_dr.model.regions import Side
from iot_dr.model.shadow_index import IndexCoverage
from iot_dr.model.shadows import Document, Shadow, ShadowNote, Source

Clock = Callable[[], int]
"""Tells the time in epoch milliseconds."""


class RegistryReader(Protocol):
    """Reads one Region's registry, one resource or one relation list at a time."""

    def thing(self, name: str) -> Thing | None:
        """Read a thing."""

    def thing_type(self, name: str) -> ThingType | None:
        """Read a thing type."""

    def thing_group(self, name: str) -> ThingGroup | None:
        """Read a thing group, static or dynamic."""

    def billing_group(self, name: str) -> BillingGroup | None:
        """Read a billing group."""

    def certificate(self, certificate_id: str) -> Certificate | None:
        """Read a certificate with its PEM."""

    def policy(self, name: str) -> Policy | None:
        """Read a policy's default version."""

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        """List the certificates attached to a thing; empty if there is no such thing."""

    def things_of_certificate(self, certificate_id: str, at_most: int | None = None) -> frozenset[ThingPrincipal]:
        """List the things that a certificate is attached to; empty if there is no such certificate.

        With `at_most` the list ends after so many, whichever they are: of a longer one nothing follows for the others.
        """

    def policies_of(self, target: str) -> frozenset[str]:
        """List the names of the policies attached to a certificate or group; empty if there is none."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""

    def groups_of_thing(self, thing: str) -> frozenset[str]:
        """List the names of the groups that a thing is in; empty if there is no such thing."""

    def things_of_group(self, name: str, at_most: int | None = None) -> frozenset[str]:
        """List the names of the things in a group itself, not in the groups below it; empty if there is no such group.

        Of a dynamic group they are what its query finds. With `at_most` the list ends after so many.
        """

    def things_of_billing_group(self, name: str) -> frozenset[str]:
        """List the names of the things in a billing group; empty if there is no such group."""


class RegistryLister(Protocol):
    """Lists one Region's registry page by page; what a list does not show, such as a PEM, is left empty.

    One entry that cannot be read does not keep the others from being listed.
    """

    def things(self) -> Iterator[Thing | Unreadable]:
        """List all things with attributes and type."""

    def thing_types(self) -> Iterator[ThingType | Unreadable]:
        """List all thing types."""

    def certificates(self) -> Iterator[Certificate | Unreadable]:
        """List all certificates with their status."""

    def policy_names(self) -> Iterator[str]:
        """List the names of all policies."""

    def thing_group_names(self) -> Iterator[str]:
        """List the names of all thing groups, static and dynamic."""

    def billing_group_names(self) -> Iterator[str]:
        """List the names of all billing groups."""

    def targets_of(self, policy: str) -> frozenset[str]:
        """List the certificates and groups that a policy is attached to, as the last fields of their ARNs."""


class MqttProbe(Protocol):
    """Speaks MQTT to one Region's endpoint as a device does."""

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        """Connect, subscribe, publish the nonce and return what came back, over a connection of this call alone.

        Raises:
            AccessDenied: the endpoint refused the certificate or a policy does not allow the exchange.
            RegionUnavailable: no connection, or no message, within the time.
        """


class FleetReader(Protocol):
    """Reads one Region's whole registry, a call at a time, so that a reading can go on where it stopped."""

    def ask(self, call: Call) -> Answer:
        """Make exactly one call to AWS."""


class ShadowIndex(Protocol):
    """Searches one Region's index of things for their shadows."""

    def coverage(self) -> IndexCoverage:
        """Tell which shadows the index holds."""

    def page(self, token: str) -> Answer:
        """Search for a page of all things: those that it tells of, and their shadows."""


class FleetStore(Protocol):
    """Keeps what was read of both Regions, and where the reading stands."""

    def keep(self, side: Side, answers: Iterable[tuple[Call, Answer]]) -> None:
        """Keep answers and where the reading stands after them, both or neither."""

    def token(self, side: Side, question: Question, subject: str = "") -> str | None:
        """Return where a list goes on: empty at its start, None at its end."""

    def pending(self, side: Side, question: Question, after: str = "", *, on_both_sides: bool = False) -> Iterator[str]:
        """Yield in order of their names the subjects of which a question has not been answered to its end."""

    def left(self, side: Side, question: Question, *, on_both_sides: bool = False) -> int:
        """Return of how many subjects a question has not been answered."""

    def expect_classic_shadows(self, side: Side, *, by_index: bool = False) -> None:
        """Have the classic shadow of each thing asked for; or where not both indexes tell that there is none."""

    def forget_index(self) -> None:
        """Take nothing for told by the index."""

    def draw_alike(self, name: str, number: int, *, shown: bool) -> tuple[Key, ...]:
        """Draw at random so many shadows of one name that both indexes show the same; or that neither shows."""

    def take_indexed_shadows(self, *, named: bool) -> None:
        """Have no shadow asked for that both indexes show the same; if `named`, have none listed that they tell of."""

    def pair(self, key: Key) -> Pair:
        """Return what both Regions have under one key."""

    def forget_probes(self) -> None:
        """Drop the health checker's own."""

    def number(self, side: Side, kind: Kind) -> int:
        """Return how many resources of a kind a Region has."""

    def fact(self, name: str) -> str:
        """Return a small fact; empty if it was not set."""

    def set_fact(self, name: str, text: str) -> None:
        """Keep a small fact."""


class RegistryWriter(Protocol):
    """Writes one Region's registry; every method may be repeated.

    Raises:
        Conflict: somebody else changed the resource since it was read.
        NotReadyYet: a dependency is missing, or AWS's waiting time has not passed.
    """

    def create(self, change: Create) -> None:
        """Make what the plan says is missing."""

    def update(self, change: Update) -> None:
        """Bring what is there to the desired values, under the version that was read."""

    def delete(self, change: Delete) -> None:
        """Remove it, under the version that was read."""


class Ledger(Protocol):
    """Remembers per resource how it stands and whether replication made it."""

    def owned(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those that replication created."""

    def begin(  # noqa: PLR0913  # every caller names what it needs of these
        self,
        made: Collection[Key],
        at: int,
        *,
        below: Collection[Key] = (),
        taken: Collection[Key] = (),
        began: int | None = None,
        due: bool = True,
        unless_gone: bool = False,
        mark: Mark | None = None,
    ) -> Mark:
        """Mark, all at once, what is about to be written, and note that replication will own what it makes.

        Args:
            made: what is about to be created.
            at: the time, epoch milliseconds.
            below: what else a look might draw a conclusion about that the write will make wrong.
            taken: those of them that are about to be deleted and that much may hang on: `gone` tells of them later.
            began: when the reading began that the write rests on; None if it is read again after this.
            due: have each looked at by itself if the mark is not taken off in time.
            unless_gone: refuse to make what `gone` would tell of.
            mark: the same writer's mark of before, which is to stand at these as well.

        Raises:
            Conflict: somebody has concluded about one of them since `began`, or one was gone.
        """

    def gone(self, keys: Collection[Key]) -> frozenset[Key]:
        """Return those of `HOLDING_KINDS` that replication took away, so that what hung on them went along."""

    def end(self, mark: Mark, keys: Collection[Key], at: int, *, due: bool = True) -> None:
        """Take a mark off these, begun with `due` or without: what was written below them has ended."""

    def disown(self, keys: Collection[Key], at: int, mark: Mark, began: int) -> None:
        """Take back that replication will own these, which was noted at `at` with a mark: AWS refused to make them.

        What another was about since the reading `began` is looked at by itself later instead.
        """

    def forget(self, keys: Collection[Key], before: int, mark: Mark | None = None) -> None:
        """Drop the notes of resources that are gone.

        What another is writing, or what was noted since `before`, is looked at by itself later instead.
        """

    def revisit(self, keys: Collection[Key], at: int) -> None:
        """Have each looked at by itself some time after `at`, if it is not forgotten before."""

    def postpone(self, key: Key, now: int) -> bool:
        """Count a try of what is due, and have it due again only when the try must have ended.

        Returns:
            Whether it was due still.
        """

    def record(self, outcome: Outcome, mark: Mark | None = None) -> None:
        """Note how a look ended, and take its mark off.

        Where somebody else is writing, or has written since the reading began, another look stays noted. What was noted
        to wait since then stays waiting.
        """

    def note_applied(self, outcome: Outcome) -> None:
        """Note what was applied of a thing's own fields, and how it stands if nothing is known of that.

        Nothing is concluded: whoever writes below it, and what waits, stays as it is.
        """

    def last_reads(self, keys: Collection[Key]) -> Mapping[Key, LastRead]:
        """Return when the last readings of each began; without those that no reading is known of."""

    def source_version(self, key: Key) -> tuple[str, int]:
        """Return the primary's thing ID and version that were applied last; empty and 0 if none is known."""

    def due(self, now: int, unknown: Callable[[str], object] | None = None) -> Iterator[Key]:
        """Yield what failed or was left unfinished and is to be tried again by now, longest waiting first.

        Entries that name no resource, as another release may have left some, are passed to `unknown` and stay.
        """

    def cursor(self, name: str) -> str:
        """Return where a round over the registry stands; empty at its start."""

    def move_cursor(self, name: str, to: str) -> None:
        """Note where a round over the registry stands."""


class Workflow(Protocol):
    """Has the state machine look at resources."""

    def start(self, looks: Sequence[Look], *, background: bool = False) -> None:
        """Have these looks taken, soon; or beside what events tell, if they are background work.

        Raises:
            RetryableError: some or all are not asked for; asking for all again does no harm.
        """


class LookQueues(Workflow, Protocol):
    """The queues of looks: one for what events tell, one for background work."""

    def send(self, messages: Iterable[LookMessage]) -> None:
        """Send messages, each to its queue and after its delay.

        Raises:
            RetryableError: some or all were not taken; sending all again does no harm.
        """

    def waiting(self) -> int:
        """Return roughly how many messages of events could be taken now and wait for a free worker."""

    def set_aside(self, body: str) -> None:
        """Keep a message that cannot be read where somebody looks at it."""


class ReplicationRun(Protocol):
    """Runs the state machine for the looks of one message, and waits for its end."""

    def run(self, message: LookMessage) -> Run:
        """Run it.

        Raises:
            Throttled: AWS runs too many at this time.
            RetryableError: it did not come to an end.
        """


class ShadowReader(Protocol):
    """Reads one Region's shadows."""

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow."""

    def shadow_names(self, thing: str) -> frozenset[str]:
        """List the names of a thing's named shadows; empty if it has none, or there is no such thing."""


class ShadowWriter(Protocol):
    """Writes one Region's shadows."""

    def make(self, key: Key) -> None:
        """Have a shadow exist, empty if it did not; nothing that it holds is changed."""

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version, and return the new version.

        Raises:
            Conflict: the document has another version, or is gone.
            LimitExceeded: the change, or the document with it, is too large.
        """

    def delete(self, key: Key) -> None:
        """Delete a shadow; no version guards it."""


class ShadowStore(ShadowReader, ShadowWriter, Protocol):
    """One Region's shadows, to be read and written."""


class ShadowNotes(Protocol):
    """Remembers which state of the primary's shadows is written in the secondary, or about to be."""

    def read(self, key: Key) -> ShadowNote:
        """Return what is noted now; nothing is a note too."""

    def claim(
        self, key: Key, over: ShadowNote, source: Source, *, owned_at: int | None = None, unsure_until: int = 0
    ) -> ShadowNote:
        """Note that this state is about to be written, and from `owned_at` on that replication owns the copy.

        If no version guards the write, it may land until `unsure_until`; then the shadow is to be looked at again.

        Returns:
            `over` with this claim.

        Raises:
            Conflict: somebody has claimed since `over` was read.
        """

    def settle(
        self, key: Key, claimed: ShadowNote, outcome: Outcome | None, written: Shadow | None, *, look_at: int = 0
    ) -> bool:
        """Note how the write of a claim ended, and what the secondary then held; None if it holds nothing.

        An outcome takes back that the shadow is to be looked at again, unless it was noted to wait since `claimed` was
        read; it is not noted then. Without an outcome the shadow stands as before, and is looked at then, if told when.

        Returns:
            Whether it was noted that the write ended: not if somebody has claimed since.
        """

    def announce(self, key: Key) -> None:
        """Tell, before it is recorded, that a shadow waits: who read its note before takes nothing of it back."""

    def hold(self, outcome: Outcome, until: int) -> None:
        """Note that a shadow waits, to be looked at then, however often this was noted before."""


class ControlReader(Protocol):
    """Reads the control item."""

    def control(self) -> Control:
        """Return what is in force now."""
