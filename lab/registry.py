"""What a Region's registry holds, read with a customer's calls: the lab's judgement is not the product's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Each Region's health check has a thing, certificate and policy of its own, which are not to cross.
_PROBE = "iot-dr-probe-"
KINDS = ("thing types", "policies", "certificates", "things", "attachments")


@dataclass(frozen=True)
class Registry:
    """Names to comparable values, by kind; ARNs stripped of their Region."""

    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """How many of a kind there are."""
        return len(self.kinds[kind])

    def differences(self, other: "Registry") -> list[str]:
        """What is not the same in the other Region, one line each."""
        found = []
        for kind in KINDS:
            ours, theirs = self.kinds[kind], other.kinds[kind]
            for name in sorted(ours.keys() | theirs.keys()):
                if name not in theirs:
                    found.append(f"{kind}: {name} is missing in the secondary Region")
                elif name not in ours:
                    found.append(f"{kind}: {name} is only in the secondary Region")
                elif ours[name] != theirs[name]:
                    found.append(f"{kind}: {name} differs: {ours[name]} / {theirs[name]}")
        return found


def read(iot: Any, region: str) -> Registry:
    """Read everything that the product replicates."""

    def every(operation: str, key: str) -> list[dict[str, Any]]:
        return [entry for page in iot.get_paginator(operation).paginate() for entry in page[key]]

    def regionless(text: str) -> str:
        return text.replace(f":{region}:", ":REGION:")

    policies = {
        policy["policyName"]: json.loads(regionless(iot.get_policy(policyName=policy["policyName"])["policyDocument"]))
        for policy in every("list_policies", "policies")
        if not policy["policyName"].startswith(_PROBE)
    }
    things: dict[str, Any] = {}
    attachments: dict[str, Any] = {}
    probes: set[str] = set()
    for thing in every("list_things", "things"):
        name = thing["thingName"]
        principals = iot.list_thing_principals(thingName=name)["principals"]
        if name.startswith(_PROBE):
            probes.update(principals)
            continue
        things[name] = {"type": thing.get("thingTypeName"), "attributes": thing.get("attributes") or {}}
        attachments |= {f"{name} - certificate {principal.rpartition('/')[2][:12]}": True for principal in principals}
    certificates = {}
    for certificate in every("list_certificates", "certificates"):
        if certificate["certificateArn"] in probes:
            continue
        certificates[certificate["certificateId"]] = certificate["status"]
        for policy in iot.list_attached_policies(target=certificate["certificateArn"])["policies"]:
            attachments[f"certificate {certificate['certificateId'][:12]} - {policy['policyName']}"] = True
    types = {
        entry["thingTypeName"]: {
            **(entry.get("thingTypeProperties") or {}),
            "deprecated": (entry.get("thingTypeMetadata") or {}).get("deprecated", False),
        }
        for entry in every("list_thing_types", "thingTypes")
    }
    return Registry(
        {
            "thing types": types,
            "policies": policies,
            "certificates": certificates,
            "things": things,
            "attachments": attachments,
        }
    )
