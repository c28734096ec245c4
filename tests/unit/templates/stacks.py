"""The four templates, deployed in thought."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import generate
from templates.config import Config
from tests.unit.templates.resolving import POSTFIX, PRIMARY, SECONDARY, Resolver

STACKS = {
    "main": ("disaster-recovery-for-aws-iot.template", "iot-dr", PRIMARY),
    "primary": ("disaster-recovery-for-aws-iot-primary-region.template", f"IoTDRPrimary{POSTFIX}", PRIMARY),
    "secondary": ("disaster-recovery-for-aws-iot-secondary-region.template", f"IoTDRSecondary{POSTFIX}", SECONDARY),
    "health checker": (
        "disaster-recovery-for-aws-iot-r53-health-checker.template",
        f"R53HealthChecker{POSTFIX}",
        PRIMARY,
    ),
}


@dataclass(frozen=True)
class Stack:
    """A template with its text, and a resolver for the stack that it makes."""

    name: str
    text: str
    template: Mapping[str, Any]
    resolve: Resolver

    def of_type(self, *types: str) -> dict[str, dict[str, Any]]:
        """Return the resources of some types by their logical IDs."""
        return {title: found for title, found in self.template["Resources"].items() if found["Type"] in types}

    def properties(self, title: str) -> dict[str, Any]:
        """Return a resource's properties with sample values for intrinsic functions."""
        resolved: dict[str, Any] = self.resolve(self.template["Resources"][title]["Properties"])
        return resolved

    def name_of(self, title: str) -> str:
        """Return the physical name of a resource."""
        return self.resolve.name(title)

    def statements(self, role: str) -> list[dict[str, Any]]:
        """Return what a role may do."""
        return [statement for document in self.documents(role) for statement in document["Statement"]]

    def documents(self, role: str) -> list[dict[str, Any]]:
        """Return the documents of a role's policies, inline and managed."""
        inline = [policy["PolicyDocument"] for policy in self.properties(role)["Policies"]]
        managed = [
            self.properties(reference["Ref"])["PolicyDocument"]
            for reference in self.template["Resources"][role]["Properties"].get("ManagedPolicyArns", ())
        ]
        return [*inline, *managed]

    def role_of(self, title: str, *path: str) -> str:
        """Return the logical ID of the role that a property names."""
        value: Any = self.template["Resources"][title]["Properties"]
        for key in path:
            value = value[key]
        assert value["Fn::GetAtt"][1] == "Arn"
        return str(value["Fn::GetAtt"][0])


def golden_config() -> Config:
    """Return what the golden files are generated for."""
    return Config("iot-dr-example", generate.SOLUTION, "v0.0.0", generate.iot_regions())


def make_stacks(chosen: Mapping[str, Any] | None = None) -> dict[str, Stack]:
    """Return all four by their short names, with other values of some parameters than the sample ones."""
    texts = generate.render(golden_config())
    made = {}
    for name, (file, stack, region) in STACKS.items():
        template = json.loads(texts[file])
        made[name] = Stack(name, texts[file], template, Resolver(template, stack, region, chosen))
    return made
