"""Shadows of one Region over an `iot-data` client: reader and writer.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-rest-api.html
"""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call, converted, is_missing, read
from iot_dr.errors import InvalidResource
from iot_dr.model.exact_json import Json, Number, parse, to_bytes
from iot_dr.model.registry.keys import Key
from iot_dr.model.shadows.shadow import Document, Shadow, document_of

REQUIRED_ACTIONS_TO_READ = frozenset({"iot:GetThingShadow", "iot:ListNamedShadowsForThing"})
"""What the reader needs in either Region."""

REQUIRED_ACTIONS_TO_WRITE = frozenset({"iot:DeleteThingShadow", "iot:UpdateThingShadow"})
"""What the writer needs in the secondary Region."""

REPLICATED = "iot-dr"
"""The client token of replicated writes: the messages that AWS publishes of one have it, so it can be told apart."""


class IotShadowStore:
    """`ports.ShadowStore` of one Region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def shadow(self, key: Key) -> Shadow | None:
        """Read a shadow.

        Raises:
            InvalidResource: the answer is not a shadow's document.
        """
        answer = read(self._client.get_thing_shadow, **_named(key))
        if answer is None:
            return None
        body = self._body(answer, key)
        try:
            return Shadow(
                key,
                document_of(body.get("state")),
                _whole(body["version"]),
                _whole(body["timestamp"]) * 1000,
                _youngest(body.get("metadata")) * 1000,
            )
        except (KeyError, AttributeError, ValueError) as error:
            raise InvalidResource(f"AWS answered with something else than a document of {key}") from error

    def shadow_names(self, thing: str) -> frozenset[str]:
        """List the names of a thing's named shadows; empty if it has none, or there is no such thing."""
        names: set[str] = set()
        following: dict[str, str] = {}
        while True:
            # The SDK has no paginator for this call.
            page = read(self._client.list_named_shadows_for_thing, thingName=thing, **following) or {}
            names.update(page.get("results", ()))
            if not page.get("nextToken"):
                return frozenset(names)
            following = {"nextToken": page["nextToken"]}

    def make(self, key: Key) -> None:
        """Have a shadow exist: an update that names no section makes it, and changes nothing of what is there."""
        self._update(key, {"state": {}})

    def update(self, key: Key, change: Document, version: int) -> int:
        """Merge a change into the document of this version, and return the new version.

        Raises:
            Conflict: the document has another version, or is gone.
            LimitExceeded: the change, or the document with it, is too large.
        """
        answer = self._update(key, {"state": change, "version": Number(str(version))})
        return _whole(answer["version"])

    def delete(self, key: Key) -> None:
        """Delete a shadow; already gone is success."""
        with converted():
            try:
                self._client.delete_thing_shadow(**_named(key))
            except self._client.exceptions.ClientError as error:
                if not is_missing(error):
                    raise

    def _update(self, key: Key, request: dict[str, Json]) -> dict[str, Any]:
        payload = to_bytes({**request, "clientToken": REPLICATED})
        return self._body(call(self._client.update_thing_shadow, **_named(key), payload=payload), key)

    def _body(self, answer: dict[str, Any], key: Key) -> dict[str, Any]:
        with converted():
            text = answer["payload"].read()
        try:
            body = parse(text)
        except ValueError as error:
            raise InvalidResource(f"AWS answered with something else than JSON for {key}") from error
        if not isinstance(body, dict):
            raise InvalidResource(f"AWS answered with something else than an object for {key}")
        return body


def _named(key: Key) -> dict[str, str]:
    return {"thingName": key.name, **({"shadowName": key.other} if key.other else {})}


def _youngest(metadata: Json) -> int:
    """Return the youngest timestamp, epoch seconds, of the fields that a document's metadata has."""
    match metadata:
        case dict() if isinstance(at := metadata.get("timestamp"), Number):
            return _whole(at)
        case dict():
            return max(map(_youngest, metadata.values()), default=0)
        case list():
            return max(map(_youngest, metadata), default=0)
        case _:
            return 0


def _whole(number: Number) -> int:
    return int(number.value)
