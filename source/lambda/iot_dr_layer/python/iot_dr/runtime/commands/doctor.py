"""Wires the doctor: every question to the adapter that answers it, in either Region."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from iot_dr import __version__
from iot_dr.aws import pacing
from iot_dr.aws.caller import caller
from iot_dr.aws.clients import client, session
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
from iot_dr.model.launch.concurrency import WORKERS_AT_ONCE
from iot_dr.model.launch.launched_stacks import LaunchedStack, Need
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, warning
from iot_dr.model.status.parity import Family
from iot_dr.runtime.clock import now
from iot_dr.runtime.role_needs import needs_of_primary, needs_of_secondary
from iot_dr.services.concurrency import on_threads
from iot_dr.services.doctor import fleet_checks, parity, region_checks, stack_checks
from iot_dr.services.doctor.doctor import Examination, examine
from iot_dr.services.doctor.failover_examinations import FailoverDoctor
from iot_dr.services.pacing import RegionCallBudgets

THREADS = 8
"""Questions asked at the same time; most of them wait for a Region's answer."""

TAGGED = 25
"""Resources of each of four kinds whose tags are read, one call each: ten seconds by default quotas."""

JITR = "jitr"
"""The certificate mode in which devices cannot come to the secondary without their CA."""

ClientOf = Callable[[str, str], Any]

_NO_LAUNCH = "no launch is named, so its stacks, table, roles, alarms and dead letters are not checked"


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
    client_of = functools.cache(
        partial(client_under_budgets, partial(client, session=session(profile)), paced=reading.paced)
    )
    asked_by = caller((regions.primary, regions.secondary), client_of)
    clock = () if asked_by.answered_at is None else (region_checks.clock(asked_by.answered_at, now()),)
    doctor = _Doctor(regions, asked_by.account, client_of)
    failover = _failover_doctor(environment, regions, client_of)
    launch = None
    if environment.stack_postfix and environment.uuid:
        launch = Launch(regions, environment.stack_postfix, environment.uuid)
    stacks = stack_checks.Stacks(launch, CloudFormationStackReader(client_of)) if launch else None
    with ThreadPoolExecutor(THREADS, thread_name_prefix="doctor") as executor:
        together = on_threads(executor)
        if stacks:
            stacks.read_all(together)
        answers = examine([*doctor.examinations(stacks, reading)], together)
        answers += examine([*failover.examinations()], together)
    unnamed = () if stacks else (warning("launch", _NO_LAUNCH, "read its settings: . ./toolsrc"),)
    return (*clock, *answers, *unnamed)


def client_under_budgets(client_of: ClientOf, service: str, region: str, *, paced: bool) -> Any:
    """Make a client; calls of AWS IoT begin at the quotas that every account has, and leave room where AWS refuses."""
    made = client_of(service, region)
    return pacing.paced(made, RegionCallBudgets(DEFAULTS)) if paced and service == "iot" else made


