"""Brings a CloudFormation stack to its template, from whatever state an earlier launch left it in.

    nothing there, or deleted                               -> create
    *_IN_PROGRESS                                           -> wait, then check again
    ROLLBACK_COMPLETE and other creations that failed       -> delete, then create
    *_COMPLETE                                              -> update; "no updates" is success
    UPDATE_ROLLBACK_FAILED                                  -> only the operator can go on

States: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws import clients, errors
from iot_dr.aws.waiting import DELAY, wait_until
from iot_dr.errors import InvalidResource, LaunchFailed
from iot_dr.model.launch.launches import BOUNDARY, Stack, StackEvent

REQUIRED_ACTIONS = (
    "cloudformation:CreateStack",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplateSummary",
    "cloudformation:UpdateStack",
    "cloudformation:UpdateTerminationProtection",
)

Report = Callable[[StackEvent], None]


class StackStep(enum.Enum):
    """What a stack's settled state asks for."""

    CREATE = enum.auto()
    UPDATE = enum.auto()
    DELETE = enum.auto()
    GIVE_UP = enum.auto()


_STEP_OF_STATUS = {
    "": StackStep.CREATE,
    "REVIEW_IN_PROGRESS": StackStep.DELETE,  # a change set was made for a new stack and never executed
    "CREATE_FAILED": StackStep.DELETE,
    "ROLLBACK_COMPLETE": StackStep.DELETE,
    "ROLLBACK_FAILED": StackStep.DELETE,
    "DELETE_FAILED": StackStep.DELETE,
    "UPDATE_FAILED": StackStep.GIVE_UP,
    "UPDATE_ROLLBACK_FAILED": StackStep.GIVE_UP,
}


def describe(client: Any, name: str) -> dict[str, Any] | None:
    """Return a stack's description, or None if it does not exist or is deleted."""
    with errors.converted():
        try:
            answer = client.describe_stacks(StackName=name)
        except ClientError as error:
            # CloudFormation has no error code of its own for a missing stack.
            if errors.code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
    stack: dict[str, Any] = answer["Stacks"][0]
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


class CloudFormationStackDeployer:
    """Stacks in any Region; safe to use from several threads, one stack each."""

    def __init__(self, client_of: Callable[[str, str], Any] = clients.client, delay: float = DELAY) -> None:
        self._client_of = client_of
        self._delay = delay

    def bring_up(self, stack: Stack, report: Report) -> Mapping[str, str]:
        """Create or update a stack, reporting its events as they happen, and return its outputs.

        Raises:
            LaunchFailed: the stack could not be brought up; the message names the first failing resource and why.
        """
        return self._deployment(stack, report).run()

    def take_down(self, region: str, name: str, report: Report) -> None:
        """Take a stack's protection off and delete it, reporting its events; one that is not there is success.

        Raises:
            LaunchFailed: it could not be deleted; the message names the first failing resource and why.
        """
        self._deployment(Stack(region, name, template_url=""), report).remove()

    def _deployment(self, stack: Stack, report: Report) -> _Deployment:
        return _Deployment(self._client_of("cloudformation", stack.region), stack, report, self._delay)


