"""Managing connections: who is connected, to what a client has subscribed, and how its connection is ended."""

import asyncio
import contextvars
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import iot, iot_data

from . import correction
from .patching import Authorized, Request, authorize, replace, serve

_PATH = re.compile(r"/connections/(?P<client>.+?)(?P<what>/subscriptions|/messages)?")
_ENDED = "API_INITIATED_DISCONNECT"
_REMEMBERED_SECONDS = 30 * 60
_PAGE = 20
_MAX_CLIENT_ID = 128
_ADMINISTRATIVE_ACTION = 0x98
"""MQTT 5's reason for a connection that was ended by an administrator."""

# Both ends of the connection that the running task serves: of the client and of the endpoint.
_ends: contextvars.ContextVar[tuple[Any, Any] | None] = contextvars.ContextVar("ends", default=None)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT_Data_Plane.html")
def connections_are_managed() -> None:
    """One client's connection can be described, ended and written to; the emulator's data plane lacks the calls."""
    handle, serve_connection, packet = iot_data.handle_request, iot._mtls_serve_conn, iot._WSSession.handle_packet

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Mapping[str, Any]) -> Any:
        found = _PATH.fullmatch(path)
        answer = _ANSWERS.get((method, found["what"])) if found else None
        if found is None or answer is None:
            return await handle(method, path, headers, body, query_params)
        client = found["client"]
        if client.startswith("$") or len(client) > _MAX_CLIENT_ID:
            return iot_data.error_response_json("InvalidRequestException", "The client ID is not valid.", 400)
        query = {key: value[0] if isinstance(value, list) else value for key, value in query_params.items()}
        return await answer((get_account_id(), get_region(), client), query, body or b"")

    async def mtls_serve_conn(reader: Any, writer: Any) -> None:
        _ends.set((writer.get_extra_info("peername"), writer.get_extra_info("sockname")))
        await serve_connection(reader, writer)

    async def handle_packet(self: Any, pkt_type: int, flags: int, body: bytes) -> Any:
        if pkt_type == iot.PKT_CONNECT:
            self.lab_keep_alive, self.lab_ends = _keep_alive(body), _ends.get()
        return await packet(self, pkt_type, flags, body)

    iot._WSSession.handle_packet = handle_packet
    replace(serve_connection, mtls_serve_conn)
    replace(handle, handle_request)


Key = tuple[str, str, str]
"""Account, Region and client ID."""


def _keep_alive(connect: bytes) -> int:
    """The seconds that follow the protocol's name, its level and the flags; 0 where a packet is cut short."""
    place = 2 + int.from_bytes(connect[:2]) + 2
    return int.from_bytes(connect[place : place + 2])


