"""Reads both Regions' whole registries at once: lists first, then what no list tells, in as few calls as are exact.

Everything that has been read is in the store, with the place where it goes on, so that a reading that was ended by
whatever cause is taken up by the next. Memory does not grow with the fleet: questions are drawn from the store as
there is room for them.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, dropwhile, islice, takewhile, zip_longest
from queue import SimpleQueue

from iot_dr.errors import AccessDenied, InvalidResource, RetryableError, TerminalError
from iot_dr.model.registry.keys import RESERVED_PREFIX, Kind, certificate_target, thing_group_target
from iot_dr.model.registry.kinds import LISTS, ROWS, TAGGED_KINDS
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.shadows.shadow import NO_SHADOWS, ShadowSelection
from iot_dr.model.sites import Side
from iot_dr.ports.fleet import FleetReader, FleetStore
from iot_dr.ports.progress import ReadingObserver
from iot_dr.ports.shadows import ShadowIndex
from iot_dr.services.reading.region_lane import RegionLane
from iot_dr.services.shadows.indexed import IndexedShadows

THREADS = 8
"""Calls at the same time in each Region."""

KEPT_AT_ONCE = 1000
KEPT_AFTER = 1.0
"""Answers and resources that wait for one transaction, and the seconds that any of them waits: what is held in memory,
what a process that is killed may have to ask again, and how far behind whoever follows the reading may be."""

Stopwatch = Callable[[], float]
"""Tells the seconds since some fixed moment; never goes back."""

EVERYTHING = frozenset(Kind)

BEHIND_ALL = "\U0010ffff"
"""A name that comes behind every other."""


class Documents(enum.StrEnum):
    """Of which policies the document is read, and of what the tags.

    Of those that both Regions have, as a comparison needs, or of all.
    """

    SHARED = "shared"
    ALL = "all"


@dataclass(frozen=True)
class CertificateSample:
    """Of how many certificates the things are read, from which ID on: IDs are hashes, so any stretch is a fair sample.

    Only certificates count that both Regions have; of any other it is known that nothing agrees.
    """

    number: int
    start: str = ""


class Unseen:
    """The progress of a reading that nobody watches."""

    def begin(self, stage: str, calls: int | None, ahead: int = 0) -> None:
        """Show nothing."""

    def advance(self, calls: int, found: int) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class _Ask:
    """A question about all its subjects, if the comparison is about one of these kinds.

    `shared`: what it tells is needed of those alone that both Regions have, unless more is asked for.
    """

    question: ReadCall
    kinds: frozenset[Kind]
    shared: bool = False


_LISTED_TOO_FOR: Mapping[Kind, frozenset[Kind]] = {
    Kind.BILLING_GROUP: frozenset({Kind.THING}),
    Kind.POLICY: frozenset({Kind.CERTIFICATE, Kind.POLICY_ATTACHMENT}),
    Kind.CERTIFICATE: frozenset({Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}),
    Kind.THING_GROUP: frozenset({Kind.POLICY_ATTACHMENT, Kind.GROUP_MEMBERSHIP}),
    Kind.THING: frozenset({Kind.THING_PRINCIPAL, Kind.SHADOW}),
}
"""For which other kinds a list is needed: a thing's billing group is known by the group, a probe's certificate by its
policy, and the shorter of two lists decides which of them is asked for the other: of things and certificates, of
policies and certificates."""

_LISTED_FOR = {question: _LISTED_TOO_FOR.get(kind, frozenset()) | {kind} for question, kind in LISTS.items()}

_DESCRIBED_TOO_FOR = {Kind.THING_GROUP: frozenset({Kind.GROUP_MEMBERSHIP})}
_DESCRIBED = (
    *(
        _Ask(row.described_by, _DESCRIBED_TOO_FOR.get(row.kind, frozenset()) | {row.kind}, row.kind is Kind.POLICY)
        for row in reversed(ROWS)
        if row.described_by
    ),
    _Ask(ReadCall.THINGS_OF_BILLING_GROUP, frozenset({Kind.THING})),
)
_TAGS = tuple(_Ask(question, frozenset({kind}), shared=True) for kind, question in TAGGED_KINDS.items())
"""Asked beside the descriptions, for they have a quota of their own."""

_MEMBERS = (_Ask(ReadCall.THINGS_OF_GROUP, frozenset({Kind.GROUP_MEMBERSHIP})),)
"""Asked once all groups are described: the members of a dynamic one are no memberships."""

_POLICIES_OF_TARGETS = (ReadCall.POLICIES_OF_CERTIFICATE, ReadCall.POLICIES_OF_GROUP)

_SHARED_BY = 3
"""Certificates for each policy from which on policies are asked for their targets rather than certificates for their
policies. AWS admits fewer of those questions by default, 10 a second and 15, but one tells of 250 certificates."""


class Reading:
    """One reading of one or both Regions into a store."""

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        store: FleetStore,
        readers: Mapping[Side, FleetReader],
        *,
        threads: int = THREADS,
        progress: ReadingObserver | None = None,
        stop: threading.Event | None = None,
        sample: CertificateSample | None = None,
        shadows: ShadowSelection = NO_SHADOWS,
        indexes: Mapping[Side, ShadowIndex] | None = None,
        stopwatch: Stopwatch = time.monotonic,
    ) -> None:
        self.calls: Counter[tuple[Side, ReadCall]] = Counter()
        """How many calls were answered, by Region and API."""
        self._store = store
        self._readers = readers
        self._threads = threads
        self._progress = progress or Unseen()
        self._stop = stop or threading.Event()
        self._sample = sample
        self._shadows = shadows
        self._indexed = IndexedShadows(store, indexes or {}, shadows)
        self._stopwatch = stopwatch
        self._reached: dict[tuple[Side, ReadCall], str] = {}

    def read(self, kinds: Collection[Kind] = EVERYTHING, *, documents: Documents = Documents.SHARED) -> bool:
        """Read all of these kinds that has not been read yet; return whether it came to the end.

        It does not if `stop` was set meanwhile. What was read is kept in any case.

        Raises:
            RetryableError: a Region does not answer; go on later.
            AccessDenied: a right is missing; AWS's message names it.
        """
        wanted = frozenset(kinds)
        lists = {side: self._lists(side, wanted) for side in self._readers}
        finished = self._stage("lists", lists, None)
        if finished and _LISTED_FOR[ReadCall.POLICIES] & wanted:
            finished = self._probes()
        for asks in (_DESCRIBED, _MEMBERS):
            stage = "members" if asks is _MEMBERS else "descriptions"
            rows = [[ask for ask in row if ask.kinds & wanted] for row in (asks, _TAGS if asks is _DESCRIBED else ())]
            finished = finished and self._subjects(stage, rows, documents, self._relations_left(wanted))
        if finished and Kind.SHADOW in wanted:
            finished = self._shadows_of_things(self._relations_left(wanted))
        return finished and self._relations(wanted)

    def follows(self, side: Side, kind: Kind) -> bool:
        """Tell whether attachments or principals are read in an order that `reached` can tell."""
        return kind is Kind.POLICY_ATTACHMENT or self.principals_by(side) is ReadCall.THINGS_OF_CERTIFICATE

    def reached(self, side: Side, kind: Kind) -> str:
        """Return before which certificate, or target of policies, all attachments or principals are in the store."""
        if kind is Kind.THING_PRINCIPAL:
            return self._first_pending(side, self.principals_by(side)) or BEHIND_ALL
        if self.attachments_by(side) is ReadCall.TARGETS_OF_POLICY:
            # Before the last policy has told its targets, of no certificate all is known.
            return "" if self._first_pending(side, ReadCall.TARGETS_OF_POLICY) else BEHIND_ALL
        if certificate := self._first_pending(side, ReadCall.POLICIES_OF_CERTIFICATE):
            return certificate_target(certificate)
        group = self._first_pending(side, ReadCall.POLICIES_OF_GROUP)
        return thing_group_target(group) if group else BEHIND_ALL

    def _first_pending(self, side: Side, question: ReadCall) -> str:
        """Return the first subject of which a question has not been answered; empty if there is none."""
        begin = self._reached.get((side, question), "")
        found = next(self._store.pending(side, question, begin), "")
        # Where the next search begins: a text that comes before this name, and behind all that were read.
        self._reached[side, question] = max(begin, (found or BEHIND_ALL)[:-1])
        return found

    def attachments_by(self, side: Side) -> ReadCall:
        """Return by which question the attachments of a Region are read soonest; decided once for a comparison."""
        fact = f"attachments of the {side}"
        if not self._store.fact(fact):
            policies, certificates = (self._store.number(side, kind) for kind in (Kind.POLICY, Kind.CERTIFICATE))
            shared = policies * _SHARED_BY <= certificates
            self._store.set_fact(fact, ReadCall.TARGETS_OF_POLICY if shared else ReadCall.POLICIES_OF_CERTIFICATE)
        return ReadCall(self._store.fact(fact))

    def principals_by(self, side: Side) -> ReadCall:
        """Return by which question the principals of a Region take fewest calls; decided once for a comparison."""
        fact = f"principals of the {side}"
        if not self._store.fact(fact):
            fewer = self._store.number(side, Kind.CERTIFICATE) <= self._store.number(side, Kind.THING)
            chosen = ReadCall.THINGS_OF_CERTIFICATE if fewer else ReadCall.CERTIFICATES_OF_THING
            self._store.set_fact(fact, chosen)
        return ReadCall(self._store.fact(fact))

    def source_asked_by(self, kind: Kind) -> ReadCall:
        """Return by which question the attachments or principals of the source are read."""
        by = self.attachments_by if kind is Kind.POLICY_ATTACHMENT else self.principals_by
        return by(Side.SOURCE)

    def _lists(self, side: Side, kinds: frozenset[Kind]) -> Iterator[PageRequest]:
        for question in LISTS:
            token = self._store.token(side, question)
            if token is not None and _LISTED_FOR[question] & kinds:
                yield PageRequest(question, token=token)

    def _subjects(self, stage: str, rows: Iterable[Iterable[_Ask]], documents: Documents, ahead: int) -> bool:
        """Ask about all subjects: the questions of a row one after the other, and rows in turn."""
        questions = [[(ask.question, ask.shared and documents is Documents.SHARED) for ask in row] for row in rows]
        left = sum(
            self._store.left(side, question, on_both_sides=shared)
            for side in self._readers
            for question, shared in chain(*questions)
        )
        calls = {side: _in_turn(self._all_about(side, row) for row in questions) for side in self._readers}
        return self._stage(stage, calls, left, ahead)

    def _shadows_of_things(self, ahead: int) -> bool:
        if not self._indexed.read(self._stage):
            return False
        named = [_Ask(ReadCall.NAMED_SHADOWS, frozenset({Kind.SHADOW}))] if self._shadows.named else []
        if not self._subjects("named shadows", [named], Documents.SHARED, ahead):
            return False
        if self._shadows.classic:
            for side in self._readers:
                # Once: a shadow that was asked for and is not there is not expected again.
                if not self._store.fact(f"classic shadows of the {side}"):
                    self._store.expect_classic_shadows(side, by_index=self._indexed.tell_classic)
                    self._store.set_fact(f"classic shadows of the {side}", "expected")
        return self._subjects("shadows", [[_Ask(ReadCall.SHADOW, frozenset({Kind.SHADOW}))]], Documents.SHARED, ahead)

    def _probes(self) -> bool:
        """Drop the health checker's own, whose certificates are known by what its policies are attached to."""

        def calls(side: Side) -> Iterator[PageRequest]:
            asked = self._about(side, ReadCall.TARGETS_OF_POLICY, after=RESERVED_PREFIX[:-1])
            behind = dropwhile(lambda call: call.subject < RESERVED_PREFIX, asked)
            return takewhile(lambda call: call.subject.startswith(RESERVED_PREFIX), behind)

        if not self._stage("probes", {side: calls(side) for side in self._readers}, None):
            return False
        self._store.forget_probes()
        return True

    def _relations(self, wanted: Collection[Kind]) -> bool:
        """Read what each device takes a call for: to what it is attached, and what to it.

        Questions take turns, for each has a quota of its own, and all come in the order of the certificates.
        """
        asked = {side: self._relation_questions(side, wanted) for side in self._readers}
        calls = {side: _in_turn(self._about_each(side, row) for row in questions) for side, questions in asked.items()}
        finished = self._stage("attachments", calls, self._relations_left(wanted))
        if finished and self._sample and Kind.THING_PRINCIPAL in wanted:
            finished = self._sampled(self._sample)
        return finished

    def _relation_questions(self, side: Side, wanted: Collection[Kind]) -> list[tuple[ReadCall, ...]]:
        """Return the questions about attachments and principals, those that come after each other in one row."""
        questions: list[tuple[ReadCall, ...]] = []
        if Kind.POLICY_ATTACHMENT in wanted:
            by_policy = self.attachments_by(side) is ReadCall.TARGETS_OF_POLICY
            questions.append((ReadCall.TARGETS_OF_POLICY,) if by_policy else _POLICIES_OF_TARGETS)
        if Kind.THING_PRINCIPAL in wanted and not self._sample:
            questions.append((self.principals_by(side),))
        return questions

    def _relations_left(self, wanted: Collection[Kind]) -> int:
        """Return how many calls about attachments and principals are still to be made."""
        asked = ((side, one) for side in self._readers for one in chain(*self._relation_questions(side, wanted)))
        return sum(self._store.left(side, one) for side, one in asked)

    def _sampled(self, sample: CertificateSample) -> bool:
        """Ask about some certificates alone, the same ones in both Regions."""

        def behind(start: str) -> Iterator[str]:
            return self._store.pending(Side.SOURCE, ReadCall.THINGS_OF_CERTIFICATE, start, on_both_sides=True)

        names = tuple(dict.fromkeys(islice(chain(behind(sample.start), behind("")), sample.number)))
        self._store.set_fact("sampled", str(len(names)))
        calls = {side: (PageRequest(ReadCall.THINGS_OF_CERTIFICATE, name) for name in names) for side in self._readers}
        return self._stage("principals", calls, len(names) * len(calls))

    def _all_about(self, side: Side, questions: Iterable[tuple[ReadCall, bool]]) -> Iterator[PageRequest]:
        for question, shared in questions:
            yield from self._about(side, question, on_both_sides=shared)

    def _about_each(self, side: Side, questions: Iterable[ReadCall]) -> Iterator[PageRequest]:
        for question in questions:
            yield from self._about(side, question)

    def _about(
        self, side: Side, question: ReadCall, *, after: str = "", on_both_sides: bool = False
    ) -> Iterator[PageRequest]:
        for subject in self._store.pending(side, question, after, on_both_sides=on_both_sides):
            yield PageRequest(question, subject, self._store.token(side, question, subject) or "")

    def _stage(
        self, stage: str, calls: Mapping[Side, Iterator[PageRequest]], expected: int | None, ahead: int = 0
    ) -> bool:
        self._progress.begin(stage, expected, ahead)
        lanes = [RegionLane(side, self._readers[side], calls[side], self._threads) for side in self._readers]
        answered: SimpleQueue[tuple[RegionLane, PageRequest, Future[Page]]] = SimpleQueue()
        with ThreadPoolExecutor(self._threads * len(lanes)) as executor:
            try:
                while True:
                    for lane in () if self._stop.is_set() else lanes:
                        for call in lane.next_calls():
                            future = executor.submit(lane.reader.ask, call)
                            future.add_done_callback(partial(_hand_over, answered, lane, call))
                    if not any(lane.in_flight for lane in lanes):
                        return not self._stop.is_set()
                    self._take(*answered.get())
            finally:
                executor.shutdown(wait=True, cancel_futures=True)
                while not answered.empty():
                    self._take_last(*answered.get())
                for lane in lanes:
                    self._keep(lane)

    def _take(self, lane: RegionLane, call: PageRequest, future: Future[Page]) -> None:
        lane.in_flight -= 1
        try:
            answer = self._selected(call, future.result())
        except RetryableError as error:
            lane.again(call, error)
            return
        except AccessDenied:
            raise
        except InvalidResource as error:
            if call.token and call.question is not ReadCall.SHADOW_INDEX:
                # A place in a list does not keep for ever; it is begun anew, over what was read of it.
                lane.waiting.append(PageRequest(call.question, call.subject))
                return
            answer = _unreadable(call, error)
        except TerminalError as error:
            answer = _unreadable(call, error)
        lane.answered(call, answer)
        self.calls[lane.side, call.question] += 1
        self._progress.advance(1, len(answer.entities))
        if lane.unkept >= KEPT_AT_ONCE or self._stopwatch() - lane.kept_at >= KEPT_AFTER:
            self._keep(lane)

    def _take_last(self, lane: RegionLane, call: PageRequest, future: Future[Page]) -> None:
        """Keep what was still answered when a reading ended before its time."""
        if not future.cancelled() and future.exception() is None:
            lane.answered(call, self._selected(call, future.result()))
            self.calls[lane.side, call.question] += 1

    def _selected(self, call: PageRequest, answer: Page) -> Page:
        """Leave out the shadows that nobody wants, of those that came without being asked for by name."""
        if call.question not in (ReadCall.NAMED_SHADOWS, ReadCall.SHADOW_INDEX):
            return answer
        return replace(answer, entities=tuple(one for one in answer.entities if self._shadows.selects(one.key.other)))

    def _keep(self, lane: RegionLane) -> None:
        if lane.answers:
            self._store.keep(lane.side, lane.answers)
            lane.answers, lane.unkept = [], 0
        lane.kept_at = self._stopwatch()


def _hand_over(
    answered: SimpleQueue[tuple[RegionLane, PageRequest, Future[Page]]],
    lane: RegionLane,
    call: PageRequest,
    future: Future[Page],
) -> None:
    answered.put((lane, call, future))


def _in_turn(questions: Iterable[Iterator[PageRequest]]) -> Iterator[PageRequest]:
    """Yield one call of each question after the other, until all are asked."""
    rows = zip_longest(*questions)
    return (call for row in rows for call in row if call is not None)


def _unreadable(call: PageRequest, error: TerminalError) -> Page:
    if not call.subject:
        raise error
    return Page(unreadable=str(error))
