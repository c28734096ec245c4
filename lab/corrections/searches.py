"""Searches of the index of things: what they show of shadows, and how many things they look at."""

import base64
import itertools
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services import iot

from . import correction
from .patching import replace

_ALL = "thingName:*"
_PAGE = 100
_KEPT = 256
"""Places in answers that are known; an older one is refused, as AWS refuses an old token."""

_SECTIONS = ("desired", "reported")


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/managing-index.html")
def searches_show_classic_and_named_shadows() -> None:
    """A search shows what is indexed of classic and named shadows, with their versions; the emulator shows less.

    And it checks every thing for every page, which makes all pages of a fleet take time as its square: the pages of
    all things are cut from one list here.
    """
    search = iot._search_index
    kept: OrderedDict[str, tuple[list[str], int]] = OrderedDict()
    numbers = itertools.count()

    def search_index(payload: dict[str, Any]) -> Any:
        configured = iot._indexing_configuration()["thingIndexingConfiguration"]
        token, size = payload.get("nextToken", ""), payload.get("maxResults", _PAGE)
        if token in kept and payload.get("queryString") == _ALL:
            return page(*kept[token], size, configured)
        answer = search(payload)
        if answer[0] != 200:
            return answer
        if payload["queryString"] == _ALL and configured.get("thingConnectivityIndexingMode", "OFF") == "OFF":
            return page(list(iot._things), 0, size, configured)
        body = json.loads(answer[2])
        body["things"] = [{**thing, **_shown(thing["thingName"], configured)} for thing in body["things"]]
        return iot.json_response(body)

    def page(names: list[str], start: int, size: int, configured: Mapping[str, Any]) -> Any:
        found = (iot._things.get(name) for name in names[start : start + size])
        body: dict[str, Any] = {"things": [_entry(thing, configured) for thing in found if thing]}
        if start + size < len(names):
            token = base64.urlsafe_b64encode(f"lab place in a search: {next(numbers)}".encode()).decode()
            kept[token] = names, start + size
            while len(kept) > _KEPT:
                kept.popitem(last=False)
            body["nextToken"] = token
        return iot.json_response(body)

    replace(search, search_index)


def _entry(thing: Mapping[str, Any], configured: Mapping[str, Any]) -> dict[str, Any]:
    """A thing as the emulator's own search shows it, but for its shadows."""
    entry = {
        "thingName": thing["thingName"],
        "thingId": thing.get("thingId", thing["thingName"]),
        "attributes": thing.get("attributes") or {},
        "thingGroupNames": list(thing.get("thingGroupNames") or []),
    }
    if thing.get("thingTypeName"):
        entry["thingTypeName"] = thing["thingTypeName"]
    return {**entry, **_shown(thing["thingName"], configured)}


def _shown(thing: str, configured: Mapping[str, Any]) -> dict[str, str]:
    classic = _shadow(thing, "") if configured.get("thingIndexingMode") == "REGISTRY_AND_SHADOW" else {}
    chosen = (configured.get("filter") or {}).get("namedShadowNames") or ()
    on = configured.get("namedShadowIndexingMode") == "ON"
    named = {name: shadow for name in chosen if on and (shadow := _shadow(thing, name))}
    shown = {**classic, **({"name": named} if named else {})}
    return {"shadow": json.dumps(shown)} if shown else {}


def _shadow(thing: str, name: str) -> dict[str, Any]:
    """A shadow as the index holds it; empty if there is none."""
    kept = iot._shadows.get((thing, name))
    if kept is None or kept.get("deleted"):
        return {}
    state, metadata = kept.get("state") or {}, kept.get("metadata") or {}
    indexed = {section: dict(_indexed(state.get(section) or {})) for section in _SECTIONS}
    delta = iot._compute_delta(state.get("desired", {}), state.get("reported", {}))
    dated = {
        section: {field: (metadata.get(section) or {}).get(field) for field in fields}
        for section, fields in indexed.items()
        if fields
    }
    shown = {section: fields for section, fields in indexed.items() if fields}
    return {**shown, "metadata": dated, "hasDelta": bool(delta), "version": kept["version"]}


def _indexed(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that AWS indexes. Whether an answer shows the others it does not tell; here it does not."""
    for name, value in fields.items():
        if all(map(_simple, value)) if isinstance(value, list) else _without_arrays(value):
            yield name, value


def _simple(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _without_arrays(value: Any) -> bool:
    return all(map(_without_arrays, value.values())) if isinstance(value, dict) else _simple(value)
