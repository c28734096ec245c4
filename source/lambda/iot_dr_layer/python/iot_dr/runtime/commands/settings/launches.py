"""Wires how a launch is found that nobody gave the settings of: by its name in the settings file, or by its stacks."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from iot_dr.aws import clients
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.launched_stacks import CloudFormationStackLister
from iot_dr.errors import ConfigurationError
from iot_dr.files.settings_toml import NamedLaunch, read_named_launches, settings_path
from iot_dr.model.launch.toolsrc import FoundSettings
from iot_dr.runtime.commands.settings.toolsrc import read_toolsrc
from iot_dr.services.launch.find_launches import chosen, launches_in, settings_of

ATTEMPTS = 2


def find_settings(launch: str, profile: str, wanted: Collection[str]) -> FoundSettings:
    """Return the settings of a launch by its name or postfix, or of the only one there is.

    Raises:
        ConfigurationError: there is none, or which of several is meant has to be said.
        AccessDenied, RetryableError: stacks cannot be listed now.
    """
    named = read_named_launches(settings_path())
    if launch in named.launches:
        return _named(named.launches[launch], named.where, profile, wanted)
    if named.launches and not launch:
        listed = ", ".join(named.launches)
        raise ConfigurationError(f"{named.where} names several launches; choose one with --launch: {listed}")
    return _of_stacks(launch, profile, wanted)


def _named(launch: NamedLaunch, where: str, profile: str, wanted: Collection[str]) -> FoundSettings:
    whose = profile or launch.profile
    place = f"[launch.{launch.name}] of {where}"
    if launch.settings:
        return FoundSettings(place, {**read_toolsrc(launch.settings, whose), **launch.variables}, whose)
    if "STACK_POSTFIX" in launch.variables and "UUID" not in launch.variables:
        region = launch.variables.get("PRIMARY_REGION", "")
        found = _of_stacks(launch.variables["STACK_POSTFIX"], whose, wanted, region)
        return FoundSettings(place, {**found.variables, **launch.variables}, whose)
    return FoundSettings(place, launch.variables, whose)


def _of_stacks(postfix: str, profile: str, wanted: Collection[str], region: str = "") -> FoundSettings:
    session = clients.session(profile)
    where = region or session.region_name
    if not where:
        raise ConfigurationError("no Region is configured in which a launch could be found: set AWS_REGION")
    # Who waits for a Region that is away is told soon to name another.
    client_of = partial(clients.client, session=session, attempts=ATTEMPTS)
    stacks = CloudFormationStackLister(client_of)
    launch = chosen(launches_in(where, stacks), postfix, where)
    variables = settings_of(launch, stacks, IotRegionSettings(client_of).endpoint, wanted)
    regions = launch.regions
    told = f"launch {launch.postfix} of {regions.primary} and {regions.secondary}, found by its stacks in {where}"
    return FoundSettings(told, variables, profile)
