"""How many functions of a launch run at once in a Region, and what that asks of the account.

All functions of an account share its concurrent executions in a Region, check_health among them, which turns its Region
unhealthy when it cannot run. https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

WORKERS_AT_ONCE = 20
"""The default of the parameter of that name."""

BACKGROUND_WORKERS = 2
"""Workers for retries and sweeps, beside those."""

OTHERS = 6
"""Two readers of streams, sweep, recorder of failures, and two health checks that overlap."""


def least(workers: int = WORKERS_AT_ONCE) -> int:
    """Return how many executions at once a Region must have room for; each worker has a function that waits for it.

    >>> least()
    50
    """
    return 2 * (workers + BACKGROUND_WORKERS) + OTHERS


def comfortable(workers: int = WORKERS_AT_ONCE) -> int:
    """Return from how many on the customer's own functions are not likely to take that room away.

    >>> comfortable()
    200
    """
    return 4 * least(workers)
