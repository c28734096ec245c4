"""Is a device ready, and what waits? Read from the ledger; nothing is compared and nothing is changed."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from iot_dr.errors import AccessDenied, RetryableError
from iot_dr.model.registry.keys import Key, Kind
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.ports.ledger import LedgerReader

OLDEST = 20
"""How many of what waits are told one by one."""

UNKNOWN = "the ledger does not know it: it never was in the primary since the launch, or it is deleted"
NOT_CHECKED = "replication created it along with another resource; it was not checked by itself yet"

_AWS = re.compile(r"An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation")
_NAMING = re.compile(r"\S*[#/\d]\S*")
"""A word of a reason that names a resource or counts something."""


CertificatesOf = Callable[[str], tuple[str, ...]]
"""Returns the IDs of a thing's certificates in the secondary Region."""

Progress = Callable[[int], None]
"""Is told how many items have been read so far."""


@dataclass(frozen=True)
class ResourceStatus:
    """How one resource stands; `certificates` are a thing's own in the secondary, None where they cannot be read."""

    key: Key
    item: LedgerItem | None
    certificates: tuple[str, ...] | None = None
    unreadable: str = ""

    @property
    def in_sync(self) -> bool:
        """Tell whether the secondary holds what the primary holds."""
        return self.item is not None and self.item.state is State.IN_SYNC

    @property
    def state(self) -> str:
        """Return the state, or that there is none."""
        return str(self.item.state) if self.item and self.item.state else "unknown"

    @property
    def reason(self) -> str:
        """Return why it stands so, as far as there is more to say."""
        if self.item is None:
            return UNKNOWN
        return self.item.reason if self.item.state else NOT_CHECKED


@dataclass(frozen=True)
class Group:
    """What waits in one state for one kind of reason."""

    state: str
    reason: str
    number: int


@dataclass(frozen=True)
class Backlog:
    """All that waits: how many, grouped, most first, and those that have waited longest."""

    total: int
    groups: tuple[Group, ...]
    oldest: tuple[LedgerItem, ...]

    @property
    def held(self) -> int:
        """Return how many are held back because of who leads; no schedule tries these again."""
        return sum(group.number for group in self.groups if group.state == State.HELD)


def standing(key: Key, ledger: LedgerReader, certificates_of: CertificatesOf) -> ResourceStatus:
    """Return how one resource stands, a thing with its certificates."""
    item = ledger.item(key)
    if key.kind is not Kind.THING or item is None:
        return ResourceStatus(key, item)
    try:
        return ResourceStatus(key, item, certificates_of(key.name))
    except (AccessDenied, RetryableError) as error:
        # The ledger has answered what was asked; the certificates are only more of it.
        return ResourceStatus(key, item, unreadable=str(error))


def backlog(ledger: LedgerReader, progress: Progress = lambda _read: None) -> Backlog:
    """Return what waits for another request; memory grows with the kinds of reason, not with what waits."""
    numbers: Counter[tuple[str, str]] = Counter()

    def counted() -> Iterator[LedgerItem]:
        for read, item in enumerate(chain(ledger.waiting(), ledger.held()), 1):
            numbers[str(item.state or "unknown"), kind_of_reason(item.reason)] += 1
            progress(read)
            yield item

    oldest = heapq.nsmallest(OLDEST, counted(), key=_age)
    groups = (Group(state, reason, number) for (state, reason), number in numbers.items())
    return Backlog(
        total=numbers.total(),
        groups=tuple(sorted(groups, key=lambda group: (-group.number, group.state, group.reason))),
        oldest=tuple(oldest),
    )


def listed(ledger: LedgerReader, states: Collection[State] = ()) -> Iterator[LedgerItem]:
    """Yield all that waits or is held in one of these states, in any if none is named; one at a time."""
    found = chain(ledger.waiting(), ledger.held())
    return (item for item in found if not states or item.state in states)


def kind_of_reason(reason: str) -> str:
    """Return what reasons of one kind have in common: without the names and numbers of each.

    >>> kind_of_reason("InvalidResource: An error occurred (InvalidRequestException) when calling the CreateThing "
    ...                "operation: Invalid name pump-17")
    'InvalidRequestException of CreateThing'
    >>> kind_of_reason("NotReadyYet: thing_type#pump does not exist")
    'NotReadyYet: … does not exist'
    """
    by_aws = _AWS.search(reason)
    if by_aws:
        return f"{by_aws['code']} of {by_aws['operation']}"
    return _NAMING.sub("…", reason)


def _age(item: LedgerItem) -> tuple[int, str]:
    return item.since or item.checked_at or 0, str(item.key)