def _asks(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def _missing(key: Key) -> Any:
    return iot_data.error_response_json("ResourceNotFoundException", f"No connection of client {key[2]} is known.", 404)


async def _get_connection(key: Key, query: Mapping[str, str], _body: bytes) -> Any:
    session, moved = iot._connected_clients.get(key), iot._connectivity.get(key)
    if session is None:
        if moved is None or time.time() - moved["timestamp"] / 1000 > _REMEMBERED_SECONDS:
            return _missing(key)
        return iot_data.json_response(
            {
                "clientId": key[2],
                "connected": False,
                "disconnectedSince": moved["timestamp"],
                "disconnectReason": moved["disconnectReason"],
            }
        )
    answer = {"connected": True, **described(key, session), "connectedSince": moved["timestamp"] if moved else 0}
    if thing := session._policy_context.get("iot:connection.thing.thingname"):
        answer["thingName"] = thing
    if _asks(query, "includeSocketInformation"):
        answer |= sockets_of(session)
    return iot_data.json_response(answer)


def described(key: Key, session: Any) -> dict[str, Any]:
    """What both APIs tell of a live connection."""
    return {
        "clientId": key[2],
        "cleanSession": not session._persist_session,
        "keepAliveDuration": session.lab_keep_alive,
        "sessionExpiry": session._session_expiry_interval or 0,
    }


def sockets_of(session: Any) -> dict[str, Any]:
    """The connection's ends; empty for one over WebSocket, whose ends nobody keeps here."""
    source, target = session.lab_ends or (None, None)
    ends = {"source": source, "target": target}
    return {
        f"{end}{part}": value
        for end, at in ends.items()
        if at
        for part, value in zip(("Ip", "Port"), at[:2], strict=True)
    }


async def _delete_connection(key: Key, query: Mapping[str, str], _body: bytes) -> Any:
    session = iot._connected_clients.get(key)
    if session is None:
        return _missing(key)
    session._forced_disconnect_reason = _ENDED
    if _asks(query, "preventWillMessage"):
        session._will_topic = None
    if _asks(query, "cleanSession"):
        session._persist_session = False
    if session.protocol_version == iot.MQTT_5:
        await _send(session, {"type": "websocket.send", "bytes": iot._make_disconnect(_ADMINISTRATIVE_ACTION)})
    await _send(session, {"type": "websocket.close", "code": 1000})
    await session.cleanup()
    return 200, {"Content-Type": "application/json"}, b""


async def _send(session: Any, message: Mapping[str, Any]) -> None:
    try:
        await session._send(message)
    except OSError:
        return  # the client was quicker


async def _list_subscriptions(key: Key, query: Mapping[str, str], _body: bytes) -> Any:
    session, kept = iot._connected_clients.get(key), iot._persistent_sessions.get(key)
    if session is not None:
        found = {topic: session._sub_granted_qos.get(sid, 0) for sid, topic in session._sub_filters.items()}
    elif kept is not None and not iot._is_session_expired(kept):
        found = dict.fromkeys(kept.subscriptions, 1)
    else:
        return _missing(key)
    after, size = query.get("nextToken", ""), int(query.get("maxResults", _PAGE))
    topics = sorted(topic for topic in found if topic > after)
    body: dict[str, Any] = {"subscriptions": [{"topicFilter": each, "qos": found[each]} for each in topics[:size]]}
    if len(topics) > size:
        body["nextToken"] = topics[size - 1]
    return iot_data.json_response(body)


async def _send_direct_message(key: Key, query: Mapping[str, str], body: bytes) -> Any:
    topic = query.get("topic", "")
    refusal, session = iot_data._validate_topic(topic), iot._connected_clients.get(key)
    if refusal or session is None:
        return refusal or _missing(key)
    if not session._policy_allows("iot:Receive", f"topic/{topic}"):
        return iot_data.error_response_json("ForbiddenException", f"The client may not receive {topic}.", 403)
    waits = _asks(query, "confirmation")
    before = set(session._in_flight)
    await session.deliver_to_client(topic, body, int(waits))
    sent = set(session._in_flight) - before
    if waits and not await _acknowledged(session, sent, float(query.get("timeout", 5))):
        return iot_data.error_response_json("GatewayTimeoutException", "The client did not confirm in time.", 504)
    return iot_data.json_response({"message": "OK", "traceId": str(uuid.uuid4())})


async def _acknowledged(session: Any, packets: set[int], seconds: float) -> bool:
    """Whether the client confirms; the broker tells nobody of it but takes the packet away."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while packets & set(session._in_flight) and loop.time() < deadline:
        await asyncio.sleep(0.01)
    return not session._cleaned_up and not packets & set(session._in_flight)


_ANSWERS = {
    ("GET", None): _get_connection,
    ("DELETE", None): _delete_connection,
    ("GET", "/subscriptions"): _list_subscriptions,
    ("POST", "/messages"): _send_direct_message,
}


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html")
def connections_are_authorized_on_their_client() -> None:
    """Calls on a connection are authorized on client/CLIENTID; the emulator authorizes them on everything."""

    def resource_of(call: Authorized) -> str | None:
        found = _PATH.fullmatch(call.path) if call.service == "iot-data" else None
        return f"{call.iot}:client/{found['client']}" if found else None

    authorize(resource_of)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_GetThingConnectivityData.html")
def connectivity_of_one_thing() -> None:
    """GetThingConnectivityData tells whether one thing is connected, without the index's lag; the emulator lacks it.

    Connectivity must be indexed. What AWS answers where it is not, its page does not tell.
    """
    serve({("POST", "/things/([^/]+)/connectivity-data"): _connectivity_data})


def _connectivity_data(request: Request) -> Any:
    if iot._thing_connectivity_indexing_mode(iot._indexing_configuration()) != "STATUS":
        return iot.error_response_json("IndexNotReadyException", "Thing connectivity is not indexed.", 400)
    if request.name not in iot._things:
        return iot.error_response_json("ResourceNotFoundException", f"Thing {request.name} does not exist.", 404)
    key = (iot.get_account_id(), iot.get_region(), request.name)
    known = iot._thing_connectivity(*key)
    answer = {"thingName": request.name, **known}
    if "timestamp" in known:
        answer["timestamp"] = known["timestamp"] / 1000
    session = iot._connected_clients.get(key)
    if session is not None:
        answer |= described(key, session)
        if request.body.get("includeSocketInformation"):
            answer |= sockets_of(session)
    return iot.json_response(answer)
