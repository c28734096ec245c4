"""Wires `iot-dr cost`: the adapters that count an account's fleet and read its launch."""

from __future__ import annotations

from pathlib import Path

from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.status.activity import CloudWatchActivityReader
from iot_dr.aws.status.fleet_facts import IotFleetFacts
from iot_dr.files.price_file import read_prices
from iot_dr.model.cost.prices import DEFAULT, PriceList
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.cost import AccountFigures, figures_of


def price_list(file: Path | None) -> PriceList:
    """Return the prices of a file, or the package's own.

    Raises:
        ConfigurationError: the file cannot be read, or has what is no price.
    """
    return read_prices(file) if file else DEFAULT


def read_account(environment: LaunchNames, profile: str = "") -> AccountFigures:
    """Read the figures of a launch and its fleet, as a named profile if one is given.

    Raises:
        ConfigurationError: the launch's names cannot be, or there is none.
        IotDrError: something cannot be read.
    """
    regions = environment.regions
    client_of = clients_of(profile)
    return figures_of(
        environment.launch,
        IotFleetFacts(client_of("iot", regions.primary)),
        CloudFormationStackReader(client_of),
        CloudWatchActivityReader(client_of("cloudwatch", regions.secondary)),
        now,
    )
