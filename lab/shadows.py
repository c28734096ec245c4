"""Shadows of one Region, written and read with a customer's calls."""

import json
from collections.abc import Mapping
from typing import Any

_SECTIONS = ("desired", "reported")


class Shadows:
    """Classic shadows, which have no name, and named ones."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def update(self, thing: str, state: Mapping[str, Any], name: str = "") -> int:
        """Merge into a shadow, as a device does; the version that it has then."""
        payload = json.dumps({"state": state}, ensure_ascii=False).encode()
        answer = self._data.update_thing_shadow(**_named(thing, name), payload=payload)
        return int(json.loads(answer["payload"].read())["version"])

    def delete(self, thing: str, name: str = "") -> None:
        """Delete a shadow."""
        self._data.delete_thing_shadow(**_named(thing, name))

    def read(self, thing: str, name: str = "") -> dict[str, Any] | None:
        """What was desired and reported; None if there is no such shadow."""
        try:
            answer = self._data.get_thing_shadow(**_named(thing, name))
        except self._data.exceptions.ResourceNotFoundException:
            return None
        state = json.loads(answer["payload"].read()).get("state") or {}
        return {section: state[section] for section in _SECTIONS if section in state}

    def names(self, thing: str) -> list[str]:
        """The names of a thing's named shadows."""
        names: list[str] = []
        page = self._data.list_named_shadows_for_thing(thingName=thing)
        names += page["results"]
        while page.get("nextToken"):
            page = self._data.list_named_shadows_for_thing(thingName=thing, nextToken=page["nextToken"])
            names += page["results"]
        return names

    def of(self, thing: str) -> dict[str, str]:
        """Every shadow of a thing by its name, as text in which true is not 1."""
        found = {name: self.read(thing, name) for name in ("", *self.names(thing))}
        return {name: json.dumps(state, sort_keys=True) for name, state in found.items() if state is not None}


def _named(thing: str, name: str) -> dict[str, str]:
    return {"thingName": thing, **({"shadowName": name} if name else {})}
