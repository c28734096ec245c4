"""Writes a fleet into both Regions of the emulator's saved state; runs on the emulator's interpreter.

.venv-emulator/bin/python benchmarks/fill_regions.py THINGS, with PERSIST_STATE=1 and STATE_DIR in the environment

Through the API the same would take 200,000 calls for 20,000 things. The records are the emulator's own.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from ministack.core.persistence import save_state
from ministack.core.responses import request_scope
from ministack.services import iot

ACCOUNT = "000000000000"
REGIONS = ("us-east-1", "us-west-2")
POLICIES, GROUPS, TYPES = 10, 20, 5
NAMED = "config"
INDEXED = {
    "thingIndexingMode": "REGISTRY_AND_SHADOW",
    "namedShadowIndexingMode": "ON",
    "filter": {"namedShadowNames": [NAMED]},
}


def _document(region: str) -> str:
    resource = f"arn:aws:iot:{region}:{ACCOUNT}:client/${{iot:Connection.Thing.ThingName}}"
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _prepare(region: str) -> None:
    iot._update_indexing_configuration({"thingIndexingConfiguration": INDEXED})
    for number in range(TYPES):
        iot._create_thing_type(f"type-{number}", {"thingTypeProperties": {"thingTypeDescription": f"type {number}"}})
    for number in range(POLICIES):
        iot._create_policy(f"policy-{number}", {"policyDocument": _document(region)})
    for number in range(GROUPS):
        iot._create_thing_group(f"group-{number}", {"thingGroupProperties": {"thingGroupDescription": f"{number}"}})


def _add_device(number: int, pem: str) -> None:
    name, certificate_id = f"device-{number:07}", hashlib.sha256(str(number).encode()).hexdigest()
    attributes = {"site": f"site-{number % 100}", "serial": f"{number:09}"}
    iot._create_thing(name, {"thingTypeName": f"type-{number % TYPES}", "attributePayload": {"attributes": attributes}})
    thing = iot._things[name]
    certificate = iot._certificate_record(certificate_id, pem, "ACTIVE")
    thing["principals"].append(certificate["certificateArn"])
    certificate["attachedThings"].append(thing["thingArn"])
    iot._certificates[certificate_id] = certificate
    iot._policies[f"policy-{number % POLICIES}"].setdefault("targets", []).append(certificate["certificateArn"])
    group = f"group-{number % GROUPS}"
    thing["thingGroupNames"].append(group)
    iot._thing_groups[group]["things"].append(name)
    for shadow, state in _shadows(number):
        iot.update_thing_shadow(name, shadow, {"state": state})


def _shadows(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A classic shadow and a named one, as a device with some settings has them."""
    settings = {"interval": number % 60, "mode": "auto", "limits": {"low": 0.5, "high": 80 + number % 10}}
    yield "", {"desired": settings, "reported": {**settings, "firmware": f"1.{number % 7}.0", "alarms": ["a", "b"]}}
    yield NAMED, {"desired": {"endpoint": f"gateway-{number % 50}", "retries": 3}, "reported": {"retries": 3}}


def main() -> None:
    """Fill both Regions alike; all certificates show the PEM that standard input brings, and have IDs of their own."""
    pem = sys.stdin.read()
    for region in REGIONS:
        with request_scope(ACCOUNT, region):
            _prepare(region)
            for number in range(int(sys.argv[1])):
                _add_device(number, pem)
    save_state("iot", iot.get_state())


if __name__ == "__main__":
    main()
