"""`iot-dr doctor` finds nothing wrong with a launched pair, and finds what a test breaks, with the mend."""

from __future__ import annotations

import json
import uuid
from typing import Any

from lab.fleet import Authority, Fleet
from lab.operators import operator_environ, toolsrc
from lab.pair import Pair
from lab.quiet import unheard, untold
from lab.waiting import until
from tests.e2e.commands import asked
from tests.e2e.observing import SECONDS, drop_kept_records

FEW = ("--certificates", "5", "--unpaced")
NOT_IN_THE_LAB = {"quotas", "role aliases", "authorizers"}
"""What the emulator has no calls for; docs/lab.md says so."""


def consulted(pair: Pair) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and the answers by the name of the question."""
    code, told = asked(pair, "doctor", *FEW)
    answers: dict[str, list[dict[str, Any]]] = {}
    for check in told["checks"]:
        answers.setdefault(check["name"], []).append(check)
    return code, answers


def test_nothing_fails_on_a_healthy_pair_and_what_the_lab_cannot_tell_is_said(
    pair: Pair, fleet: Fleet, name: str
) -> None:
    fleet.provision(name)
    # What other tests had the product give up on is brought in first, as its mend says; what nobody can read goes.
    asked(pair, "replay", "--apply")
    drop_kept_records(pair)

    code, answers = consulted(pair)

    failed = [check for checks in answers.values() for check in checks if check["level"] == "failure"]
    assert (code, failed) == (0, [])
    untold = {
        name: check["found"]
        for name, checks in answers.items()
        for check in checks
        if "cannot tell" in check["found"] or "could not read" in check["found"]
    }
    assert untold.keys() == NOT_IN_THE_LAB, untold
    assert {check["level"] for check in answers["stack"]} == {"ok"}
    assert len(answers["stack"]) == 4
    assert len(answers["health checker's certificate"]) == 2
    assert [check["found"] for check in answers["roles"]] == [
        f"2 of {pair.primary} can do what they must",
        f"6 of {pair.secondary} can do what they must",
    ]


def test_events_that_are_off_are_a_failure_with_the_command_that_turns_them_on(pair: Pair) -> None:
    with untold(pair, "THING_GROUP"):
        code, answers = consulted(pair)

    (check,) = answers["registry events"]
    assert (code, check["level"]) == (1, "failure")
    assert check["found"] == f"registry events are off in {pair.primary} for THING_GROUP"
    assert check["mend"].startswith(f"aws iot update-event-configurations --region {pair.primary}")


def test_a_mapping_that_is_off_is_a_failure_with_the_command_that_turns_it_on(pair: Pair) -> None:
    with unheard(pair) as mapping:
        code, answers = consulted(pair)

    (check,) = [check for check in answers["mapping"] if check["level"] == "failure"]
    assert code == 1
    assert check["mend"] == (
        f"aws lambda update-event-source-mapping --region {pair.secondary} --uuid {mapping} --enabled"
    )


def test_a_message_in_the_rules_error_queue_is_a_failure_that_a_replay_mends(pair: Pair) -> None:
    sqs, url = pair.client("sqs", pair.primary), toolsrc(pair)["RULE_ERROR_QUEUE_URL"]
    sqs.send_message(QueueUrl=url, MessageBody="lost")
    try:
        code, answers = consulted(pair)
    finally:
        sqs.purge_queue(QueueUrl=url)

    (check,) = [check for check in answers["dead letter queue"] if check["level"] != "ok"]
    assert (code, check["level"], check["mend"]) == (1, "failure", "iot-dr replay")
    assert check["found"] == f"RuleErrorQueue holds 1 in {pair.primary}"


def test_a_role_that_lost_a_right_is_told_with_the_right(pair: Pair) -> None:
    iam = pair.client("iam", pair.secondary)
    stack = f"IoTDRSecondary{pair.outputs['StackPostfix']}"
    (role,) = [
        role["RoleName"]
        for page in iam.get_paginator("list_roles").paginate()
        for role in page["Roles"]
        if role["RoleName"].startswith(f"{stack}-ReplicateResourceRole")
    ]
    denial = {"Effect": "Deny", "Action": "iot:RegisterCertificateWithoutCA", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    iam.put_role_policy(RoleName=role, PolicyName="denial", PolicyDocument=document)
    try:
        code, answers = consulted(pair)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denial")

    (check,) = [check for check in answers["roles"] if check["level"] != "ok"]
    assert (code, check["level"], check["names"]) == (1, "failure", ["iot:RegisterCertificateWithoutCA"])
    assert check["found"].startswith(f"{role} cannot do iot:RegisterCertificateWithoutCA in {pair.secondary}")


def test_settings_that_the_secondary_lacks_are_told_until_it_has_them(pair: Pair) -> None:
    rule = f"alerts_{uuid.uuid4().hex[:8]}"
    payload = {"sql": "SELECT * FROM 'alerts'", "actions": [], "awsIotSqlVersion": "2016-03-23"}
    primary, secondary = pair.client("iot", pair.primary), pair.client("iot", pair.secondary)
    primary.create_topic_rule(ruleName=rule, topicRulePayload=payload)
    try:
        (check,) = consulted(pair)[1]["topic rules"]
        assert (check["level"], check["names"]) == ("warning", [rule])
        assert "missing" in check["found"]

        secondary.create_topic_rule(ruleName=rule, topicRulePayload={**payload, "ruleDisabled": True})
        (check,) = consulted(pair)[1]["topic rules"]
        assert (check["level"], check["found"]) == ("warning", f"1 different: {rule} (ruleDisabled)")

        secondary.replace_topic_rule(ruleName=rule, topicRulePayload=payload)
        (check,) = consulted(pair)[1]["topic rules"]
        assert (check["level"], check["found"]) == ("ok", f"1 alike in {pair.secondary}")
    finally:
        for iot in (primary, secondary):
            iot.delete_topic_rule(ruleName=rule)


def test_a_registration_authority_that_the_secondary_lacks_is_told(pair: Pair) -> None:
    iot = pair.client("iot", pair.primary)
    registered = Authority("the customer's own").register(iot)
    try:
        (check,) = consulted(pair)[1]["CA certificates"]
    finally:
        iot.update_ca_certificate(certificateId=registered, newStatus="INACTIVE")
        iot.delete_ca_certificate(certificateId=registered)

    assert (check["level"], check["names"]) == ("warning", [registered])


def test_a_retained_message_that_the_secondary_lacks_is_told(pair: Pair) -> None:
    topic, data = f"retained/{uuid.uuid4().hex}", pair.client("iot-data", pair.primary)
    data.publish(topic=topic, payload=b"on", retain=True, qos=1)
    try:
        assert until(lambda: topic in consulted(pair)[1]["retained messages"][0]["names"], SECONDS)
    finally:
        data.publish(topic=topic, payload=b"", retain=True, qos=1)


def test_before_a_launch_the_regions_alone_are_asked(pair: Pair) -> None:
    environ = operator_environ(pair)
    del environ["STACK_POSTFIX"]
    code, told = asked(pair, "doctor", *FEW, environ=environ)

    names = {check["name"] for check in told["checks"]}
    assert code == 0
    assert "stack" not in names
    assert {"registry events", "device endpoint", "CA certificates", "launch"} <= names


def test_a_launch_that_is_not_there_is_two_failures(pair: Pair) -> None:
    code, told = asked(pair, "doctor", *FEW, "--stack-postfix", "nope")

    failed = [check["name"] for check in told["checks"] if check["level"] == "failure"]
    assert (code, failed) == (1, ["stack", "stack"])
