"""The registry's control plane, and the ARNs that its calls are authorized on."""

import contextvars
import json
from typing import Any

from ministack.core import iam_actions
from ministack.services import iot

from . import correction
from .patching import Authorized, authorize, replace

_IOT_SERVICES = ("iot", "iot-data", "iot-jobs-data")
_thing_of_attachment: contextvars.ContextVar[str] = contextvars.ContextVar("thing_of_attachment", default="")


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThing.html")
def update_thing_expected_version() -> None:
    """UpdateThing with a stale expectedVersion is refused with VersionConflictException."""
    update = iot._update_thing

    def update_thing(name: str, payload: dict[str, Any]) -> Any:
        expected, thing = payload.get("expectedVersion"), iot._things.get(name)
        if thing is not None and expected is not None and int(expected) != thing.get("version", 1):
            return iot.error_response_json(
                "VersionConflictException",
                f"The version for thing {name} does not match the expected version.",
                409,
            )
        return update(name, payload)

    replace(update, update_thing)


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html")
def policy_attachment_is_authorized_on_its_target() -> None:
    """Attach- and DetachPolicy are authorized on the certificate or group, ListTargetsForPolicy on the policy."""

    def resource_of(call: Authorized) -> str | None:
        if call.service in _IOT_SERVICES and len(call.parts) == 2:
            kind, name = call.parts
            if kind == "target-policies":
                return _target(call.body)
            if kind == "policy-targets":
                return f"{call.iot}:policy/{name}"
        return None

    authorize(resource_of)


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html")
def groups_and_principals_are_authorized_by_name() -> None:
    """Calls on billing and dynamic groups are authorized on the group, lists of a certificate's things on it.

    A thing that is made in a billing group is authorized on both.
    """
    named = iam_actions.iot_resource_arns
    kinds = {"billing-groups": "billinggroup", "dynamic-thing-groups": "thinggroup"}

    def resource_of(call: Authorized) -> str | None:
        parts = call.parts
        if call.service == "iot" and call.path in ("/principals/things", "/principals/things-v2"):
            return call.headers.get("x-amzn-principal") or "*"
        if call.service == "iot" and len(parts) > 1 and parts[0] in kinds and not call.path.endswith("BillingGroup"):
            return f"{call.iot}:{kinds[parts[0]]}/{parts[1]}"
        return None

    def iot_resource_arns(method: str, path: str, body: bytes, region: str, account_id: str) -> Any:
        if path in ("/billing-groups/addThingToBillingGroup", "/billing-groups/removeThingFromBillingGroup"):
            request, arn = iot._parse_body(body), f"arn:aws:iot:{region}:{account_id}"
            return [
                request.get(f"{field}Arn") or f"{arn}:{kind}/{request.get(f'{field}Name')}"
                for field, kind in (("billingGroup", "billinggroup"), ("thing", "thing"))
            ]
        parts = [part for part in path.split("/") if part]
        if method == "POST" and len(parts) == 2 and parts[0] == "things":
            group, arn = iot._parse_body(body).get("billingGroupName"), f"arn:aws:iot:{region}:{account_id}"
            return [f"{arn}:thing/{parts[1]}", *([f"{arn}:billinggroup/{group}"] if group else [])]
        return named(method, path, body, region, account_id)

    authorize(resource_of)
    replace(named, iot_resource_arns)


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html")
def searches_are_authorized_on_their_index() -> None:
    """SearchIndex is authorized on the index that it names, AWS_Things if none."""

    def resource_of(call: Authorized) -> str | None:
        if call.service == "iot" and call.path == "/indices/search":
            return f"{call.iot}:index/{iot._parse_body(call.body).get('indexName') or 'AWS_Things'}"
        return None

    authorize(resource_of)


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html")
def things_attachments_are_authorized_on_the_certificate() -> None:
    """Attach- and DetachThingPrincipal are authorized on the certificate, and iot:thingArn names the thing."""
    tags = iam_actions.request_tag_context

    def resource_of(call: Authorized) -> str | None:
        parts = call.parts
        attaches = call.service == "iot" and call.method in ("PUT", "DELETE") and parts[::2] == ["things", "principals"]
        _thing_of_attachment.set(f"{call.iot}:thing/{parts[1]}" if attaches else "")
        return (call.headers.get("x-amzn-principal") or "*") if attaches else None

    def request_tag_context(service: str, iam_action: str, body: bytes, params: Any) -> Any:
        # The emulator asks for what a condition may know right after it asked for the resource.
        thing = _thing_of_attachment.get() if service == "iot" else ""
        return {**tags(service, iam_action, body, params), **({"iot:thingarn": thing} if thing else {})}

    authorize(resource_of)
    replace(tags, request_tag_context)


def _target(body: bytes) -> str:
    try:
        target = json.loads(body or b"{}").get("target")
    except (ValueError, AttributeError):
        target = None
    return target if isinstance(target, str) and target else "*"
