"""Wires the doctor: every question to the adapter that answers it, in either Region."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from iot_dr import __version__
from iot_dr.aws import pacing
from iot_dr.aws.caller import caller
from iot_dr.aws.devices.network import TcpNetwork
from iot_dr.aws.events.failed_records import S3FailedRecords
from iot_dr.aws.failover.domains import IotFleetDomains
from iot_dr.aws.failover.hosted_zones import Route53HostedZones
from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.failover.name_servers import DnsNameServers
from iot_dr.aws.launch import launched_stacks
from iot_dr.aws.launch.checks import IotRegionSettings
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.quotas import DEFAULTS, ApiQuotas
from iot_dr.aws.status.fleet_facts import IotFleetFacts
from iot_dr.aws.status.parity_reader import IotParityReader, rights_to_read
from iot_dr.aws.status.rights import SimulatedRights
from iot_dr.aws.status.running_parts import AwsRunningParts
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.runtime.role_needs import needs_of_primary, needs_of_secondary
from iot_dr.services.concurrency import on_threads
from iot_dr.services.doctor import region_checks, stack_checks
from iot_dr.services.doctor.examinations import Doctor
from iot_dr.services.doctor.failover_examinations import FailoverDoctor
from iot_dr.services.pacing import RegionCallBudgets

THREADS = 8
"""Questions asked at the same time; most of them wait for a Region's answer."""

ClientOf = Callable[[str, str], Any]


@dataclass(frozen=True)
class DoctorSettings:
    """How many are read one by one, certificates and policies, and whether AWS's default quotas are kept to."""

    certificates: int
    policies: int
    paced: bool = True


@dataclass(frozen=True)
class DoctorEnvironment:
    """The variables of `toolsrc` that name a launch; before a launch the Regions alone are checked."""

    primary_region: str
    secondary_region: str
    stack_postfix: str = ""
    uuid: str = ""
    ledger_table: str = ""
    dynamodb_global_table: str = ""
    fleet_name: str = ""
    name_servers: str = ""


def consult(environment: DoctorEnvironment, reading: DoctorSettings, profile: str = "") -> tuple[Check, ...]:
    """Ask everything, as a named profile if one is given.

    Raises:
        ConfigurationError: AWS refuses the credentials, or the launch's names cannot be.
        RegionUnavailable: neither Region answers.
    """
    regions = RegionPair(environment.primary_region, environment.secondary_region)
    # A client's making costs more than its call, and several questions use the same.
    client_of = functools.cache(partial(client_under_budgets, clients_of(profile), paced=reading.paced))
    asked_by = caller((regions.primary, regions.secondary), client_of)
    clock = () if asked_by.answered_at is None else (region_checks.clock(asked_by.answered_at, now()),)
    doctor = _doctor(regions, asked_by.account, client_of, reading)
    stacks = None
    if environment.stack_postfix and environment.uuid:
        launch = Launch(regions, environment.stack_postfix, environment.uuid)
        stacks = stack_checks.Stacks(launch, CloudFormationStackReader(client_of))
    with ThreadPoolExecutor(THREADS, thread_name_prefix="doctor") as executor:
        more = _failover_doctor(environment, regions, client_of).examinations()
        return (*clock, *doctor.consult(stacks, on_threads(executor), more))


def client_under_budgets(client_of: ClientOf, service: str, region: str, *, paced: bool) -> Any:
    """Make a client; calls of AWS IoT begin at the quotas that every account has, and leave room where AWS refuses."""
    made = client_of(service, region)
    return pacing.paced(made, RegionCallBudgets(DEFAULTS)) if paced and service == "iot" else made


def _doctor(regions: RegionPair, account: str, client_of: ClientOf, reading: DoctorSettings) -> Doctor:
    sides = {Side.SOURCE: regions.primary, Side.TARGET: regions.secondary}
    return Doctor(
        regions=regions,
        settings=IotRegionSettings(client_of),
        network=TcpNetwork(),
        parts=AwsRunningParts(client_of),
        facts={region: IotFleetFacts(client_of("iot", region)) for region in sides.values()},
        quotas={side: ApiQuotas(client_of("service-quotas", region)) for side, region in sides.items()},
        parity={
            side: IotParityReader(client_of("iot", region), client_of("iot-data", region))
            for side, region in sides.items()
        },
        rights=lambda region: SimulatedRights(client_of("iam", region), account),
        failed_records=lambda stack: S3FailedRecords(client_of("s3", stack.region), stack.outputs["WorkBucketName"]),
        needs_of_primary=lambda stack: needs_of_primary(stack, account),
        needs_of_secondary=lambda stack: needs_of_secondary(stack, regions, account),
        rights_to_read=rights_to_read,
        rights_to_read_stacks=tuple(sorted(launched_stacks.REQUIRED_ACTIONS)),
        version=__version__,
        clock=now,
        certificates=reading.certificates,
        policies=reading.policies,
    )


def _failover_doctor(environment: DoctorEnvironment, regions: RegionPair, client_of: ClientOf) -> FailoverDoctor:
    client, table = client_of("dynamodb", regions.secondary), environment.dynamodb_global_table
    settings = IotRegionSettings(client_of)
    return FailoverDoctor(
        regions=regions,
        reader=DynamoDbLeadershipReader(client, table, environment.ledger_table, regions)
        if table and environment.ledger_table
        else None,
        name=environment.fleet_name,
        servers=DnsNameServers(environment.name_servers),
        endpoint_of=settings.endpoint,
        domains=IotFleetDomains(client_of),
        connectivity_mode=settings.connectivity_mode,
        indexing_mode=settings.indexing_mode,
        accelerated_recovery=Route53HostedZones(client_of("route53", regions.primary)).accelerated_recovery,
        clock=now,
    )
