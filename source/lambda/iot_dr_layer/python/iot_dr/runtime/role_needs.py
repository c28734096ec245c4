"""What the roles of a launch must be able to do, by what the adapters that use them call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iot_dr.aws.events import event_table
from iot_dr.aws.ledger import ledger, shadow_notes
from iot_dr.aws.registry import reader as registry_reader
from iot_dr.aws.registry import writer as registry_writer
from iot_dr.aws.shadows import shadow_store as shadows
from iot_dr.aws.workflow import queues, workflow
from iot_dr.model.launch.launched_stacks import REQUEST_QUEUES, LaunchedStack, Need
from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.arns import Arn, iot_arn, partition_of
from iot_dr.model.registry.keys import RESERVED_PREFIX
from iot_dr.model.registry.kinds import ROWS
from iot_dr.services.doctor.stack_checks import GLOBAL_TABLE, ROLE

Rights = tuple[str, frozenset[str], tuple[str, ...]]
"""A Region, actions, and the resources with one of which each must be possible."""

_MACHINE = "ReplicationStateMachineArn"
_RULES = {"RegistryEventRulesRole": "RuleErrorQueueUrl", "ShadowEventRulesRole": "ShadowRuleErrorQueueUrl"}
"""The roles of the topic rules, and the outputs that name where their errors go."""


def needs_of_primary(stack: LaunchedStack, account: str) -> Iterator[Need]:
    """Return what the topic rules must be able to do."""
    tables = tuple(
        _arn("dynamodb", stack.region, account, f"table/{one}") for one in stack.of_type(GLOBAL_TABLE).values()
    )
    wanted: dict[str, tuple[Rights, ...]] = {}
    for title, output in _RULES.items():
        queue = _arn("sqs", stack.region, account, stack.outputs.get(output, "").rpartition("/")[2])
        wanted[title] = (
            (stack.region, event_table.REQUIRED_ACTIONS, tables),
            (stack.region, frozenset({"sqs:SendMessage"}), (queue,)),
        )
    return _of_roles(stack, wanted)


def needs_of_secondary(stack: LaunchedStack, regions: RegionPair, account: str) -> Iterator[Need]:
    """Return what replication must be able to do."""
    table = _arn("dynamodb", stack.region, account, "table/" + stack.outputs.get("LedgerTableName", ""))
    index = f"{table}/index/{ledger.INDEX}"
    executions = (regions.secondary, workflow.REQUIRED_ACTIONS, (stack.outputs.get(_MACHINE, ""),))
    for_events, for_background = (
        _arn("sqs", stack.region, account, stack.outputs.get(output, "").rpartition("/")[2])
        for output in REQUEST_QUEUES
    )
    in_primary, in_secondary = (_samples(region, account) for region in (regions.primary, regions.secondary))
    removing = registry_reader.REQUIRED_ACTIONS | registry_reader.REQUIRED_ACTIONS_BEFORE_DELETING
    reading = shadows.REQUIRED_ACTIONS_TO_READ
    return _of_roles(
        stack,
        {
            "ReplicateResourceRole": (
                (regions.primary, registry_reader.REQUIRED_ACTIONS, in_primary),
                (regions.secondary, removing | registry_writer.REQUIRED_ACTIONS, in_secondary),
                (regions.secondary, ledger.REQUIRED_ACTIONS, (table,)),
            ),
            "ReplicateShadowsRole": (
                (regions.primary, reading, in_primary),
                (regions.secondary, reading | shadows.REQUIRED_ACTIONS_TO_WRITE, in_secondary),
                (regions.secondary, shadow_notes.REQUIRED_ACTIONS, (table,)),
            ),
            "SweepRegistryRole": (
                (regions.primary, registry_reader.LISTER_REQUIRED_ACTIONS, in_primary),
                (regions.secondary, registry_reader.LISTER_REQUIRED_ACTIONS, in_secondary),
                (regions.secondary, ledger.SWEEP_REQUIRED_ACTIONS, (table, index)),
                (regions.secondary, queues.REQUIRED_ACTIONS, (for_background,)),
            ),
            "StartReplicationRole": ((regions.secondary, queues.REQUIRED_ACTIONS, (for_events,)),),
            "RunWorkflowRole": (
                executions,
                (regions.secondary, queues.RUNNER_REQUIRED_ACTIONS, (for_events,)),
                (regions.secondary, queues.REQUIRED_ACTIONS, (for_background,)),
                (regions.secondary, ledger.RUNNER_REQUIRED_ACTIONS, (table,)),
            ),
            "RecordFailureRole": ((regions.secondary, ledger.RECORD_REQUIRED_ACTIONS, (table,)),),
        },
    )


def _of_roles(stack: LaunchedStack, wanted: Mapping[str, tuple[Rights, ...]]) -> Iterator[Need]:
    """Name the roles as they stand in the account; a launch without shadows, or of an older release, has fewer."""
    roles = stack.of_type(ROLE)
    for title, rights in wanted.items():
        if title in roles:
            yield from (Need(roles[title], *each) for each in rights)


def _samples(region: str, account: str) -> tuple[str, ...]:
    """Return one resource of each kind, and `*` for the calls that know none."""
    kinds = (row.arn_type for row in ROWS if row.arn_type)
    return (*(iot_arn(f"{kind}/{RESERVED_PREFIX}sample", region, account) for kind in kinds), "*")


def _arn(service: str, region: str, account: str, resource: str) -> str:
    return str(Arn(partition_of(region), service, region, account, resource))
