"""Whether background work leaves customers their part of the quotas.

Things, certificates and policies are made in the primary while its events are off, so that a sweep has so many
differences to check. Then events are on again, the schedules too, and the proxy keeps every caller to AWS's default
quotas, in both Regions: the product, and a customer who provisions complete devices in the primary at a steady rate and
reads back each thing that he has made. The sweep lists what differs; then the customer begins, and goes on until the
product has checked all of it. Each refusal that the customer's client meets is counted, also one that it makes up for
by a repetition.

The exit status is 0 if the customer met no refusal and both Regions ended equal, 1 if not.

    .venv/bin/python -m benchmarks.background [--differences 1000] [--rate 4] [--format json]
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from lab.faults import injected
from lab.fleet import Fleet, Identity, device_policy, make_identity
from lab.moment import PATH
from lab.pair import Pair
from lab.progress import ConsoleProgress
from lab.quiet import unscheduled, untold
from lab.quotas import Quotas
from lab.registry import Registry
from lab.waiting import until

THREADS = 4
"""Callers in the primary; the emulator answers no faster to more."""

LONGEST = 1800.0
"""Seconds that the product is given."""

LOOKS_EVERY = 3.0
"""Seconds between two looks at what the secondary has by now."""

THROTTLED = "ThrottlingException"


@dataclass(frozen=True)
class Figures:
    """What the run found.

    Attributes:
        differences: what the sweep found to check.
        seconds: from the sweep's begin until the secondary had all that it found.
        provisioned: complete devices that the customer made meanwhile.
        refused_customer: calls of the customer that AWS refused for their rate.
        refused_product: those of the product, in either Region, most of which its own clients repeat.
        left: what differs at the end.
    """

    differences: int
    seconds: float
    provisioned: int
    refused_customer: int
    refused_product: int
    left: int

    @property
    def is_met(self) -> bool:
        """Whether the goal is."""
        return not self.refused_customer and not self.left


class Customer:
    """Provisions complete devices at a steady rate, and counts what AWS refuses."""

    def __init__(self, iot: Any, pair: Pair) -> None:
        self._iot = iot
        self._pair = pair
        self.devices = 0
        self.refused: Counter[str] = Counter()
        iot.meta.events.register_first("needs-retry.iot", self._answered)

    def _answered(self, response: Any, operation: Any, **_: Any) -> None:
        """Count a refusal, before the client repeats the call."""
        if response and response[1].get("Error", {}).get("Code") == THROTTLED:
            self.refused[operation.name] += 1

    def provision(self, name: str, identity: Identity) -> None:
        """Make one device, and read back its thing."""
        fleet = Fleet(self._iot, region=self._pair.primary, account=self._pair.account, policy_name=f"{name}-policy")
        document = device_policy(self._pair.primary, self._pair.account)
        self._iot.create_policy(policyName=fleet.policy_name, policyDocument=document)
        fleet.provision(name, attributes={"site": "north"}, identity=identity)
        self._iot.describe_thing(thingName=name)
        self.devices += 1

    def keep_provisioning(self, rate: float, identities: Sequence[Identity], stop: threading.Event) -> None:
        """Make one device after the other, `rate` a second, until told to stop or out of identities."""
        begun = time.monotonic()
        with ThreadPoolExecutor(THREADS) as executor:
            made = []
            for number, identity in enumerate(identities):
                if stop.wait(max(0.0, begun + number / rate - time.monotonic())):
                    break
                made.append(executor.submit(self.provision, f"customer-{number}", identity))
            for one in made:
                one.result()


@click.command(help=__doc__)
@click.option("--differences", default=1000, show_default=True, help="Resources that the sweep has to check.")
@click.option("--rate", default=4.0, show_default=True, help="Devices a second that the customer provisions.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(differences: int, rate: float, form: str) -> None:
    """Launch the product on the local Region pair, sweep, and print."""
    console = Console(stderr=form == "json", width=100)
    environ = {"LAMBDA_ACCOUNT_CONCURRENCY": "1000"}
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder), ConsoleProgress(console), environ=environ) as pair:
        pair.launch(health_check=False)
        with unscheduled(pair), untold(pair):
            _make(pair, differences, console)
        figures = _swept(pair, rate, console)
    if form == "json":
        click.echo(json.dumps(asdict(figures), indent=2))
    else:
        table = Table("", "", title=f"A sweep beside a customer who provisions {rate:g} devices a second")
        for name, value in asdict(figures).items():
            table.add_row(name.replace("_", " "), f"{value:,.0f}")
        console.print(table)
    raise SystemExit(0 if figures.is_met else 1)


def _make(pair: Pair, number: int, console: Console) -> None:
    """Make things, certificates and policies that no event tells of: four, three and three of ten."""
    iot = pair.client("iot", pair.primary)
    document = device_policy(pair.primary, pair.account)

    def make(one: int) -> object:
        name = f"untold-{one}"
        if one % 10 < 4:
            return iot.create_thing(thingName=name, attributePayload={"attributes": {"site": "south"}})
        if one % 10 < 7:
            pem = make_identity(name).certificate_pem
            return iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
        return iot.create_policy(policyName=name, policyDocument=document)

    with console.status("Make what the sweep is to find"), ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(make, range(number)))


def _swept(pair: Pair, rate: float, console: Console) -> Figures:
    quotas = Quotas()
    with console.status("Make keys"), ThreadPoolExecutor(2) as executor:
        identities = list(executor.map(make_identity, (f"customer-{n}" for n in range(int(rate * LONGEST / 3)))))
    to_find, stop = _listed(pair, pair.primary) - _listed(pair, pair.secondary), threading.Event()
    with injected(pair.proxy, quotas), ThreadPoolExecutor(1) as executor:
        customer = Customer(_customers_client(pair), pair)
        begun = time.monotonic()
        # First, for a sweep takes a thousand differences at most: what the customer has under way would count too.
        _sweep(pair)
        running = executor.submit(customer.keep_provisioning, rate, identities, stop)
        try:
            with console.status("The sweep checks what differs"):
                # What the customer makes crosses by events: what was there before is the sweep's.
                while to_find - _listed(pair, pair.secondary) and not running.done():
                    stop.wait(LOOKS_EVERY)
            seconds = time.monotonic() - begun
        finally:
            stop.set()
        running.result()
        until(lambda: not _differences(pair), 120)
    refused = sum(customer.refused.values())
    return Figures(
        differences=len(to_find),
        seconds=round(seconds, 1),
        provisioned=customer.devices,
        refused_customer=refused,
        refused_product=sum(quotas.refused.values()) - refused,
        left=len(_differences(pair)),
    )


def _customers_client(pair: Pair) -> Any:
    """Return a client that goes through the proxy, as any other caller of the account."""
    environ = pair.emulator.client_environ()
    session = boto3.session.Session(
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"]
    )
    config = Config(retries={"mode": "standard"}, max_pool_connections=THREADS)
    return session.client("iot", region_name=pair.primary, endpoint_url=pair.proxy.endpoint_url, config=config)


def _sweep(pair: Pair) -> None:
    answer = pair.client("lambda", pair.secondary).invoke(
        FunctionName=pair.physical_id("SweepRegistryFunction"), Payload=json.dumps({"task": "sweep"})
    )
    result = json.loads(answer["Payload"].read())
    if "errorType" in result:
        raise click.ClickException(f"the sweep failed: {result}")


def _listed(pair: Pair, region: str) -> frozenset[str]:
    """Return what a Region has of what the sweep is to find; comparing all of it would take the processor for long."""
    iot = pair.client("iot", region)
    lists = {"list_things": ("things", "thingName"), "list_policies": ("policies", "policyName")}
    lists["list_certificates"] = ("certificates", "certificateId")
    return frozenset(
        str(one[name])
        for operation, (listed, name) in lists.items()
        for page in iot.get_paginator(operation).paginate()
        for one in page[listed]
    )


def _differences(pair: Pair) -> list[str]:
    """Read both Regions inside the emulator: thousands of calls each time would take the processor that is measured."""
    regions = (pair.primary, pair.secondary)
    with urllib.request.urlopen(f"{pair.emulator.endpoint_url}{PATH}?{','.join(regions)}", timeout=LONGEST) as answer:
        found = json.load(answer)["registries"]
    ours, theirs = (Registry(found[region]) for region in regions)
    return ours.differences(theirs)


if __name__ == "__main__":
    main()
