"""A batch of requests in an execution of its own, which nobody waits for: taken until none is to come again.

    which kind ── one of KINDS ────────────────────────────> replicate it
        │                                                      │
     unknown                               settled? <──────────┤
        │                                   │     │     the function fails
        │                                  yes    no           │
        │                                   │     │            │
        │                                 done   wait, then    │
        │                                        which kind    │
        │                                                      │
        │                    each request alone, the same way <───┘
        │                                │
        │                     the function fails again
        │                                │
        └──────────────> record the failure

Where Lambda has no room the batch waits, and is not taken apart: ten workers find less room than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templates.blocks.states import Catch, Retry, State, choose, expression, for_each, hand_on, task, wait
from templates.replication_workflow import ERROR, KINDS, NO_BRANCH, NO_ROOM, SHADOW_KINDS

REQUESTS_AT_ONCE = 10
"""Requests of a failed batch that are taken alone, side by side."""

LONGEST_EXPRESS = 300
"""Seconds after which AWS ends an Express execution; a test holds what the states can take below it."""

ONCE_MORE = Retry(
    (
        "Lambda.Unknown",
        "Runtime.ExitError",  # a process that died: out of memory, or killed
        "Sandbox.Timedout",
        "States.Timeout",
    ),
    attempts=1,
)
"""What may have taken all of the function's time. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""

# The other names are classes of iot_dr/errors.py: Lambda reports an exception by the name of its class.
RETRIES = (
    Retry((NO_ROOM,), attempts=6),
    Retry(("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"), attempts=4),
    Retry(("Throttled", "RegionUnavailable"), attempts=6),
    Retry(("Conflict",), attempts=5, backoff=1.5),
    Retry(("NotReadyYet",), attempts=4, interval=2),
)

REQUESTS = {"looks": expression("$states.input.looks")}
AFTER = "All recorded"
"""The state that whoever takes these states goes on with when a batch did not end well."""
UNRECORDED = "'unrecorded' in $states.{}.outcome"


def batch_states(replicate_resource: Any, replicate_shadows: Any, record_failure: Any) -> dict[str, State]:
    """Return the states that request for a batch, from the first on: `{"looks": [...]}` in, `{"outcome": ...}` out.

    The outcome is `recorded`, or `unrecorded` if the ledger could not be told of a failure.
    """
    functions = {
        **dict.fromkeys(KINDS.items(), replicate_resource),
        **dict.fromkeys(SHADOW_KINDS.items(), replicate_shadows),
    }
    alone = _batch(functions, (Catch("Record failure", REQUESTS | {"error": ERROR}),), RETRIES, suffix=" alone")
    alone |= _recording(record_failure, "Record failure")
    no_room = Catch("No room", {}, (NO_ROOM,))
    together = _batch(functions, (no_room, Catch("One by one", REQUESTS)), (*RETRIES, ONCE_MORE))
    together["No room"] = hand_on({"outcome": "unrecorded"}, then=AFTER)
    together["One by one"] = for_each("$states.input.looks", alone, at_once=REQUESTS_AT_ONCE, then=AFTER) | {
        "ItemSelector": {"looks": [expression("$states.context.Map.Item.Value")]},
        "Output": {"outcome": expression(f"{UNRECORDED.format('result')} ? 'unrecorded' : 'recorded'")},
    }
    return together


def _batch(
    functions: Mapping[tuple[str, str], Any], caught: tuple[Catch, ...], retries: tuple[Retry, ...], *, suffix: str = ""
) -> dict[str, State]:
    """Return the states that request for a batch until it is settled; `functions` are by kind and name of the
    branch.
    """
    which, unknown, settled, pause, done = (
        f"{name}{suffix}" for name in ("Which kind", "Unknown kind", "Settled", "Wait", "Replicated")
    )
    return {
        which: choose(
            {f"$states.input.looks[0].kind = '{kind}'": f"{name}{suffix}" for kind, name in functions},
            otherwise=unknown,
        ),
        **{
            f"{name}{suffix}": task(function, REQUESTS, retry=retries, catch=caught, then=settled)
            for (_, name), function in functions.items()
        },
        settled: choose({"$states.input.pause > 0": pause}, otherwise=done),
        pause: wait("$states.input.pause", output=REQUESTS, then=which),
        done: hand_on({"outcome": "recorded"}),
        unknown: hand_on(REQUESTS | {"error": NO_BRANCH}, then=caught[-1].then),
    }


def _recording(record_failure: Any, name: str) -> dict[str, State]:
    """Return the states that record a failure, the first of that name."""
    return {
        name: task(
            record_failure,
            expression("$states.input"),
            retry=RETRIES,
            catch=(Catch("Not recorded", {"outcome": "unrecorded"}),),
            then="Recorded",
        ),
        "Recorded": hand_on({"outcome": "recorded"}),
        "Not recorded": hand_on({"outcome": "unrecorded"}),
    }
