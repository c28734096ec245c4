"""Writes a fleet into both Regions of the emulator's saved state; runs on the emulator's interpreter.

.venv-emulator/bin/python benchmarks/fill_regions.py THINGS [--primary-alone] [--own-policies], with PERSIST_STATE=1 and
STATE_DIR in the environment

Through the API the same would take 200,000 calls for 20,000 things. The records are the emulator's own.
"""

import argparse
import hashlib
import json
import ssl
import sys
from collections.abc import Iterator
from typing import Any

from ministack.core.persistence import save_state
from ministack.core.responses import request_scope
from ministack.services import iot

ACCOUNT = "000000000000"
REGIONS = ("us-east-1", "us-west-2")
_END = "-----END CERTIFICATE-----"
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


def _prepare(region: str, policies: int) -> None:
    iot._update_indexing_configuration({"thingIndexingConfiguration": INDEXED})
    for number in range(TYPES):
        iot._create_thing_type(f"type-{number}", {"thingTypeProperties": {"thingTypeDescription": f"type {number}"}})
    for number in range(policies):
        iot._create_policy(f"policy-{number}", {"policyDocument": _document(region)})
    for number in range(GROUPS):
        iot._create_thing_group(f"group-{number}", {"thingGroupProperties": {"thingGroupDescription": f"{number}"}})


def _add_device(number: int, certificate_id: str, pem: str, policies: int) -> None:
    name = f"device-{number:07}"
    attributes = {"site": f"site-{number % 100}", "serial": f"{number:09}"}
    iot._create_thing(name, {"thingTypeName": f"type-{number % TYPES}", "attributePayload": {"attributes": attributes}})
    thing = iot._things[name]
    certificate = iot._certificate_record(certificate_id, pem, "ACTIVE")
    thing["principals"].append(certificate["certificateArn"])
    certificate["attachedThings"].append(thing["thingArn"])
    iot._certificates[certificate_id] = certificate
    iot._policies[f"policy-{number % policies}"].setdefault("targets", []).append(certificate["certificateArn"])
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
    """Fill both Regions alike, or one, with the certificates that standard input brings.

    It is one PEM for each thing, or one that all show under IDs of their own, which is enough to be read.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("things", type=int)
    parser.add_argument("--primary-alone", action="store_true")
    parser.add_argument("--own-policies", action="store_true")
    wanted = parser.parse_args()
    policies = wanted.things if wanted.own_policies else POLICIES
    pems = [f"{pem}{_END}\n" for pem in sys.stdin.read().split(f"{_END}\n")[:-1]]
    one_for_all = len(pems) < wanted.things
    for region in REGIONS[:1] if wanted.primary_alone else REGIONS:
        with request_scope(ACCOUNT, region):
            _prepare(region, policies)
            for number in range(wanted.things):
                pem = pems[0 if one_for_all else number]
                identified = str(number).encode() if one_for_all else ssl.PEM_cert_to_DER_cert(pem)
                _add_device(number, hashlib.sha256(identified).hexdigest(), pem, policies)
    save_state("iot", iot.get_state())


if __name__ == "__main__":
    main()
