"""Waiting with the SDK's own waiter, for what it has no ready-made one: it paces, counts and gives up."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import WaiterError
from botocore.waiter import SingleWaiterConfig, Waiter

from iot_dr.errors import LaunchFailed, RetryableError

ONE_HOUR = 3600.0
DELAY = 2.0
"""Seconds between two requests; a launch is one caller, so this stays far below any API's rate."""


def wait_until(what: str, done: Callable[[], bool], *, delay: float = DELAY, seconds: float = ONE_HOUR) -> None:
    """Ask `done` until it says so; a question that fails for a passing reason says nothing and is repeated.

    Raises:
        LaunchFailed: it was not done in time; a further launch goes on waiting.
    """

    def ask(**_: object) -> dict[str, bool]:
        try:
            return {"Done": done()}
        except RetryableError:
            return {"Done": False}

    config = SingleWaiterConfig(
        {
            "operation": "Ask",
            "delay": delay,
            "maxAttempts": max(1, round(seconds / max(delay, 0.001))),
            "acceptors": [{"matcher": "path", "argument": "Done", "expected": True, "state": "success"}],
        }
    )
    try:
        Waiter(what, config, ask).wait()
    except WaiterError as error:
        raise LaunchFailed(
            f"{what} was not done after {seconds / 60:.0f} minutes; to continue, launch again with the same "
            "STACK_POSTFIX"
        ) from error
