"""Which features the hosted zone of the fleet's name has. No failover asks this: the API of Route 53 may be away."""

from __future__ import annotations

from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import NotReadyYet

REQUIRED_ACTIONS = frozenset({"route53:GetHostedZone", "route53:ListHostedZonesByName"})
"""What the operator needs."""


class Route53HostedZones:
    """Reads public hosted zones over a `route53` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def accelerated_recovery(self, name: str) -> str:
        """Return the status of accelerated recovery of the zone that a name is in, as AWS says it; empty if it is off.

        Raises:
            NotReadyYet: the account has no public zone for the name.
        """
        labels = name.lower().rstrip(".").split(".")
        for start in range(len(labels) - 1):
            zone = ".".join(labels[start:]) + "."
            listed = call(self._client.list_hosted_zones_by_name, DNSName=zone, MaxItems="1")["HostedZones"]
            if listed and listed[0]["Name"] == zone and not listed[0].get("Config", {}).get("PrivateZone"):
                found = call(self._client.get_hosted_zone, Id=listed[0]["Id"])["HostedZone"]
                return str(found.get("Features", {}).get("AcceleratedRecoveryStatus", ""))
        raise NotReadyYet(f"the account has no public hosted zone for {name}")
