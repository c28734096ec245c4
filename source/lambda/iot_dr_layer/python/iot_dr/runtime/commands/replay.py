"""Wires the replay: error queues and tables of the primary Region, bucket and queue of requests of the secondary."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.events.error_queue import SqsErrorQueue
from iot_dr.aws.events.event_table import DynamoDbEventTable
from iot_dr.aws.events.failed_records import S3FailedRecords
from iot_dr.aws.request_ids import note_requests_of
from iot_dr.aws.workflow.queues import SqsRequestQueues
from iot_dr.errors import ConfigurationError, NotReadyYet
from iot_dr.model.events.dead_letters import DeadLetterSource
from iot_dr.ports.progress import ReplayObserver
from iot_dr.runtime.account import clients_of
from iot_dr.runtime.clock import now
from iot_dr.services.concurrency import on_threads
from iot_dr.services.events.replay import Letter, Replay
from iot_dr.services.ordered import Ordering, RecordedEventTable, RecordedWorkflow

THREADS = 8
"""Below the connections of a client."""


@dataclass(frozen=True)
class RuleErrorsEnvironment:
    """The variables of `toolsrc` that tell where the rules' errors wait and where events are written."""

    primary_region: str
    dynamodb_global_table: str
    rule_error_queue_url: str


@dataclass(frozen=True)
class ShadowRuleErrorsEnvironment:
    """The same for shadow events."""

    primary_region: str
    dynamodb_shadow_table: str
    shadow_rule_error_queue_url: str


@dataclass(frozen=True)
class StreamRecordsEnvironment:
    """The variables of `toolsrc` that tell where stream records are kept and where requests are asked for."""

    secondary_region: str
    secondary_bucket: str
    look_queue_url: str


def replay_rule_errors(
    environment: RuleErrorsEnvironment, progress: ReplayObserver, orders: Ordering, profile: str = "", *, apply: bool
) -> tuple[Letter, ...]:
    """Replay registry events that the topic rules could not store."""
    region, client_of = environment.primary_region, clients_of(profile)
    queue = SqsErrorQueue(client_of("sqs", region), environment.rule_error_queue_url)
    table = _table(client_of("dynamodb", region), environment.dynamodb_global_table)
    with _table_of("DYNAMODB_GLOBAL_TABLE", "GlobalTableName"), _replay(progress, apply=apply) as replay:
        events = RecordedEventTable(table, orders)
        return replay.rule_errors(DeadLetterSource.RULE_ERRORS, queue, events, region=region, clock=now)


def replay_shadow_rule_errors(
    environment: ShadowRuleErrorsEnvironment,
    progress: ReplayObserver,
    orders: Ordering,
    profile: str = "",
    *,
    apply: bool,
) -> tuple[Letter, ...]:
    """Replay shadow events that the topic rules could not store."""
    region, client_of = environment.primary_region, clients_of(profile)
    queue = SqsErrorQueue(
        client_of("sqs", region),
        environment.shadow_rule_error_queue_url,
        ("SHADOW_RULE_ERROR_QUEUE_URL", "ShadowRuleErrorQueueUrl"),
    )
    table = _table(client_of("dynamodb", region), environment.dynamodb_shadow_table)
    with _table_of("DYNAMODB_SHADOW_TABLE", "ShadowTableName"), _replay(progress, apply=apply) as replay:
        events = RecordedEventTable(table, orders)
        return replay.rule_errors(DeadLetterSource.SHADOW_RULE_ERRORS, queue, events, region=region, clock=now)


@contextmanager
def _replay(progress: ReplayObserver, *, apply: bool) -> Iterator[Replay]:
    with ThreadPoolExecutor(THREADS) as executor:
        yield Replay(apply, progress, on_threads(executor))


def _table(dynamodb: Any, name: str) -> DynamoDbEventTable:
    return DynamoDbEventTable(note_requests_of(dynamodb), name)


@contextmanager
def _table_of(variable: str, output: str) -> Iterator[None]:
    """Say which setting is wrong if the table is not there."""
    try:
        yield
    except NotReadyYet as error:
        raise ConfigurationError(
            f"there is no such table; {variable} must be the output {output} of the stack IoTDRPrimary<postfix>, as "
            "toolsrc has it"
        ) from error


def replay_stream_records(
    environment: StreamRecordsEnvironment,
    progress: ReplayObserver,
    orders: Ordering,
    profile: str = "",
    *,
    apply: bool,
) -> tuple[Letter, ...]:
    """Replay what the functions of the streams could not handle."""
    region, client_of = environment.secondary_region, clients_of(profile)
    records = S3FailedRecords(client_of("s3", region), environment.secondary_bucket)
    queues = SqsRequestQueues(note_requests_of(client_of("sqs", region)), environment.look_queue_url)
    with _replay(progress, apply=apply) as replay:
        return replay.stream_records(records, RecordedWorkflow(queues, orders))
