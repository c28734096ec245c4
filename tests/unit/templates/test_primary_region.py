import json
import re

import pytest

from iot_dr.aws.registry.provisioning import REQUIRED_ACTIONS
from iot_dr.model.events.dead_letters import KEEP_EVENTS_SECONDS
from iot_dr.model.events.registry_events import MANAGEMENT_OPERATIONS, REPLICATED_EVENT_FAMILIES
from templates.blocks import topic_rules
from templates.blocks.topic_rules import EventRule
from templates.management_events import CALLS
from templates.primary_region import REGISTRY_EVENTS
from templates.shadow_capture import SHADOW_EVENTS
from tests.unit.templates.resolving import PRIMARY, SECONDARY, UUID
from tests.unit.templates.stacks import Stack

EVENTS = {
    "Thing": ("$aws/events/thing/pump-17/updated", "pump-17"),
    "ThingType": ("$aws/events/thingType/pump/created", "pump"),
    "ThingGroup": ("$aws/events/thingGroup/north/created", "north"),
    "ThingGroupMembership": ("$aws/events/thingGroupMembership/thingGroup/north/thing/pump-17/added", "pump-17"),
}

LONGEST_UUID = 46
LONGEST_PATTERN = 4096
"""Characters of an event pattern: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""


@pytest.fixture(name="primary")
def primary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["primary"]


def test_parameters_are_those_that_the_launch_gives_and_what_the_operator_may_set(primary: Stack) -> None:
    of_all = {"AccessLogBucket", "KmsKeyId", "NotificationTopicArn", "Tracing"}
    assert set(primary.template["Parameters"]) - of_all == {
        "SecondaryRegion",
        "PermissionsBoundary",
        "GlobalTableName",
        "ProvisioningTemplate",
        "ShadowTableName",
        "Uuid",
        "ReplicateShadows",
        "ShadowNamePattern",
    }


def test_every_family_that_is_replicated_has_its_rule() -> None:
    stems = {re.sub(r"(?<!^)(?=[A-Z])", "_", family.stem).upper() for family in REGISTRY_EVENTS}

    assert stems == set(REPLICATED_EVENT_FAMILIES)


@pytest.mark.parametrize("family", REGISTRY_EVENTS, ids=lambda family: family.stem)
def test_each_family_takes_the_resource_from_its_topic(family: object, primary: Stack) -> None:
    stem = family.stem  # type: ignore[attr-defined]  # looser than the type on purpose
    topic, resource = EVENTS[stem]
    sql = primary.properties(f"{stem}EventRule")["TopicRulePayload"]["Sql"]
    topic_filter = re.search(r"FROM '([^']+)'", sql)
    segment = re.search(r"topic\((\d)\) AS resource", sql)
    assert topic_filter is not None
    assert segment is not None

    assert re.fullmatch(topic_filter[1].replace("$", r"\$").replace("+", "[^/]+"), topic)
    assert topic.split("/")[int(segment[1]) - 1] == resource


def test_every_rule_writes_one_item_per_event_with_its_source_region_and_an_end(primary: Stack) -> None:
    for rule in primary.of_type("AWS::IoT::TopicRule").keys() - {"JitrRule"}:
        payload = primary.properties(rule)["TopicRulePayload"]

        assert payload["AwsIotSqlVersion"] == "2016-03-23"
        assert "newuuid() AS event_id" in payload["Sql"]
        assert f"'{PRIMARY}' AS source_region" in payload["Sql"]
        assert "floor(timestamp() / 1000) + 172800 AS expires" in payload["Sql"]
        assert not payload["RuleDisabled"]


def test_a_registry_event_is_stored_whole(primary: Stack) -> None:
    for event in REGISTRY_EVENTS:
        sql = primary.properties(f"{event.stem}EventRule")["TopicRulePayload"]["Sql"]

        assert "encode(*, 'base64') AS payload" in sql


STORES = [
    (REGISTRY_EVENTS, "RegistryEventTable", "RuleErrorQueue", "RuleErrorAlarm"),
    (SHADOW_EVENTS, "ShadowEventTable", "ShadowRuleErrorQueue", "ShadowRuleErrorAlarm"),
]


@pytest.mark.parametrize("name", ["primary", "secondary"])
def test_no_rules_name_can_be_guessed_nor_is_refused(name: str, stacks: dict[str, Stack]) -> None:
    stack = stacks[name]
    names = [stack.name_of(title) for title in stack.of_type("AWS::IoT::TopicRule")]

    assert names
    for rule in names:
        assert rule.endswith(f"_{UUID.replace('-', '_')}")
        assert re.fullmatch(r"[a-zA-Z0-9_]{1,128}", rule)
        assert len(rule) + LONGEST_UUID - len(UUID) <= 128


def test_there_are_no_other_rules(primary: Stack) -> None:
    stems = {event.stem for event in (*REGISTRY_EVENTS, *SHADOW_EVENTS)}

    assert primary.of_type("AWS::IoT::TopicRule").keys() == {"JitrRule", *(f"{stem}EventRule" for stem in stems)}


@pytest.mark.parametrize(("rules", "table", "queue", "alarm"), STORES)
def test_every_rule_stores_into_its_table_and_has_an_error_action_into_the_queue_that_an_alarm_watches(
    rules: tuple[EventRule, ...], table: str, queue: str, alarm: str, primary: Stack
) -> None:
    for rule in rules:
        payload = primary.template["Resources"][f"{rule.stem}EventRule"]["Properties"]["TopicRulePayload"]
        (action,) = payload["Actions"]
        assert action["DynamoDBv2"]["PutItem"]["TableName"] == {"Ref": table}
        assert payload["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": queue}
    assert _queue_watched_by(alarm, primary) == queue


@pytest.mark.parametrize(("rules", "table", "queue", "alarm"), STORES)
def test_the_rules_role_may_store_and_queue_and_nothing_else(
    rules: tuple[EventRule, ...], table: str, queue: str, alarm: str, primary: Stack
) -> None:
    for rule in rules:
        title = f"{rule.stem}EventRule"
        (action,) = primary.template["Resources"][title]["Properties"]["TopicRulePayload"]["Actions"]
        role = primary.role_of(title, "TopicRulePayload", "ErrorAction", "Sqs", "RoleArn")
        assert action["DynamoDBv2"]["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
        assert {
            action: statement["Resource"] for statement in primary.statements(role) for action in statement["Action"]
        } == {
            "dynamodb:PutItem": [primary.resolve.arn(table)],
            "sqs:SendMessage": [primary.resolve.arn(queue)],
        }


@pytest.mark.parametrize(("title", "backed_up"), [("RegistryEventTable", True), ("ShadowEventTable", False)])
def test_a_table_of_events_lies_in_both_regions_with_stream_and_time_to_live(
    title: str, backed_up: bool, primary: Stack
) -> None:
    table = primary.properties(title)

    assert [replica["Region"] for replica in table["Replicas"]] == [PRIMARY, SECONDARY]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["resource", "event_id"]
    for replica in table["Replicas"]:
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": backed_up}


def test_items_that_no_rule_wrote_live_as_long_as_those_of_the_rules() -> None:
    assert topic_rules.KEEP_EVENTS_SECONDS == KEEP_EVENTS_SECONDS


def test_the_calls_that_are_listened_for_are_those_that_the_decoder_knows() -> None:
    assert set(CALLS) == MANAGEMENT_OPERATIONS


def test_the_rule_takes_calls_of_cloudtrail_that_succeeded(primary: Stack) -> None:
    pattern = primary.properties("ManagementEventRule")["EventPattern"]

    assert pattern["source"] == ["aws.iot"]
    assert pattern["detail-type"] == ["AWS API Call via CloudTrail"]
    assert pattern["detail"]["eventName"] == sorted(MANAGEMENT_OPERATIONS)
    assert pattern["detail"]["errorCode"] == [{"exists": False}]
    assert len(json.dumps(pattern)) < LONGEST_PATTERN


def test_the_rule_may_call_the_recorder_and_nobody_else_may(primary: Stack) -> None:
    (target,) = primary.properties("ManagementEventRule")["Targets"]
    permission = primary.properties("ManagementEventPermission")

    assert target["Arn"] == primary.resolve.arn("RecordManagementEventFunction")
    assert permission["FunctionName"] == primary.resolve.name("RecordManagementEventFunction")
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == primary.resolve.arn("ManagementEventRule")


def test_what_the_rule_or_the_recorder_gives_up_on_goes_into_the_queue_that_an_alarm_watches(primary: Stack) -> None:
    queue = primary.resolve.arn("ManagementEventQueue")
    (target,) = primary.properties("ManagementEventRule")["Targets"]
    retries = primary.properties("RecordManagementEventRetries")
    (sending,) = [
        statement
        for statement in primary.properties("ManagementEventQueuePolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]

    assert target["DeadLetterConfig"] == {"Arn": queue}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 24 * 3600, "MaximumRetryAttempts": 185}
    assert retries["FunctionName"] == primary.resolve.name("RecordManagementEventFunction")
    assert retries["MaximumRetryAttempts"] == 2
    assert retries["DestinationConfig"] == {"OnFailure": {"Destination": queue}}
    assert sending["Principal"] == {"Service": "events.amazonaws.com"}
    assert sending["Condition"] == {"ArnEquals": {"aws:SourceArn": primary.resolve.arn("ManagementEventRule")}}
    assert _queue_watched_by("ManagementEventAlarm", primary) == "ManagementEventQueue"


def test_the_recorder_may_write_to_the_table_and_queue_what_it_gives_up_on(primary: Stack) -> None:
    resources_of = {
        action: statement["Resource"]
        for statement in primary.statements("RecordManagementEventRole")
        for action in statement["Action"]
    }

    assert resources_of["dynamodb:PutItem"] == [primary.resolve.arn("RegistryEventTable")]
    assert resources_of["sqs:SendMessage"] == [primary.resolve.arn("ManagementEventQueue")]


def _queue_watched_by(alarm: str, primary: Stack) -> str:
    (dimension,) = primary.template["Resources"][alarm]["Properties"]["Dimensions"]
    assert dimension["Name"] == "QueueName"
    title, attribute = dimension["Value"]["Fn::GetAtt"]
    assert attribute == "QueueName"
    return str(title)


PROVISIONING = {
    *("JitrQueue", "JitrQueuePolicy", "JitrDeadLetterQueue", "JitrDeadLetterQueuePolicy", "JitrRule", "JitrRuleRole"),
    *("JitrMapping", "ProvisionDeviceFunction", "ProvisionDeviceRole", "ProvisionDeviceLogGroup"),
    "DeviceProvisioningAlarm",
}


def test_what_registers_devices_is_made_only_where_the_form_names_a_template(primary: Stack) -> None:
    template = primary.template

    made = {title for title, one in template["Resources"].items() if one.get("Condition") == "HasProvisioningTemplate"}

    assert made == PROVISIONING
    assert template["Outputs"]["JitrDeadLetterQueueUrl"]["Condition"] == "HasProvisioningTemplate"
    asked = {"Ref": "ProvisioningTemplate"}
    nothing = [{"Fn::Equals": [asked, ""]}, {"Fn::Equals": [asked, "none"]}]
    assert template["Conditions"]["HasProvisioningTemplate"] == {"Fn::Not": [{"Fn::Or": nothing}]}


def test_nothing_else_needs_what_registers_devices(primary: Stack) -> None:
    others = {title: one for title, one in primary.template["Resources"].items() if title not in PROVISIONING}
    needed = re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', json.dumps(others))
    taken = json.dumps(others["UseKeyPolicy"]["Properties"]["Roles"])

    assert {name for name in needed if name in PROVISIONING} == {"JitrRuleRole", "ProvisionDeviceRole"}
    for role in ("JitrRuleRole", "ProvisionDeviceRole"):
        assert json.dumps({"Fn::If": ["HasProvisioningTemplate", {"Ref": role}, {"Ref": "AWS::NoValue"}]}) in taken


def test_the_function_that_registers_devices_may_do_what_a_template_says_and_delete_nothing(primary: Stack) -> None:
    granted = {action for one in primary.statements("ProvisionDeviceRole") for action in one["Action"]}

    assert {action for action in granted if action.startswith("iot:")} == REQUIRED_ACTIONS
    (read,) = [one for one in primary.statements("ProvisionDeviceRole") if one.get("Sid") == "ReadTemplate"]
    assert [resource.rpartition(":")[2].startswith("provisioningtemplate/") for resource in read["Resource"]] == [True]
