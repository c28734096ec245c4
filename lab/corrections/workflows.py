"""How a workflow's execution begins and ends."""

import threading
import time
from types import SimpleNamespace
from typing import Any

from ministack.services import stepfunctions

from . import correction
from .patching import replace


@correction("https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html")
def synchronous_execution_begins_at_once() -> None:
    """A synchronous execution begins with its first state at once; the emulator has its caller wait 150 ms for that.

    Whoever runs one after the other, and waits for each, would be bounded by these pauses.
    """
    start = stepfunctions._start_sync_execution
    beginning = threading.local()

    def _start_sync_execution(data: dict[str, Any]) -> Any:
        beginning.here = True
        try:
            return start(data)
        finally:
            beginning.here = False

    def sleep(seconds: float) -> None:
        # The first pause comes before the states, which run on the same thread.
        if getattr(beginning, "here", False):
            beginning.here = False
        else:
            time.sleep(seconds)

    stepfunctions.time = SimpleNamespace(**{**vars(time), "sleep": sleep})
    replace(start, _start_sync_execution)


@correction("https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html")
def stopped_execution_calls_nothing_more() -> None:
    """A stopped execution begins no task any more; the emulator marks it as stopped and lets it run to its end."""
    add_event = stepfunctions._add_event

    def _add_event(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        if event_type == "TaskScheduled" and execution["status"] == "ABORTED":
            raise stepfunctions._ExecutionError("ExecutionAborted", "the execution was stopped")
        return add_event(execution, event_type, details)

    replace(add_event, _add_event)


@correction("https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html")
def function_without_room_is_a_throttled_one() -> None:
    """A task whose function has no free place fails with Lambda.TooManyRequestsException; here it is Lambda.Unknown."""
    call = stepfunctions._call_lambda

    def _call_lambda(*request: Any, **more: Any) -> Any:
        try:
            return call(*request, **more)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and _NO_ROOM in error.cause:
                raise stepfunctions._ExecutionError(f"Lambda.{_NO_ROOM}", error.cause) from error
            raise

    replace(call, _call_lambda)


_NO_ROOM = "TooManyRequestsException"
