"""Wires the sweep for its operator: the function of the launch, and the same sweep here that starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from iot_dr.aws.failover.leadership import DynamoDbLeadershipReader
from iot_dr.aws.launch.launched_stacks import CloudFormationStackReader
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.pacing import paced
from iot_dr.aws.registry.reader import IotRegistryReader
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.aws.workflow.sweep_function import LambdaSweepFunction
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.runtime.account import clients_of, open_account
from iot_dr.runtime.budgets import background_budgets
from iot_dr.runtime.clock import now
from iot_dr.runtime.commands.history import ordering
from iot_dr.runtime.commands.settings.launch_names import LaunchNames
from iot_dr.services.concurrency import Together, on_threads
from iot_dr.services.gate import LeadershipWriteGate
from iot_dr.services.on_demand.sweep_now import SweepNow
from iot_dr.services.ordered import OrderPlace, RecordedSweepFunction
from iot_dr.services.sweep import LISTS_AT_ONCE, Sweep
from iot_dr.services.sync.launched import launched_stack

FUNCTION_SECONDS = 930
"""For the function's answer: as long as Lambda lets one run, and then its answer."""

_OUTPUTS = ("SweepRegistryFunctionName", "LedgerTableName", "BackgroundQueueUrl")


@contextmanager
def open_sweep(environment: LaunchNames, place: OrderPlace, profile: str = "") -> Iterator[SweepNow]:
    """Open the sweep of a launch.

    Raises:
        ConfigurationError: there is no such launch, or it is of a release without a sweep.
    """
    client_of, launch = clients_of(profile), environment.launch
    stack = launched_stack(launch, CloudFormationStackReader(client_of), _OUTPUTS)
    # Asked once: a second call would be a second sweep.
    function = client_of("lambda", launch.regions.secondary, read_timeout=FUNCTION_SECONDS, attempts=1)
    region, name = launch.regions.secondary, stack.outputs["SweepRegistryFunctionName"]
    with ThreadPoolExecutor(LISTS_AT_ONCE, thread_name_prefix="sweep") as executor:
        yield SweepNow(
            counted=lambda limits: _counting(launch, stack, client_of, on_threads(executor)).sweep(limits),
            function=RecordedSweepFunction(
                LambdaSweepFunction(note_requests_of(function), name), ordering(place, region), region
            ),
        )


def _counting(launch: Launch, stack: LaunchedStack, client_of: Callable[..., Any], together: Together) -> Sweep:
    """Make a sweep that reads as the launch's own does and starts nothing."""
    regions = launch.regions
    access = open_account(client_of, regions.secondary, regions.primary, paced=False)
    dynamodb, table = client_of("dynamodb", regions.secondary), stack.outputs["LedgerTableName"]
    queue = stack.outputs["BackgroundQueueUrl"]
    leadership = DynamoDbLeadershipReader(dynamodb, launch.global_table, table, regions)
    shadows = stack.shadows

    def lister(region: str) -> IotRegistryReader:
        budgets = background_budgets(client_of, region)
        return IotRegistryReader(paced(client_of("iot", region), budgets), region, access.account)

    return Sweep(
        source=lister(regions.primary),
        target=lister(regions.secondary),
        direction=regions.replication(access.account),
        ledger=DynamoDbLedger(dynamodb, table),
        workflow=SqsRequestQueues(client_of("sqs", regions.secondary), queue, queue),
        gate=LeadershipWriteGate(leadership, regions.secondary),
        clock=now,
        slice_size=int(stack.parameters.get("SweepSlice", 200)),
        shadows=shadows.classic or shadows.named,
        just_in_time=stack.parameters.get("CertificateMode") == "jitr",
        together=together,
        apply=False,
    )
