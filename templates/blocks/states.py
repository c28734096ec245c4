"""States of the Amazon States Language in JSONata, as small functions, so that a workflow reads as its flow.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Sub

State = dict[str, Any]

INVOKE = Sub("arn:${AWS::Partition}:states:::lambda:invoke")
"""The integration that calls a function and takes its answer: https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""


def expression(text: str) -> str:
    """Mark text as JSONata."""
    return f"{{% {text} %}}"


@dataclass(frozen=True)
class Retry:
    """Repeat a task for some errors, each pause `backoff` times the one before, at most `longest` seconds.

    Full jitter spreads the repetitions of many items over the pause, so that they do not all come back at once.
    """

    errors: tuple[str, ...]
    attempts: int
    interval: int = 1
    backoff: float = 2
    longest: int = 30

    def to_json(self) -> State:
        """Return the retrier."""
        return {
            "ErrorEquals": list(self.errors),
            "IntervalSeconds": self.interval,
            "MaxAttempts": self.attempts,
            "BackoffRate": self.backoff,
            "MaxDelaySeconds": self.longest,
            "JitterStrategy": "FULL",
        }


@dataclass(frozen=True)
class Catch:
    """Go on elsewhere, with `output`, when a task fails for good; for every error unless some are named."""

    then: str
    output: Any
    errors: tuple[str, ...] = ("States.ALL",)

    def to_json(self) -> State:
        """Return the catcher."""
        return {"ErrorEquals": list(self.errors), "Next": self.then, "Output": self.output}


def task(
    function: Any, payload: Any, *, catch: Sequence[Catch], retry: Sequence[Retry] = (), then: str | None = None
) -> State:
    """Call a function, given by its ARN, and go on, or end, with what it returns."""
    state: State = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": function, "Payload": payload},
        "Output": expression("$states.result.Payload"),
    }
    if retry:
        state["Retry"] = [retrier.to_json() for retrier in retry]
    state["Catch"] = [catcher.to_json() for catcher in catch]
    return {**state, "End": True} if then is None else {**state, "Next": then}


def choose(rules: Mapping[str, str], *, otherwise: str) -> State:
    """Go where the first condition that holds says; `rules` maps JSONata conditions to states."""
    return {
        "Type": "Choice",
        "Choices": [{"Condition": expression(condition), "Next": then} for condition, then in rules.items()],
        "Default": otherwise,
    }


def wait(seconds: str, *, output: Any, then: str) -> State:
    """Pause without a worker, then go on with `output`."""
    return {"Type": "Wait", "Seconds": expression(seconds), "Output": output, "Next": then}


def hand_on(output: Any, *, then: str | None = None) -> State:
    """Go on, or end, with `output`."""
    state: State = {"Type": "Pass", "Output": output}
    return {**state, "End": True} if then is None else {**state, "Next": then}


def succeed() -> State:
    """End well."""
    return {"Type": "Succeed"}


def fail(error: str, cause: str) -> State:
    """End badly."""
    return {"Type": "Fail", "Error": error, "Cause": cause}


def for_each(items: str, states: Mapping[str, State], *, at_once: int, then: str) -> State:
    """Run states, from the first one, for every item; go on with the results as an array."""
    return {
        "Type": "Map",
        "Items": expression(items),
        "MaxConcurrency": at_once,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": next(iter(states)),
            "States": dict(states),
        },
        "Next": then,
    }


def machine(comment: str, states: Mapping[str, State], timeout_seconds: int | None = None) -> State:
    """Return a definition that starts with the first state; AWS ends an execution after so many seconds."""
    limit = {} if timeout_seconds is None else {"TimeoutSeconds": timeout_seconds}
    return {
        "Comment": comment,
        "QueryLanguage": "JSONata",
        **limit,
        "StartAt": next(iter(states)),
        "States": dict(states),
    }
