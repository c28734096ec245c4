"""Who knows of a difference between the Regions: the ledger, something on its way, or nobody."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from iot_dr.errors import IotDrError
from iot_dr.model.events.registry_events import decode
from iot_dr.model.registry.keys import (
    Key,
    Kind,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_key,
    thing_group_key,
    thing_key,
    thing_type_key,
)
from lab.registry import Difference

KNOWN_STATES = frozenset({"pending", "failed", "unsupported"})
"""States in which the ledger says that a resource is not, or may not be, as the primary has it."""


@dataclass(frozen=True)
class Tally:
    """Differences by who knows of them."""

    by_ledger: int
    on_the_way: int
    unknown: frozenset[Difference]

    @classmethod
    def of(
        cls,
        found: Collection[Difference],
        certificates: Mapping[str, str],
        *,
        noted: Collection[Key],
        coming: Collection[Key],
    ) -> Tally:
        """Ask for each; of a relation either end will do, because a request for it has the relation checked."""
        roots = {one: roots_of(one, certificates) for one in found}
        by_ledger = {one for one, keys in roots.items() if keys & frozenset(noted)}
        on_the_way = {one for one, keys in roots.items() if keys & frozenset(coming)} - by_ledger
        return cls(len(by_ledger), len(on_the_way), frozenset(found) - by_ledger - on_the_way)


_ROOTS: Mapping[str, Callable[[str], Key]] = {
    "thing types": thing_type_key,
    "billing groups": billing_group_key,
    "policies": policy_key,
    "certificates": certificate_key,
    "thing groups": thing_group_key,
    "things": thing_key,
}


def roots_of(difference: Difference, certificates: Mapping[str, str]) -> frozenset[Key]:
    """Return what can be checked to mend a difference; `certificates` are the IDs by what the lab names them by."""
    if difference.kind in _ROOTS:
        return frozenset({_ROOTS[difference.kind](difference.name), *_billed_to(difference)})
    one, _, other = difference.name.partition(" - ")
    if difference.kind == "memberships":
        return frozenset({group_membership_key(one, other), thing_group_key(one), thing_key(other)})

    def end(text: str, otherwise: Callable[[str], Key]) -> Key:
        kind, _, name = text.partition(" ")
        if kind == "certificate" and name:
            return certificate_key(certificates.get(name, name))
        return thing_group_key(name) if kind == "group" and name else otherwise(text)

    ends = end(one, thing_key), end(other, policy_key)
    return frozenset(ends)


def _billed_to(difference: Difference) -> Iterator[Key]:
    """Yield the billing groups of a thing that is not in the same one: when one is deleted, it alone is told of.

    A check it notes its things to be checked.
    """
    named = re.findall(r"'billing group': (?:None|'([^']+)')", difference.how) if difference.kind == "things" else []
    if len(set(named)) > 1:
        yield from (billing_group_key(name) for name in named if name)


def noted_keys(items: Iterable[Mapping[str, Any]]) -> frozenset[Key]:
    """Return what the ledger says is not in sync, or will be checked again."""
    return frozenset(
        Key.parse(item["resource"]) for item in items if item.get("state") in KNOWN_STATES or "retry_state" in item
    )


def keys_on_the_way(way: Mapping[str, Any]) -> frozenset[Key]:
    """Return what is going to be checked, by what the emulator says is on its way."""
    events = (key for item in (*map(recorded, way["events"]), *map(plain, way["records"])) for key in _decoded(item))
    texts = (key for text in (*way["messages"], *way["running"]) for key in keys_in(text))
    return frozenset((*events, *texts))


def keys_in(value: Any) -> Iterator[Key]:
    """Yield the resources that requests name, wherever in a JSON value they stand, in texts of JSON too."""
    if isinstance(value, str):
        if value.startswith(("{", "[")):
            with suppress(json.JSONDecodeError):
                yield from keys_in(json.loads(value))
        return
    if isinstance(value, list):
        for one in value:
            yield from keys_in(one)
    elif isinstance(value, dict):
        if value.get("kind") in set(Kind) and isinstance(value.get("name"), str):
            yield Key(Kind(value["kind"]), value["name"], str(value.get("other") or ""))
        for one in value.values():
            yield from keys_in(one)


def recorded(detail: Mapping[str, Any]) -> dict[str, str]:
    """Return what the recorder of management events makes of a call that a trail tells of."""
    payload = {
        "eventType": "MANAGEMENT_EVENT",
        "operation": detail.get("eventName"),
        "request": detail.get("requestParameters"),
        "response": detail.get("responseElements"),
        "timestamp": 0,
    }
    return {"event_id": "", "payload": base64.b64encode(json.dumps(payload).encode()).decode()}


def _decoded(item: Mapping[str, Any]) -> Iterator[Key]:
    # Calls that raise a registry event too are told of, and are no event of the product's.
    with suppress(IotDrError):
        yield decode(item).key


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item of DynamoDB's low-level API as plain texts and numbers; what is nested stays as it is."""
    return {name: next(iter(value.values())) for name, value in item.items()}
