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
