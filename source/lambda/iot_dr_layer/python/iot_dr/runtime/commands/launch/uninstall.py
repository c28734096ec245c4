"""Wires `iot-dr uninstall`: what looks for the parts of a launch and what removes them."""

from __future__ import annotations

from dataclasses import dataclass

from iot_dr.aws.failover.control import DynamoDbControlStore
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.launch.leftovers import RegionalLeftovers
from iot_dr.aws.launch.removal import AwsLaunchRemover
from iot_dr.model.launch.launches import Launch
from iot_dr.ports.failover import ControlReader
from iot_dr.ports.progress import LaunchObserver
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.commands.history import ordering
from iot_dr.services.launch.uninstall import Uninstaller
from iot_dr.services.ordered import OrderPlace, RecordedLaunchRemover


@dataclass(frozen=True)
class UninstallTools:
    """What a removal is done with, and what says which Region leads."""

    uninstaller: Uninstaller
    control: ControlReader


def uninstall_tools(launch: Launch, progress: LaunchObserver, place: OrderPlace, profile: str = "") -> UninstallTools:
    """Build them, as a named profile if one is given.

    Raises:
        ConfigurationError: there is no such profile.
    """
    client_of = clients_of(profile)
    uninstaller = Uninstaller(
        there=RegionalLeftovers(client_of),
        stacks=CloudFormationStackReader(client_of),
        remover=RecordedLaunchRemover(AwsLaunchRemover(client_of), ordering(place, launch.regions.secondary)),
        progress=progress,
    )
    dynamodb = client_of("dynamodb", launch.regions.secondary)
    return UninstallTools(uninstaller, DynamoDbControlStore(dynamodb, launch.global_table, launch.regions))
