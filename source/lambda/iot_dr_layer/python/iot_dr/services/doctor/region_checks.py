"""What a Region must have before and after a launch: events, indexing, an endpoint that answers, the right time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from iot_dr.errors import RegionUnavailable
from iot_dr.model.launch.concurrency import comfortable
from iot_dr.model.status.checks import Check, failure, ok, warning
from iot_dr.ports.status import Network, RegionSettings
from iot_dr.services.launch.check_launch import find_in_concurrency, find_in_events, find_in_indexing, more_concurrency

SKEW_WARNING = 10_000
SKEW_FAILURE = 240_000
"""Milliseconds. AWS refuses a request whose time differs from its own by five minutes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""


FirstDynamicGroup = Callable[[], str]
"""Returns the name of a thing group of the primary that a query fills; empty if there is none."""


def events(primary: str, settings: RegionSettings) -> Iterator[Check]:
    """Tell whether the primary raises an event for every family that is replicated."""
    name, enabled = "registry events", settings.enabled_events(primary)
    finding = find_in_events(primary, enabled)
    if finding:
        yield failure(name, finding.missing, finding.mend)
    else:
        yield ok(name, f"on in {primary} for {', '.join(sorted(enabled))}")


def indexing_of_primary(region: str, settings: RegionSettings) -> Iterator[Check]:
    """Tell whether the primary indexes things: selections and the fleet's size rest on it."""
    name, mode = "thing indexing", settings.indexing_mode(region)
    finding = find_in_indexing(region, mode)
    yield failure(name, finding.missing, finding.mend) if finding else ok(name, f"{mode} in {region}")


def indexing_of_secondary(
    secondary: str, settings: RegionSettings, first_dynamic_group: FirstDynamicGroup
) -> Iterator[Check]:
    """Tell whether the secondary indexes things: without it AWS refuses dynamic thing groups."""
    name, mode = "thing indexing", settings.indexing_mode(secondary)
    finding = find_in_indexing(secondary, mode)
    if not finding:
        yield ok(name, f"{mode} in {secondary}")
    elif group := first_dynamic_group():
        found = f"{finding.missing}, so dynamic thing groups such as {group} cannot be made there"
        yield failure(name, found, finding.mend)
    else:
        yield warning(name, f"{finding.missing}; dynamic thing groups will need it", finding.mend)


def endpoint(region: str, settings: RegionSettings, network: Network) -> Iterator[Check]:
    """Tell whether devices have an address to connect to, and whether it can be reached from here."""
    name, address = "device endpoint", settings.endpoint(region)
    try:
        network.connect(address)
    except RegionUnavailable as error:
        # The operator's own network may be all that stands between.
        yield warning(
            name, f"{address} of {region} cannot be reached from here: {error}", "try it from where devices are"
        )
    else:
        yield ok(name, f"{address} of {region} answers")


def concurrency(region: str, settings: RegionSettings, workers: int) -> Iterator[Check]:
    """Tell whether a Region runs as many functions at once as so many workers need, beside the customer's own."""
    name, executions = "concurrent executions", settings.concurrency(region)
    finding = find_in_concurrency(region, executions, workers)
    if finding:
        yield failure(name, finding.missing, finding.mend)
    elif executions < comfortable(workers):
        found = f"{executions} in {region}: a burst of your own functions can stop replication and the health check"
        yield warning(name, f"{found}; {comfortable(workers)} would do", more_concurrency(region))
    else:
        yield ok(name, f"{executions} in {region}")


def clock(answered_at: int, here: int) -> Check:
    """Compare AWS's time with this machine's, both in epoch milliseconds; AWS tells whole seconds."""
    name, skew = "clock", here - answered_at
    seconds = f"{abs(skew) / 1000:.0f} s"
    found = f"this machine is {seconds} {'ahead of' if skew > 0 else 'behind'} AWS"
    if abs(skew) >= SKEW_FAILURE:
        return failure(name, f"{found}, which refuses requests from five minutes on", "set the clock: timedatectl")
    if abs(skew) >= SKEW_WARNING:
        return warning(name, f"{found}; ages and lags are wrong by as much", "set the clock: timedatectl")
    return ok(name, f"within {seconds} of AWS")
