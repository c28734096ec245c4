"""What a Region has for the fleet's name: its domain configuration, and the server certificate of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iot_dr.aws import clients
from iot_dr.aws.errors import call, converted, read
from iot_dr.model.failover.names import FleetDomain

REQUIRED_ACTIONS = frozenset(
    {"acm:DescribeCertificate", "iot:DescribeDomainConfiguration", "iot:ListDomainConfigurations"}
)
"""What the operator needs in both Regions."""


class IotFleetDomains:
    """`ports.FleetDomains` over `iot` and `acm` clients of any Region."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client) -> None:
        self._client_of = client_of

    def domain(self, region: str, name: str) -> FleetDomain | None:
        """Return the configuration of a name; None if the Region has none."""
        iot = self._client_of("iot", region)
        pages = iot.get_paginator("list_domain_configurations").paginate()
        with converted():
            names = [one["domainConfigurationName"] for page in pages for one in page["domainConfigurations"]]
        for configuration in names:
            found = read(iot.describe_domain_configuration, domainConfigurationName=configuration) or {}
            if found.get("domainName", "").lower() == name.lower():
                return FleetDomain(
                    configuration,
                    found.get("domainConfigurationStatus") == "ENABLED",
                    self._end_of_certificate(region, found),
                )
        return None

    def _end_of_certificate(self, region: str, configuration: dict[str, Any]) -> int | None:
        arns = [one["serverCertificateArn"] for one in configuration.get("serverCertificates", ())]
        ends = [
            call(self._client_of("acm", region).describe_certificate, CertificateArn=arn)["Certificate"].get("NotAfter")
            for arn in arns
        ]
        return min((int(end.timestamp() * 1000) for end in ends if end), default=None)
