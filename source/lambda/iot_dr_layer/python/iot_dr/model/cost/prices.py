"""AWS's prices in US dollars, with their date and source; docs/cost.md says how sure each is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from iot_dr.errors import ConfigurationError


class Unit(enum.StrEnum):
    """What AWS charges for; the value is its name in a file of prices."""

    MESSAGE = "message"
    REGISTRY_OPERATION = "registry_operation"
    SHADOW_OPERATION = "shadow_operation"
    RULE = "rule"
    CONNECTION_MINUTE = "connection_minute"
    DYNAMODB_WRITE = "dynamodb_write"
    DYNAMODB_READ = "dynamodb_read"
    LAMBDA_REQUEST = "lambda_request"
    LAMBDA_GB_SECOND = "lambda_gb_second"
    EXPRESS_REQUEST = "express_request"
    EXPRESS_GB_HOUR = "express_gb_hour"
    STANDARD_TRANSITION = "standard_transition"
    SQS_REQUEST = "sqs_request"
    HTTP_API_REQUEST = "http_api_request"
    HEALTH_CHECK = "health_check"
    HEALTH_CHECK_OPTION = "health_check_option"
    ZONE_QUERY = "zone_query"
    SECRET = "secret"  # noqa: S105  # a price's name
    SECRET_CALL = "secret_call"  # noqa: S105  # as above
    ALARM = "alarm"
    METRIC = "metric"
    DASHBOARD = "dashboard"
    TRACE = "trace"
    LOG_GB = "log_gb"
    TRANSFER_GB = "transfer_gb"


MILLION = 1_000_000

PER: Mapping[Unit, int] = MappingProxyType(
    {
        **dict.fromkeys(Unit, MILLION),
        **dict.fromkeys(
            (
                Unit.LAMBDA_GB_SECOND,
                Unit.EXPRESS_GB_HOUR,
                Unit.HEALTH_CHECK,
                Unit.HEALTH_CHECK_OPTION,
                Unit.SECRET,
                Unit.ALARM,
                Unit.METRIC,
                Unit.DASHBOARD,
                Unit.LOG_GB,
                Unit.TRANSFER_GB,
            ),
            1,
        ),
        Unit.SECRET_CALL: 10_000,
    }
)
"""How many of a unit its price is for; what lasts is for a month."""


@dataclass(frozen=True)
class PriceList:
    """Prices by unit, each for as many as `PER` says."""

    date: str
    source: str
    usd: Mapping[Unit, float]

    def of(self, unit: Unit, amount: float = 1) -> float:
        """Return what an amount costs."""
        return amount * self.usd[unit] / PER[unit]

    def sum(self, work: Mapping[Unit, float]) -> float:
        """Return what amounts of several units cost."""
        return sum(self.of(unit, amount) for unit, amount in work.items())


DEFAULT = PriceList(
    date="2026-09",
    source="AWS's list prices of us-east-1, not all of them verified; docs/cost.md names the source of each",
    usd=MappingProxyType(
        {
            Unit.MESSAGE: 1.00,
            Unit.REGISTRY_OPERATION: 1.25,
            Unit.SHADOW_OPERATION: 1.25,
            Unit.RULE: 0.15,
            Unit.CONNECTION_MINUTE: 0.08,
            Unit.DYNAMODB_WRITE: 0.625,
            Unit.DYNAMODB_READ: 0.125,
            Unit.LAMBDA_REQUEST: 0.20,
            Unit.LAMBDA_GB_SECOND: 0.0000133334,
            Unit.EXPRESS_REQUEST: 1.00,
            Unit.EXPRESS_GB_HOUR: 0.06,
            Unit.STANDARD_TRANSITION: 25.00,
            Unit.SQS_REQUEST: 0.40,
            Unit.HTTP_API_REQUEST: 1.00,
            Unit.HEALTH_CHECK: 0.50,
            Unit.HEALTH_CHECK_OPTION: 1.00,
            Unit.ZONE_QUERY: 0.40,
            Unit.SECRET: 0.40,
            Unit.SECRET_CALL: 0.05,
            Unit.ALARM: 0.10,
            Unit.METRIC: 0.30,
            Unit.DASHBOARD: 3.00,
            Unit.TRACE: 5.00,
            Unit.LOG_GB: 0.50,
            Unit.TRANSFER_GB: 0.02,
        }
    ),
)


def parse(found: Mapping[str, object], name: str) -> PriceList:
    """Return the prices of a file; what it leaves out costs what it does by default.

    Raises:
        ConfigurationError: it has a price of nothing that is known, or one that is no number, or no date or source.
    """
    about = {key: found.get(key) for key in ("date", "source")}
    for key, value in about.items():
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f'{name} has no "{key}": say of when the prices are and where they are from')
    usd = dict(DEFAULT.usd)
    for key, value in found.items():
        if key in about:
            continue
        if key not in {*Unit}:
            raise ConfigurationError(f"{name} has a price of {key!r}; known are {', '.join(Unit)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ConfigurationError(f"{name}: the price of {key} is {value!r}; it must be a number of US dollars")
        usd[Unit(key)] = float(value)
    return replace(DEFAULT, date=str(about["date"]), source=str(about["source"]), usd=MappingProxyType(usd))
