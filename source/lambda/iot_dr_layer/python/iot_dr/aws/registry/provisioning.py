"""Registers a device by a provisioning template of AWS IoT, over an `iot` client.

RegisterThing makes what the template says by further calls, with the rights of whoever calls it.
https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterThing.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import ConfigurationError

REQUIRED_ACTIONS = frozenset(
    {
        "iot:AddThingToBillingGroup",
        "iot:AddThingToThingGroup",
        "iot:AttachPolicy",
        "iot:AttachThingPrincipal",
        "iot:CreatePolicy",
        "iot:CreateThing",
        "iot:DescribeCertificate",
        "iot:DescribeProvisioningTemplate",
        "iot:DescribeThing",
        "iot:DescribeThingGroup",
        "iot:DescribeThingType",
        "iot:GetPolicy",
        "iot:RegisterThing",
        "iot:UpdateCertificate",
        "iot:UpdateThing",
    }
)
"""What is needed of the function's role; of AWS's list for templates, what registers one device."""


class IotProvisioningTemplate:
    """`ports.ProvisioningTemplate` over an `iot` client of one Region."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def body(self) -> str:
        """Read the default version.

        Raises:
            ConfigurationError: the template is not enabled.
        """
        found = call(self._client.describe_provisioning_template, templateName=self._name)
        if not found.get("enabled"):
            raise ConfigurationError(
                f"provisioning template {self._name} is not enabled; enable it: aws iot update-provisioning-template "
                f"--template-name {self._name} --enabled"
            )
        return str(found["templateBody"])

    def apply(self, body: str, parameters: Mapping[str, str]) -> None:
        """Make what the template says; what is there already stays, as the template says."""
        call(self._client.register_thing, templateBody=body, parameters=dict(parameters))
