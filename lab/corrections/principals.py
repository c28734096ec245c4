"""How certificates hang on things: exclusively or not."""

from typing import Any

from ministack.services import iot

from . import correction
from .patching import Request, replace, serve

_EXCLUSIVE, _SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_AttachThingPrincipal.html")
def principals_have_a_type() -> None:
    """Attached exclusively, a certificate has one thing only, and lists of version 2 tell; the emulator has neither."""
    handle = iot._handle_thing_principals

    def handle_thing_principals(method: str, path: str, headers: Any, body: bytes, qp: dict[str, str]) -> Any:
        name = path.removeprefix("/things/").removesuffix("/principals")
        principal, wanted = headers.get("x-amzn-principal", ""), qp.get("thingPrincipalType")
        refusal = _refusal(name, principal, wanted) if method == "PUT" else None
        answer = refusal or handle(method, path, headers, body, qp)
        if answer[0] == 200 and method != "GET":
            types = iot._things[name].setdefault("principalTypes", {})
            if method == "DELETE":
                types.pop(principal, None)
            else:
                types.setdefault(principal, wanted or _SHARED)
        return answer

    replace(handle, handle_thing_principals)
    serve(
        {
            ("GET", "/things/([^/]+)/principals-v2"): _list_thing_principals,
            ("GET", "/principals/things-v2"): _list_principal_things,
        }
    )


def _type_of(thing: dict[str, Any], principal: str) -> str:
    return str(thing.get("principalTypes", {}).get(principal, _SHARED))


def _things_of(principal: str) -> list[dict[str, Any]]:
    certificate = iot._certificates.get(principal.rpartition("/")[2]) or {}
    names = [iot._thing_name_from_arn(arn) for arn in certificate.get("attachedThings", [])]
    return [iot._things[name] for name in names if name in iot._things]


def _refusal(name: str, principal: str, wanted: str | None) -> Any:
    """Why AWS does not attach it; what AWS says of the same attachment with another type is not documented."""
    for thing in _things_of(principal):
        kept = _type_of(thing, principal)
        changed = wanted not in (None, kept)
        if changed if thing["thingName"] == name else _EXCLUSIVE in (kept, wanted):
            return iot.error_response_json(
                "InvalidRequestException", f"{principal} is attached to thing {thing['thingName']} as {kept}", 400
            )
    return None


def _list_thing_principals(request: Request) -> Any:
    thing = iot._things.get(request.name)
    if thing is None:
        return iot._error_not_found("ListThingPrincipals", request.name)
    found = [{"principal": each, "thingPrincipalType": _type_of(thing, each)} for each in thing.get("principals", [])]
    return iot.json_response({"thingPrincipalObjects": _of_type(found, request)})


def _list_principal_things(request: Request) -> Any:
    principal = request.headers.get("x-amzn-principal", "")
    if principal.rpartition("/")[2] not in iot._certificates:
        return iot._error_not_found("ListPrincipalThings", principal)
    found = [
        {"thingName": thing["thingName"], "thingPrincipalType": _type_of(thing, principal)}
        for thing in _things_of(principal)
    ]
    return iot.json_response({"principalThingObjects": _of_type(found, request)})


def _of_type(found: list[dict[str, str]], request: Request) -> list[dict[str, str]]:
    wanted = request.query.get("thingPrincipalType")
    return [each for each in found if wanted in (None, each["thingPrincipalType"])]
