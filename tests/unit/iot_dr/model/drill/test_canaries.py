"""What a drill makes, and how it is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.canaries import Canaries, drill_began, drill_name, is_of_fleet, make_canaries
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.registry.entities import Certificate, Policy, Thing
from iot_dr.model.registry.keys import Kind
from iot_dr.model.trials import device_names

DRILL = "iot-dr-canary-20261127-163000-0af3"


def held(name: str) -> ProbeCredentials:
    return ProbeCredentials(name, f"id-of-{name}", "pem", "key")


def canaries(number: int = 3) -> Canaries:
    clients = [held(name) for name in device_names(DRILL, number)]
    return make_canaries(DRILL, clients, held(f"{DRILL}-observer"), ("us-east-1", "us-west-2"), "123456789012")


def test_everything_that_a_drill_makes_has_a_name_that_begins_with_its_own() -> None:
    entities = canaries().everything.entities.values()

    named = [one.name for one in entities if isinstance(one, Thing | Policy)]
    assert len([one for one in entities if isinstance(one, Certificate)]) == 4
    assert len(named) == 9
    assert all(name.startswith(f"{DRILL}-") for name in named)


def test_each_device_has_a_policy_of_its_own_that_lets_it_do_no_more_than_it_does() -> None:
    policy = canaries().trial.entities[next(key for key in canaries().trial.entities if key.kind is Kind.POLICY)]
    assert isinstance(policy, Policy)

    rights = {one["Action"]: one["Resource"] for one in json.loads(policy.document)["Statement"]}

    arn = "arn:aws:iot:us-east-1:123456789012"
    own = [
        f"{arn}:topic/iot-dr-canary/{DRILL}/0/{DRILL}-0001",
        f"{arn}:topic/$aws/things/{DRILL}-0001/shadow/*",
    ]
    assert rights["iot:Connect"] == [f"{arn}:client/{DRILL}-0001-*"]
    assert rights["iot:Publish"] == rights["iot:Receive"] == own
    assert all(":topicfilter/" in one for one in rights["iot:Subscribe"])


def test_no_observer_gets_more_messages_than_a_connection_takes() -> None:
    many = canaries(120)

    assert [(one.region, one.group) for one in many.observers] == [
        *(("us-east-1", group) for group in range(3)),
        *(("us-west-2", group) for group in range(3)),
    ]
    assert {one.group for one in many.clients} == {0, 1, 2}
    assert len({one.client_id for one in many.clients} | {one.client_id for one in many.observers}) == 123


@pytest.mark.parametrize("fleet", [True, False])
def test_the_name_of_a_drill_tells_when_it_began_and_whether_the_fleet_went_along(fleet: bool) -> None:
    began = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
    name = drill_name(began, "0af3", fleet=fleet)

    assert (drill_began(name), is_of_fleet(name)) == (began, fleet)


@pytest.mark.parametrize(
    "name", ["", "iot-dr-trial-20261127-163000-0af3", DRILL[:-1], "iot-dr-canary-20261399-163000-0af3"]
)
def test_a_name_that_no_drill_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no drill is called"):
        drill_began(name)