class _Doctor:
    """The questions by what they are about, over clients of both Regions."""

    def __init__(self, regions: RegionPair, account: str, client_of: ClientOf) -> None:
        self._regions = regions
        self._account = account
        self._client_of = client_of
        self._settings = IotRegionSettings(client_of)
        self._parts = AwsRunningParts(client_of)
        self._facts = {
            region: IotFleetFacts(client_of("iot", region)) for region in (regions.primary, regions.secondary)
        }

    def examinations(self, stacks: stack_checks.Stacks | None, reading: DoctorSettings) -> Iterator[Examination]:
        """All questions, in the order in which they are answered."""
        yield from self._of_regions(_workers_of(stacks))
        yield from self._of_fleet(reading)
        if stacks:
            yield from self._of_launch(stacks)
        yield from self._of_parity(stacks.found(*stacks.secondary) if stacks else None)

    def _of_regions(self, workers: int) -> Iterator[Examination]:
        primary, secondary, settings = self._regions.primary, self._regions.secondary, self._settings
        events = partial(region_checks.events, primary, settings)
        yield Examination("registry events", primary, ("iot:DescribeEventConfigurations",), events)
        rights = ("iot:GetIndexingConfiguration",)
        in_primary = partial(region_checks.indexing_of_primary, primary, settings)
        yield Examination("thing indexing", primary, rights, in_primary)
        first_dynamic_group = self._facts[primary].first_dynamic_group
        in_secondary = partial(region_checks.indexing_of_secondary, secondary, settings, first_dynamic_group)
        yield Examination("thing indexing", secondary, rights, in_secondary)
        for region in (primary, secondary):
            endpoint = partial(region_checks.endpoint, region, settings, TcpNetwork())
            yield Examination("device endpoint", region, ("iot:DescribeEndpoint",), endpoint)
            executions = partial(region_checks.concurrency, region, settings, workers)
            yield Examination("concurrent executions", region, ("lambda:GetAccountSettings",), executions)

    def _of_fleet(self, reading: DoctorSettings) -> Iterator[Examination]:
        primary, secondary = self._regions.primary, self._regions.secondary
        readers = {
            side: ApiQuotas(self._client_of("service-quotas", region))
            for side, region in ((Side.SOURCE, primary), (Side.TARGET, secondary))
        }
        quotas = partial(fleet_checks.quotas, self._regions, readers, self._facts[primary])
        yield Examination("quotas", primary, ("iot:GetStatistics", "iot:ListThings"), quotas)
        if reading.certificates:
            number = reading.certificates
            ends = partial(fleet_checks.device_certificates, primary, self._facts[primary], number, now())
            rights = ("iot:ListCertificates", "iot:DescribeCertificate")
            yield Examination("device certificates", primary, rights, ends)
        if reading.policies:
            policies = partial(fleet_checks.policies, self._regions, self._facts[primary], reading.policies)
            yield Examination("policies", primary, ("iot:ListPolicies", "iot:GetPolicy"), policies)
        tags = partial(fleet_checks.tags, self._regions, self._facts[primary], TAGGED)
        yield Examination("tags", primary, ("iot:ListTagsForResource",), tags)

    def _of_launch(self, stacks: stack_checks.Stacks) -> Iterator[Examination]:
        rights = tuple(sorted(launched_stacks.REQUIRED_ACTIONS))
        for region, name in stacks.launch.stacks:
            request = partial(stack_checks.stack, stacks, region, name, __version__)
            yield Examination("stack", region, rights, request)
        # Of what hangs on a stack that is not there, nothing more can be said.
        if primary := stacks.found(*stacks.primary):
            yield from self._of_primary(primary)
        if secondary := stacks.found(*stacks.secondary):
            yield from self._of_secondary(secondary)
        for region, name in stacks.health_checkers:
            if stacks.found(region, name):
                policy = f"{RESERVED_PREFIX}{stacks.launch.postfix}"
                holds = partial(fleet_checks.probe_certificate, region, policy, self._facts[region], now())
                rights = ("iot:ListTargetsForPolicy", "iot:DescribeCertificate")
                yield Examination("health checker's certificate", region, rights, holds)

    def _of_primary(self, found: LaunchedStack) -> Iterator[Examination]:
        yield self._of_roles(found, needs_of_primary(found, self._account))
        tables = partial(stack_checks.tables, found, self._regions, self._parts)
        yield Examination("global table", found.region, ("dynamodb:DescribeTable",), tables)
        yield from self._of_either(found)

    def _of_secondary(self, found: LaunchedStack) -> Iterator[Examination]:
        yield self._of_roles(found, needs_of_secondary(found, self._regions, self._account))
        records = S3FailedRecords(self._client_of("s3", found.region), found.outputs["WorkBucketName"])
        kept = partial(stack_checks.kept_records, found.region, records)
        yield Examination("kept stream records", found.region, ("s3:ListBucket",), kept)
        yield from self._of_either(found)

    def _of_roles(self, found: LaunchedStack, needs: Iterable[Need]) -> Examination:
        rights = SimulatedRights(self._client_of("iam", found.region), self._account)
        roles = partial(stack_checks.roles, found.region, tuple(needs), rights)
        return Examination("roles", found.region, ("iam:SimulatePrincipalPolicy",), roles)

    def _of_either(self, found: LaunchedStack) -> Iterator[Examination]:
        mappings = partial(stack_checks.mappings, found, self._parts)
        yield Examination("mapping", found.region, ("lambda:GetEventSourceMapping",), mappings)
        queues = partial(stack_checks.dead_letter_queues, found, self._parts)
        yield Examination("dead letter queue", found.region, ("sqs:GetQueueAttributes",), queues)
        alarms = partial(stack_checks.alarms, found, self._parts)
        yield Examination("alarms", found.region, ("cloudwatch:DescribeAlarms",), alarms)

    def _of_parity(self, secondary: LaunchedStack | None) -> Iterator[Examination]:
        by_first_connection = secondary is not None and secondary.parameters.get("CertificateMode") == JITR
        readers = {
            side: IotParityReader(self._client_of("iot", region), self._client_of("iot-data", region))
            for side, region in ((Side.SOURCE, self._regions.primary), (Side.TARGET, self._regions.secondary))
        }
        for family in Family:
            needed = family is Family.CA_CERTIFICATES and by_first_connection
            compare = partial(parity.compare, family, self._regions, readers, needed=needed)
            yield Examination(str(family), "both Regions", rights_to_read(family), compare)


def _failover_doctor(environment: DoctorEnvironment, regions: RegionPair, client_of: ClientOf) -> FailoverDoctor:
    client, table = client_of("dynamodb", regions.secondary), environment.dynamodb_global_table
    return FailoverDoctor(
        regions=regions,
        reader=DynamoDbLeadershipReader(client, table, environment.ledger_table, regions)
        if table and environment.ledger_table
        else None,
        name=environment.fleet_name,
        servers=DnsNameServers(environment.name_servers),
        endpoint_of=IotRegionSettings(client_of).endpoint,
        domains=IotFleetDomains(client_of),
        accelerated_recovery=Route53HostedZones(client_of("route53", regions.primary)).accelerated_recovery,
        clock=now,
    )


def _workers_of(stacks: stack_checks.Stacks | None) -> int:
    """Return how many workers the launch may have at once, the default before there is one."""
    found = stacks.found(*stacks.secondary) if stacks else None
    told = found.parameters.get("WorkersAtOnce", "") if found else ""
    return int(told) if told.isdigit() else WORKERS_AT_ONCE
