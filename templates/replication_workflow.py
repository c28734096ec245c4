"""The workflow: looks at the resources of a batch until they are settled, and records what could not be done.

Input: `{"batches": [{"looks": [{"kind": "thing", "name": "pump-17", ...}, ...]}, ...]}`, each of looks of one kind
(`iot_dr.model.looks`).

    for each batch, 40 at once
        which kind ── one of KINDS ────────────────────────────> replicate it
             │                                                      │
          unknown                               settled? <──────────┤
             │                                   │     │     the function fails
             │                                  yes    no           │
             │                                   │     │            │
             │                                 done   wait, then    │
             │                                        which kind    │
             │                                                      │
             │                    each look alone, the same way <───┘
             │                                │
             │                     the function fails again
             │                                │
             └──────────────> record the failure
    all recorded? ── yes ──> succeed
                  └─ no  ──> fail, which an alarm watches

What a look meets is the function's affair: it repeats, or records, that look alone. When the function itself fails, one
look of the batch may be to blame, so each is taken alone, and the one that fails again is recorded.

One function serves every kind of the registry, another shadows. A branch each keeps the kinds apart in metrics and
history, and gives what is not a kind a way of its own. A pause costs no worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templates.blocks.states import (
    Catch,
    Retry,
    State,
    choose,
    expression,
    fail,
    for_each,
    hand_on,
    machine,
    succeed,
    task,
    wait,
)

AT_ONCE = 40
"""What an inline Map runs side by side at most."""

LOOKS_AT_ONCE = 10
"""Looks of a failed batch that are taken alone, side by side."""

KINDS: Mapping[str, str] = {
    "thing": "Replicate thing",
    "thing_type": "Replicate thing type",
    "certificate": "Replicate certificate",
    "policy": "Replicate policy",
    "thing_group": "Replicate thing group",
    "billing_group": "Replicate billing group",
    "group_membership": "Replicate membership",
    "policy_attachment": "Replicate policy attachment",
    "thing_principal": "Replicate principal",
}
SHADOW_KINDS: Mapping[str, str] = {
    "shadow": "Replicate shadow",
    "thing_shadows": "Replicate shadows of thing",
}
"""Their function is another one, which shadow events reach without a workflow."""

LAMBDA_FAULTS = Retry(
    (
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",  # a process that died: out of memory, or killed
        "Sandbox.Timedout",
        "States.Timeout",
    ),
    attempts=4,
)
"""Lambda's own faults: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""

# The other names are classes of iot_dr/errors.py: Lambda reports an exception by the name of its class.
RETRIES = (
    Retry(("Throttled", "RegionUnavailable"), attempts=6),
    Retry(("Conflict",), attempts=5, backoff=1.5),
    Retry(("NotReadyYet",), attempts=4, interval=2),
    LAMBDA_FAULTS,
)

NO_BRANCH = {"Error": "UnsupportedEvent", "Cause": "No branch of the workflow replicates this kind"}
ERROR = {"Error": expression("$states.errorOutput.Error"), "Cause": expression("$states.errorOutput.Cause")}
LOOKS = {"looks": expression("$states.input.looks")}
UNRECORDED = "'unrecorded' in $states.{}.outcome"


def definition(replicate_resource: Any, replicate_shadows: Any, record_failure: Any) -> State:
    """Return the definition, with the ARNs of the functions that it calls."""
    batch = batch_states(replicate_resource, replicate_shadows, record_failure)
    return machine(
        "Brings resources of the secondary registry to the primary's state",
        {
            "For each batch": for_each("$states.input.batches", batch, at_once=AT_ONCE, then="All recorded"),
            "All recorded": choose({UNRECORDED.format("input"): "Failure lost"}, otherwise="Done"),
            "Done": succeed(),
            "Failure lost": fail(
                "FailureLost", "A resource could not be replicated and the ledger could not be told; the sweep finds it"
            ),
        },
    )


def batch_states(replicate_resource: Any, replicate_shadows: Any, record_failure: Any) -> dict[str, State]:
    """Return the states that look at a batch, from the first on: `{"looks": [...]}` in, `{"outcome": ...}` out.

    The outcome is `recorded`, or `unrecorded` if the ledger could not be told of a failure.
    """
    functions = {
        **dict.fromkeys(KINDS.items(), replicate_resource),
        **dict.fromkeys(SHADOW_KINDS.items(), replicate_shadows),
    }
    alone = _batch(functions, Catch("Record failure", LOOKS | {"error": ERROR}), suffix=" alone")
    alone |= _recording(record_failure, "Record failure")
    together = _batch(functions, Catch("One by one", LOOKS))
    together["One by one"] = for_each("$states.input.looks", alone, at_once=LOOKS_AT_ONCE) | {
        "ItemSelector": {"looks": [expression("$states.context.Map.Item.Value")]},
        "Output": {"outcome": expression(f"{UNRECORDED.format('result')} ? 'unrecorded' : 'recorded'")},
    }
    return together


def _batch(functions: Mapping[tuple[str, str], Any], caught: Catch, *, suffix: str = "") -> dict[str, State]:
    """Return the states that look at a batch until it is settled; `functions` are by kind and name of the branch."""
    which, unknown, settled, pause, done = (
        f"{name}{suffix}" for name in ("Which kind", "Unknown kind", "Settled", "Wait", "Replicated")
    )
    return {
        which: choose(
            {f"$states.input.looks[0].kind = '{kind}'": f"{name}{suffix}" for kind, name in functions},
            otherwise=unknown,
        ),
        **{
            f"{name}{suffix}": task(function, LOOKS, retry=RETRIES, catch=caught, then=settled)
            for (_, name), function in functions.items()
        },
        settled: choose({"$states.input.pause > 0": pause}, otherwise=done),
        pause: wait("$states.input.pause", output=LOOKS, then=which),
        done: hand_on({"outcome": "recorded"}),
        unknown: hand_on(LOOKS | {"error": NO_BRANCH}, then=caught.then),
    }


def _recording(record_failure: Any, name: str) -> dict[str, State]:
    """Return the states that record a failure, the first of that name."""
    return {
        name: task(
            record_failure,
            expression("$states.input"),
            retry=RETRIES,
            catch=Catch("Not recorded", {"outcome": "unrecorded"}),
            then="Recorded",
        ),
        "Recorded": hand_on({"outcome": "recorded"}),
        "Not recorded": hand_on({"outcome": "unrecorded"}),
    }
