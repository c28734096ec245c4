"""How a correction reaches the emulator's code."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def replace(original: Any, replacement: Any) -> None:
    """Put `replacement` wherever a module of the emulator holds `original` under its name, imports by name included."""
    name = original.__name__
    places = [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("ministack") and getattr(module, name, None) is original
    ]
    if not places:
        message = f"the emulator has no {name} to correct"
        raise LookupError(message)
    replacement.__name__ = name  # so that another correction finds it in its turn
    for module in places:
        setattr(module, name, replacement)


@dataclass(frozen=True)
class Request:
    """One call of the IoT control plane: what its path captured, its query, headers and body."""

    names: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the path names."""
        return self.names[0]


def serve(routes: Mapping[tuple[str, str], Callable[[Request], Any]]) -> None:
    """Answer calls that the emulator does not know; a route is a method and a pattern of the whole path."""
    from ministack.services import iot  # noqa: PLC0415 - this module serves corrections of other services too

    original = iot._route_request
    compiled = [(method, re.compile(pattern), answer) for (method, pattern), answer in routes.items()]

    async def route_request(method: str, path: str, headers: Any, body: bytes, query_params: Mapping[str, Any]) -> Any:
        for verb, pattern, answer in compiled:
            found = pattern.fullmatch(path) if verb == method else None
            if found:
                query = {key: value[0] if isinstance(value, list) else value for key, value in query_params.items()}
                return answer(Request(found.groups(), query, headers or {}, iot._parse_body(body)))
        return await original(method, path, headers, body, query_params)

    replace(original, route_request)
