"""Whoever may publish where the topic rules listen can tell them anything; the secondary ends as the primary is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.devices import MqttDevice
from lab.fleet import Fleet
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.observing import SECONDS, stays

pytestmark = pytest.mark.row("S4")

FORGED = {"reported": {"number": "forged"}}
YEAR_2100 = 4_102_444_800


@pytest.fixture(name="stranger")
def device_that_may_publish_everywhere(pair: Pair, primary: Any, fleet: Fleet, name: str) -> Iterator[MqttDevice]:
    device, policy = fleet.provision(f"{name}-stranger"), f"{name}-everything"
    everything = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    primary.create_policy(
        policyName=policy, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    )
    primary.attach_policy(policyName=policy, target=device.certificate_arn)
    endpoint = primary.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    with MqttDevice(
        endpoint, client_id=device.thing_name, identity=device.identity, ca_file=pair.emulator.ca_file
    ) as connected:
        yield connected


def rule_of(pair: Pair) -> str:
    """The name of the rule of classic shadows' updates, which no device could guess."""
    rules = pair.client("iot", pair.primary).list_topic_rules()["rules"]
    return next(one["ruleName"] for one in rules if "_ClassicShadowUpdatedEvent_" in one["ruleName"])


@pytest.mark.parametrize("way", ["MQTT", "Basic Ingest"])
def test_a_lie_about_version_or_time_ends_with_the_primarys_state(
    way: str, pair: Pair, here: Shadows, there: Shadows, stranger: MqttDevice, name: str
) -> None:
    prefix = f"$aws/rules/{rule_of(pair)}/" if way == "Basic Ingest" else ""
    version, now = here.update(name, {"reported": {"number": 0}}), int(time.time())
    assert until(lambda: there.read(name) == here.read(name), SECONDS)

    for number, (ahead, at) in enumerate([(10**12, now), (1, YEAR_2100), (10**12, YEAR_2100), (1, 0), (1, now)], 1):
        lie = {"current": {"state": FORGED, "version": version + ahead}, "timestamp": at}
        stranger.publish(f"{prefix}$aws/things/{name}/shadow/update/documents", json.dumps(lie).encode())
        version, honest = here.update(name, {"reported": {"number": number}}), {"reported": {"number": number}}

        assert until(lambda honest=honest: there.read(name) == honest, SECONDS), (ahead, at)  # type: ignore[misc]  # its default is no parameter

    assert stays(lambda: there.read(name) == honest)
