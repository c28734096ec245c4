"""Corrections of groups, and of the registry's limits."""

import json
from typing import Any

import pytest

from lab.emulator import PRIMARY_REGION, SECONDARY_REGION
from lab.fleet import Fleet
from lab.waiting import until
from tests.e2e.corrections.making import ACCOUNT, TYPE_DELETION_SECONDS, Aws, refused, register, rule_into_queue, unique

pytestmark = pytest.mark.lab


def group_after_stale_and_merging_updates(aws: Aws) -> tuple[bool, bool, dict[str, str]]:
    iot, name = aws.client("iot"), unique("group")
    iot.create_thing_group(
        thingGroupName=name, thingGroupProperties={"attributePayload": {"attributes": {"a": "1", "b": "1"}}}
    )
    change = {"attributePayload": {"attributes": {"a": "", "c": "1"}, "merge": True}}
    iot.update_thing_group(thingGroupName=name, thingGroupProperties=change, expectedVersion=1)
    code = "VersionConflictException"
    stale = refused(code, iot.update_thing_group, thingGroupName=name, thingGroupProperties={}, expectedVersion=1)
    attributes = iot.describe_thing_group(thingGroupName=name)["thingGroupProperties"]["attributePayload"]["attributes"]
    return stale, refused(code, iot.delete_thing_group, thingGroupName=name, expectedVersion=1), attributes


def test_a_groups_expected_version_counts_and_its_attributes_merge(corrected: Aws) -> None:
    assert group_after_stale_and_merging_updates(corrected) == (True, True, {"b": "1", "c": "1"})


def test_the_emulator_ignores_a_groups_expected_version_and_merge(uncorrected: Aws) -> None:
    assert group_after_stale_and_merging_updates(uncorrected) == (False, False, {"a": "", "c": "1"})


def ancestors_told(aws: Aws) -> list[str]:
    iot, name = aws.client("iot"), unique("group")
    Fleet(iot, region=PRIMARY_REGION, account=ACCOUNT).make_groups(f"{name}-1", f"{name}-2", f"{name}-3")
    metadata = iot.describe_thing_group(thingGroupName=f"{name}-3")["thingGroupMetadata"]
    assert metadata["parentGroupName"] == f"{name}-2"
    return [group["groupName"].rpartition("-")[2] for group in metadata.get("rootToParentThingGroups", [])]


def test_a_group_names_its_ancestors_from_the_root_down(corrected: Aws) -> None:
    assert ancestors_told(corrected) == ["1", "2"]


def test_the_emulator_names_no_ancestors(uncorrected: Aws) -> None:
    assert ancestors_told(uncorrected) == []


