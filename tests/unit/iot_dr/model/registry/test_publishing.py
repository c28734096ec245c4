"""Which policies let a device tell topic rules of things that are not its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from iot_dr.model.registry.publishing import RULES, SHADOWS, ways_in
from lab.fleet import device_policy
from tests.builders import ACCOUNT, PRIMARY, iot_arn

OWN = "${iot:Connection.Thing.ThingName}"


def document(*resources: str, action: Any = "iot:Publish", **members: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": action, "Resource": list(resources)} | members]})


def topic(pattern: str) -> str:
    return iot_arn(f"topic/{pattern}")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (document("*"), (RULES, SHADOWS)),
        (document("*", action="iot:*"), (RULES, SHADOWS)),
        (document("*", action=["iot:Connect", "*"]), (RULES, SHADOWS)),
        (document(topic("*")), (RULES, SHADOWS)),
        (document(topic("$aws/*")), (RULES, SHADOWS)),
        (document("arn:aws:iot:*"), (RULES, SHADOWS)),
        (document("arn:aws:iot:us-east-1:123456789012:*"), (RULES, SHADOWS)),
        (document(topic("$aws/rules/*")), (RULES,)),
        (document(topic("$aws/rules/IoTDR*")), (RULES,)),
        (document(topic("$aws/things/*")), (SHADOWS,)),
        (document(topic("$aws/things/*/shadow/update/documents")), (SHADOWS,)),
        (document(topic("$aws/things/pump-*/shadow/*")), (SHADOWS,)),
        (document(topic("$aws/things/pump-??/shadow/delete/accepted")), (SHADOWS,)),
        (document(topic(f"$aws/things/{OWN}*/shadow/*")), (SHADOWS,)),
        (document(topic("$aws/things/*/shadow/name/any/update/documents")), (SHADOWS,)),
        (document(topic("$aws/things/?ny/shadow/update/*u?ents")), (SHADOWS,)),
        (document(topic("$aws/things/*/*/*update*documents*")), (SHADOWS,)),
        (document(topic("$aws/rules/**")), (RULES,)),
    ],
)
def test_a_policy_that_opens_a_way_is_named_by_it(policy: str, expected: tuple[str, ...]) -> None:
    assert ways_in(policy) == expected


@pytest.mark.parametrize(
    "policy",
    [
        device_policy(PRIMARY, ACCOUNT),
        document(topic("devices/*")),
        document(topic("$aws/rules/my_rule/*")),
        document(topic(f"$aws/things/{OWN}/shadow/*")),
        document(topic("$aws/things/pump-17/shadow/*")),
        document(topic("$aws/things/*/shadow/update/documents*documents")),
        document(topic("$aws/things/*/shadow/update/document")),
        document(topic("$aws/things/*/shadow/update/documents?")),
        document(topic("$aws/things/*/shadow/update"), topic("$aws/things/*/shadow/get")),
        document(iot_arn("topicfilter/*"), action="iot:Publish"),
        document("*", action=["iot:Subscribe", "iot:Receive", "iot:Connect"]),
        document("*", Effect="Deny"),
        '{"Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}',
        "no document",
        "[]",
        "[" * 1020,
        "{}",
        '{"Statement":["x",7]}',
    ],
)
def test_a_policy_of_its_own_topics_opens_none(policy: str) -> None:
    assert ways_in(policy) == ()


def test_what_is_denied_is_no_way_in_unless_a_condition_may_not_hold() -> None:
    allowed = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "iot:Publish", "Resource": [topic("$aws/rules/*")]}
    but_its_own = {"Effect": "Deny", "Action": "iot:Publish", "NotResource": [topic("devices/*")]}

    assert ways_in(json.dumps({"Statement": [allowed, denied]})) == (SHADOWS,)
    assert ways_in(json.dumps({"Statement": [allowed, but_its_own]})) == ()
    conditional = denied | {"Condition": {"StringEquals": {"iot:ClientId": "x"}}}
    assert ways_in(json.dumps({"Statement": [allowed, conditional]})) == (RULES, SHADOWS)


def test_one_statement_needs_no_list() -> None:
    assert ways_in('{"Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}}') == (RULES, SHADOWS)


@pytest.mark.parametrize("pattern", ["$aws/" + "*?" * 25 + "$", "$aws/" + "*a" * 60 + "*$", "*" * 2000 + "$"])
def test_a_pattern_of_many_stars_is_told_at_once(pattern: str) -> None:
    # Each way to share a text among 25 stars is more than a reader can try in a day.
    program = f"from iot_dr.model.registry.publishing import ways_in\nprint(ways_in({document(topic(pattern))!r}))"

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)

    assert run.stdout == "()\n"
