"""Decide, before anything is created, whether a launch can work; what is missing is told all at once, with its mend.

Runs in the main stack's first custom resource. What could not be read counts as missing, with the reason why it could
not: a launch that starts on a guess fails half-way, where the mend costs more.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from iot_dr.errors import ConfigurationError
from iot_dr.model.events.registry_events import REPLICATED_EVENT_FAMILIES
from iot_dr.model.launch import concurrency
from iot_dr.model.launch.distribution import Release
from iot_dr.model.launch.launches import Finding, IotRegion, Launch, UnreadableValue
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.arns import partition_of
from iot_dr.ports.launch import PublishedFiles, RegionReader
from iot_dr.services.concurrency import Together, one_by_one
from iot_dr.services.launch.check_release import find_in_release

POSTFIX_FORMAT = "%Y%m%d%H%M%S"

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Endpoints:
    """Where devices connect, in each Region."""

    primary: str
    secondary: str


def find_in_choice(primary: str, secondary: str, supported: frozenset[str]) -> tuple[Finding, ...]:
    """Return what is wrong with the choice of Regions, before either is read."""
    return tuple(_regions(primary, secondary, supported))


def find_in_regions(regions: RegionPair, primary: IotRegion, secondary: IotRegion) -> tuple[Finding, ...]:
    """Return what the Regions lack for a launch; empty if it can start."""
    return (
        *_events(regions.primary, primary),
        *_indexing(regions.primary, primary),
        *_endpoint(regions.primary, primary),
        *_endpoint(regions.secondary, secondary),
        *_concurrency(regions.primary, primary),
        *_concurrency(regions.secondary, secondary),
    )


def _regions(primary: str, secondary: str, supported: frozenset[str]) -> Iterator[Finding]:
    if primary == secondary:
        yield Finding(
            f"PrimaryRegion and SecondaryRegion are both {primary or 'empty'}", "choose a different SecondaryRegion"
        )
    for parameter, region in (("PrimaryRegion", primary), ("SecondaryRegion", secondary)):
        if region not in supported:
            choices = ", ".join(sorted(name for name in supported if partition_of(name) == partition_of(region)))
            yield Finding(f"{parameter} {region!r} does not have AWS IoT Core", f"choose one of {choices}")
    if partition_of(primary) != partition_of(secondary):
        yield Finding(
            f"{primary} and {secondary} are in different AWS partitions, which share no account",
            "choose two Regions of one partition",
        )


def find_in_events(region: str, enabled: frozenset[str]) -> Finding | None:
    """Return which replicated families of registry events are off in a Region; None if all are on."""
    off = [family for family in REPLICATED_EVENT_FAMILIES if family not in enabled]
    if not off:
        return None
    configurations = {family: {"Enabled": True} for family in REPLICATED_EVENT_FAMILIES}
    return Finding(
        f"registry events are off in {region} for {', '.join(off)}",
        f"aws iot update-event-configurations --region {region} "
        f"--event-configurations '{json.dumps(configurations, separators=(',', ':'))}'",
    )


def find_in_indexing(region: str, mode: str) -> Finding | None:
    """Return that things are not indexed in a Region; None if they are."""
    if mode in {"REGISTRY", "REGISTRY_AND_SHADOW"}:
        return None
    # The registry suffices for finding things; indexing shadows as well costs more and is the operator's choice.
    return Finding(
        f"thing indexing is off in {region}",
        f"aws iot update-indexing-configuration --region {region} "
        "--thing-indexing-configuration thingIndexingMode=REGISTRY",
    )


def find_in_concurrency(region: str, executions: int, workers: int = concurrency.WORKERS_AT_ONCE) -> Finding | None:
    """Return that too few functions may run at once in a Region for so many workers; None if there is room."""
    least = concurrency.least(workers)
    if executions >= least:
        return None
    return Finding(
        f"Lambda runs {executions} functions at once in {region} for this account, and replication needs {least}",
        more_concurrency(region),
    )


def more_concurrency(region: str) -> str:
    """Return the command that asks for AWS's usual number; the code is that of the quota Concurrent executions."""
    return (
        f"aws service-quotas request-service-quota-increase --region {region} --service-code lambda "
        "--quota-code L-B99A9384 --desired-value 1000"
    )