class _Deployment:
    """One stack on its way."""

    def __init__(self, client: Any, stack: Stack, report: Report, delay: float) -> None:
        self._client = client
        self._stack = stack
        self._events = _Events(client, stack, report)
        self._delay = delay
        self._boundary: dict[str, str] = {}

    def run(self) -> Mapping[str, str]:
        self._events.skip_past()
        while True:
            found = self._settle()
            match _STEP_OF_STATUS.get(_status(found), StackStep.UPDATE):
                case StackStep.CREATE:
                    parameters = {**self._boundary, **self._stack.parameters}
                    self._call(self._client.create_stack, Parameters=_given(parameters))
                    return self._outcome("CREATE_COMPLETE")
                case StackStep.UPDATE:
                    return self._update(found or {})
                case StackStep.DELETE:
                    # Nothing else of what failed is kept: it may be why it failed.
                    self._boundary = _boundary_of(found or {})
                    self._delete()
                case StackStep.GIVE_UP:
                    raise LaunchFailed(
                        f"stack {self._stack.name} in {self._stack.region} is in {_status(found)}; run "
                        f"`aws cloudformation continue-update-rollback --stack-name {self._stack.name} "
                        f"--region {self._stack.region}`, then launch again"
                    )

    def remove(self) -> None:
        self._events.skip_past()
        if self._settle() is None:
            return
        self._protect(enable=False)
        self._delete()

    def _update(self, found: Mapping[str, Any]) -> Mapping[str, str]:
        parameters = [*_given(self._stack.parameters), *self._kept(found)]
        try:
            self._call(self._client.update_stack, Parameters=parameters)
        except InvalidResource as error:
            if "No updates are to be performed" in str(error):
                self._protect()
                return _outputs(found)
            raise
        return self._outcome("UPDATE_COMPLETE")

    def _kept(self, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Keep what the operator set by hand: a parameter left out of an update falls back to its default."""
        summary = errors.call(self._client.get_template_summary, TemplateURL=self._stack.template_url)
        declared = {parameter["ParameterKey"] for parameter in summary.get("Parameters", [])}
        for parameter in found.get("Parameters", []):
            key = parameter["ParameterKey"]
            if key in declared and key not in self._stack.parameters:
                yield {"ParameterKey": key, "UsePreviousValue": True}

    def _delete(self) -> None:
        self._events.forget_failure()
        errors.call(self._client.delete_stack, StackName=self._stack.name)
        if (found := self._settle()) is not None:
            raise self._failed(found)

    def _call(self, operation: Callable[..., Any], **parameters: Any) -> None:
        self._events.forget_failure()
        errors.call(
            operation,
            StackName=self._stack.name,
            TemplateURL=self._stack.template_url,
            Capabilities=["CAPABILITY_IAM"],
            **parameters,
        )

    def _settle(self) -> dict[str, Any] | None:
        """Wait for what is under way and return the stack as it is then."""
        found: dict[str, Any] | None = None

        def done() -> bool:
            nonlocal found
            found = describe(self._client, self._stack.name)
            self._events.show(found["StackId"] if found else "")
            return not _status(found).endswith("IN_PROGRESS") or _status(found) == "REVIEW_IN_PROGRESS"

        wait_until(f"stack {self._stack.name} in {self._stack.region}", done, delay=self._delay)
        return found

    def _outcome(self, wanted: str) -> Mapping[str, str]:
        found = self._settle()
        if _status(found) != wanted:
            raise self._failed(found)
        self._protect()
        return _outputs(found or {})

    def _protect(self, *, enable: bool = True) -> None:
        """Have AWS refuse to delete the stack; not before it is complete, else one that failed could not be removed."""
        errors.call(
            self._client.update_termination_protection, StackName=self._stack.name, EnableTerminationProtection=enable
        )

    def _failed(self, found: Mapping[str, Any] | None) -> LaunchFailed:
        where = f"stack {self._stack.name} in {self._stack.region} ended in {_status(found) or 'DELETE_COMPLETE'}"
        cause = self._events.failure
        if cause is None:
            return LaunchFailed(f"{where}: {(found or {}).get('StackStatusReason', 'CloudFormation gives no reason')}")
        return LaunchFailed(
            f"{where}; first to fail was {cause.resource} ({cause.resource_type}, {cause.status}): {cause.reason}"
        )


class _Events:
    """Shows each event of a stack once, oldest first, and remembers the first failure."""

    def __init__(self, client: Any, stack: Stack, report: Report) -> None:
        self._client = client
        self._stack = stack
        self._report = report
        self._shown: set[str] = set()
        self._stack_id = ""
        self.failure: StackEvent | None = None

    def skip_past(self) -> None:
        """Take all events up to now as shown: they belong to an earlier launch."""
        found = describe(self._client, self._stack.name)
        if found is not None:
            self._shown.update(event["EventId"] for event in self._fresh(found["StackId"]))

    def forget_failure(self) -> None:
        """Begin a new operation, whose first failure is its own."""
        self.failure = None

    def show(self, stack_id: str) -> None:
        """Report what happened since the last request; a stack just deleted is still known by its ID."""
        self._stack_id = stack_id or self._stack_id
        if not self._stack_id:
            return
        for event in reversed(list(self._fresh(self._stack_id))):
            self._shown.add(event["EventId"])
            line = self._line(event)
            if self.failure is None and line.is_root_cause:
                self.failure = line
            self._report(line)

    def _fresh(self, stack_id: str) -> Iterator[dict[str, Any]]:
        # CloudFormation lists the newest first, so the first known event ends what is new.
        with errors.converted():
            for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
                for event in page["StackEvents"]:
                    if event["EventId"] in self._shown:
                        return
                    yield event

    def _line(self, event: Mapping[str, Any]) -> StackEvent:
        return StackEvent(
            time=f"{event['Timestamp']:%H:%M:%S}",
            region=self._stack.region,
            stack=self._stack.name,
            resource=event.get("LogicalResourceId", ""),
            resource_type=event.get("ResourceType", ""),
            status=event.get("ResourceStatus", ""),
            reason=event.get("ResourceStatusReason", ""),
        )


def _status(found: Mapping[str, Any] | None) -> str:
    return str(found["StackStatus"]) if found else ""


def _boundary_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the boundary of a stack's roles; without it, those of a stack made in its place would go further."""
    return {
        parameter["ParameterKey"]: parameter["ParameterValue"]
        for parameter in found.get("Parameters", [])
        if parameter["ParameterKey"] == BOUNDARY
    }


def _given(parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def _outputs(found: Mapping[str, Any]) -> Mapping[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
