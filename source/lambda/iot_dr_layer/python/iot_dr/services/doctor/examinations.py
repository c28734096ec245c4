"""Which questions the doctor asks, of which Region, and which rights each needs; services/doctor/*_checks ask them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from iot_dr.model.launch.concurrency import WORKERS_AT_ONCE
from iot_dr.model.launch.launched_stacks import LaunchedStack, Need
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, warning
from iot_dr.model.status.parity import Family
from iot_dr.ports.clock import Clock
from iot_dr.ports.events import FailedRecords
from iot_dr.ports.status import FleetFacts, Network, ParityReader, Quotas, RegionSettings, Rights, RunningParts
from iot_dr.services.concurrency import Together
from iot_dr.services.doctor import fleet_checks, parity, region_checks, stack_checks
from iot_dr.services.doctor.doctor import Examination, examine

JITR = "jitr"
"""The certificate mode in which devices cannot come to the secondary without their CA."""

_NO_LAUNCH = "no launch is named, so its stacks, table, roles, alarms and dead letters are not checked"


@dataclass(frozen=True)
class Doctor:
    """The questions by what they are about, over what answers them in both Regions.

    `facts` are by Region. `needs_of_primary` and `needs_of_secondary` tell what the roles of a stack must be able to
    do, `rights_to_read` what whoever asks must be. So many `certificates` and `policies` are read one by one; 0 leaves
    that question out.
    """

    regions: RegionPair
    settings: RegionSettings
    network: Network
    parts: RunningParts
    facts: Mapping[str, FleetFacts]
    quotas: Mapping[Side, Quotas]
    parity: Mapping[Side, ParityReader]
    rights: Callable[[str], Rights]
    failed_records: Callable[[LaunchedStack], FailedRecords]
    needs_of_primary: Callable[[LaunchedStack], Iterable[Need]]
    needs_of_secondary: Callable[[LaunchedStack], Iterable[Need]]
    rights_to_read: Callable[[Family], tuple[str, ...]]
    rights_to_read_stacks: tuple[str, ...]
    version: str
    clock: Clock
    certificates: int
    policies: int

    def consult(
        self, stacks: stack_checks.Stacks | None, together: Together, more: Iterable[Examination] = ()
    ) -> tuple[Check, ...]:
        """Ask everything, then what there is more: of a launch what hangs on its stacks, else of the Regions alone."""
        if stacks:
            stacks.read_all(together)
        answers = examine([*self.examinations(stacks), *more], together)
        unnamed = () if stacks else (warning("launch", _NO_LAUNCH, "read its settings: . ./toolsrc"),)
        return (*answers, *unnamed)

    def examinations(self, stacks: stack_checks.Stacks | None) -> Iterator[Examination]:
        """All questions, in the order in which they are answered."""
        yield from self._of_regions(_workers_of(stacks))
        yield from self._of_fleet()
        if stacks:
            yield from self._of_launch(stacks)
        yield from self._of_parity(stacks.found(*stacks.secondary) if stacks else None)

    def _of_regions(self, workers: int) -> Iterator[Examination]:
        primary, secondary, settings = self.regions.primary, self.regions.secondary, self.settings
        events = partial(region_checks.events, primary, settings)
        yield Examination("registry events", primary, ("iot:DescribeEventConfigurations",), events)
        rights = ("iot:GetIndexingConfiguration",)
        in_primary = partial(region_checks.indexing_of_primary, primary, settings)
        yield Examination("thing indexing", primary, rights, in_primary)
        first_dynamic_group = self.facts[primary].first_dynamic_group
        in_secondary = partial(region_checks.indexing_of_secondary, secondary, settings, first_dynamic_group)
        yield Examination("thing indexing", secondary, rights, in_secondary)
        for region in (primary, secondary):
            endpoint = partial(region_checks.endpoint, region, settings, self.network)
            yield Examination("device endpoint", region, ("iot:DescribeEndpoint",), endpoint)
            executions = partial(region_checks.concurrency, region, settings, workers)
            yield Examination("concurrent executions", region, ("lambda:GetAccountSettings",), executions)

    def _of_fleet(self) -> Iterator[Examination]:
        primary = self.regions.primary
        quotas = partial(fleet_checks.quotas, self.regions, self.quotas, self.facts[primary])
        yield Examination("quotas", primary, ("iot:GetStatistics", "iot:ListThings"), quotas)
        if self.certificates:
            ends = partial(
                fleet_checks.device_certificates, primary, self.facts[primary], self.certificates, self.clock()
            )
            rights = ("iot:ListCertificates", "iot:DescribeCertificate")
            yield Examination("device certificates", primary, rights, ends)
        if self.policies:
            policies = partial(fleet_checks.policies, self.regions, self.facts[primary], self.policies)
            yield Examination("policies", primary, ("iot:ListPolicies", "iot:GetPolicy"), policies)

    def _of_launch(self, stacks: stack_checks.Stacks) -> Iterator[Examination]:
        for region, name in stacks.launch.stacks:
            request = partial(stack_checks.stack, stacks, region, name, self.version)
            yield Examination("stack", region, self.rights_to_read_stacks, request)
        # Of what hangs on a stack that is not there, nothing more can be said.
        if primary := stacks.found(*stacks.primary):
            yield from self._of_primary(primary)
        if secondary := stacks.found(*stacks.secondary):
            yield from self._of_secondary(secondary)
        for region, name in stacks.health_checkers:
            if stacks.found(region, name):
                policy = f"{RESERVED_PREFIX}{stacks.launch.postfix}"
                holds = partial(fleet_checks.probe_certificate, region, policy, self.facts[region], self.clock())
                rights = ("iot:ListTargetsForPolicy", "iot:DescribeCertificate")
                yield Examination("health checker's certificate", region, rights, holds)

    def _of_primary(self, found: LaunchedStack) -> Iterator[Examination]:
        yield self._of_roles(found, self.needs_of_primary(found))
        tables = partial(stack_checks.tables, found, self.regions, self.parts)
        yield Examination("global table", found.region, ("dynamodb:DescribeTable",), tables)
        yield from self._of_either(found)

    def _of_secondary(self, found: LaunchedStack) -> Iterator[Examination]:
        yield self._of_roles(found, self.needs_of_secondary(found))
        kept = partial(stack_checks.kept_records, found.region, self.failed_records(found))
        yield Examination("kept stream records", found.region, ("s3:ListBucket",), kept)
        yield from self._of_either(found)

    def _of_roles(self, found: LaunchedStack, needs: Iterable[Need]) -> Examination:
        roles = partial(stack_checks.roles, found.region, tuple(needs), self.rights(found.region))
        return Examination("roles", found.region, ("iam:SimulatePrincipalPolicy",), roles)

    def _of_either(self, found: LaunchedStack) -> Iterator[Examination]:
        mappings = partial(stack_checks.mappings, found, self.parts)
        yield Examination("mapping", found.region, ("lambda:GetEventSourceMapping",), mappings)
        queues = partial(stack_checks.dead_letter_queues, found, self.parts)
        yield Examination("dead letter queue", found.region, ("sqs:GetQueueAttributes",), queues)
        alarms = partial(stack_checks.alarms, found, self.parts)
        yield Examination("alarms", found.region, ("cloudwatch:DescribeAlarms",), alarms)

    def _of_parity(self, secondary: LaunchedStack | None) -> Iterator[Examination]:
        by_first_connection = secondary is not None and secondary.parameters.get("CertificateMode") == JITR
        for family in Family:
            needed = family is Family.CA_CERTIFICATES and by_first_connection
            compare = partial(parity.compare, family, self.regions, self.parity, needed=needed)
            yield Examination(str(family), "both Regions", self.rights_to_read(family), compare)


def _workers_of(stacks: stack_checks.Stacks | None) -> int:
    """Return how many workers the launch may have at once, the default before there is one."""
    found = stacks.found(*stacks.secondary) if stacks else None
    told = found.parameters.get("WorkersAtOnce", "") if found else ""
    return int(told) if told.isdigit() else WORKERS_AT_ONCE
