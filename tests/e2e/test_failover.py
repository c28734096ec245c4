"""`iot-dr failover` on the Region pair: what it writes, what it leaves alone, and that the runbook can take over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from iot_dr.aws.failover import control, fence
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
