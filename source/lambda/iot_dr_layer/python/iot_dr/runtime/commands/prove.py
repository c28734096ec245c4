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

from iot_dr.aws.devices.mqtt import IotMqttProbe
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.registry.writer import IotRegistryWriter
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.model.status.checks import Check
from iot_dr.model.trials import PREFIX, Trial, began, device_names, make_trial
from iot_dr.ports.progress import RoundsObserver
from iot_dr.runtime.account import AccountAccess, clients_of, open_account
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.concurrency import on_threads
from iot_dr.services.rounds import Rounds
from iot_dr.services.trial.fleet import TrialFleet
from iot_dr.services.trial.leftovers import leftovers
from iot_dr.services.trial.order import TrialOrder, notes, shadows_to_prove
from iot_dr.services.trial.prove import Place, Proof

THREADS = 16

CLOCKS_DIFFER = timedelta(hours=1)
"""By which the clock of the machine that made a trial may have been ahead of AWS's."""

CRYPTOGRAPHY = "cryptography>=42"
"""What pip is to install; a test holds it to the extra `prove` of setup.cfg."""

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class ProvingEnvironment(LaunchNames):
    """The variables of `toolsrc` that name a launch, its queue of requests, and where devices connect."""

    look_queue_url: str
    iot_endpoint_primary: str
    iot_endpoint_secondary: str


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
    regions = environment.regions
    access = account_of(profile, regions.primary, regions.secondary)
    selection = shadows_to_prove(environment.launch, CloudFormationStackReader(access.client_of))
    name = f"{PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    trial = make_trial(
        name,
        together(new_credentials, device_names(name, order.number)),
        region=regions.primary,
        account=access.account,
        shadows=selection,
        with_type=order.with_type,
    )
    announce(name)
    rounds = Rounds(time.monotonic, threading.Event().wait, progress, together)
    proof = Proof(
        fleet=_fleet(trial, access, regions.primary, rounds),
        direction=regions.replication(access.account),
        primary=_place(access, regions.primary, environment.iot_endpoint_primary),
        secondary=_place(access, regions.secondary, environment.iot_endpoint_secondary),
        workflow=SqsRequestQueues(access.client_of("sqs", regions.secondary), environment.look_queue_url),
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
    require_cryptography()
    from iot_dr.aws.devices.trial_certificates import certificates_of  # noqa: PLC0415  # needs what was just looked for

    access = account_of(profile, region)
    iot = access.paced("iot", region, THREADS)
    rounds = Rounds(time.monotonic, threading.Event().wait, progress, together)
    rounds.begin(f"Checking for what begins with {name} in {region}", 0)
    reader = IotRegistryReader(iot, region, access.account)
    trial = leftovers(name, reader, tuple(certificates_of(iot, name, since)), together)
    if trial.entities:
        _fleet(trial, access, region, rounds).withdraw()
    return len(trial.entities) + len(trial.shadows)


def account_of(profile: str, *regions: str) -> AccountAccess:
    """Open the account for as many calls at once as a trial makes; raises what `open_account` does."""
    return open_account(partial(clients_of(profile), connections=THREADS), *regions, paced=True)


def _place(access: AccountAccess, region: str, endpoint: str) -> Place:
    registry = IotRegistryReader(access.paced("iot", region, THREADS), region, access.account)
    return Place(region, registry, IotShadowStore(access.client_of("iot-data", region)), IotMqttProbe(endpoint))


def _fleet(trial: Trial, access: AccountAccess, region: str, rounds: Rounds) -> TrialFleet:
    iot = access.paced("iot", region, THREADS)
    return TrialFleet(
        trial,
        region,
        IotRegistryReader(iot, region, access.account),
        IotRegistryWriter(iot, region, access.account),
        IotShadowStore(access.client_of("iot-data", region)),
        rounds,
    )


def key_maker() -> Callable[[str], ProbeCredentials]:
    """Return what makes keys, where this machine can make and use them.

    Raises:
        ConfigurationError: it cannot.
    """
    if not hasattr(os, "memfd_create"):
        raise ConfigurationError("private keys are kept in memory by a call that only Linux has; use AWS CloudShell")
    require_cryptography()
    from iot_dr.aws.devices.device_keys import new_credentials  # noqa: PLC0415  # needs what was just looked for

    return new_credentials


def require_cryptography() -> None:
    """See to it that this machine can make keys and read certificates.

    Raises:
        ConfigurationError: it cannot.
    """
    if find_spec("cryptography") is None:
        raise ConfigurationError(
            "the Python package cryptography, which makes the devices' keys, is missing; run: "
            f"{shlex.join((sys.executable, '-m', 'pip', 'install', CRYPTOGRAPHY))}, and where the system refuses that, "
            "make a virtual environment first: docs/operations/command-line.md, Install the command line"
        )


def together(function: Callable[[Given], Result], items: Iterable[Given]) -> list[Result]:
    """Apply at the same time; interrupted, begin with no more, so that what was made is known when it is removed."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="prove") as executor:
        try:
            return on_threads(executor)(function, items)
        except KeyboardInterrupt:
            executor.shutdown(cancel_futures=True)
            raise
