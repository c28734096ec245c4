"""What stands between the stream of shadow events and the secondary's shadows."""

from typing import Any

import pytest

from templates.shadow_replication import BATCH_SIZE
from tests.unit.templates.resolving import ACCOUNT, PARAMETERS, PRIMARY, SECONDARY
from tests.unit.templates.stacks import Stack

ITS_OWN = {"EventSourceArn", "FunctionName", "BatchSize", "FilterCriteria"}


@pytest.fixture(name="secondary")
def secondary_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["secondary"]


def resources_of(secondary: Stack) -> dict[str, list[list[str]]]:
    allowed: dict[str, list[list[str]]] = {}
    for statement in secondary.statements("ReplicateShadowsRole"):
        for action in statement["Action"]:
            allowed.setdefault(action, []).append(statement["Resource"])
    return allowed


def test_shadow_events_have_a_mapping_of_their_own_that_loses_no_event(secondary: Stack) -> None:
    shadows, registry = secondary.properties("ShadowEventMapping"), secondary.properties("RegistryEventMapping")

    assert shadows["EventSourceArn"] == PARAMETERS["ShadowTableStreamArn"]
    assert shadows["FunctionName"] == secondary.resolve.name("ReplicateShadowsFunction")
    assert {key: value for key, value in shadows.items() if key not in ITS_OWN} == {
        key: value for key, value in registry.items() if key not in ITS_OWN
    }
    assert shadows["FilterCriteria"]["Filters"] == registry["FilterCriteria"]["Filters"][:1]


def test_a_burst_meets_in_one_batch_and_nobody_waits_for_it_to_fill(secondary: Stack) -> None:
    mapping = secondary.properties("ShadowEventMapping")

    assert mapping["BatchSize"] == BATCH_SIZE == 1000
    assert mapping["MaximumBatchingWindowInSeconds"] == 0


def test_shadows_are_read_in_both_regions_and_written_in_the_secondary_alone(secondary: Stack) -> None:
    allowed = resources_of(secondary)
    things = {region: f"arn:aws:iot:{region}:{ACCOUNT}:thing/*" for region in (PRIMARY, SECONDARY)}

    assert allowed["iot:GetThingShadow"] == [[things[PRIMARY]], [things[SECONDARY]]]
    assert allowed["iot:UpdateThingShadow"] == [[things[SECONDARY]]]
    assert allowed["iot:DeleteThingShadow"] == [[things[SECONDARY]]]


def test_of_the_registrys_table_the_control_item_alone_is_read(secondary: Stack) -> None:
    (reading,) = [one for one in secondary.statements("ReplicateShadowsRole") if one["Sid"] == "ReadControl"]
    environment = secondary.properties("ReplicateShadowsFunction")["Environment"]["Variables"]

    assert reading["Action"] == ["dynamodb:BatchGetItem", "dynamodb:GetItem"]
    assert reading["Resource"] == [f"arn:aws:dynamodb:{SECONDARY}:{ACCOUNT}:table/{PARAMETERS['GlobalTableName']}"]
    assert reading["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["iot-dr#control"]}}
    assert environment["CONTROL_TABLE"] == PARAMETERS["GlobalTableName"]


def test_the_functions_role_has_what_its_mapping_needs(secondary: Stack) -> None:
    allowed = resources_of(secondary)
    bucket = secondary.resolve.arn("WorkBucket")

    for action in ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"):
        assert allowed[action] == [[PARAMETERS["ShadowTableStreamArn"]]]
    assert allowed["s3:PutObject"] == [[f"{bucket}/aws/lambda/*", f"{bucket}/unreadable/*"]]
    assert allowed["s3:ListBucket"] == [[bucket]]


def test_what_is_noted_of_deleted_shadows_has_an_end(secondary: Stack) -> None:
    assert secondary.properties("LedgerTable")["TimeToLiveSpecification"] == {
        "AttributeName": "expires",
        "Enabled": True,
    }


@pytest.mark.parametrize(
    ("alarm", "metric", "dimension"),
    [
        ("ShadowReplicationBehindAlarm", "IteratorAge", "FunctionName"),
        ("FailedShadowRecordsAlarm", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID"),
        ("DroppedShadowRecordsAlarm", "DroppedEventCount", "EventSourceMappingUUID"),
        ("UnreadableShadowRecordsAlarm", "Unreadable", "service"),
    ],
)
def test_shadows_that_wait_or_are_lost_ring_an_alarm(alarm: str, metric: str, dimension: str, secondary: Stack) -> None:
    watched = {
        "FunctionName": secondary.resolve.name("ReplicateShadowsFunction"),
        "EventSourceMappingUUID": secondary.resolve.name("ShadowEventMapping"),
        "service": "replicate_shadows",
    }
    found: dict[str, Any] = secondary.properties(alarm)

    assert found["MetricName"] == metric
    assert found["Dimensions"] == [{"Name": dimension, "Value": watched[dimension]}]


def test_function_and_sweep_know_which_shadows_are_replicated(secondary: Stack) -> None:
    sweep = secondary.properties("SweepRegistryFunction")["Environment"]["Variables"]
    shadows = secondary.properties("ReplicateShadowsFunction")["Environment"]["Variables"]

    assert sweep["REPLICATE_SHADOWS"] == shadows["REPLICATE_SHADOWS"] == "all"
    assert shadows["SHADOW_NAME_PATTERN"] == ".*"
