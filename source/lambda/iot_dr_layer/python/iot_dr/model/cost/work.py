"""The work of a month by rows, as docs/cost.md has them; a test holds that page to these.

Amounts of work come from the code and the templates. Running times are assumptions until they are measured on a real
account.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.cost.prices import Unit

MINUTES_A_MONTH = 43_800
DAYS_A_MONTH = MINUTES_A_MONTH / 1440
PAGE = 250
KINDS_OF_GROUPS = 3
"""Thing groups, billing groups and thing types, of each of which a sweep checks a slice fully."""
PER_MESSAGE = 10
EXPRESS_GB = 64 / 1024
LOG_LINE_GB = 1_200 / 1e9
CHECKS_A_MINUTE = 30
"""Requests of all of Route 53's checkers together at 30 seconds each."""

ALARMS, METRICS, CHECKER_ALARMS = 22, 14, 5
"""Alarms of both Regions' stacks and metrics written all the time; alarms of one health checker. Tests count alarms."""


class Part(enum.StrEnum):
    """What a row belongs to."""

    FIXED = "replication, whether or not anything changes"
    EVENTS = "changes"
    CHECKERS = "health checkers in both Regions"
    NAME = "name of the fleet"


@dataclass(frozen=True)
class WorkRow:
    """Work of a month: what does it, how it is reckoned, and how much of what AWS charges for."""

    part: Part
    name: str
    how: str
    work: Mapping[Unit, float]


def invocations(number: float, seconds: float, gigabytes: float) -> dict[Unit, float]:
    """Return the work of so many invocations of a function."""
    return {Unit.LAMBDA_REQUEST: number, Unit.LAMBDA_GB_SECOND: number * seconds * gigabytes}


def executions(number: float, seconds: float) -> dict[Unit, float]:
    """Return the work of so many executions of the workflow."""
    return {Unit.EXPRESS_REQUEST: number, Unit.EXPRESS_GB_HOUR: number * seconds * EXPRESS_GB / 3600}


NEW_DEVICE: Mapping[str, Mapping[Unit, float]] = MappingProxyType(
    {
        "Topic rule": {Unit.RULE: 2},
        "Global table": {Unit.DYNAMODB_WRITE: 3},
        "Trigger": invocations(1, 0.05, 0.25),
        "Queue of requests": {Unit.SQS_REQUEST: 6},
        "Runner": invocations(2, 0.6, 0.25),
        "Workflow": executions(2, 0.5),
        "Workers": invocations(2, 0.5, 0.5),
        "Ledger": {Unit.DYNAMODB_WRITE: 9},
        "Registry, both Regions": {Unit.REGISTRY_OPERATION: 6},
        "Logs": {Unit.LOG_GB: 2.4e-6},
        "Transfer": {Unit.TRANSFER_GB: 20e-6},
    }
)
CHANGE: Mapping[str, Mapping[Unit, float]] = MappingProxyType(
    {
        "Topic rule": {Unit.RULE: 2},
        "Global table": {Unit.DYNAMODB_WRITE: 3},
        "Trigger": invocations(1, 0.05, 0.25),
        "Queue of requests": {Unit.SQS_REQUEST: 3},
        "Runner": invocations(1, 0.4, 0.25),
        "Workflow": executions(1, 0.3),
        "Worker": invocations(1, 0.3, 0.5),
        "Ledger": {Unit.DYNAMODB_WRITE: 1},
        "Registry, both Regions": {Unit.REGISTRY_OPERATION: 3},
        "Logs": {Unit.LOG_GB: 1.2e-6},
        "Transfer": {Unit.TRANSFER_GB: 6e-6},
    }
)
SHADOW_UPDATE: Mapping[Unit, float] = MappingProxyType(
    {
        Unit.RULE: 2,
        Unit.DYNAMODB_WRITE: 5,
        Unit.DYNAMODB_READ: 1.008,
        Unit.LAMBDA_REQUEST: 0.008,
        Unit.LAMBDA_GB_SECOND: 0.018,
        Unit.SHADOW_OPERATION: 2,
        Unit.LOG_GB: 19e-9,
    }
)
"""Work of one new device, one change of a thing, and one update of a shadow that meets no other of the same shadow."""


