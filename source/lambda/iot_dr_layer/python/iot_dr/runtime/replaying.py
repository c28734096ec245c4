"""Wires the replay: the error queue and the table of the primary Region, bucket and workflow of the secondary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from iot_dr.aws.clients import client
from iot_dr.aws.error_queue import ErrorQueue
from iot_dr.aws.event_table import DynamoDbEventTable
from iot_dr.aws.failed_records import FailedRecords
from iot_dr.aws.workflow import StepFunctionsWorkflow
from iot_dr.errors import ConfigurationError, NotReadyYet
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on
from iot_dr.services.replay import Letter, Progress, Replay

THREADS = 8
"""Below the connections of a client."""


@dataclass(frozen=True)
class RuleErrorsEnvironment:
    """The variables of `toolsrc` that tell where the rules' errors wait and where events are written."""

    primary_region: str
    dynamodb_global_table: str
    rule_error_queue_url: str


@dataclass(frozen=True)
class StreamRecordsEnvironment:
    """The variables of `toolsrc` that tell where stream records are kept and which workflow they are for."""

    secondary_region: str
    secondary_bucket: str
    state_machine_arn: str


def replay_rule_errors(environment: RuleErrorsEnvironment, progress: Progress, *, apply: bool) -> tuple[Letter, ...]:
    """Replay what the topic rules could not store."""
    region, table = environment.primary_region, environment.dynamodb_global_table
    queue = ErrorQueue(client("sqs", region), environment.rule_error_queue_url)
    events = DynamoDbEventTable(client("dynamodb", region), table)
    with ThreadPoolExecutor(THREADS) as executor:
        try:
            return Replay(apply, progress, on(executor)).rule_errors(queue, events, region=region, clock=now)
        except NotReadyYet as error:
            raise ConfigurationError(
                f"there is no table {table} in {region}; DYNAMODB_GLOBAL_TABLE must be the output GlobalTableName of "
                "the stack IoTDRPrimary<postfix>, as toolsrc has it"
            ) from error


def replay_stream_records(
    environment: StreamRecordsEnvironment, progress: Progress, *, apply: bool
) -> tuple[Letter, ...]:
    """Replay what the trigger could not handle."""
    region = environment.secondary_region
    records = FailedRecords(client("s3", region), environment.secondary_bucket)
    workflow = StepFunctionsWorkflow(client("stepfunctions", region), environment.state_machine_arn)
    with ThreadPoolExecutor(THREADS) as executor:
        return Replay(apply, progress, on(executor)).stream_records(records, workflow)
