"""Finds the launches of an account by their stacks, and what a launch's toolsrc would say, whatever Region is away."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from iot_dr.errors import AccessDenied, ConfigurationError, RetryableError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.ports.launch import StackLister

Answer = TypeVar("Answer")

_NAME = re.compile(r"IoTDR(Primary|Secondary)([A-Za-z0-9]{1,32})")

_OTHER_REGION = {"Primary": "SecondaryRegion", "Secondary": "PrimaryRegion"}
"""The parameter of each regional stack that names the other Region."""

_FROM_STACKS = {
    "RULE_ERROR_QUEUE_URL": ("primary", "RuleErrorQueueUrl"),
    "SHADOW_RULE_ERROR_QUEUE_URL": ("primary", "ShadowRuleErrorQueueUrl"),
    "LEDGER_TABLE": ("secondary", "LedgerTableName"),
    "LOOK_QUEUE_URL": ("secondary", "LookQueueUrl"),
    "FLEET_NAME": ("secondary", "FleetName"),
    "NAME_SERVERS": ("secondary", "NameServers"),
    "CERTIFICATE_MODE": ("secondary", "CertificateMode"),
    "REPLICATE_SHADOWS": ("secondary", "ReplicateShadows"),
    "SHADOW_NAME_PATTERN": ("secondary", "ShadowNamePattern"),
}
"""Whose output or parameter each variable is."""

_ENDPOINTS = ("IOT_ENDPOINT_PRIMARY", "IOT_ENDPOINT_SECONDARY")


def launches_in(region: str, stacks: StackLister) -> list[Launch]:
    """Return the launches that have a stack in a Region, those of the newest postfix first."""
    found = {launch.postfix: launch for launch in map(_launch_of, stacks.listed(region)) if launch is not None}
    return [found[postfix] for postfix in sorted(found, reverse=True)]


def chosen(found: Collection[Launch], postfix: str, region: str) -> Launch:
    """Return the launch of a postfix, or the only one there is.

    Raises:
        ConfigurationError: there is no such launch, or which of several is meant has to be said.
    """
    listed = ", ".join(f"{one.postfix} ({one.regions.primary} and {one.regions.secondary})" for one in found)
    fitting = [one for one in found if not postfix or one.postfix == postfix]
    if not found:
        raise ConfigurationError(
            f"no launch has a stack in {region}; set AWS_REGION to a Region of the launch, or read its settings with "
            "--settings"
        )
    if not fitting:
        raise ConfigurationError(f"no launch {postfix} has a stack in {region}; there are: {listed}")
    if len(fitting) > 1:
        raise ConfigurationError(f"{len(fitting)} launches have stacks in {region}; choose one with --launch: {listed}")
    return fitting[0]


def settings_of(
    launch: Launch, stacks: StackLister, endpoint_of: Callable[[str], str], wanted: Collection[str]
) -> Mapping[str, str]:
    """Return the variables of a launch as its toolsrc has them, those that can be told while a Region is away."""
    regions = launch.regions
    found = {
        "PRIMARY_REGION": regions.primary,
        "SECONDARY_REGION": regions.secondary,
        "STACK_POSTFIX": launch.postfix,
        "UUID": launch.uuid,
        "DYNAMODB_GLOBAL_TABLE": launch.global_table,
        "DYNAMODB_SHADOW_TABLE": launch.shadow_table,
        "PRIMARY_BUCKET": launch.primary_bucket,
        "SECONDARY_BUCKET": launch.secondary_bucket,
    }
    places = {
        "primary": (regions.primary, launch.primary_stack),
        "secondary": (regions.secondary, launch.secondary_stack),
    }
    for side, place in places.items():
        variables = {one: output for one, (of, output) in _FROM_STACKS.items() if of == side and one in wanted}
        if stack := _tried(partial(stacks.named, *place)) if variables else None:
            told = {**stack.parameters, **stack.outputs}
            found |= {one: told[output] for one, output in variables.items() if told.get(output)}
    for variable, region in zip(_ENDPOINTS, (regions.primary, regions.secondary), strict=True):
        if variable in wanted and (address := _tried(partial(endpoint_of, region))):
            found[variable] = address
    return found


def _tried(read: Callable[[], Answer]) -> Answer | None:
    """Return what a Region answers; None while it is away, so that a failover needs no more than one Region."""
    try:
        return read()
    except (RetryableError, AccessDenied):
        return None


def _launch_of(stack: LaunchedStack) -> Launch | None:
    """Return the launch that a stack belongs to; None if it is none of the product's."""
    named = _NAME.fullmatch(stack.name)
    if named is None or not (other := stack.parameters.get(_OTHER_REGION[named[1]], "")):
        return None
    regions = (stack.region, other) if named[1] == "Primary" else (other, stack.region)
    try:
        return Launch(RegionPair(*regions), named[2], stack.parameters.get("Uuid", ""))
    except ConfigurationError:
        # A stack of somebody else that has such a name.
        return None
