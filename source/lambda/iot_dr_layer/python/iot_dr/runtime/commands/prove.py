"""Wires the proof of an installation: devices made here, clients of both Regions, and the launch's own choices."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from typing import TypeVar

from iot_dr.aws import clients
from iot_dr.aws.caller import caller
from iot_dr.aws.devices.mqtt import IotMqttProbe
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launches import Launch
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.regions import RegionPair
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.status.checks import Check
from iot_dr.model.trials import PREFIX, SHADOW_NAME, began, device_names, make_trial
from iot_dr.ports.progress import RoundsObserver
from iot_dr.runtime.budgets import budgets_of
from iot_dr.services.concurrency import on_threads
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.fleet import TrialFleet
from iot_dr.services.trial.leftovers import leftovers
from iot_dr.services.trial.prove import Place, Proof

THREADS = 16

CLOCKS_DIFFER = timedelta(hours=1)
"""By which the clock of the machine that made a trial may have been ahead of AWS's."""

CRYPTOGRAPHY = "cryptography>=42"
"""What pip is to install; a test holds it to the extra `prove` of setup.cfg."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ProvingEnvironment:
    """The variables of `toolsrc` that name a launch, its queue of requests, and where devices connect."""

    primary_region: str
    secondary_region: str
    stack_postfix: str
    uuid: str
    look_queue_url: str
    iot_endpoint_primary: str
    iot_endpoint_secondary: str


@dataclass(frozen=True)
class TrialOrder:
    """How many devices, whether with a type of their own, and how many seconds they may take to cross."""

    number: int
    with_type: bool = False
    seconds: float = 300.0


@dataclass(frozen=True)
class Proved:
    """What a run ended with; the names of all that it made begin with `trial`."""

    trial: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()


def prove(
    environment: ProvingEnvironment,
    order: TrialOrder,
    progress: RoundsObserver,
    announce: Callable[[str], object],
    profile: str = "",
) -> Proved:
    """Prove an installation; `announce` is told the trial's name before anything is made.

    Raises:
        ConfigurationError: this machine, the credentials or the launch do not admit it; nothing was made.
        IotDrError: AWS refuses what the run needs; what it had made is removed.
    """
    new_credentials = key_maker()
    client_of = partial(clients.client, session=clients.session(profile), connections=THREADS)
    regions = RegionPair(environment.primary_region, environment.secondary_region)
    account = caller((regions.primary, regions.secondary), client_of).account
    selection = replicated_shadows(
        Launch(regions, environment.stack_postfix, environment.uuid), CloudFormationStackReader(client_of)
    )

    iot = {
        region: paced(client_of("iot", region), budgets_of(client_of, region))
        for region in (regions.primary, regions.secondary)
    }

    def place(region: str, endpoint: str) -> Place:
        registry = IotRegistryReader(iot[region], region, account)
        return Place(region, registry, IotShadowStore(client_of("iot-data", region)), IotMqttProbe(endpoint))

    primary = place(regions.primary, environment.iot_endpoint_primary)
    name = f"{PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    trial = make_trial(
        name,
        together(new_credentials, device_names(name, order.number)),
        region=regions.primary,
        account=account,
        shadows=selection,
        with_type=order.with_type,
    )
    announce(name)
    rounds = Rounds(time.monotonic, threading.Event().wait, progress, together)
    proof = Proof(
        fleet=TrialFleet(
            trial,
            regions.primary,
            primary.registry,
            IotRegistryWriter(iot[regions.primary], regions.primary, account),
            IotShadowStore(client_of("iot-data", regions.primary)),
            rounds,
        ),
        direction=regions.replication(account),
        primary=primary,
        secondary=place(regions.secondary, environment.iot_endpoint_secondary),
        workflow=SqsRequestQueues(client_of("sqs", regions.secondary), environment.look_queue_url),
        rounds=rounds,
        seconds=order.seconds,
        new_nonce=partial(secrets.token_hex, 16),
    )
    return Proved(name, proof.run(), tuple(notes(order, selection)))


def clean(region: str, name: str, progress: RoundsObserver, profile: str = "") -> int:
    """Remove what a trial has left in the primary Region; return how many resources and relations there were.

    Raises:
        ConfigurationError: no trial is called so, or this machine or the credentials do not admit it.
        NotReadyYet: something stays; the message names it.
    """
    since = began(name) - CLOCKS_DIFFER
    _require_cryptography()
    from iot_dr.aws.devices.trial_certificates import certificates_of  # noqa: PLC0415  # needs what was just looked for

    client_of = partial(clients.client, session=clients.session(profile), connections=THREADS)
    account = caller((region,), client_of).account
    iot = paced(client_of("iot", region), budgets_of(client_of, region))
    reader = IotRegistryReader(iot, region, account)
    rounds = Rounds(time.monotonic, threading.Event().wait, progress, together)
    rounds.begin(f"Checking for what begins with {name} in {region}", 0)
    trial = leftovers(name, reader, tuple(certificates_of(iot, name, since)), together)
    writer = IotRegistryWriter(iot, region, account)
    if trial.entities:
        TrialFleet(trial, region, reader, writer, IotShadowStore(client_of("iot-data", region)), rounds).withdraw()
    return len(trial.entities) + len(trial.shadows)


def key_maker() -> Callable[[str], ProbeCredentials]:
    """Return what makes keys, where this machine can make and use them.

    Raises:
        ConfigurationError: it cannot.
    """
    if not hasattr(os, "memfd_create"):
        raise ConfigurationError("private keys are kept in memory by a call that only Linux has; use AWS CloudShell")
    _require_cryptography()
    from iot_dr.aws.devices.device_keys import new_credentials  # noqa: PLC0415  # needs what was just looked for

    return new_credentials


def _require_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise ConfigurationError(
            "the Python package cryptography, which makes the devices' keys, is missing; run: "
            f"{shlex.join((sys.executable, '-m', 'pip', 'install', CRYPTOGRAPHY))}, and where the system refuses that, "
            "make a virtual environment first: docs/operations/command-line.md, Install the command line"
        )


def replicated_shadows(launch: Launch, stacks: CloudFormationStackReader) -> ShadowSelection:
    """Return which shadows a launch replicates.

    Raises:
        ConfigurationError: there is no such launch, or one whose devices need a CA of the customer's.
    """
    region, name = launch.regions.secondary, launch.secondary_stack
    stack = stacks.read(region, name)
    if stack is None:
        raise ConfigurationError(f"there is no stack {name} in {region}; read the settings of a launch: . ./toolsrc")
    if stack.parameters.get("CertificateMode") == "jitr":
        raise ConfigurationError(
            f"{name} has CertificateMode jitr, so devices must come with certificates of your own CA; connect one of "
            "yours to the secondary Region instead"
        )
    chosen = ShadowSelection()
    return ShadowSelection(
        stack.parameters.get("ReplicateShadows") or chosen.mode,
        stack.parameters.get("ShadowNamePattern") or chosen.pattern,
    )


def notes(order: TrialOrder, selection: ShadowSelection) -> Iterable[str]:
    """Say what a run leaves out."""
    if not order.with_type:
        yield "No thing type was made: AWS deletes one five minutes after its deprecation. --with-type does, and waits."
    if not selection.classic:
        yield "Classic shadows were not checked: the launch does not replicate them."
    if not selection.selects(SHADOW_NAME):
        yield f"Named shadows were not checked: the launch does not replicate one that is called {SHADOW_NAME}."


def together(function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
    """Apply at the same time; interrupted, begin with no more, so that what was made is known when it is removed."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="prove") as executor:
        try:
            return on_threads(executor)(function, items)
        except KeyboardInterrupt:
            executor.shutdown(cancel_futures=True)
            raise
