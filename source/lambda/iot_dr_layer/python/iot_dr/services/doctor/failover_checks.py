"""What a failover itself rests on: who leads, the fleet's name, and that both Regions serve it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iot_dr.model.failover.fence import Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswers
from iot_dr.model.regions import RegionPair
from iot_dr.model.status.checks import Check, failure, ok, warning
from iot_dr.model.status.status_parts import Unread

SOON = 14 * 24 * 3_600_000
"""Milliseconds in which a server certificate has to be replaced. ACM renews its own 60 days before they end.

https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
"""

DAY = 24 * 3_600_000

_ENABLED = "ENABLED"


def leader(regions: RegionPair, known: Leadership) -> Iterator[Check]:
    """Tell which Region leads, and whether the control item and the fence say the same."""
    name, control, fence = "leader", known.control, known.fence
    told = f"{control.leader} {control.mode}, epoch {control.epoch}; {regions.secondary} {fence.role}"
    if fence.leads is not (control.leader == regions.secondary):
        found = f"the control item and the fence disagree: {told}, epoch {fence.epoch}"
        yield failure(name, found, f"run it to its end: iot-dr failover --to {regions.secondary}")
    elif fence.leads:
        found = f"{told}: replication overwrites nothing there, and the primary cannot be failed over from"
        yield warning(name, found, "bring the devices back when the primary is well")
    else:
        yield ok(name, told)


def name_servers(name: str, leads: str, endpoints: Mapping[str, str], answers: NameAnswers) -> Iterator[Check]:
    """Tell whether all name servers send the fleet to the Region that leads; `endpoints` by Region."""
    check = "fleet's name"
    silent = [server for server, one in answers.by_server.items() if isinstance(one, Unread)]
    targets = sorted({one.target for one in answers.told})
    if not targets:
        yield failure(check, f"no name server of {name} answers", "check NAME_SERVERS and the hosted zone")
    elif not answers.all_say(endpoints[leads]):
        found = f"{name} leads to {', '.join(targets)}, and {leads} leads the fleet, at {endpoints[leads]}"
        yield warning(check, found, "see how the health checks stand, in Route 53")
    elif silent:
        yield warning(check, f"{', '.join(silent)} does not answer for {name}", "check NAME_SERVERS")
    else:
        yield ok(check, f"{name} leads to {leads}, says each of {len(answers.by_server)} name servers")


def domain(region: str, name: str, found: FleetDomain | None, now: int) -> Iterator[Check]:
    """Tell whether a Region lets devices connect by the fleet's name; `now` in epoch milliseconds."""
    check = "domain configuration"
    if found is None:
        mend = f"make one for {name}, with a certificate of ACM in {region}; it takes up to an hour"
        yield failure(check, f"none in {region} has the name {name}, so devices cannot connect there by it", mend)
    elif not found.enabled:
        mend = f"aws iot update-domain-configuration --region {region} --domain-configuration-name {found.name} "
        mend += f"--domain-configuration-status {_ENABLED}"
        yield failure(check, f"{found.name} in {region} is disabled, so it refuses devices", mend)
    elif found.certificate_ends is None:
        yield warning(check, f"{found.name} in {region} does not tell when its certificate ends", "check it in ACM")
    elif found.certificate_ends - now < SOON:
        days = max(0, (found.certificate_ends - now) // DAY)
        yield failure(
            check, f"the certificate of {found.name} in {region} ends in {days} days", "renew or replace it in ACM"
        )
    else:
        days = (found.certificate_ends - now) // DAY
        yield ok(check, f"{found.name} in {region} is enabled, its certificate holds for {days} days")


def connectivity(region: str, mode: str, things: str) -> Iterator[Check]:
    """Tell whether a Region's index knows who is connected, which `failover --wait` and `--evict` ask it.

    `things` is how it indexes things now, which the call that mends it has to keep.
    """
    check = "connectivity index"
    if mode == "STATUS":
        yield ok(check, f"{region} knows which devices are connected")
        return
    kept = things if things != "OFF" else "REGISTRY"
    mend = f"aws iot update-indexing-configuration --region {region} --thing-indexing-configuration "
    mend += f"thingIndexingMode={kept},thingConnectivityIndexingMode=STATUS"
    yield warning(check, f"{region} does not index who is connected; a failover can neither count nor evict them", mend)


def accelerated_recovery(name: str, status: str) -> Iterator[Check]:
    """Recommend it where it is off: with it, records of a public zone can be changed within about an hour of an outage.

    A failover changes no record, so nothing rests on it.
    """
    if status == _ENABLED:
        yield ok("accelerated recovery", f"on for the hosted zone of {name}")
    else:
        found = f"{status.lower() or 'off'} for the hosted zone of {name}; no failover needs it, changes of records may"
        yield ok("accelerated recovery", f"{found}: consider it, in Route 53")
