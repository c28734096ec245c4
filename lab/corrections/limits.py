"""Limits and waiting times of the registry that the order of the product's calls must respect."""

from typing import Any

from ministack.services import iot

from . import correction, settings
from .patching import Request, replace, serve

_MAX_VERSIONS = 5
_MAX_POLICIES_OF_A_CERTIFICATE = 10
_MAX_CHARACTERS_OF_A_POLICY = 2048


def _invalid(message: str) -> Any:
    return iot.error_response_json("InvalidRequestException", message, 400)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicyVersion.html")
def policy_has_five_versions() -> None:
    """A policy has five versions at most; one is deleted before a sixth is made."""
    create = iot._create_policy_version

    def create_policy_version(name: str, payload: dict[str, Any], qp: dict[str, str]) -> Any:
        if len((iot._policies.get(name) or {}).get("versions", ())) >= _MAX_VERSIONS:
            message = f"The policy {name} already has the maximum number of versions ({_MAX_VERSIONS})"
            return iot.error_response_json("VersionsLimitExceededException", message, 409)
        return create(name, payload, qp)

    replace(create, create_policy_version)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicy.html")
def policy_has_2048_characters() -> None:
    """A policy has 2,048 characters at most, white space left out; the emulator takes any size."""
    create, create_version = iot._create_policy, iot._create_policy_version

    def refusal(payload: dict[str, Any]) -> Any:
        if len("".join(str(payload.get("policyDocument") or "").split())) <= _MAX_CHARACTERS_OF_A_POLICY:
            return None
        message = f"The policy has more than {_MAX_CHARACTERS_OF_A_POLICY} characters"
        return iot.error_response_json("MalformedPolicyException", message, 400)

    def create_policy(name: str, payload: dict[str, Any]) -> Any:
        return refusal(payload) or create(name, payload)

    def create_policy_version(name: str, payload: dict[str, Any], qp: dict[str, str]) -> Any:
        return refusal(payload) or create_version(name, payload, qp)

    replace(create, create_policy)
    replace(create_version, create_policy_version)


@correction("https://docs.aws.amazon.com/general/latest/gr/iot-core.html")
def certificate_has_ten_policies() -> None:
    """A certificate has ten policies at most; one is detached before an eleventh is attached."""
    change = iot._change_policy_target

    def change_policy_target(name: str, target: str | None, *, attach: bool, principal: bool = False) -> Any:
        if attach and target and ":cert/" in target:
            others = [policy for policy in iot._policies_attached_to(target) if policy["policyName"] != name]
            if len(others) >= _MAX_POLICIES_OF_A_CERTIFICATE:
                message = f"{target} already has {_MAX_POLICIES_OF_A_CERTIFICATE} policies"
                return iot.error_response_json("LimitExceededException", message, 410)
        return change(name, target, attach=attach, principal=principal)

    replace(change, change_policy_target)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html")
def type_is_deleted_five_minutes_after_its_deprecation() -> None:
    """A type can be deleted five minutes after its deprecation; LAB_TYPE_DELETION_SECONDS shortens them for a test."""
    delete = iot._delete_thing_type

    def delete_thing_type(name: str) -> Any:
        deprecated_at = ((iot._thing_types.get(name) or {}).get("thingTypeMetadata") or {}).get("deprecationDate")
        if deprecated_at and iot._now_epoch() - deprecated_at < settings.type_deletion_seconds():
            return _invalid(f"Thing type {name} must be deprecated for at least 5 minutes before deletion")
        return delete(name)

    replace(delete, delete_thing_type)


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html")
def deprecated_type_takes_no_things() -> None:
    """No thing can be created with a deprecated type or changed to one; the emulator takes both.

    AWS does not say what it answers to an update that names the deprecated type that the thing has. Here that is a new
    association like any other, so that nothing rests on the kinder answer.
    """
    create, update = iot._create_thing, iot._update_thing

    def refusal(payload: dict[str, Any]) -> Any:
        wanted = payload.get("thingTypeName")
        metadata = (iot._thing_types.get(wanted) or {}).get("thingTypeMetadata") or {}
        if metadata.get("deprecated"):
            return _invalid(f"Can not create new thing with deprecated thing type: {wanted}")
        return None

    def create_thing(name: str, payload: dict[str, Any]) -> Any:
        return refusal(payload) or create(name, payload)

    def update_thing(name: str, payload: dict[str, Any]) -> Any:
        return refusal(payload) or update(name, payload)

    replace(create, create_thing)
    replace(update, update_thing)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingType.html")
def thing_type_can_be_updated() -> None:
    """UpdateThingType changes the attributes that MQTT 5 messages carry; the emulator does not know the call."""

    def update_thing_type(request: Request) -> Any:
        thing_type = iot._thing_types.get(request.name)
        if thing_type is None:
            return iot._error_not_found("ThingType", request.name)
        kept, wanted = thing_type["thingTypeProperties"], request.body.get("thingTypeProperties") or {}
        # Everything else of a type stays what it was made with.
        description, attributes = kept.get("thingTypeDescription"), kept.get("searchableAttributes") or []
        if wanted.get("thingTypeDescription", description) != description or (
            sorted(wanted.get("searchableAttributes", attributes)) != sorted(attributes)
        ):
            return _invalid("Only mqtt5Configuration of a thing type can be updated")
        if "mqtt5Configuration" in wanted:
            kept["mqtt5Configuration"] = wanted["mqtt5Configuration"]
        iot._thing_type_event("UPDATED", thing_type)
        return iot.json_response({})

    serve({("PATCH", "/thing-types/([^/]+)"): update_thing_type})
