"""Replicas of a global table, which can be apart for a while."""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import dynamodb

from . import correction
from .patching import replace

_NO_SORT = "__no_sort__"

Place = tuple[str, str, str, str]
"""Account, table and the two parts of the key."""


@dataclass(frozen=True)
class _Write:
    """What a Region made of an item while it was apart, and when; None if it deleted it."""

    at: float
    region: str
    item: Mapping[str, Any] | None


@dataclass
class Replication:
    """Between the replicas of all global tables; `apart` while what one Region writes does not reach the others."""

    apart: bool = False
    _writes: dict[Place, list[_Write]] = field(default_factory=dict)

    def remember(self, table: Mapping[str, Any], item: Mapping[str, Any], written: Mapping[str, Any] | None) -> None:
        """Keep a write of the Region that the request is for."""
        sort = dynamodb._extract_key_val(item.get(table["sk_name"])) if table["sk_name"] else _NO_SORT
        place = (
            get_account_id(),
            table["TableName"],
            dynamodb._extract_key_val(item.get(table["pk_name"])),
            sort,
        )
        write = _Write(time.time(), get_region(), copy.deepcopy(written))
        self._writes.setdefault(place, []).append(write)

    def heal(self) -> None:
        """Bring every item that was written to what its last writer made of it, everywhere."""
        self.apart = False
        writes, self._writes = self._writes, {}
        for place, written in writes.items():
            last = sorted(written, key=lambda write: write.at)[-1]  # of two at one time the later call
            account, name = place[:2]
            source = dynamodb._tables.get_scoped(account, last.region, name)
            for region in dynamodb._replica_group(source or {}):
                if region != last.region:
                    with request_scope(account, region):
                        _apply(place, last.item)


def _apply(place: Place, item: Mapping[str, Any] | None) -> None:
    """Write an item into the Region's replica and its stream, as replication does; nothing if it is so already."""
    _, name, partition, sort = place
    replica = dynamodb._tables.get(name)
    if replica is None:
        return
    previous = replica["items"].get(partition, {}).get(sort)
    if previous == item:
        return
    if item is None:
        dynamodb._remove_item(replica, partition, sort)
    else:
        dynamodb._set_item(replica, partition, sort, copy.deepcopy(item))
    event = "REMOVE" if item is None else ("MODIFY" if previous else "INSERT")
    dynamodb._emit_stream_event(name, event, previous, copy.deepcopy(item), replicate=False)


replication = Replication()


@correction("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html")
def replicas_can_be_apart() -> None:
    """Replicas get writes after a while, and the last writer of an item wins; the emulator's are equal at every moment.

    They are so here too, but while the lab holds them apart.
    """
    write = dynamodb._replicate_write

    def replicate_write(table: Any, event_name: str, old_item: Any, new_item: Any) -> None:
        if replication.apart and dynamodb._replica_group(table):
            replication.remember(table, new_item if new_item is not None else old_item, new_item)
        else:
            write(table, event_name, old_item, new_item)

    replace(write, replicate_write)
