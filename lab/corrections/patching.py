"""How a correction reaches the emulator's code."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class Authorized:
    """A call that is to be authorized; `own` is the resource that the emulator would take."""

    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Any]
    iot: str
    """How ARNs of AWS IoT begin, in the call's Region and account."""
    own: Callable[[], Any]

    @cached_property
    def parts(self) -> list[str]:
        """What stands between the slashes of the path."""
        return [part for part in self.path.split("/") if part]


def authorize(resource_of: Callable[[Authorized], str | None]) -> None:
    """Have calls authorized on the resource that is returned for them, on the emulator's own where that is None.

    Of several the last is asked first.
    """
    from ministack.core import iam_actions  # noqa: PLC0415 - as above

    extract = iam_actions.extract_resource_arn
    if not isinstance(extract, _Extraction):
        replace(extract, _Extraction(extract))
    iam_actions.extract_resource_arn.asked.insert(0, resource_of)


class _Extraction:
    """The emulator's extract_resource_arn, with all that are asked before it; a call is described once for them."""

    def __init__(self, extract: Callable[..., Any]) -> None:
        self.asked: list[Callable[[Authorized], str | None]] = []
        self._extract = extract

    def __call__(  # noqa: PLR0917 - the emulator's own signature
        self,
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        query_params: Any,
        region: str,
        account_id: str,
    ) -> Any:
        def own() -> Any:
            return self._extract(service, method, path, headers, body, query_params, region, account_id)

        iot = f"arn:aws:iot:{region}:{account_id}"
        call = Authorized(service, method, path, headers or {}, body, query_params or {}, iot, own)
        for resource_of in self.asked:
            found = resource_of(call)
            if found is not None:
                return found
        return own()