def memberships_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A second group of one hierarchy; the same after leaving the first; an eleventh group."""
    iot, thing, root, code = aws.client("iot"), unique("thing"), unique("root"), "InvalidRequestException"
    iot.create_thing(thingName=thing)
    iot.create_thing_group(thingGroupName=root)
    for name in ("left", "right"):
        iot.create_thing_group(thingGroupName=f"{root}-{name}", parentGroupName=root)
    iot.add_thing_to_thing_group(thingGroupName=f"{root}-left", thingName=thing)

    def join(group: str) -> bool:
        return refused(code, iot.add_thing_to_thing_group, thingGroupName=group, thingName=thing)

    second = join(f"{root}-right")
    iot.remove_thing_from_thing_group(thingGroupName=f"{root}-left", thingName=thing)
    again = join(f"{root}-right")
    for number in range(10):
        iot.create_thing_group(thingGroupName=f"{root}-{number}")
    return second, again, [join(f"{root}-{number}") for number in range(10)][-1]


def test_a_thing_joins_one_group_of_a_hierarchy_and_ten_groups(corrected: Aws) -> None:
    assert memberships_refused(corrected) == (True, False, True)


def test_the_emulator_lets_a_thing_join_every_group(uncorrected: Aws) -> None:
    assert memberships_refused(uncorrected) == (False, False, False)


def test_the_emulator_keeps_a_group_that_has_children(uncorrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    iot, parent, child = uncorrected.client("iot"), unique("parent"), unique("child")
    assert refused("InvalidRequestException", iot.create_thing_group, thingGroupName=child, parentGroupName=parent)
    iot.create_thing_group(thingGroupName=parent)
    iot.create_thing_group(thingGroupName=child, parentGroupName=parent)
    assert refused("InvalidRequestException", iot.delete_thing_group, thingGroupName=parent)


def test_a_dynamic_group_holds_what_its_query_finds(corrected: Aws) -> None:
    iot, name, site = corrected.client("iot", SECONDARY_REGION), unique("dynamic"), unique("site")
    query = f"attributes.site:{site}"
    assert refused("ResourceNotFoundException", iot.create_dynamic_thing_group, thingGroupName=name, queryString=query)
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    made = iot.create_dynamic_thing_group(thingGroupName=name, queryString=query)
    assert (made["indexName"], made["queryVersion"]) == ("AWS_Things", "2017-09-30")
    thing = unique("thing")
    iot.create_thing(thingName=thing, attributePayload={"attributes": {"site": site}})
    assert iot.list_things_in_thing_group(thingGroupName=name)["things"] == [thing]
    assert [group["groupName"] for group in iot.list_thing_groups_for_thing(thingName=thing)["thingGroups"]] == [name]
    assert name in [group["groupName"] for group in iot.list_thing_groups()["thingGroups"]]
    invalid = "InvalidRequestException"
    assert refused(invalid, iot.update_thing_group, thingGroupName=name, thingGroupProperties={})
    assert refused(invalid, iot.delete_thing_group, thingGroupName=name)
    assert refused(invalid, iot.add_thing_to_thing_group, thingGroupName=name, thingName=thing)
    change: dict[str, Any] = {
        "thingGroupName": name,
        "thingGroupProperties": {"thingGroupDescription": "all of it"},
        "expectedVersion": 1,
        "queryString": "thingName:nothing",
    }
    iot.update_dynamic_thing_group(**change)
    assert refused("VersionConflictException", iot.update_dynamic_thing_group, **change)
    group = iot.describe_thing_group(thingGroupName=name)
    assert (group["queryString"], group["version"], group["status"]) == ("thingName:nothing", 2, "ACTIVE")
    assert group["thingGroupProperties"]["thingGroupDescription"] == "all of it"
    assert iot.list_things_in_thing_group(thingGroupName=name)["things"] == []
    iot.delete_dynamic_thing_group(thingGroupName=name, expectedVersion=2)
    assert refused("ResourceNotFoundException", iot.describe_thing_group, thingGroupName=name)


def test_dynamic_groups_and_billing_groups_have_tags(corrected: Aws) -> None:
    iot, name = corrected.client("iot", SECONDARY_REGION), unique("tagged")
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    tags = [{"Key": "team", "Value": "red"}]
    made = (
        iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:x", tags=tags)["thingGroupArn"],
        iot.create_billing_group(billingGroupName=name, tags=tags)["billingGroupArn"],
    )

    def tags_of(arn: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = iot.list_tags_for_resource(resourceArn=arn)["tags"]
        return found

    assert [tags_of(arn) for arn in made] == [tags, tags]
    for arn in made:
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": ""}])
        iot.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert [tags_of(arn) for arn in made] == [[{"Key": "cost", "Value": ""}]] * 2

    iot.delete_billing_group(billingGroupName=name)
    iot.create_billing_group(billingGroupName=name)
    assert tags_of(made[1]) == []
    assert refused("ResourceNotFoundException", iot.tag_resource, resourceArn=made[1] + "-other", tags=tags)


def test_events_tell_a_dynamic_group_from_others(corrected: Aws) -> None:
    region = PRIMARY_REGION
    iot, sqs, name = corrected.client("iot", region), corrected.client("sqs", region), unique("dynamic")
    queue = rule_into_queue(corrected, region, f"$aws/events/thingGroup/{name}/+")
    iot.update_event_configurations(eventConfigurations={"THING_GROUP": {"Enabled": True}})
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:x")
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 2)
    assert json.loads(message["Body"])["dynamicGroupMappingId"]


def test_the_emulator_has_no_dynamic_groups(uncorrected: Aws) -> None:
    assert refused(
        "InvalidRequestException",
        uncorrected.client("iot").create_dynamic_thing_group,
        thingGroupName=unique("dynamic"),
        queryString="thingName:x",
    )


def test_things_belong_to_billing_groups(corrected: Aws) -> None:
    iot, name, thing, other = corrected.client("iot"), unique("billing"), unique("thing"), unique("other")

    def of_thing() -> str | None:
        group: str | None = iot.describe_thing(thingName=thing).get("billingGroupName")
        return group

    assert refused("ResourceNotFoundException", iot.create_thing, thingName=thing, billingGroupName=name)
    for group in (name, other):
        iot.create_billing_group(billingGroupName=group, billingGroupProperties={"billingGroupDescription": "who pays"})
    assert refused("ResourceAlreadyExistsException", iot.create_billing_group, billingGroupName=name)
    iot.create_thing(thingName=thing, billingGroupName=name)
    assert of_thing() == name
    assert refused("InvalidRequestException", iot.add_thing_to_billing_group, thingName=thing, billingGroupName=other)
    iot.remove_thing_from_billing_group(thingName=thing, billingGroupName=name)
    assert of_thing() is None
    iot.add_thing_to_billing_group(thingName=thing, billingGroupName=other)
    assert iot.list_things_in_billing_group(billingGroupName=other)["things"] == [thing]
    assert {name, other} <= {group["groupName"] for group in iot.list_billing_groups()["billingGroups"]}
    changed = iot.update_billing_group(billingGroupName=other, billingGroupProperties={}, expectedVersion=1)
    assert changed["version"] == 2
    assert refused("VersionConflictException", iot.delete_billing_group, billingGroupName=other, expectedVersion=1)
    assert iot.describe_billing_group(billingGroupName=other)["billingGroupProperties"] == {}
    iot.delete_billing_group(billingGroupName=other, expectedVersion=2)
    assert of_thing() is None
    assert refused("ResourceNotFoundException", iot.describe_billing_group, billingGroupName=other)


def test_the_emulator_has_no_billing_groups(uncorrected: Aws) -> None:
    assert refused("InvalidRequestException", uncorrected.client("iot").list_billing_groups)


def sixth_version_refused(aws: Aws) -> bool:
    iot, name, document = aws.client("iot"), unique("policy"), '{"Version":"2012-10-17","Statement":[]}'
    iot.create_policy(policyName=name, policyDocument=document)
    for _ in range(4):
        iot.create_policy_version(policyName=name, policyDocument=document)
    return refused(
        "VersionsLimitExceededException", iot.create_policy_version, policyName=name, policyDocument=document
    )


def test_a_policy_has_five_versions(corrected: Aws) -> None:
    assert sixth_version_refused(corrected)


def test_the_emulator_takes_a_sixth_version(uncorrected: Aws) -> None:
    assert not sixth_version_refused(uncorrected)


def policies_by_size_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A policy of 2,048 characters and much white space; one character more; the same as a new version."""
    iot, name = aws.client("iot"), unique("policy")

    def of(characters: int) -> str:
        empty = '{"Version":"2012-10-17","Id":"","Statement":[]}'
        return empty.replace('"",', f'"{"x" * (characters - len(empty))}",' + " " * 1000)

    code = "MalformedPolicyException"
    return (
        refused(code, iot.create_policy, policyName=name, policyDocument=of(2048)),
        refused(code, iot.create_policy, policyName=unique("other"), policyDocument=of(2049)),
        refused(code, iot.create_policy_version, policyName=name, policyDocument=of(2049)),
    )


