"""What a test may do to the emulator while it runs, and no customer to AWS: `/_lab/...`.

    PUT  /_lab/brokers/REGION  {"open": false}     the Region's broker refuses connections and drops those it has
    PUT  /_lab/brokers/REGION  {"open": false, "silent": true}    it takes them, keeps those it has, and never answers
    PUT  /_lab/replicas        {"apart": true}     what one Region writes does not reach the other until they are healed
    POST /_lab/certificates    {"names": ["a.test"], "days": 90}    a server certificate of the lab's own authority

Runs on the emulator's interpreter, in its process. `lab.partition` has the other side.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

ROOT = "/_lab/"

App = Callable[[Any, Any, Any], Awaitable[None]]


class Switches:
    """Answers for the paths under ROOT that it knows, before the application that it wraps."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or hand on what is not asked of this."""
        act = _ACTS.get(_act_of(scope))
        if act is None:
            await self._app(scope, receive, send)
            return
        try:
            status, answer = 200, await act(scope["path"], await _body(receive))
        except LookupError as error:
            status, answer = 404, {"message": f"there is no {error}"}
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _act_of(scope: Any) -> tuple[str, str]:
    if scope["type"] != "http" or not scope["path"].startswith(ROOT):
        return "", ""
    return scope["method"], scope["path"].removeprefix(ROOT).partition("/")[0]


async def _body(receive: Any) -> dict[str, Any]:
    content, more = b"", True
    while more:
        message = await receive()
        content, more = content + message.get("body", b""), message.get("more_body", False)
    body: dict[str, Any] = json.loads(content or b"{}")
    return body


async def _broker(path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    from lab.corrections import mqtt  # noqa: PLC0415 - the emulator is imported once it is guarded

    listeners, region = mqtt.listeners(), path.rpartition("/")[2]
    if listeners is None:
        raise LookupError("broker of one Region")
    if wanted["open"]:
        await listeners.open(region)
    else:
        listeners.shut(region, silent=wanted.get("silent", False))
    return {}


async def _replicas(_path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    from lab.corrections.replicas import replication  # noqa: PLC0415 - as above

    if wanted["apart"]:
        replication.apart = True
    else:
        replication.heal()
    return {}


async def _certificate(_path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    from lab.corrections import domains  # noqa: PLC0415 - as above

    chain = domains.issue(tuple(wanted["names"]), int(wanted["days"]))
    return {"certificate": chain.certificate_pem, "key": chain.key_pem}


_ACTS = {("PUT", "brokers"): _broker, ("PUT", "replicas"): _replicas, ("POST", "certificates"): _certificate}
