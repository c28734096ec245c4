"""Device shadows: their list, their limit, and the ARNs that calls on them are authorized on."""

import copy
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import iot, iot_data

from . import correction
from .patching import Authorized, authorize, replace

_LIST = "/api/things/shadow/ListNamedShadowsForThing/"
_PAGE = 25
_MAX_BYTES = 8192


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_ListNamedShadowsForThing.html")
def named_shadows_are_listed() -> None:
    """ListNamedShadowsForThing tells a thing's shadows that have names, page by page; the emulator lacks the call."""
    handle, names_of = iot_data.handle_request, _Names()

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Mapping[str, Any]) -> Any:
        if method == "GET" and path.startswith(_LIST):
            query = {key: value[0] if isinstance(value, list) else value for key, value in query_params.items()}
            thing = path.removeprefix(_LIST)
            return _named_shadows(thing, names_of(thing), query)
        return await handle(method, path, headers, body, query_params)

    replace(handle, handle_request)


@dataclass
class _Names:
    """The names under which a thing has or had shadows, by account, Region and thing.

    The emulator never takes a key away but with all others, and puts new ones last; so the number of keys and the last
    one tell whether there are new ones. Checking through all shadows for each thing would take a fleet's square.
    """

    seen: tuple[int, Any] = (0, None)
    found: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def __call__(self, thing: str) -> list[str]:
        keys = iot._shadows._data
        now = len(keys), next(reversed(keys), None)
        if now != self.seen:
            self.seen, self.found = now, {}
            for account, region, (owner, name) in keys:
                self.found.setdefault((account, region, owner), []).append(name)
        return self.found.get((get_account_id(), get_region(), thing), [])


def _named_shadows(thing: str, known: Iterable[str], query: Mapping[str, str]) -> Any:
    after, size = query.get("nextToken", ""), int(query.get("pageSize", _PAGE))
    names = sorted(
        name for name in known if name and not (iot._shadows.get((thing, name)) or {"deleted": True}).get("deleted")
    )
    page = [name for name in names if name > after][:size]
    answer: dict[str, Any] = {"results": page, "timestamp": int(time.time())}
    if page and page[-1] != names[-1]:
        answer["nextToken"] = page[-1]
    return iot_data.json_response(answer)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html")
def shadows_are_authorized_by_name() -> None:
    """Calls on a named shadow are authorized on thing/NAME/SHADOW, the list of a thing's shadows on the thing."""

    def resource_of(call: Authorized) -> str | None:
        if call.service == "iot-data" and call.path.startswith(_LIST):
            return f"{call.iot}:thing/{call.path.removeprefix(_LIST)}"
        if call.service == "iot-data" and call.path.startswith("/things/") and call.path.endswith("/shadow"):
            name = call.query.get("name") or ""
            name = name[0] if isinstance(name, list) else name
            return f"{call.own()}/{name}" if name else None
        return None

    authorize(resource_of)


@correction("https://docs.aws.amazon.com/general/latest/gr/iot-core.html#device-shadow-limits")
def shadow_document_has_8_kilobytes() -> None:
    """A shadow's document has 8 KB at most without its metadata, what an update asks for likewise."""
    update, serve = iot.update_thing_shadow, iot_data._shadow

    def update_thing_shadow(thing_name: str, shadow_name: str, request: Any) -> Any:
        wanted = request.get("state") if isinstance(request, dict) else None
        if (
            isinstance(wanted, dict)
            and max(_size(wanted), _size(_merged(thing_name, shadow_name, wanted))) > _MAX_BYTES
        ):
            return iot._shadow_error(413, "The payload exceeds the maximum size allowed")
        return update(thing_name, shadow_name, request)

    async def shadow(method: str, path: str, body: bytes, qp: Mapping[str, str]) -> Any:
        status, headers, answer = await serve(method, path, body, qp)
        if status == 413:
            message = json.loads(answer)["message"]
            return iot.error_response_json("RequestEntityTooLargeException", message, status)
        return status, headers, answer

    replace(update, update_thing_shadow)
    replace(serve, shadow)


def _merged(thing: str, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the update would leave it."""
    kept = iot._shadows.get((thing, name)) or {}
    state: dict[str, Any] = copy.deepcopy(kept.get("state", {}))
    for section, patch in wanted.items():
        if patch is None:
            state.pop(section, None)
        elif isinstance(patch, dict):
            iot._deep_merge(state.setdefault(section, {}), copy.deepcopy(patch))
    return {section: content for section, content in state.items() if content}


def _size(state: Mapping[str, Any]) -> int:
    return len(json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode())