def test_a_policy_has_2048_characters(corrected: Aws) -> None:
    assert policies_by_size_refused(corrected) == (False, True, True)


def test_the_emulator_takes_a_policy_of_any_size(uncorrected: Aws) -> None:
    assert policies_by_size_refused(uncorrected) == (False, False, False)


def eleventh_policy_refused(aws: Aws) -> bool:
    iot, name = aws.client("iot"), unique("policy")
    certificate = register(iot)
    for number in range(11):
        iot.create_policy(policyName=f"{name}-{number}", policyDocument='{"Version":"2012-10-17","Statement":[]}')
    for number in range(10):
        iot.attach_policy(policyName=f"{name}-{number}", target=certificate)
    iot.attach_policy(policyName=f"{name}-0", target=certificate)  # which it has already
    return refused("LimitExceededException", iot.attach_policy, policyName=f"{name}-10", target=certificate)


def test_a_certificate_has_ten_policies(corrected: Aws) -> None:
    assert eleventh_policy_refused(corrected)


def test_the_emulator_takes_an_eleventh_policy(uncorrected: Aws) -> None:
    assert not eleventh_policy_refused(uncorrected)


def type_deleted_at_once(aws: Aws) -> bool:
    iot, name = aws.client("iot"), unique("type")
    iot.create_thing_type(thingTypeName=name)
    iot.deprecate_thing_type(thingTypeName=name)
    deleted = not refused("InvalidRequestException", iot.delete_thing_type, thingTypeName=name)
    if not deleted:
        wait = float(TYPE_DELETION_SECONDS) + 1
        assert until(lambda: not refused("InvalidRequestException", iot.delete_thing_type, thingTypeName=name), wait)
    return deleted


