import re

import pytest

from templates.primary_region import EVENT_FAMILIES
from tests.unit.templates.resolving import PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack

EVENTS = {
    "Thing": ("$aws/events/thing/pump-17/updated", "pump-17"),
    "ThingType": ("$aws/events/thingType/pump/created", "pump"),
    "ThingTypeAssociation": ("$aws/events/thingTypeAssociation/thing/pump-17/thingType/pump/added", "pump-17"),
}


@pytest.fixture(name="primary")
def primary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["primary"]


def test_parameters_are_those_that_the_launch_gives(primary: Stack) -> None:
    assert set(primary.template["Parameters"]) == {"SecondaryRegion", "GlobalTableName", "Uuid"}


@pytest.mark.parametrize("family", EVENT_FAMILIES, ids=lambda family: family.stem)
def test_each_family_takes_the_resource_from_its_topic(family: object, primary: Stack) -> None:
    stem = family.stem  # type: ignore[attr-defined]
    topic, resource = EVENTS[stem]
    sql = primary.properties(f"{stem}EventRule")["TopicRulePayload"]["Sql"]
    topic_filter = re.search(r"FROM '([^']+)'", sql)
    segment = re.search(r"topic\((\d)\) AS resource", sql)
    assert topic_filter is not None
    assert segment is not None

    assert re.fullmatch(topic_filter[1].replace("$", r"\$").replace("+", "[^/]+"), topic)
    assert topic.split("/")[int(segment[1]) - 1] == resource


def test_every_rule_writes_one_item_per_event_with_its_source_region_and_an_end(primary: Stack) -> None:
    for rule in primary.of_type("AWS::IoT::TopicRule"):
        payload = primary.properties(rule)["TopicRulePayload"]

        assert payload["AwsIotSqlVersion"] == "2016-03-23"
        assert "newuuid() AS event_id" in payload["Sql"]
        assert f"'{PRIMARY}' AS source_region" in payload["Sql"]
        assert "floor(timestamp() / 1000) + 172800 AS expires" in payload["Sql"]
        assert "encode(*, 'base64') AS payload" in payload["Sql"]
        assert not payload["RuleDisabled"]


def test_every_rule_has_an_error_action_into_the_queue_that_an_alarm_watches(primary: Stack) -> None:
    rules = primary.of_type("AWS::IoT::TopicRule")
    (queue,) = primary.of_type("AWS::SQS::Queue")
    (alarm,) = primary.of_type("AWS::CloudWatch::Alarm")

    assert len(rules) == len(EVENT_FAMILIES)
    for rule in rules.values():
        assert rule["Properties"]["TopicRulePayload"]["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": queue}
    dimensions = primary.template["Resources"][alarm]["Properties"]["Dimensions"]
    assert dimensions == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]


def test_the_rules_role_may_store_and_queue_and_nothing_else(primary: Stack) -> None:
    (queue,) = primary.of_type("AWS::SQS::Queue")

    for rule in primary.of_type("AWS::IoT::TopicRule"):
        (action,) = primary.template["Resources"][rule]["Properties"]["TopicRulePayload"]["Actions"]
        role = primary.role_of(rule, "TopicRulePayload", "ErrorAction", "Sqs", "RoleArn")
        assert action["DynamoDBv2"]["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
        assert {
            action: statement["Resource"] for statement in primary.statements(role) for action in statement["Action"]
        } == {
            "dynamodb:PutItem": [primary.resolve.arn("RegistryEventTable")],
            "sqs:SendMessage": [primary.resolve.arn(queue)],
        }


def test_the_table_lies_in_both_regions_with_stream_and_time_to_live(primary: Stack) -> None:
    table = primary.properties("RegistryEventTable")

    assert [replica["Region"] for replica in table["Replicas"]] == [PRIMARY, SECONDARY]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["resource", "event_id"]
    for replica in table["Replicas"]:
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
