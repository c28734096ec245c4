"""The function that has its Region take over, from its event to what is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, InvalidResource
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Endpoint
from tests.failover_account import CONTROL, CONTROL_TABLE, DENIED, FENCE, LEDGER, FailoverAccount
from tests.unit.lambda_functions.functions import Function, load

VARIABLES = {"PRIMARY_REGION": PRIMARY, "LEDGER_TABLE": LEDGER, "CONTROL_TABLE": CONTROL_TABLE}


@pytest.fixture
def account() -> FailoverAccount:
    return FailoverAccount()


@pytest.fixture
def fail_over(account: FailoverAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    with Endpoint(account) as endpoint:
        yield load("fail_over", endpoint, monkeypatch, VARIABLES)


def test_the_region_takes_over_by_three_calls_in_itself(account: FailoverAccount, fail_over: Function) -> None:
    assert fail_over({"why": "an outage"}, None) == {"leader": SECONDARY, "epoch": 2, "changed": True}

    assert [one.operation for one in account.requests] == ["BatchGetItem", "UpdateItem", "UpdateItem"]
    assert {one.region for one in account.requests} == {SECONDARY}
    assert (account.item(CONTROL)["mode"], account.item(CONTROL)["why"]) == ("pinned", "an outage")
    assert account.item(FENCE)["role"] == "leads"


def test_once_more_changes_nothing(account: FailoverAccount, fail_over: Function) -> None:
    fail_over({}, None)
    writes = len(account.writes())

    assert fail_over({}, None) == {"leader": SECONDARY, "epoch": 2, "changed": False}
    assert len(account.writes()) == writes


@pytest.mark.parametrize("event", [{}, {"why": 7}, {"why": ""}, {"source": "aws.cloudwatch", "detail": {}}])
def test_an_event_without_a_reason_is_an_order_all_the_same(
    account: FailoverAccount, fail_over: Function, event: dict
) -> None:
    assert fail_over(event, None)["changed"]
    assert account.item(CONTROL)["why"] == "no reason was given"


def test_a_missing_right_fails_loudly(account: FailoverAccount, fail_over: Function) -> None:
    account.answers[SECONDARY, "UpdateItem"] = DENIED

    with pytest.raises(AccessDenied):
        fail_over({}, None)


def test_a_garbled_item_fails_loudly_and_nothing_is_written(account: FailoverAccount, fail_over: Function) -> None:
    account.put(CONTROL, leader="mars")

    with pytest.raises(InvalidResource, match="garbled"):
        fail_over({}, None)
    assert account.writes() == []


def test_the_primary_is_not_taken_over_to(account: FailoverAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(account) as endpoint, pytest.raises(ConfigurationError, match="both"):
        load("fail_over", endpoint, monkeypatch, {**VARIABLES, "PRIMARY_REGION": SECONDARY})
