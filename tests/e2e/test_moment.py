"""What the lab reads inside the emulator at one moment is what calls read, and what is on its way is in it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from lab.emulator import PRIMARY_REGION, REGIONS, Emulator
from lab.fleet import Fleet
from lab.moment import PATH
from lab.pair import ACCOUNT
from lab.registry import read


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("moment")) as emulator:
        yield emulator


def moment(emulator: Emulator) -> dict[str, Any]:
    with urllib.request.urlopen(f"{emulator.endpoint_url}{PATH}?{','.join(REGIONS)}", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_registries_of_one_moment_are_those_that_calls_read(emulator: Emulator) -> None:
    for number, region in enumerate(REGIONS):
        fleet = Fleet(emulator.client("iot", region), region=region, account=ACCOUNT)
        fleet.prepare("pump")
        for device in range(2 + number):
            fleet.provision(f"pump-{device}", thing_type="pump", attributes={"site": "north"})
        fleet.make_group("site")
        fleet.attach_policy(fleet.make_group("hall", parent="site"))
        fleet.join("hall", "pump-1")
        fleet.make_billing_group("costs", "pump-0")

    found = moment(emulator)["registries"]

    by_calls = {region: read(emulator.client("iot", region), region).kinds for region in REGIONS}
    assert found == json.loads(json.dumps(by_calls))
    assert len(found[PRIMARY_REGION]["attachments"]) == 5


def test_an_execution_that_runs_is_on_its_way_and_is_counted(emulator: Emulator) -> None:
    states = emulator.client("stepfunctions")
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 50, "End": True}}}
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = emulator.client("iam").create_role(RoleName="waits", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    machine = states.create_state_machine(name="waits", definition=json.dumps(definition), roleArn=role)
    begun = moment(emulator)
    assert (begun["running"], begun["executions"]) == ([], {})

    started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"looks": []}')

    assert moment(emulator)["running"] == ['{"looks": []}']
    states.stop_execution(executionArn=started["executionArn"])
    assert moment(emulator)["executions"] == {"ABORTED": 1}
