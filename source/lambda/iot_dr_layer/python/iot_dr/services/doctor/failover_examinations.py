"""Which questions the doctor asks about the failover itself; `failover_checks` judges the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import Check
from iot_dr.ports.clock import Clock
from iot_dr.ports.failover import FleetDomains, LeadershipReader, NameServers
from iot_dr.services.doctor import failover_checks
from iot_dr.services.doctor.doctor import Examination
from iot_dr.services.failover.naming import ask_all

TO_READ_LEADER = ("dynamodb:BatchGetItem",)
TO_READ_DOMAINS = ("iot:ListDomainConfigurations", "iot:DescribeDomainConfiguration", "acm:DescribeCertificate")
TO_READ_INDEX = ("iot:GetIndexingConfiguration",)
TO_READ_ZONE = ("route53:ListHostedZonesByName", "route53:GetHostedZone")


@dataclass(frozen=True)
class FailoverDoctor:
    """The questions, over what answers them; without a `reader` or a `name` those about it are not asked."""

    regions: RegionPair
    reader: LeadershipReader | None
    name: str
    servers: NameServers
    endpoint_of: Callable[[str], str]
    domains: FleetDomains
    connectivity_mode: Callable[[str], str]
    indexing_mode: Callable[[str], str]
    accelerated_recovery: Callable[[str], str]
    clock: Clock

    def examinations(self) -> Iterator[Examination]:
        """All of them, in the order in which they are answered."""
        if self.reader is not None:
            secondary = self.regions.secondary
            yield Examination("leader", secondary, TO_READ_LEADER, partial(self._leader, self.reader))
            if self.name:
                rights = ("iot:DescribeEndpoint", *TO_READ_LEADER)
                yield Examination("fleet's name", secondary, rights, partial(self._name, self.reader))
        if self.name:
            for region in (self.regions.primary, self.regions.secondary):
                yield Examination("domain configuration", region, TO_READ_DOMAINS, partial(self._domain, region))
            for region in (self.regions.primary, self.regions.secondary):
                yield Examination("connectivity index", region, TO_READ_INDEX, partial(self._connectivity, region))
            yield Examination("accelerated recovery", self.regions.primary, TO_READ_ZONE, self._zone)

    def _leader(self, reader: LeadershipReader) -> Iterator[Check]:
        return failover_checks.leader(self.regions, reader.leadership())

    def _name(self, reader: LeadershipReader) -> Iterator[Check]:
        leads = reader.leadership().control.leader
        endpoints = {leads: self.endpoint_of(leads)}
        return failover_checks.name_servers(self.name, leads, endpoints, ask_all(self.servers, self.name))

    def _domain(self, region: str) -> Iterator[Check]:
        return failover_checks.domain(region, self.name, self.domains.domain(region, self.name), self.clock())

    def _connectivity(self, region: str) -> Iterator[Check]:
        return failover_checks.connectivity(region, self.connectivity_mode(region), self.indexing_mode(region))

    def _zone(self) -> Iterator[Check]:
        return failover_checks.accelerated_recovery(self.name, self.accelerated_recovery(self.name))
