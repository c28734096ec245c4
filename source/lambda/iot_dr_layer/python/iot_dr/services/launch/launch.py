"""Bring a whole launch up: primary stack, replicas of its tables, secondary stack, health checkers, operator's tools.

Every step begins by checking, so a launch that was cut off is run again with the same names: what is there is kept or
brought to the template, what is missing is made, and the end is the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iot_dr.model.launch.distribution import Release
from iot_dr.model.launch.launches import Choices, Launch, Stack
from iot_dr.ports.launch import GlobalTables, PublishedFiles, PublishedTemplates, StackDeployer, ToolsBucket
from iot_dr.ports.progress import LaunchObserver
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.launch.check_release import check_release

PRIMARY_TEMPLATE = "disaster-recovery-for-aws-iot-primary-region.template"
SECONDARY_TEMPLATE = "disaster-recovery-for-aws-iot-secondary-region.template"
HEALTH_CHECKER_TEMPLATE = "disaster-recovery-for-aws-iot-r53-health-checker.template"
TOOLSRC = "tools/toolsrc"
_OF_FLEET = {"FleetName": "FLEET_NAME", "HostedZoneId": "HOSTED_ZONE_ID", "NameServers": "NAME_SERVERS"}
"""The outputs of a launch with a fleet's name, and the tools' variable of each."""


@dataclass(frozen=True)
class Launcher:
    """What a launch is done with."""

    stacks: StackDeployer
    templates: PublishedTemplates
    files: PublishedFiles
    tables: GlobalTables
    tools_bucket: ToolsBucket
    endpoint_of: Callable[[str], str]
    progress: LaunchObserver
    together: Together = one_by_one


@dataclass(frozen=True)
class Launched:
    """What a launch ended with: the outputs of its stacks by Region and name, and where the tools' settings lie."""

    toolsrc: str
    outputs: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)


def launch(order: Launch, choices: Choices, release: Release, launcher: Launcher) -> Launched:
    """Bring everything up, or go on where an earlier run stopped.

    Raises:
        LaunchFailed: a stack or the replica failed; the message names the first failing resource and AWS's reason.
        ConfigurationError: the files of this version are not published where the launch looks for them, or are not
            those that it was built with.
    """
    regions = order.regions
    # All of them before the first stack: a release that is published by half must not be launched by half.
    primary_url, secondary_url = launcher.templates.url(PRIMARY_TEMPLATE), launcher.templates.url(SECONDARY_TEMPLATE)
    checker_url = launcher.templates.url(HEALTH_CHECKER_TEMPLATE) if choices.create_health_check else ""
    launcher.progress.step(f"Comparing what is published with {len(release.digests) or 'no'} digests")
    check_release(release, regions, launcher.files, launcher.together)

    primary = Stack(
        regions.primary,
        order.primary_stack,
        primary_url,
        {
            "SecondaryRegion": regions.secondary,
            "GlobalTableName": order.global_table,
            "ShadowTableName": order.shadow_table,
            "Uuid": order.uuid,
            **choices.of_primary,
        },
    )
    outputs = _bring_up(launcher, primary)

    secondary = Stack(
        regions.secondary,
        order.secondary_stack,
        secondary_url,
        {
            "PrimaryRegion": regions.primary,
            "GlobalTableStreamArn": _replica_stream(order, order.global_table, launcher),
            "ShadowTableStreamArn": _replica_stream(order, order.shadow_table, launcher),
            "Uuid": order.uuid,
            "DeviceEndpoint": launcher.endpoint_of(regions.secondary),
            **({"HealthCheckerStack": order.health_checker_stack} if choices.create_health_check else {}),
            **choices.of_secondary,
        },
    )
    outputs |= _bring_up(launcher, secondary)

    if choices.create_health_check:
        outputs |= _bring_up_checkers(order, choices, checker_url, launcher)

    _protect_tables(order, launcher, outputs)
    launcher.progress.step(f"Writing {TOOLSRC} to {order.primary_bucket}")
    text = toolsrc(order, _settings(order, launcher, outputs))
    launcher.tools_bucket.put(regions.primary, order.primary_bucket, TOOLSRC, text)
    return Launched(f"s3://{order.primary_bucket}/{TOOLSRC}", outputs)