def together(parts: Mapping[str, Mapping[Unit, float]], number: float = 1) -> dict[Unit, float]:
    """Return the work of all parts, so many times."""
    sums: dict[Unit, float] = {}
    for part in parts.values():
        for unit, amount in part.items():
            sums[unit] = sums.get(unit, 0) + number * amount
    return sums


def month(fleet: FleetFigures) -> tuple[WorkRow, ...]:
    """Return a month's work."""
    rows = [*_fixed(fleet), *_events(fleet)]
    if fleet.health_checkers:
        rows += _checkers(fleet)
    if fleet.fleet_name:
        rows += _name(fleet)
    return tuple(rows)


def _fixed(fleet: FleetFigures) -> Iterator[WorkRow]:
    def row(name: str, how: str, work: Mapping[Unit, float]) -> WorkRow:
        return WorkRow(Part.FIXED, name, how, work)

    sweeps = MINUTES_A_MONTH / fleet.sweep_minutes
    pages, things = math.ceil(fleet.things / PAGE), min(fleet.sweep_slice, fleet.things)
    policies, groups = min(fleet.sweep_slice, fleet.policies), min(KINDS_OF_GROUPS * fleet.sweep_slice, fleet.groups)
    outcomes = sweeps * (2 * things + policies + groups)
    numbers = (things, things, policies, groups, things if fleet.shadows else 0)
    messages = sweeps * sum(math.ceil(number / PER_MESSAGE) for number in numbers)
    yield row(
        "Lists of things",
        f"{pages:,} pages in each Region, {sweeps:,.0f} times",
        {Unit.REGISTRY_OPERATION: 2 * pages * sweeps},
    )
    yield row(
        "Reads of the full check",
        f"{things:,} things in each sweep",
        {Unit.REGISTRY_OPERATION: 4 * things * sweeps},
    )
    yield row(
        "Tags of policies, groups and types",
        f"{policies:,} policies, {groups:,} groups and types in each sweep, and what describes these",
        # No call of tags is on AWS's list of registry operations; each is counted as one.
        {Unit.REGISTRY_OPERATION: (2 * policies + 4 * groups) * sweeps},
    )
    yield row("Workers of the full check", f"{messages:,.0f} calls", invocations(messages, 1, 0.5))
    yield row("Ledger", f"{outcomes:,.0f} outcomes", {Unit.DYNAMODB_WRITE: outcomes})
    yield row("Logs", "1.2 KB an outcome", {Unit.LOG_GB: outcomes * LOG_LINE_GB})
    yield row("Sweep function", f"{sweeps:,.0f} sweeps", invocations(sweeps, (2 * pages + 20) / 10, 1))
    if fleet.shadows:
        checked = things * sweeps
        yield row(
            "Shadows of the full check",
            f"those of {things:,} things in each sweep",
            {Unit.SHADOW_OPERATION: 4 * checked, Unit.DYNAMODB_READ: checked, Unit.DYNAMODB_WRITE: checked},
        )
    yield row(
        "Queue, runner and workflow of the full check",
        f"{messages:,.0f} messages",
        {
            Unit.SQS_REQUEST: 3.1 * messages,  # sent ten at a time; received, deleted, asked whether events wait
            **invocations(messages, 1.2, 0.25),
            **executions(messages, 1.2),
        },
    )
    yield row(
        "Retries, and measuring what waits",
        "each minute",
        {**invocations(MINUTES_A_MONTH, 0.1, 1), Unit.DYNAMODB_READ: 4 * MINUTES_A_MONTH},
    )
    yield row(
        "Lambda's own polling of the two queues of requests",
        "empty answers, not verified",
        {Unit.SQS_REQUEST: 30 * MINUTES_A_MONTH},
    )
    yield row("Alarms", f"{ALARMS}", {Unit.ALARM: ALARMS})
    yield row("Metrics", f"about {METRICS} that are written all the time", {Unit.METRIC: METRICS})
    if fleet.tracing:
        yield row(
            "Traces",
            "one of each message, change and call of a schedule; fewer where AWS takes samples",
            {Unit.TRACE: messages + sweeps + MINUTES_A_MONTH + _traced_events(fleet)},
        )
    yield row("Dashboard", "1; the first three of an account are free", {Unit.DASHBOARD: 1})


