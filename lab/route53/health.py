"""When Route 53 takes an endpoint for healthy: its rules, without a clock and without a connection.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

CHECKER_REGIONS = (
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
)
"""Where checkers are. A health check names at least three of them, or is asked from all."""

SEARCHED_BYTES = 5120
"""How much of an answer's body is searched for the check's string."""

_HEALTHY_SHARE = 0.18
_ASKED = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com\.?$")


@dataclass(frozen=True)
class Endpoint:
    """What a checker asks."""

    type: str
    host: str
    """Name that is asked for, in the request's Host and by SNI; empty if the check has an address alone."""
    address: str
    """IP address to connect to; empty if the host's name is to be resolved."""
    port: int
    path: str = "/"
    search: str = ""

    @property
    def region(self) -> str | None:
        """The Region that the host's name tells, as in `id.execute-api.us-east-1.amazonaws.com`."""
        found = _REGION.search(self.host)
        return found[1] if found else None

    @property
    def encrypted(self) -> bool:
        """Whether it is asked over TLS."""
        return self.type.startswith("HTTPS")


@dataclass(frozen=True)
class HealthCheck:
    """A health check as it is configured; times in Route 53's own seconds."""

    id: str
    endpoint: Endpoint | None = None
    interval: float = 30
    failure_threshold: int = 3
    inverted: bool = False
    disabled: bool = False
    regions: tuple[str, ...] = CHECKER_REGIONS
    children: tuple[str, ...] | None = None
    """Checks that a calculated check counts; None for a check of another type."""
    health_threshold: int = 0


def health_check(told: Mapping[str, Any]) -> HealthCheck:
    """A health check as `ListHealthChecks` tells of it."""
    config = told["HealthCheckConfig"]
    calculated = config["Type"] == "CALCULATED"
    return HealthCheck(
        id=told["Id"],
        endpoint=_endpoint(config) if config["Type"] in _ASKED else None,
        interval=config.get("RequestInterval", 30),
        failure_threshold=config.get("FailureThreshold", 3),
        inverted=config.get("Inverted", False),
        disabled=config.get("Disabled", False),
        regions=tuple(config.get("Regions") or CHECKER_REGIONS),
        children=tuple(config.get("ChildHealthChecks", ())) if calculated else None,
        health_threshold=config.get("HealthThreshold", 0),
    )


def _endpoint(config: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        type=config["Type"],
        host=config.get("FullyQualifiedDomainName", ""),
        address=config.get("IPAddress", ""),
        port=config.get("Port") or (443 if config["Type"].startswith("HTTPS") else 80),
        path=config.get("ResourcePath") or "/",
        search=config.get("SearchString", ""),
    )


@dataclass(frozen=True)
class Checker:
    """What one checker takes an endpoint for; one that has not asked yet takes it for healthy."""

    healthy: bool = True
    contrary: int = 0
    """Answers in a row that said otherwise."""

    def saw(self, *, success: bool, threshold: int) -> "Checker":
        """The same checker after one more answer: it changes its mind after `threshold` contrary ones in a row."""
        if success == self.healthy:
            return Checker(self.healthy)
        if self.contrary + 1 < threshold:
            return Checker(self.healthy, self.contrary + 1)
        return Checker(success)


def enough_say_healthy(checkers: Collection[Checker]) -> bool:
    """Whether more than 18 % of the checkers take the endpoint for healthy; nobody asked is healthy."""
    healthy = sum(checker.healthy for checker in checkers)
    return not checkers or healthy > _HEALTHY_SHARE * len(checkers)


def is_healthy(
    check_id: str | None, checks: Mapping[str, HealthCheck], checkers: Mapping[str, Collection[Checker]]
) -> bool:
    """Whether what depends on a health check may be answered.

    No check is healthy. So is one that is not there any more: AWS calls that unpredictable. A calculated check cannot
    count another one, so such a child is never healthy here and its parent shows the mistake.
    https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
    """
    check = checks.get(check_id or "")
    if check is None:
        return True
    return _uninverted(check, checks, checkers) != check.inverted


def _uninverted(
    check: HealthCheck, checks: Mapping[str, HealthCheck], checkers: Mapping[str, Collection[Checker]]
) -> bool:
    if check.disabled:
        return True
    if check.children is None:
        return enough_say_healthy(checkers.get(check.id, ()))
    healthy = sum(
        not (child in checks and checks[child].children is not None) and is_healthy(child, checks, checkers)
        for child in check.children
    )
    return healthy >= check.health_threshold
