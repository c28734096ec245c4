"""A name like the fleet's for one drill, over the API of Route 53: four health checks and two failover records.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-types.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iot_dr.aws.errors import call, code_of, convert, converted
from iot_dr.errors import InvalidResource
from iot_dr.model.drill.orders import CanaryRecords

REQUIRED_ACTIONS = frozenset(
    {
        "route53:ChangeResourceRecordSets",
        "route53:CreateHealthCheck",
        "route53:DeleteHealthCheck",
        "route53:GetHealthCheck",
        "route53:GetHostedZone",
        "route53:ListHealthChecks",
        "route53:ListResourceRecordSets",
    }
)
"""What the operator needs."""

ASKED_FROM = 3
"""Regions that the drill's checks are asked from, AWS's least: all that ask share the throttle of the health API."""

QUESTION = "?control=canary"
"""What has the product's health function answer by the drill's control item; a test holds it to the function."""

_CHECKERS = ("us-east-1", "eu-west-1", "sa-east-1")
"""Where they are asked from if the fleet's are asked from everywhere."""
_HEALTH, _DRAINS = "/health/", "/drains/"
_COPIED = ("Type", "FullyQualifiedDomainName", "Port", "EnableSNI", "RequestInterval", "FailureThreshold", "Regions")
_CALCULATED = "CALCULATED"


class Route53CanaryName:
    """`ports.CanaryName` in one hosted zone, over a `route53` client."""

    def __init__(self, client: Any, zone_id: str) -> None:
        self._client, self._zone_id = client, zone_id

    def zone(self) -> str:
        """Return the zone's name."""
        found = call(self._client.get_hosted_zone, Id=self._zone_id)["HostedZone"]
        return str(found["Name"]).rstrip(".")

    def make(self, records: CanaryRecords) -> None:
        """Make the checks, then the records that depend on them."""
        fleet = {region: self._config(check) for region, check in records.checks.items()}
        secondary = fleet[records.secondary]
        health = {
            region: self._check(records, f"health-{region}", _asking(config, _HEALTH))
            for region, config in fleet.items()
        }
        drains = self._check(records, "drains", {**_asking(secondary, _DRAINS), "Inverted": True})
        both = {
            "Type": _CALCULATED,
            "HealthThreshold": 2,
            "ChildHealthChecks": [health[records.primary], drains],
        }
        checks = {records.primary: self._check(records, "primary", both), records.secondary: health[records.secondary]}
        sets = [
            _record(records, region, role, checks[region])
            for region, role in ((records.primary, "PRIMARY"), (records.secondary, "SECONDARY"))
        ]
        self._change("UPSERT", sets)

    def remove(self, drill: str) -> int:
        """Remove records first, for no check is to go before what depends on it."""
        sets = list(self._records(f"{drill}.{self.zone()}."))
        if sets:
            self._change("DELETE", sets)
        checks = sorted(self._checks(drill), key=lambda one: one["HealthCheckConfig"]["Type"] != _CALCULATED)
        for check in checks:
            self._delete(check["Id"])
        return len(sets) + len(checks)

    def _config(self, check: str) -> Mapping[str, Any]:
        config: Mapping[str, Any] = call(self._client.get_health_check, HealthCheckId=check)["HealthCheck"][
            "HealthCheckConfig"
        ]
        if not str(config.get("ResourcePath", "")).startswith(_HEALTH):
            raise InvalidResource(f"the health check {check} does not ask for {_HEALTH}..., as the product's own do")
        return config

    def _check(self, records: CanaryRecords, part: str, config: Mapping[str, Any]) -> str:
        # A reference that was used for the same check returns that check.
        reference = f"{records.drill}-{part}"
        answer = call(self._client.create_health_check, CallerReference=reference, HealthCheckConfig=config)
        return str(answer["HealthCheck"]["Id"])

    def _change(self, action: str, sets: list[dict[str, Any]]) -> None:
        changes = [{"Action": action, "ResourceRecordSet": one} for one in sets]
        call(self._client.change_resource_record_sets, HostedZoneId=self._zone_id, ChangeBatch={"Changes": changes})

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        answer = call(
            self._client.list_resource_record_sets, HostedZoneId=self._zone_id, StartRecordName=name, MaxItems="10"
        )
        return (one for one in answer["ResourceRecordSets"] if one["Name"] == name)

    def _checks(self, drill: str) -> Iterator[Mapping[str, Any]]:
        with converted():
            for page in self._client.get_paginator("list_health_checks").paginate():
                yield from (one for one in page["HealthChecks"] if one["CallerReference"].startswith(f"{drill}-"))

    def _delete(self, check: str) -> None:
        try:
            self._client.delete_health_check(HealthCheckId=check)
        except self._client.exceptions.ClientError as error:
            if code_of(error) != "NoSuchHealthCheck":
                raise convert(error) from error


def _asking(config: Mapping[str, Any], question: str) -> dict[str, Any]:
    """Return a check like the fleet's own that asks for the drill's devices."""
    found = {name: config[name] for name in _COPIED if name in config}
    found["Regions"] = [*found.get("Regions", ()), *_CHECKERS][:ASKED_FROM]
    return {**found, "ResourcePath": question + str(config["ResourcePath"]).removeprefix(_HEALTH) + QUESTION}


def _record(records: CanaryRecords, region: str, role: str, check: str) -> dict[str, Any]:
    return {
        "Name": f"{records.name}.",
        "Type": "CNAME",
        "TTL": records.ttl,
        "SetIdentifier": region,
        "Failover": role,
        "HealthCheckId": check,
        "ResourceRecords": [{"Value": records.endpoints[region]}],
    }
