"""How a workflow's execution ends."""

from typing import Any

from ministack.services import stepfunctions

from . import correction
from .patching import replace


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
