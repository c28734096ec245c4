"""What the fleet itself asks of a failover: quotas that let it be copied in time, and certificates that still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iot_dr.errors import InvalidResource
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.entities import Entity, Policy
from iot_dr.model.registry.publishing import RULES, SHADOWS, ways_in
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, error_line, failure, first_names, ok, warning
from iot_dr.model.status.fleets import Validity
from iot_dr.model.status.quotas import CALLS_PER_DEVICE, ApiQuota, ceiling
from iot_dr.ports.status import FleetFacts, Quotas
from iot_dr.reconcile.plan import too_long
from iot_dr.reconcile.translate import translate

SOON = 30 * 24 * 3_600_000
"""Milliseconds in which a certificate has to be replaced: the time that AWS's own audit gives too.

https://docs.aws.amazon.com/iot-device-defender/latest/devguide/audit-chk-device-cert-approaching-expiration.html
"""

LONG = 24.0
"""Hours; a first copy that takes longer is worth a request for higher quotas."""


def quotas(regions: RegionPair, readers: Mapping[Side, Quotas], fleet: FleetFacts) -> Iterator[Check]:
    """Tell how long a first copy of the fleet takes at the least, and which quota to raise first."""
    name, read = "quotas", {side: reader.read_or_defaults() for side, reader in readers.items()}
    known = {side: those for side, (those, _) in read.items()}
    unread = next((why for _, why in read.values() if why), "")
    tightest, size = ceiling(known), fleet.size()
    region = regions.primary if tightest.side is Side.SOURCE else regions.secondary
    hours = tightest.hours_for(size.things)
    told = f"{tightest.per_second:g} devices/s by {tightest.operation} in {region}: {size} in {duration(hours)} at best"
    mend = f"request a higher quota for {tightest.operation} in {region}, in Service Quotas, AWS IoT Core"
    if unread:
        found = f"could not read your quotas, so AWS's defaults are assumed: {told}; {error_line(unread)}"
        yield warning(name, found, "grant servicequotas:ListServiceQuotas, then run again: iot-dr doctor")
    elif hours > LONG:
        yield warning(name, f"{told}; {_raised(known)}", mend)
    else:
        yield ok(name, f"{told}; {_raised(known)}")


def _raised(known: Mapping[Side, Mapping[str, ApiQuota]]) -> str:
    those = {
        quota.operation
        for side, operations in CALLS_PER_DEVICE.items()
        for quota in known.get(side, {}).values()
        if quota.operation in operations and quota.raised
    }
    return f"raised: {', '.join(sorted(those))}" if those else "none is raised"


def duration(hours: float) -> str:
    """Return a duration in the unit that fits.

    >>> duration(0.001), duration(0.5), duration(5.55), duration(100)
    ('4 s', '30 min', '5.5 h', '4.2 days')
    """
    seconds = hours * 3600
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def device_certificates(region: str, reader: FleetFacts, number: int, now: int) -> Iterator[Check]:
    """Tell which of the oldest certificates end soon; `number` bounds the calls, one a certificate."""
    name, read = "device certificates", list(reader.oldest(number))
    which = f"the oldest {number}" if len(read) == number else f"all {len(read)}"
    ending = [one for one in read if one.active and _ends_soon(one, now)]
    if any(one.not_after is None for one in read):
        yield warning(name, f"cannot tell: {region} does not tell the end of every one", "check their PEM")
    elif ending:
        over = sum(1 for one in ending if one.not_after is not None and one.not_after <= now)
        names = [one.certificate_id for one in ending]
        first = first_names(names, 1)
        found = f"{len(ending)} of {which} in {region} end within 30 days, {over} of them have ended: {first}"
        yield warning(name, found, "give each device a new one, registered in the primary", names)
    else:
        yield ok(name, f"none of {which} in {region} ends within 30 days")


def probe_certificate(region: str, policy: str, reader: FleetFacts, now: int) -> Iterator[Check]:
    """Tell whether the health checker of a Region can still connect."""
    name = "health checker's certificate"
    usable = [one for one in reader.of_policy(policy) if one.active]
    mend = f"update the health checker's stack in {region}, which makes a new one"
    if not usable:
        yield failure(name, f"none is active in {region}, so the Region counts as unhealthy", mend)
    elif soon := [one.certificate_id for one in usable if _ends_soon(one, now)]:
        yield failure(name, f"{first_names(soon)} in {region} ends within 30 days", mend, soon)
    else:
        yield ok(name, f"active in {region}")


def policies(regions: RegionPair, reader: FleetFacts, number: int) -> Iterator[Check]:
    """Tell which policies the secondary would refuse, and which let a device speak for others; one call a policy."""
    name = "policies"
    read, sample = reader.policies(number)
    part = "" if sample.whole else f"; {sample} were read, --policies {sample.there} reads them all"
    long = [one.name for one in read if _would_be_too_long(one, regions)]
    if long:
        found = f"{first_names(long)} of {regions.primary} would be longer in {regions.secondary} than AWS admits{part}"
        yield failure(name, found, "shorten each, for example by * in place of the Region in its ARNs", long)
    told = {one.name: ways_in(one.document) for one in read}
    open_ = [one for one, ways in told.items() if ways]
    if open_:
        ways = " and ".join(way for way in (SHADOWS, RULES) if any(way in those for those in told.values()))
        found = (
            f"with {first_names(open_)} a device of {regions.primary} may publish on {ways} for things that are not "
            f"its own{part}"
        )
        mend = "allow each only its own thing's shadow, and of rules only those that it needs: docs/shadows.md"
        yield warning(name, found, mend, open_)
    if not long and not open_:
        which = "all" if sample.whole else "those read"
        found = f"{which} {len(read):,} of {regions.primary} fit {regions.secondary} and none speaks for others{part}"
        yield ok(name, found)


def _would_be_too_long(policy: Policy, regions: RegionPair) -> bool:
    try:
        moved: Entity = translate(policy, regions.replication())
    except InvalidResource:
        return False
    return bool(too_long(moved))


def _ends_soon(one: Validity, now: int) -> bool:
    return one.not_after is not None and one.not_after - now < SOON
