"""Which settings of the primary the secondary lacks: nothing replicates them, and a failover needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iot_dr.model.regions import RegionPair
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, Level, first_names, ok
from iot_dr.model.status.parity import Family, Parity, parity
from iot_dr.ports.status import ParityReader

NEEDED_FOR: Mapping[Family, str] = {
    Family.CA_CERTIFICATES: "register them there, by aws iot register-ca-certificate",
    Family.ROLE_ALIASES: "make them there, by aws iot create-role-alias; devices get credentials by them",
    Family.PROVISIONING_TEMPLATES: "make them there, by aws iot create-provisioning-template",
    Family.AUTHORIZERS: "make them there, by aws iot create-authorizer, with their functions",
    Family.TOPIC_RULES: "make them there, by aws iot create-topic-rule, with their targets",
    Family.DOMAIN_CONFIGURATIONS: "make them there, by aws iot create-domain-configuration, with their certificates",
    Family.JOB_TEMPLATES: "make them there, by aws iot create-job-template",
    Family.RETAINED_MESSAGES: "publish them there too, with the retain flag",
}
"""What mends a difference of each family."""


def compare(
    family: Family, regions: RegionPair, readers: Mapping[Side, ParityReader], *, needed: bool = False
) -> Iterator[Check]:
    """Compare one family in both Regions; what is `needed` to replicate at all is a failure where it lacks."""
    found = parity(readers[Side.SOURCE].read(family), readers[Side.TARGET].read(family), regions)
    if found.equal:
        yield ok(str(family), f"{len(found.alike)} alike in {regions.secondary}" if found.alike else "none")
        return
    names = tuple(sorted({*found.missing, *found.different}))
    level = Level.FAILURE if needed and found.missing else Level.WARNING
    yield Check(str(family), level, _told(found, regions), NEEDED_FOR[family], names)


def _told(found: Parity, regions: RegionPair) -> str:
    parts = []
    if found.missing:
        parts.append(f"{len(found.missing)} missing in {regions.secondary}: {first_names(found.missing)}")
    if found.different:
        details = (f"{name} ({', '.join(fields)})" for name, fields in found.different.items())
        parts.append(f"{len(found.different)} different: {first_names(details)}")
    return "; ".join(parts)