def _traced_events(fleet: FleetFigures) -> float:
    """Return the traces of what changes: of each registry event, and of each batch of shadows."""
    of_shadows = SHADOW_UPDATE[Unit.LAMBDA_REQUEST] * fleet.shadow_updates_a_day if fleet.shadows else 0
    return DAYS_A_MONTH * (fleet.new_devices_a_day + fleet.changes_a_day + of_shadows)


def _events(fleet: FleetFigures) -> Iterator[WorkRow]:
    for name, a_day, work in (
        ("New devices", fleet.new_devices_a_day, together(NEW_DEVICE)),
        ("Changes of things", fleet.changes_a_day, together(CHANGE)),
        ("Updates of shadows", fleet.shadow_updates_a_day if fleet.shadows else 0, SHADOW_UPDATE),
    ):
        if a_day:
            number = a_day * DAYS_A_MONTH
            yield WorkRow(Part.EVENTS, name, f"{a_day:,.0f} a day", together({name: work}, number))


def _checkers(fleet: FleetFigures) -> Iterator[WorkRow]:
    """Yield the rows of both Regions together."""
    often = 30 / fleet.check_seconds
    requests = 2 * CHECKS_A_MINUTE * MINUTES_A_MONTH * often
    for name, how, work in (
        ("MQTT", "5 messages a round trip", {Unit.MESSAGE: 5 * requests}),
        ("Function", f"{requests:,.0f} round trips", invocations(requests, 0.15, 1)),
        ("HTTP API", f"{requests:,.0f} requests", {Unit.HTTP_API_REQUEST: requests}),
        (
            "Logs, secrets read, minutes of connection",
            "755 bytes a request",
            {Unit.LOG_GB: 755e-9 * requests, Unit.SECRET_CALL: 70_000, Unit.CONNECTION_MINUTE: requests},
        ),
        (
            "Route 53 health check with HTTPS",
            "1 in each Region",
            {Unit.HEALTH_CHECK: 2, Unit.HEALTH_CHECK_OPTION: 2 * _options(fleet)},
        ),
        ("Secrets", "2 in each Region", {Unit.SECRET: 4}),
        ("Control item, read at each request", f"{requests:,.0f} reads", {Unit.DYNAMODB_READ: requests}),
        ("Alarms", f"{CHECKER_ALARMS} in each Region", {Unit.ALARM: 2 * CHECKER_ALARMS}),
    ):
        yield WorkRow(Part.CHECKERS, name, how, work)


def _options(fleet: FleetFigures) -> int:
    """Return for how many options a check of an endpoint is charged: HTTPS, and the fast interval."""
    return 2 if fleet.check_seconds < CHECKS_A_MINUTE else 1


def _name(fleet: FleetFigures) -> Iterator[WorkRow]:
    requests = CHECKS_A_MINUTE * MINUTES_A_MONTH * 30 / fleet.check_seconds
    for name, how, work in (
        (
            "`/drains`: API, function, reads",
            f"{requests:,.0f} requests",
            {
                Unit.HTTP_API_REQUEST: requests,
                **invocations(requests, 0.02, 1),
                Unit.DYNAMODB_READ: requests,
            },
        ),
        (
            "Its Route 53 health check with HTTPS",
            "1",
            {Unit.HEALTH_CHECK: 1, Unit.HEALTH_CHECK_OPTION: _options(fleet)},
        ),
        ("Calculated health check", "1", {Unit.HEALTH_CHECK: 1}),
        ("The watch", "each minute", invocations(MINUTES_A_MONTH, 1, 0.5)),
        (
            "Reads of the watch, queries of the zone",
            "each minute",
            {Unit.DYNAMODB_READ: 2 * MINUTES_A_MONTH, Unit.ZONE_QUERY: 88_000},
        ),
        ("Alarms of the certificates", "1 in each Region", {Unit.ALARM: 2}),
    ):
        yield WorkRow(Part.NAME, name, how, work)
