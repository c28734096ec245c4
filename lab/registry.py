"""What a Region's registry holds, and its shadows, read with a customer's calls: the judgement is not the product's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.shadows import Shadows

# Each Region's health check has a thing, certificate and policy of its own, which are not to cross.
_PROBE = "iot-dr-probe-"
KINDS = (
    "thing types",
    "billing groups",
    "policies",
    "certificates",
    "thing groups",
    "things",
    "memberships",
    "attachments",
    "shadows",
)


@dataclass(frozen=True)
class Difference:
    """What is not the same in both Regions: its kind, its name, and how it differs."""

    kind: str
    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} {self.how}"


@dataclass(frozen=True)
class Registry:
    """Names to comparable values, by kind; ARNs stripped of their Region."""

    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """How many of a kind there are."""
        return len(self.kinds[kind])

    def differences(self, other: "Registry") -> list[str]:
        """What is not the same in the other Region, one line each."""
        return [str(each) for each in self.compared(other)]

    def compared(self, other: "Registry") -> Iterator[Difference]:
        """What is not the same in the other Region."""
        for kind in KINDS:
            ours, theirs = self.kinds[kind], other.kinds[kind]
            for name in sorted(ours.keys() | theirs.keys()):
                if name not in theirs:
                    yield Difference(kind, name, "is missing in the secondary Region")
                elif name not in ours:
                    yield Difference(kind, name, "is only in the secondary Region")
                elif ours[name] != theirs[name]:
                    yield Difference(kind, name, f"differs: {ours[name]} / {theirs[name]}")


def read(iot: Any, region: str, data: Any = None) -> Registry:
    """Read everything that the product replicates; the shadows of things take another client."""
    return _Reader(iot, region, Shadows(data) if data else None).read()


class _Reader:
    """Reads one Region, kind by kind; what the probes of the health check have is left out."""

    def __init__(self, iot: Any, region: str, shadows: Shadows | None) -> None:
        self._iot = iot
        self._region = region
        self._shadows = shadows
        self._attachments: dict[str, str | bool] = {}
        self._of_probes: set[str] = set()

    def read(self) -> Registry:
        billed, billing_groups = self._billing_groups()
        things = self._things(billed)  # before the certificates, of which it tells the probes' own
        certificates = self._certificates()
        groups, memberships = self._groups()
        return Registry(
            {
                "thing types": self._types(),
                "billing groups": billing_groups,
                "policies": self._policies(),
                "certificates": certificates,
                "thing groups": groups,
                "things": things,
                "memberships": memberships,
                "attachments": self._attachments,
                "shadows": self._shadows_of(things),
            }
        )

    def _every(self, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        for page in self._iot.get_paginator(operation).paginate(**parameters):
            yield from page[key]

    def _types(self) -> dict[str, Any]:
        found = {}
        for entry in self._every("list_thing_types", "thingTypes"):
            properties = dict(entry.get("thingTypeProperties") or {})
            properties["searchableAttributes"] = sorted(properties.get("searchableAttributes") or [])
            properties["deprecated"] = (entry.get("thingTypeMetadata") or {}).get("deprecated", False)
            found[entry["thingTypeName"]] = properties
        return found

    def _billing_groups(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Thing -> billing group, and billing group -> description."""
        billed, found = {}, {}
        for name in [entry["groupName"] for entry in self._every("list_billing_groups", "billingGroups")]:
            properties = self._iot.describe_billing_group(billingGroupName=name).get("billingGroupProperties") or {}
            found[name] = properties.get("billingGroupDescription") or ""
            for thing in self._every("list_things_in_billing_group", "things", billingGroupName=name):
                billed[thing] = name
        return billed, found

    def _policies(self) -> dict[str, Any]:
        found = {}
        for name in [policy["policyName"] for policy in self._every("list_policies", "policies")]:
            if not name.startswith(_PROBE):
                document = self._iot.get_policy(policyName=name)["policyDocument"]
                found[name] = json.loads(document.replace(f":{self._region}:", ":REGION:"))
        return found

    def _things(self, billed: Mapping[str, str]) -> dict[str, Any]:
        found = {}
        for thing in self._every("list_things", "things"):
            name = thing["thingName"]
            principals = self._iot.list_thing_principals_v2(thingName=name)["thingPrincipalObjects"]
            if name.startswith(_PROBE):
                self._of_probes.update(each["principal"] for each in principals)
                continue
            found[name] = {
                "type": thing.get("thingTypeName"),
                "attributes": thing.get("attributes") or {},
                "billing group": billed.get(name),
            }
            for each in principals:
                certificate = each["principal"].rpartition("/")[2]
                self._attachments[f"{name} - certificate {certificate[:12]}"] = each["thingPrincipalType"]
        return found

    def _shadows_of(self, things: Iterable[str]) -> dict[str, str]:
        if self._shadows is None:
            return {}
        return {
            f"{thing} - {name or 'classic'}": state
            for thing in things
            for name, state in self._shadows.of(thing).items()
        }

    def _certificates(self) -> dict[str, str]:
        found = {}
        for certificate in self._every("list_certificates", "certificates"):
            if certificate["certificateArn"] not in self._of_probes:
                found[certificate["certificateId"]] = certificate["status"]
                self._add_policies(f"certificate {certificate['certificateId'][:12]}", certificate["certificateArn"])
        return found

    def _groups(self) -> tuple[dict[str, Any], dict[str, bool]]:
        """The groups, and who is in those whose members are not found by a query."""
        groups, memberships = {}, {}
        for entry in self._every("list_thing_groups", "thingGroups", recursive=True):
            name = entry["groupName"]
            group = self._iot.describe_thing_group(thingGroupName=name)
            properties = group.get("thingGroupProperties") or {}
            groups[name] = {
                "description": properties.get("thingGroupDescription") or "",
                "attributes": (properties.get("attributePayload") or {}).get("attributes") or {},
                "parent": (group.get("thingGroupMetadata") or {}).get("parentGroupName"),
                "query": group.get("queryString"),
                "index": group.get("indexName"),
            }
            self._add_policies(f"group {name}", entry["groupArn"])
            if not group.get("queryString"):
                for thing in self._every("list_things_in_thing_group", "things", thingGroupName=name):
                    memberships[f"{name} - {thing}"] = True
        return groups, memberships

    def _add_policies(self, target: str, arn: str) -> None:
        for policy in self._iot.list_attached_policies(target=arn)["policies"]:
            self._attachments[f"{target} - {policy['policyName']}"] = True
