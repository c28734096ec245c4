"""Thing groups, dynamic thing groups and billing groups."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import iot

from . import correction
from .patching import Request, replace, serve

_MAX_GROUPS_OF_A_THING = 10
_INDEX = "AWS_Things"
_QUERY_VERSION = "2017-09-30"

_billing_groups: AccountRegionScopedDict = AccountRegionScopedDict()


def _invalid(message: str) -> Any:
    return iot.error_response_json("InvalidRequestException", message, 400)


def _stale(record: dict[str, Any] | None, expected: Any) -> Any:
    """The refusal of a call that expects another version than the record has."""
    if record is None or expected in (None, "") or int(expected) == record.get("version", 1):
        return None
    return iot.error_response_json("VersionConflictException", "The version does not match the expected version.", 409)


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingGroup.html")
def thing_group_expected_version_and_merge() -> None:
    """UpdateThingGroup and DeleteThingGroup honour expectedVersion, and attributes are merged when asked for."""
    update = iot._update_thing_group

    def update_thing_group(name: str, payload: dict[str, Any]) -> Any:
        group = iot._thing_groups.get(name)
        refusal = _stale(group, payload.get("expectedVersion"))
        if refusal:
            return refusal
        properties = dict(payload.get("thingGroupProperties") or {})
        given = properties.get("attributePayload") or {}
        if group is not None and given.get("merge"):
            kept = (group["thingGroupProperties"].get("attributePayload") or {}).get("attributes") or {}
            # As for things, an empty value takes the attribute away.
            merged = {key: value for key, value in {**kept, **given.get("attributes", {})}.items() if value}
            properties["attributePayload"] = {"attributes": merged}
        return update(name, {**payload, "thingGroupProperties": properties})

    def delete_thing_group(request: Request) -> Any:
        refusal = _stale(iot._thing_groups.get(request.name), request.query.get("expectedVersion"))
        return refusal or iot._delete_thing_group(request.name)

    replace(update, update_thing_group)
    serve({("DELETE", "/thing-groups/([^/]+)"): delete_thing_group})


@correction("https://docs.aws.amazon.com/iot/latest/apireference/API_ThingGroupMetadata.html")
def thing_group_names_its_ancestors() -> None:
    """DescribeThingGroup names every group from the root down to the parent; the emulator only the parent."""
    describe = iot._describe_thing_group

    def describe_thing_group(name: str) -> Any:
        answer, ancestors = describe(name), _ancestors(name)
        if not ancestors:
            return answer
        body = json.loads(answer[2])
        body["thingGroupMetadata"]["rootToParentThingGroups"] = [
            {"groupName": ancestor, "groupArn": iot._thing_group_arn(ancestor)} for ancestor in ancestors
        ]
        return iot.json_response(body)

    replace(describe, describe_thing_group)


def _ancestors(name: str) -> list[str]:
    """From the root down to the parent."""
    parent = ((iot._thing_groups.get(name) or {}).get("thingGroupMetadata") or {}).get("parentGroupName")
    return [*_ancestors(parent), parent] if parent else []


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html")
def thing_joins_one_group_of_a_hierarchy() -> None:
    """A thing is in one group of a hierarchy at most, and in ten groups; so it leaves before it joins another."""
    add = iot._add_thing_to_group

    async def add_thing_to_group(payload: dict[str, Any]) -> Any:
        group, thing, error = iot._membership_names(payload)
        joined = [name for name in (iot._things.get(thing) or {}).get("thingGroupNames", []) if name != group]
        if not error and group in iot._thing_groups:
            if any(_root(name) == _root(group) for name in joined):
                return _invalid(f"Thing {thing} is in another group of the hierarchy of {group}")
            if len(joined) >= _MAX_GROUPS_OF_A_THING:
                return _invalid(f"Thing {thing} is in {_MAX_GROUPS_OF_A_THING} groups already")
        return await add(payload)

    replace(add, add_thing_to_group)


def _root(name: str) -> str:
    return [*_ancestors(name), name][0]


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/dynamic-thing-groups.html")
def dynamic_thing_groups() -> None:
    """A dynamic group holds the things that a query finds and is made by calls of its own; the emulator has none."""
    update, delete, add = iot._update_thing_group, iot._delete_thing_group, iot._add_thing_to_group
    of_thing, raise_event = iot._list_thing_groups_for_thing, iot._registry_event

    def update_thing_group(name: str, payload: dict[str, Any]) -> Any:
        return _refuse_dynamic(name) or update(name, payload)

    def delete_thing_group(name: str) -> Any:
        return _refuse_dynamic(name) or delete(name)

    async def add_thing_to_group(payload: dict[str, Any]) -> Any:
        return _refuse_dynamic(iot._membership_names(payload)[0]) or await add(payload)

    def list_thing_groups_for_thing(path: str) -> Any:
        answer = of_thing(path)
        return _with_dynamic_groups(path.split("/")[2], answer) if answer[0] == 200 else answer

    def registry_event(config_type: str, *event: Any, **options: Any) -> None:
        fields = event[3]
        if config_type == "THING_GROUP" and _is_dynamic(fields["thingGroupName"]):
            fields["dynamicGroupMappingId"] = fields["thingGroupId"]
        raise_event(config_type, *event, **options)

    replace(update, update_thing_group)
    replace(delete, delete_thing_group)
    replace(add, add_thing_to_group)
    replace(of_thing, list_thing_groups_for_thing)
    replace(raise_event, registry_event)
    serve(
        {
            ("POST", "/dynamic-thing-groups/([^/]+)"): _create_dynamic,
            ("PATCH", "/dynamic-thing-groups/([^/]+)"): lambda request: _update_dynamic(request, update),
            ("DELETE", "/dynamic-thing-groups/([^/]+)"): lambda request: _delete_dynamic(request, delete),
            ("GET", "/thing-groups/([^/]+)/things"): _list_things,
        }
    )


def _refuse_dynamic(name: str) -> Any:
    return _invalid(f"{name} is a dynamic thing group") if _is_dynamic(name) else None


def _create_dynamic(request: Request) -> Any:
    existing, query, tags = iot._thing_groups.get(request.name), _query(request), request.body.get("tags")
    if existing is not None:
        same = all(existing.get(key) == value for key, value in query.items())
        return iot._create_existing_thing_group(existing, dict(request.body)) if same else _exists(request.name)
    refusal = _no_index(query) or iot._tags_error(tags, required=False)
    if refusal:
        return refusal
    properties = request.body.get("thingGroupProperties") or {}
    attributes = (properties.get("attributePayload") or {}).get("attributes") or {}
    group = {
        "thingGroupName": request.name,
        "thingGroupId": iot.new_uuid(),
        "thingGroupArn": iot._thing_group_arn(request.name),
        "thingGroupProperties": {
            "thingGroupDescription": properties.get("thingGroupDescription"),
            "attributePayload": {"attributes": dict(attributes)},
        },
        "version": 1,
        "things": [],
        "status": "ACTIVE",
        **query,
    }
    iot._thing_groups[request.name] = group
    iot._set_created_tags(group["thingGroupArn"], tags)
    iot._thing_group_event("CREATED", group)
    return iot.json_response({key: group[key] for key in ("thingGroupName", "thingGroupArn", "thingGroupId", *query)})


def _update_dynamic(request: Request, update: Callable[[str, dict[str, Any]], Any]) -> Any:
    group = iot._thing_groups.get(request.name)
    if group is None or not _is_dynamic(request.name):
        return iot._error_not_found("UpdateThingGroup", request.name)
    query = _query(request, group)
    refusal = _stale(group, request.body.get("expectedVersion")) or _no_index(query)
    if refusal:
        return refusal
    group.update(query)
    return update(request.name, dict(request.body))


def _delete_dynamic(request: Request, delete: Callable[[str], Any]) -> Any:
    group = iot._thing_groups.get(request.name)
    if group is not None and not _is_dynamic(request.name):
        return _invalid(f"{request.name} is no dynamic thing group")
    return _stale(group, request.query.get("expectedVersion")) or delete(request.name)


def _list_things(request: Request) -> Any:
    if _is_dynamic(request.name):
        return iot.json_response({"things": list(_found(iot._thing_groups[request.name]))})
    return iot._list_things_in_thing_group(f"/thing-groups/{request.name}/things")


def _with_dynamic_groups(thing: str, answer: Any) -> Any:
    body = json.loads(answer[2])
    body["thingGroups"] += [
        {"groupName": group["thingGroupName"], "groupArn": group["thingGroupArn"]}
        for group in iot._thing_groups.values()
        if thing in _found(group)
    ]
    return iot.json_response(body)


def _is_dynamic(name: str) -> bool:
    return "queryString" in (iot._thing_groups.get(name) or {})


def _query(request: Request, before: dict[str, Any] | None = None) -> dict[str, str]:
    """What a dynamic group searches for, where and how."""
    defaults = {"indexName": _INDEX, "queryString": "", "queryVersion": _QUERY_VERSION}
    return {key: request.body.get(key) or (before or defaults)[key] for key in defaults}


def _no_index(query: dict[str, str]) -> Any:
    """The refusal of a query that the index cannot answer, as SearchIndex gives it."""
    answer = iot._search_index({"indexName": query["indexName"], "queryString": query["queryString"]})
    return answer if answer[0] != 200 else None


def _exists(name: str) -> Any:
    return iot.error_response_json("ResourceAlreadyExistsException", f"{name} exists with other properties", 409)


def _found(group: dict[str, Any]) -> Iterator[str]:
    if "queryString" in group:
        answer = iot._search_index({"indexName": group["indexName"], "queryString": group["queryString"]})
        yield from (thing["thingName"] for thing in json.loads(answer[2]).get("things", []))


@correction("https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot-billing-groups.html")
def billing_groups() -> None:
    """Things belong to a billing group each, for cost allocation; the emulator has no billing groups."""
    create_thing, describe_thing = iot._create_thing, iot._describe_thing

    def create_thing_in_group(name: str, payload: dict[str, Any]) -> Any:
        group = payload.get("billingGroupName")
        if group and group not in _billing_groups:
            return iot._error_not_found("BillingGroup", group)
        answer = create_thing(name, payload)
        if group and answer[0] == 200:
            iot._things[name]["billingGroupName"] = group
        return answer

    def describe_thing_with_group(name: str) -> Any:
        answer = describe_thing(name)
        group = (iot._things.get(name) or {}).get("billingGroupName")
        return iot.json_response({**json.loads(answer[2]), "billingGroupName": group}) if group else answer

    iot._TAGGABLE_RESOURCES["billinggroup"] = (_billing_groups, "Billing Group {name} does not exist.")
    replace(create_thing, create_thing_in_group)
    replace(describe_thing, describe_thing_with_group)
    serve(
        {
            ("GET", "/billing-groups"): _list_billing_groups,
            ("PUT", "/billing-groups/(add)ThingToBillingGroup"): _change_billing_group_of_thing,
            ("PUT", "/billing-groups/(remove)ThingFromBillingGroup"): _change_billing_group_of_thing,
            ("GET", "/billing-groups/([^/]+)/things"): _list_things_in_billing_group,
            ("POST", "/billing-groups/([^/]+)"): _create_billing_group,
            ("GET", "/billing-groups/([^/]+)"): _describe_billing_group,
            ("PATCH", "/billing-groups/([^/]+)"): _update_billing_group,
            ("DELETE", "/billing-groups/([^/]+)"): _delete_billing_group,
        }
    )


def _list_billing_groups(request: Request) -> Any:
    prefix = request.query.get("namePrefixFilter", "")
    found = [group for group in _billing_groups.values() if group["billingGroupName"].startswith(prefix)]
    entries = [{"groupName": group["billingGroupName"], "groupArn": group["billingGroupArn"]} for group in found]
    return iot.json_response({"billingGroups": entries})


def _create_billing_group(request: Request) -> Any:
    properties = dict(request.body.get("billingGroupProperties") or {})
    group, tags = _billing_groups.get(request.name), request.body.get("tags")
    if refusal := iot._tags_error(tags, required=False):
        return refusal
    if group is not None and group["billingGroupProperties"] != properties:
        return _exists(request.name)
    if group is None:
        group = {
            "billingGroupName": request.name,
            "billingGroupArn": f"arn:aws:iot:{iot.get_region()}:{iot.get_account_id()}:billinggroup/{request.name}",
            "billingGroupId": iot.new_uuid(),
            "version": 1,
            "billingGroupProperties": properties,
            "billingGroupMetadata": {"creationDate": iot._now_epoch()},
        }
        _billing_groups[request.name] = group
        iot._set_created_tags(group["billingGroupArn"], tags)
    return iot.json_response({key: group[key] for key in ("billingGroupName", "billingGroupArn", "billingGroupId")})


def _describe_billing_group(request: Request) -> Any:
    group = _billing_groups.get(request.name)
    return iot.json_response(group) if group else iot._error_not_found("BillingGroup", request.name)


def _update_billing_group(request: Request) -> Any:
    group = _billing_groups.get(request.name)
    if group is None:
        return iot._error_not_found("BillingGroup", request.name)
    refusal = _stale(group, request.body.get("expectedVersion"))
    if refusal:
        return refusal
    group["billingGroupProperties"] = dict(request.body.get("billingGroupProperties") or {})
    group["version"] += 1
    return iot.json_response({"version": group["version"]})


def _delete_billing_group(request: Request) -> Any:
    refusal = _stale(_billing_groups.get(request.name), request.query.get("expectedVersion"))
    if refusal:
        return refusal
    if group := _billing_groups.pop(request.name, None):
        iot._tags.pop(group["billingGroupArn"], None)
    for thing in _things_of_billing_group(request.name):
        del thing["billingGroupName"]
    return iot.json_response({})


def _things_of_billing_group(name: str) -> list[dict[str, Any]]:
    return [thing for thing in iot._things.values() if thing.get("billingGroupName") == name]


def _list_things_in_billing_group(request: Request) -> Any:
    if request.name not in _billing_groups:
        return iot._error_not_found("BillingGroup", request.name)
    return iot.json_response({"things": [thing["thingName"] for thing in _things_of_billing_group(request.name)]})


def _change_billing_group_of_thing(request: Request) -> Any:
    """A thing has one billing group; whether AWS moves or refuses one that has another already is not documented."""
    group, thing = _named(request, "billingGroup"), _named(request, "thing")
    if thing not in iot._things:
        return iot._error_not_found("Thing", thing)
    if group not in _billing_groups:
        return iot._error_not_found("BillingGroup", group)
    record = iot._things[thing]
    if request.name == "remove":
        if record.get("billingGroupName") == group:
            del record["billingGroupName"]
    elif record.get("billingGroupName", group) != group:
        return _invalid(f"Thing {thing} is in billing group {record['billingGroupName']}")
    else:
        record["billingGroupName"] = group
    return iot.json_response({})


def _named(request: Request, field: str) -> str:
    return str(request.body.get(f"{field}Name") or request.body.get(f"{field}Arn", "").rpartition("/")[2])