def _events(region: str, state: IotRegion) -> Iterator[Finding]:
    if isinstance(state.enabled_events, UnreadableValue):
        yield _unreadable("the event configurations", region, state.enabled_events, "iot:DescribeEventConfigurations")
    elif finding := find_in_events(region, state.enabled_events):
        yield finding


def _indexing(region: str, state: IotRegion) -> Iterator[Finding]:
    if isinstance(state.indexing_mode, UnreadableValue):
        yield _unreadable("the indexing configuration", region, state.indexing_mode, "iot:GetIndexingConfiguration")
    elif finding := find_in_indexing(region, state.indexing_mode):
        yield finding


def _endpoint(region: str, state: IotRegion) -> Iterator[Finding]:
    if isinstance(state.endpoint, UnreadableValue):
        yield _unreadable("the device endpoint", region, state.endpoint, "iot:DescribeEndpoint")


def _concurrency(region: str, state: IotRegion) -> Iterator[Finding]:
    if isinstance(state.concurrency, UnreadableValue):
        yield _unreadable("the concurrent executions", region, state.concurrency, "lambda:GetAccountSettings")
    elif finding := find_in_concurrency(region, state.concurrency):
        yield finding


def _unreadable(what: str, region: str, unreadable: UnreadableValue, action: str) -> Finding:
    return Finding(
        f"{what} of {region} cannot be read ({unreadable.reason})",
        f"enable the Region for the account and allow {action} there, then launch again",
    )


def check(  # noqa: PLR0913, PLR0917  # where, what, and by whom it is read
    primary: str,
    secondary: str,
    reader: RegionReader,
    release: Release,
    files: PublishedFiles,
    together: Together = one_by_one,
) -> Endpoints:
    """Return the endpoints of two Regions between which a launch of a release can start.

    Raises:
        ConfigurationError: something is missing; the message names each thing and the command that mends it.
    """
    _refuse(find_in_choice(primary, secondary, reader.supported()))
    regions = RegionPair(primary, secondary)
    in_primary, in_secondary = reader.read(primary), reader.read(secondary)
    published = find_in_release(release, regions, files, together)
    _refuse((*find_in_regions(regions, in_primary, in_secondary), *published))
    return Endpoints(str(in_primary.endpoint), str(in_secondary.endpoint))


def endpoints(regions: RegionPair, reader: RegionReader) -> Endpoints:
    """Return the endpoints of a launch that exists.

    Raises:
        ConfigurationError: an endpoint cannot be read.
    """
    in_primary, in_secondary = reader.read(regions.primary), reader.read(regions.secondary)
    _refuse((*_endpoint(regions.primary, in_primary), *_endpoint(regions.secondary, in_secondary)))
    return Endpoints(str(in_primary.endpoint), str(in_secondary.endpoint))


def _refuse(findings: tuple[Finding, ...]) -> None:
    if findings:
        numbered = " ".join(f"({number}) {finding}" for number, finding in enumerate(findings, 1))
        raise ConfigurationError(f"Nothing was created. Fix this and launch again: {numbered}")


def new_launch(regions: RegionPair, stack_id: str, clock: Clock) -> Launch:
    """Name a launch after the time and the stack that asks for it.

    The UUID follows from the stack and its Regions, so an update can tell whether these are still the launch's own
    without a memory of its own; the stack's ID holds a random UUID, so ours is as unique.
    """
    return Launch(regions, clock().strftime(POSTFIX_FORMAT), _uuid_of(regions, stack_id))


def known_launch(regions: RegionPair, stack_id: str, identity: str) -> Launch:
    """Read a launch back from `<postfix>-<uuid>`, the identity that it got at its creation.

    Raises:
        ConfigurationError: the Regions are not those that the launch was created with.
    """
    postfix, _, launch_uuid = identity.partition("-")
    if launch_uuid != _uuid_of(regions, stack_id):
        raise ConfigurationError(
            "the Regions of a launch cannot change. Create another stack from the same template for "
            f"{regions.primary} and {regions.secondary}, then delete this one"
        )
    return Launch(regions, postfix, launch_uuid)


def identity_of(launch: Launch) -> str:
    """Return the text that `known_launch` reads back."""
    return f"{launch.postfix}-{launch.uuid}"


def _uuid_of(regions: RegionPair, stack_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{stack_id} {regions.primary} {regions.secondary}"))
