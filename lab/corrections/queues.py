"""SQS, and how Lambda takes messages from it."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions
from ministack.services import lambda_svc, sqs
from ministack.services.cloudformation import provisioners

from . import correction
from .patching import replace

_IDLE = 1.0
"""Seconds for which the emulator's own loop sleeps when nothing wakes it."""


@correction("https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html")
def batches_are_authorized_as_single_calls() -> None:
    """SendMessageBatch and its kin have no right of their own: that of the single call admits them."""
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any, **more: Any) -> Any:
        action = extract(service, *request, **more)
        return action.removesuffix("Batch") if service == "sqs" and isinstance(action, str) else action

    replace(extract, extract_iam_action)


@correction("https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html")
def maximum_concurrency_of_a_template_is_a_number() -> None:
    """MaximumConcurrency given by a parameter bounds the mapping; the emulator keeps its text and polls no queue."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update = handlers["create"], handlers["update"]

    def numbered(properties: dict[str, Any]) -> dict[str, Any]:
        scaling = properties.get("ScalingConfig")
        return (
            {**properties, "ScalingConfig": {key: int(value) for key, value in scaling.items()}}
            if scaling
            else properties
        )

    def create_mapping(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return create(logical_id, numbered(properties), stack_name)

    def update_mapping(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        return update(physical_id, numbered(old), numbered(new), stack_name)

    handlers.update(create=create_mapping, update=update_mapping)


@correction("https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html")
def message_is_handed_over_when_its_delay_ends() -> None:
    """Lambda polls a queue without a pause, so a message whose delay or time-out has ended is handed over at once."""
    poll = lambda_svc._poll_sqs
    next_wake: list[float] = []

    def due_soon(now: float) -> Iterator[float]:
        for queue in list(sqs._queues._data.values()):
            for message in list(queue["messages"]):
                at = float(message.get("visible_at") or 0)
                if now < at < now + _IDLE:
                    yield at

    def wake() -> None:
        next_wake.clear()
        lambda_svc.esm_wake.set()

    def poll_sqs() -> Any:
        processed = poll()
        now = time.time()
        at = min(due_soon(now), default=None)
        if at is not None and not next_wake:
            next_wake.append(at)
            timer = threading.Timer(at - now, wake)
            timer.daemon = True
            timer.start()
        return processed

    replace(poll, poll_sqs)
