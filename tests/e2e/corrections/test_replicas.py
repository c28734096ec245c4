"""Corrections of a global table's replicas, which can be apart for a while."""

from typing import Any

import pytest

from lab.emulator import PRIMARY_REGION, REGIONS, SECONDARY_REGION
from lab.partition import Replicas
from tests.e2e.corrections.making import Aws, unique

pytestmark = pytest.mark.lab

Item = dict[str, dict[str, str]]


class GlobalTable:
    """A table with a replica in the other Region, read and written in each."""

    def __init__(self, aws: Aws) -> None:
        self.name = unique("table")
        self._clients = {region: aws.client("dynamodb", region) for region in REGIONS}
        self._streams = {region: aws.client("dynamodbstreams", region) for region in REGIONS}
        self._clients[PRIMARY_REGION].create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self._clients[PRIMARY_REGION].update_table(
            TableName=self.name, ReplicaUpdates=[{"Create": {"RegionName": SECONDARY_REGION}}]
        )

    def put(self, region: str, key: str, value: str) -> None:
        self._clients[region].put_item(TableName=self.name, Item={"key": {"S": key}, "value": {"S": value}})

    def delete(self, region: str, key: str) -> None:
        self._clients[region].delete_item(TableName=self.name, Key={"key": {"S": key}})

    def value(self, region: str, key: str) -> str | None:
        item: Item = self._clients[region].get_item(TableName=self.name, Key={"key": {"S": key}}).get("Item", {})
        return item["value"]["S"] if item else None

    def values(self, key: str) -> list[str | None]:
        return [self.value(region, key) for region in REGIONS]

    def records(self, region: str) -> list[tuple[str, str | None, str | None]]:
        """Kind of change, old value and new value of each record in a Region's stream."""
        streams = self._streams[region]
        arn = self._clients[region].describe_table(TableName=self.name)["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = streams.get_records(ShardIterator=iterator)["Records"]
        return [(record["eventName"], *map(_value, _images(record))) for record in found]


def _images(record: dict[str, Any]) -> tuple[Item, Item]:
    return record["dynamodb"].get("OldImage", {}), record["dynamodb"].get("NewImage", {})


def _value(image: Item) -> str | None:
    return image["value"]["S"] if image else None


def test_what_one_region_writes_does_not_reach_the_other_while_they_are_apart(corrected: Aws) -> None:
    table = GlobalTable(corrected)
    table.put(PRIMARY_REGION, "a", "before")
    with Replicas(corrected.emulator).paused():
        table.put(PRIMARY_REGION, "a", "meanwhile")
        assert table.values("a") == ["meanwhile", "before"]
        assert table.records(SECONDARY_REGION) == [("INSERT", None, "before")]
    assert table.values("a") == ["meanwhile", "meanwhile"]
    table.put(PRIMARY_REGION, "a", "after")
    assert table.records(SECONDARY_REGION) == [
        ("INSERT", None, "before"),
        ("MODIFY", "before", "meanwhile"),
        ("MODIFY", "meanwhile", "after"),
    ]


def test_the_last_writer_of_an_item_wins_when_they_are_together_again(corrected: Aws) -> None:
    table = GlobalTable(corrected)
    with Replicas(corrected.emulator).paused():
        table.put(SECONDARY_REGION, "a", "second, early")
        table.put(PRIMARY_REGION, "a", "first, late")
        table.put(PRIMARY_REGION, "b", "first, early")
        table.put(SECONDARY_REGION, "b", "second, late")
    assert table.values("a") == ["first, late", "first, late"]
    assert table.values("b") == ["second, late", "second, late"]
    assert table.records(PRIMARY_REGION)[-1] == ("MODIFY", "first, early", "second, late")
    assert table.records(SECONDARY_REGION)[-1] == ("MODIFY", "second, early", "first, late")


def test_a_deletion_is_a_write_like_others(corrected: Aws) -> None:
    table = GlobalTable(corrected)
    for key in ("deleted last", "written last"):
        table.put(PRIMARY_REGION, key, "before")
    with Replicas(corrected.emulator).paused():
        table.put(SECONDARY_REGION, "deleted last", "written")
        table.delete(PRIMARY_REGION, "deleted last")
        table.delete(PRIMARY_REGION, "written last")
        table.put(SECONDARY_REGION, "written last", "written")
    assert table.values("deleted last") == [None, None]
    assert table.values("written last") == ["written", "written"]
    assert ("REMOVE", "written", None) in table.records(SECONDARY_REGION)


def test_streams_get_the_outcome_of_an_item_once(corrected: Aws) -> None:
    table = GlobalTable(corrected)
    with Replicas(corrected.emulator).paused():
        for value in ("1", "2", "3"):
            table.put(PRIMARY_REGION, "a", value)
    assert table.records(SECONDARY_REGION) == [("INSERT", None, "3")]


def test_the_emulators_replicas_are_never_apart(uncorrected: Aws) -> None:
    table = GlobalTable(uncorrected)
    with Replicas(uncorrected.emulator).paused():
        table.put(PRIMARY_REGION, "a", "meanwhile")
        assert table.values("a") == ["meanwhile", "meanwhile"]
