"""Lists come in pages."""

import base64
import itertools
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ministack.services import iot

from . import correction
from .patching import replace

_PAGE = 250
"""What AWS returns at most, and if nothing is asked for; an IoT list has 250 or, for some, fewer without asking."""

_KEPT = 256
"""Places in lists that are known; an older one is refused, as AWS refuses an old token."""

_MARK = "lab place in a list: "
"""Begins the tokens of this page; the emulator's own are left to it. Of a length that base64 keeps apart."""

_PAGING = {"maxResults": ("nextToken", "nextToken"), "pageSize": ("marker", "nextMarker")}
"""By the parameter that sizes a page: the one that asks for the next, and the member of the answer that names it."""


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_ListThings.html")
def lists_come_in_pages() -> None:
    """A list has 250 entries at most, and a token for the next; the emulator returns all of the registry at once."""
    original = iot._route_request
    kept: OrderedDict[str, tuple[str, list[Any], int]] = OrderedDict()
    numbers = itertools.count()

    def page(name: str, entries: list[Any], start: int, size: int, next_token: str) -> Any:
        end = start + size
        body: dict[str, Any] = {name: entries[start:end]}
        if len(entries) > end:
            token = base64.b64encode(f"{_MARK}{next(numbers)}".encode()).decode()
            kept[token] = name, entries, end
            while len(kept) > _KEPT:
                kept.popitem(last=False)
            body[next_token] = token
        return iot.json_response(body)

    async def route_request(method: str, path: str, headers: Any, body: bytes, query_params: Mapping[str, Any]) -> Any:
        sizing = next((one for one in _PAGING if one in query_params), "")
        if not sizing:
            return await original(method, path, headers, body, query_params)
        asks, names = _PAGING[sizing]
        size, token = min(int(_one(query_params[sizing])), _PAGE), _one(query_params.get(asks, ""))
        if token in kept:
            return page(*kept[token], size, names)
        if _is_own(token):
            return iot.error_response_json("InvalidRequestException", f"{asks} is not a place in this list", 400)
        answer = await original(method, path, headers, body, query_params)
        entries = None if token else _entries(answer)
        return answer if entries is None else page(*entries, 0, size, names)

    replace(original, route_request)


def _is_own(token: str) -> bool:
    return token.startswith(base64.b64encode(_MARK.encode()).decode())


def _one(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _entries(answer: Any) -> tuple[str, list[Any]] | None:
    """The one list of an answer, unless there is none or the emulator has turned it over itself."""
    status, _, body = answer
    if status != 200:
        return None
    members = json.loads(body)
    if len(members) != 1:
        return None
    ((name, entries),) = members.items()
    return (name, entries) if isinstance(entries, list) else None