def test_a_type_is_deleted_some_time_after_its_deprecation(corrected: Aws) -> None:
    assert not type_deleted_at_once(corrected)


def test_the_emulator_deletes_a_type_right_after_its_deprecation(uncorrected: Aws) -> None:
    assert type_deleted_at_once(uncorrected)


def uses_of_a_deprecated_type_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """A new thing of it; a thing changed to it; an update that names it of a thing that has it."""
    iot, type_name, before = aws.client("iot"), unique("type"), unique("before")
    iot.create_thing_type(thingTypeName=type_name)
    iot.create_thing(thingName=before, thingTypeName=type_name)
    iot.create_thing(thingName=f"{before}-2")
    iot.deprecate_thing_type(thingTypeName=type_name)
    code = "InvalidRequestException"
    return (
        refused(code, iot.create_thing, thingName=unique("after"), thingTypeName=type_name),
        refused(code, iot.update_thing, thingName=f"{before}-2", thingTypeName=type_name),
        refused(code, iot.update_thing, thingName=before, thingTypeName=type_name),
    )


def test_a_deprecated_type_takes_no_things(corrected: Aws) -> None:
    assert uses_of_a_deprecated_type_refused(corrected) == (True, True, True)


def test_the_emulator_gives_things_a_deprecated_type(uncorrected: Aws) -> None:
    assert uses_of_a_deprecated_type_refused(uncorrected) == (False, False, False)


def change_type(aws: Aws, properties: dict[str, Any]) -> dict[str, Any]:
    iot, name = aws.client("iot"), unique("type")
    iot.create_thing_type(thingTypeName=name, thingTypeProperties={"thingTypeDescription": "pumps"})
    iot.update_thing_type(thingTypeName=name, thingTypeProperties=properties)
    found: dict[str, Any] = iot.describe_thing_type(thingTypeName=name)["thingTypeProperties"]
    return found


def test_what_mqtt_5_messages_carry_can_be_changed_and_nothing_else_of_a_type(corrected: Aws) -> None:
    mqtt5 = {"propagatingAttributes": [{"userPropertyKey": "site", "thingAttribute": "site"}]}
    changed = change_type(corrected, {"mqtt5Configuration": mqtt5, "thingTypeDescription": "pumps"})
    assert (changed["mqtt5Configuration"], changed["thingTypeDescription"]) == (mqtt5, "pumps")
    with pytest.raises(corrected.client("iot").exceptions.InvalidRequestException):
        change_type(corrected, {"thingTypeDescription": "valves"})


def test_the_emulator_cannot_change_a_type(uncorrected: Aws) -> None:
    with pytest.raises(uncorrected.client("iot").exceptions.InvalidRequestException):
        change_type(uncorrected, {"mqtt5Configuration": {"propagatingAttributes": []}})
