"""`iot-dr failover` on the Region pair: what it writes, what it leaves alone, and that the runbook can take over."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iot_dr.aws.failover import control, fence
from iot_dr.services.failover.follow import WORKER_SECONDS
from lab.operators import operator_environ
from lab.pair import Pair
from tests.e2e.commands import asked, iot_dr


@pytest.fixture(autouse=True)
def the_primary_leads_again(pair: Pair) -> Iterator[None]:
    """Take away both items afterwards: there is no failback yet, and the pair is every test's."""
    yield
    tables = operator_environ(pair)
    for region in (pair.primary, pair.secondary):
        pair.client("dynamodb", region).delete_item(TableName=tables["DYNAMODB_GLOBAL_TABLE"], Key=control.KEY)
    pair.client("dynamodb", pair.secondary).delete_item(TableName=tables["LEDGER_TABLE"], Key=fence.KEY)


def items(pair: Pair) -> tuple[dict[str, Any], dict[str, Any]]:
    """The control item as the secondary has it, and its fence."""
    tables, client = operator_environ(pair), pair.client("dynamodb", pair.secondary)
    found = (
        client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        for table, key in ((tables["DYNAMODB_GLOBAL_TABLE"], control.KEY), (tables["LEDGER_TABLE"], fence.KEY))
    )
    of_control, of_fence = found
    return of_control, of_fence


def test_the_secondary_leads_pinned_and_status_and_doctor_tell_it(pair: Pair) -> None:
    code, told = asked(pair, "failover", "--to", pair.secondary, "--yes", "--why", "a rehearsal")

    assert code == 0
    assert (told["changed"], told["control"]["leader"], told["control"]["mode"]) == (True, pair.secondary, "pinned")
    assert told["control"]["epoch"] == told["fence"]["epoch"] == 2
    assert told["other_told"] is True
    assert told["losses"]["waiting"].keys() == {"states", "oldest", "complete"}
    of_control, of_fence = items(pair)
    assert (of_fence["role"], of_fence["why"]) == ({"S": "leads"}, {"S": "a rehearsal"})
    assert of_control["epoch"] == of_fence["epoch"] == {"N": "2"}

    _, status = asked(pair, "status")
    assert (status["control"]["leader"], status["fence"]["role"]) == (pair.secondary, "leads")
    assert status["control"]["why"] == "a rehearsal"


def test_once_more_changes_nothing(pair: Pair) -> None:
    asked(pair, "failover", "--to", pair.secondary, "--yes")
    before = items(pair)

    code, told = asked(pair, "failover", "--to", pair.secondary, "--yes")

    assert (code, told["changed"]) == (0, False)
    assert items(pair) == before


@pytest.mark.parametrize("wrong", ["primary", "unknown", "no terminal"])
def test_what_cannot_be_ordered_writes_nothing(pair: Pair, wrong: str) -> None:
    to = {"primary": pair.primary, "unknown": "mars-north-1"}.get(wrong, pair.secondary)
    yes = () if wrong == "no terminal" else ("--yes",)

    result = iot_dr(pair, "failover", "--to", to, *yes)

    assert result.returncode == 2, result.stderr
    assert items(pair) == ({}, {})


def test_a_garbled_control_item_is_told_and_the_fence_stays(pair: Pair) -> None:
    tables = operator_environ(pair)
    pair.client("dynamodb", pair.secondary).put_item(
        TableName=tables["DYNAMODB_GLOBAL_TABLE"], Item={**control.KEY, "leader": {"S": "mars"}}
    )

    result = iot_dr(pair, "failover", "--to", pair.secondary, "--yes")

    assert result.returncode == 2
    assert "is garbled" in result.stderr
    assert items(pair)[1] == {}


def lead(pair: Pair, zone: str, name: str, endpoint: str) -> None:
    """Have the fleet's name lead to an endpoint."""
    record = {
        "Name": name,
        "Type": "CNAME",
        "TTL": 1,
        "ResourceRecords": [{"Value": endpoint}],
    }
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    pair.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def led_for(pair: Pair, seconds: int) -> None:
    """Have the fence say that it changed so long ago."""
    pair.client("dynamodb", pair.secondary).update_item(
        TableName=operator_environ(pair)["LEDGER_TABLE"],
        Key=fence.KEY,
        UpdateExpression="SET since = :since",
        ExpressionAttributeValues={":since": {"N": str(int(1000 * (time.time() - seconds)))}},
    )


def test_waiting_asks_the_zones_own_name_servers_and_tells_when_the_region_is_fenced(pair: Pair) -> None:
    made = pair.client("route53").create_hosted_zone(Name=f"{uuid.uuid4().hex}.test", CallerReference=uuid.uuid4().hex)
    zone, name = made["HostedZone"]["Id"], f"devices.{made['HostedZone']['Name'].rstrip('.')}"
    # The Regions of the pair share a host; names as AWS gives them tell them apart.
    old, new = (f"a1b2-ats.iot.{region}.amazonaws.com" for region in (pair.primary, pair.secondary))
    settings = {"FLEET_NAME": name, "IOT_ENDPOINT_SECONDARY": f"{new}:8883"}
    environ = {**operator_environ(pair), **pair.route53.environ(), **settings}
    wait = ("failover", "--to", pair.secondary, "--yes", "--wait", "--at-most")
    lead(pair, zone, name, old)
    asked(pair, "failover", "--to", pair.secondary, "--yes")
    led_for(pair, WORKER_SECONDS - 3)
    with pair.route53.evaluating():
        code, told = asked(pair, *wait, "0", environ=environ)
        assert (code, told["changed"], told["dns"]["seen"]) == (1, False, False)
        assert len(told["dns"]["name_servers"]) == len(pair.route53.name_servers)

        lead(pair, zone, name, new)
        code, told = asked(pair, *wait, "1", environ=environ)

    assert (told["changed"], told["dns"]["seen"], told["fenced"]) == (False, True, True)
    assert code == 0
    answers = told["dns"]["name_servers"].values()
    assert {one["target"] for one in answers} == {new}
    since = datetime.fromisoformat(told["fence"]["since"])
    assert datetime.now(UTC) - since >= timedelta(seconds=WORKER_SECONDS)