def _bring_up_checkers(
    order: Launch, choices: Choices, url: str, launcher: Launcher
) -> dict[tuple[str, str], Mapping[str, str]]:
    """Bring up the secondary's first: what says that it drains the primary is a part of the primary's record."""
    regions, name = order.regions, order.health_checker_stack
    common = {
        "StackPostfix": order.postfix,
        "PrimaryRegion": regions.primary,
        "SecondaryRegion": regions.secondary,
        "GlobalTableName": order.global_table,
    }
    made = _bring_up(launcher, Stack(regions.secondary, name, url, {**common, **choices.of_secondary_health_checker}))
    drains = made[regions.secondary, name].get("DrainsCheckId", "")
    given = {"SecondaryDrainsCheckId": drains} if drains else {}
    return made | _bring_up(
        launcher, Stack(regions.primary, name, url, {**common, **given, **choices.of_primary_health_checker})
    )


def _bring_up(launcher: Launcher, stack: Stack) -> dict[tuple[str, str], Mapping[str, str]]:
    launcher.progress.step(f"Launching stack {stack.name} in {stack.region}")
    return {(stack.region, stack.name): launcher.stacks.bring_up(stack, launcher.progress.event)}


def _replica_stream(order: Launch, table: str, launcher: Launcher) -> str:
    launcher.progress.step(f"Waiting for the replica of {table} in {order.regions.secondary}")
    return launcher.tables.replica_stream(table, order.regions.primary, order.regions.secondary)


def _protect_tables(order: Launch, launcher: Launcher, outputs: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """Protect all tables at the end: CloudFormation could not take back a creation that failed once they were."""
    launcher.progress.step("Protecting the tables from deletion")
    regions, ledger = order.regions, outputs[order.regions.secondary, order.secondary_stack]["LedgerTableName"]
    for table in (order.global_table, order.shadow_table):
        launcher.tables.protect(table, regions.primary)
        launcher.tables.protect(table, regions.secondary)
    launcher.tables.protect(ledger, regions.secondary)


def _settings(
    order: Launch, launcher: Launcher, outputs: Mapping[tuple[str, str], Mapping[str, str]]
) -> Mapping[str, str]:
    in_primary = outputs[order.regions.primary, order.primary_stack]
    in_secondary = outputs[order.regions.secondary, order.secondary_stack]
    checker = outputs.get((order.regions.secondary, order.health_checker_stack), {})
    return {
        "RULE_ERROR_QUEUE_URL": in_primary["RuleErrorQueueUrl"],
        "SHADOW_RULE_ERROR_QUEUE_URL": in_primary["ShadowRuleErrorQueueUrl"],
        "LEDGER_TABLE": in_secondary["LedgerTableName"],
        "LOOK_QUEUE_URL": in_secondary["LookQueueUrl"],
        "IOT_ENDPOINT_PRIMARY": launcher.endpoint_of(order.regions.primary),
        "IOT_ENDPOINT_SECONDARY": launcher.endpoint_of(order.regions.secondary),
        **{variable: found for name, variable in _OF_FLEET.items() if (found := {**in_secondary, **checker}.get(name))},
    }


def toolsrc(order: Launch, settings: Mapping[str, str]) -> str:
    """Return the shell file that the operator's tools read with `. toolsrc`; it holds names, never a secret."""
    variables = {
        "PRIMARY_REGION": order.regions.primary,
        "SECONDARY_REGION": order.regions.secondary,
        "STACK_POSTFIX": order.postfix,
        "UUID": order.uuid,
        "DYNAMODB_GLOBAL_TABLE": order.global_table,
        "DYNAMODB_SHADOW_TABLE": order.shadow_table,
        "PRIMARY_BUCKET": order.primary_bucket,
        "SECONDARY_BUCKET": order.secondary_bucket,
        **settings,
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join((f"# Settings of launch {order.postfix}; read it with: . toolsrc", *lines, ""))
