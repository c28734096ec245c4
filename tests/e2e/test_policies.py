"""Policies cross with their default document, its ARNs rewritten and nothing else of it, to all that they hold for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.fleet import Fleet, device_policy
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import SECONDS, default_document, is_whole, policies_of

pytestmark = pytest.mark.row("R6")

MOST_POLICIES = 10
"""On a certificate; https://docs.aws.amazon.com/general/latest/gr/iot-core.html"""


def tricky_policy(region: str, account: str, *, other: str) -> dict[str, Any]:
    """A policy of one Region that names both Regions wherever text is free: in topics, clients, things and patterns."""
    arn = f"arn:aws:iot:{region}:{account}"
    return {
        "Version": "2012-10-17",
        "Id": f"{region} and {other}",
        "Statement": [
            {
                "Sid": "FreeText",
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": [
                    f"{arn}:topic/us-east-1/arn:aws:iot:us-east-1/alarms",
                    f"{arn}:topic/${{iot:Connection.Thing.ThingName}}/us-east-1/${{iot:ClientId}}",
                    f"{arn}:topic/$aws/things/us-east-1-${{iot:Connection.Thing.ThingName}}/shadow/*",
                ],
            },
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{arn}:client/us-east-1-*"},
            {"Effect": "Deny", "Action": "iot:Subscribe", "NotResource": f"{arn}:topicfilter/us-east-1/+/#"},
            {
                "Effect": "Allow",
                "Action": "iot:RetainPublish",
                "Resource": "*",
                "Condition": {
                    "ArnLike": {"iot:Certificate.Arn": f"{arn}:cert/*"},
                    "StringEquals": {"iot:Connection.Thing.Attributes[region]": "us-east-1"},
                    "StringLike": {"iot:ClientId": ["us-east-1-*", "${iot:Certificate.Subject.CommonName}"]},
                },
            },
        ],
    }


@pytest.fixture
def put(pair: Pair, primary: Any) -> Callable[..., None]:
    """Makes policies in the primary, by default with the document of the lab's devices."""

    def make(*names: str, document: str = "") -> None:
        for policy in names:
            primary.create_policy(
                policyName=policy, policyDocument=document or device_policy(pair.primary, pair.account)
            )

    return make


def test_arns_name_the_secondary_and_text_that_requests_like_a_region_stays(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str, put: Callable[..., None]
) -> None:
    account = pair.account
    put(f"{name}-tricky", document=json.dumps(tricky_policy(pair.primary, account, other=pair.secondary)))
    device = fleet.provision(name)
    primary.attach_policy(policyName=f"{name}-tricky", target=device.certificate_arn)

    assert until(lambda: f"{name}-tricky" in policies_of(pair, device.identity), SECONDS)
    wanted = tricky_policy(pair.secondary, account, other="") | {"Id": f"{pair.primary} and {pair.secondary}"}
    assert default_document(secondary, f"{name}-tricky") == wanted


def test_as_many_policies_as_a_certificate_can_have_arrive(
    pair: Pair, primary: Any, fleet: Fleet, name: str, put: Callable[..., None]
) -> None:
    names = {f"{name}-{number}" for number in range(MOST_POLICIES - 1)}
    put(*names)
    device = fleet.provision(name)
    for policy in names:
        primary.attach_policy(policyName=policy, target=device.certificate_arn)

    assert until(lambda: policies_of(pair, device.identity) == {device.policy_name, *names}, SECONDS)


def test_a_policy_is_attached_to_more_than_ten_certificates(pair: Pair, fleet: Fleet, name: str) -> None:
    devices = [fleet.provision(f"{name}-{number}") for number in range(11)]

    assert until(lambda: all(is_whole(pair, device) for device in devices), 2 * SECONDS)


def test_the_default_version_arrives_though_it_is_not_the_newest(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    old, newest = (tricky_policy(pair.primary, pair.account, other=text) for text in ("old", "newest"))
    for document in (old, newest):
        primary.create_policy_version(policyName=fleet.policy_name, policyDocument=json.dumps(document))
    primary.set_default_policy_version(policyName=fleet.policy_name, policyVersionId="2")

    device = fleet.provision(name)

    assert until(lambda: is_whole(pair, device), SECONDS)
    wanted = tricky_policy(pair.secondary, pair.account, other="old") | {"Id": f"{pair.primary} and old"}
    assert default_document(secondary, fleet.policy_name) == wanted
