"""Starts executions of the replication state machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.model.keys import Kind
from iot_dr.model.looks import LOOKS_PER_BATCH, Look

REQUIRED_ACTIONS = frozenset({"states:StartExecution"})
"""What the trigger and the schedule need on the state machine."""

BATCHES_PER_EXECUTION = 40
"""What an inline Map runs at once: none of an execution's batches waits for another's pauses, which would add up to
more than an Express execution's five minutes."""

INPUT_BYTES = 200_000
"""Step Functions takes 256 KiB. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


class StepFunctionsWorkflow:
    """`ports.Workflow` over a `stepfunctions` client."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, looks: Sequence[Look], *, background: bool = False) -> None:  # noqa: ARG002  # the port's
        """Start as few executions as take these looks."""
        for chunk in executions(looks):
            # Without a name of ours: the schedule asks for the same looks again, and each time they are to be taken.
            call(self._client.start_execution, stateMachineArn=self._arn, input=json.dumps({"batches": chunk}))


def executions(looks: Sequence[Look]) -> Iterator[list[dict[str, Any]]]:
    """Group looks into executions' inputs of bounded number and size, each of batches `{"looks": [...]}` of one kind.

    A look that is too big by itself goes without what its event carried, which the primary can tell again.
    """
    execution: list[dict[str, Any]] = []
    size = 0
    for batch in _batches(looks):
        if execution and (len(execution) == BATCHES_PER_EXECUTION or size + _size(batch) > INPUT_BYTES):
            yield execution
            execution, size = [], 0
        execution.append({"looks": batch})
        size += _size(batch)
    if execution:
        yield execution


def _batches(looks: Sequence[Look]) -> Iterator[list[dict[str, Any]]]:
    """Group looks by kind, in the form in which the workflow carries them."""
    batches: dict[Kind, list[dict[str, Any]]] = {}
    for look in looks:
        value = look.to_json()
        if _size(value) > INPUT_BYTES:
            value["carried"] = None
        batch = batches.setdefault(look.key.kind, [])
        if len(batch) == LOOKS_PER_BATCH or (batch and _size(batch) + _size(value) > INPUT_BYTES):
            yield batch
            batch = batches[look.key.kind] = []
        batch.append(value)
    yield from batches.values()


def _size(value: Any) -> int:
    return len(json.dumps(value))
