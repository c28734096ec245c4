"""What is needed after a switch, compared as the secondary would have it."""

import json
from typing import Any

import pytest

from iot_dr.model.status.parity import parity
from tests.builders import PAIR

HOOK = "arn:aws:lambda:us-east-1:123456789012:function:hook"
HOOK_THERE = "arn:aws:lambda:us-west-2:123456789012:function:hook"


def test_what_is_alike_missing_and_different_is_told_by_name() -> None:
    primary = {"a": {"sql": "1"}, "b": {"sql": "2"}, "c": {"sql": "3", "description": "x"}}
    secondary = {"a": {"sql": "1"}, "c": {"sql": "4"}, "only-there": {"sql": "5"}}

    found = parity(primary, secondary, PAIR)

    assert (found.alike, found.missing) == ({"a"}, {"b"})
    assert found.different == {"c": ("description", "sql")}
    assert not found.equal


def test_what_the_secondary_has_besides_is_its_own_business() -> None:
    assert parity({}, {"only-there": {"sql": "5"}}, PAIR).equal


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (HOOK, HOOK_THERE),
        ("arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:role/r"),
        ("https://sqs.us-east-1.amazonaws.com/123456789012/q", "https://sqs.us-west-2.amazonaws.com/123456789012/q"),
        ([{"lambda": {"functionArn": HOOK}}], [{"lambda": {"functionArn": HOOK_THERE}}]),
        ([{"s3": {"bucketName": "mine-east"}}], [{"s3": {"bucketName": "mine-west"}}]),
        (json.dumps({"b": 1, "a": HOOK}), json.dumps({"a": HOOK_THERE, "b": 1}, indent=2)),
    ],
)
def test_what_names_a_region_is_alike_when_it_names_its_own(wanted: Any, found: Any) -> None:
    assert parity({"x": {"field": wanted}}, {"x": {"field": found}}, PAIR).equal


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (HOOK, HOOK),
        ("SELECT * FROM 'us-east-1/alarms'", "SELECT * FROM 'us-west-2/alarms'"),
        ("{ not JSON us-east-1", "{ not JSON us-west-2"),
        (True, 1.5),
    ],
)
def test_nothing_is_replaced_as_text_and_a_target_in_the_primary_is_different(wanted: Any, found: Any) -> None:
    assert parity({"x": {"field": wanted}}, {"x": {"field": found}}, PAIR).different == {"x": ("field",)}
