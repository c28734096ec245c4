"""Lists what a sync in the account checks, a kind after the other, into an inventory in the work bucket.

A leg of it takes what one invocation of a function may take. What it knows is in the run that it returns, which the
next leg goes on with: where the list stands, and which parts of the inventory are uploaded. Its memory is one part.

Certificates come after the things that bring theirs along, and those that replication has made are left out, which
costs a read of the ledger for a hundred of them instead of six calls of the registry each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from iot_dr.errors import ConfigurationError
from iot_dr.model.registry.keys import Key, Kind, thing_key, thing_shadows_key
from iot_dr.model.registry.kinds import LISTS
from iot_dr.model.registry.read_calls import PageRequest, ReadCall
from iot_dr.model.sync.fleet_runs import FleetRun, row
from iot_dr.ports.fleet import FleetReader
from iot_dr.ports.sync import Inventory

LEG_SECONDS = 600.0
"""After which a leg ends with the next part; a part of keys takes less than the rest of a function's 15 minutes."""

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part, except the last. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

PAGE = 250
MORE = "more"
"""Stands for the place in a list of ours, which no other leg can go on from."""

_LISTED_BY = {kind: question for question, kind in LISTS.items()} | {Kind.THING_SHADOWS: ReadCall.THINGS}


@dataclass(frozen=True)
class _KeyPage:
    """Some keys, and where the list goes on; `resumable` tells whether another leg could go on there."""

    keys: tuple[Key, ...]
    token: str
    resumable: bool = True


class ListFleet:
    """The use case, over ports.

    `selected` names the things that a query selects, `owned` tells which keys replication made, and `failed` what a run
    could not bring across, as far as that has not come right since.
    """

    def __init__(  # noqa: PLR0913  # the composition root is the only caller, by keyword
        self,
        *,
        reader: FleetReader,
        selected: Callable[[str], Iterator[str]],
        owned: Callable[[Collection[Key]], frozenset[Key]],
        failed: Callable[[str], Iterator[Key]],
        inventory: Inventory,
        stopwatch: Callable[[], float] = time.monotonic,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._reader = reader
        self._selected = selected
        self._owned = owned
        self._failed = failed
        self._inventory = inventory
        self._stopwatch = stopwatch
        self._part_bytes = part_bytes

    def leg(self, run: FleetRun) -> FleetRun:
        """List on, for `LEG_SECONDS` or to the end of the stage, and return how the run then stands.

        Raises:
            ConfigurationError: a query cannot be answered, or more is selected than one leg can list.
            RetryableError: the source or the ledger does not answer; the same leg may be taken again.
        """
        begun = self._stopwatch()
        if not run.more:
            run = run.next_stage()
        rest = bytearray()
        for page in self._pages(run):
            rest += "".join(row(key, again=bool(run.again)) for key in page.keys).encode()
            run = replace(run, token=page.token, rows=run.rows + len(page.keys))
            if len(rest) < self._part_bytes:
                continue
            run = self._uploaded(run, bytes(rest))
            rest.clear()
            late = self._stopwatch() - begun > LEG_SECONDS
            if late and page.token:
                if not page.resumable:
                    raise ConfigurationError(
                        "more is selected than can be listed in ten minutes; narrow it, or sync the whole fleet"
                    )
                return run
        if rest:
            run = self._uploaded(run, bytes(rest))
        if run.parts:
            self._inventory.complete(run.inventory, run.upload, run.parts)
        listed = {**run.listed, run.kind: run.rows} if run.kind else run.listed
        return replace(run, token="", upload="", parts=(), more=False, listed=listed)

    def _uploaded(self, run: FleetRun, data: bytes) -> FleetRun:
        upload = run.upload or self._inventory.begin(run.inventory)
        tag = self._inventory.put_part(run.inventory, upload, len(run.parts) + 1, data)
        return replace(run, upload=upload, parts=(*run.parts, tag))

    def _pages(self, run: FleetRun) -> Iterator[_KeyPage]:
        kind = run.kind
        if kind is None:
            return iter(())
        if run.again:
            failed = dict.fromkeys(key for key in self._failed(run.again) if key.kind is kind)
            return _unresumable(failed)
        if run.select:
            return _unresumable(_of_thing(kind, name) for name in self._selected(run.select))
        return self._list(kind, run.token)

    def _list(self, kind: Kind, token: str) -> Iterator[_KeyPage]:
        while True:
            answer = self._reader.ask(PageRequest(_LISTED_BY[kind], token=token))
            keys = [entity.key for entity in answer.entities if not entity.key.reserved]
            if kind is Kind.THING_SHADOWS:
                keys = [thing_shadows_key(key.name) for key in keys]
            if kind is Kind.CERTIFICATE:
                owned = self._owned(keys)
                keys = [key for key in keys if key not in owned]
            token = answer.token
            yield _KeyPage(tuple(keys), token)
            if not token:
                return


def _unresumable(keys: Iterable[Key]) -> Iterator[_KeyPage]:
    rest = iter(keys)
    while page := tuple(islice(rest, PAGE)):
        yield _KeyPage(page, MORE, resumable=False)


def _of_thing(kind: Kind, name: str) -> Key:
    return thing_key(name) if kind is Kind.THING else thing_shadows_key(name)
