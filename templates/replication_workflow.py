"""The workflow: looks at each resource of a batch until it is settled, and records what could not be done.

Input: `{"resources": [{"kind": "thing", "name": "pump-17", ...}]}`, each item a look (`iot_dr.model.looks`).

    for each resource, 40 at once
        which kind ── one of KINDS ────────────────────────────> replicate it
             │                                                      │
          unknown                               settled? <──────────┤
             │                                   │     │          fails for good
             │                                  yes    no           │
             │                                   │     │            │
             │                                 done   wait, then    │
             │                                        which kind    │
             └────────────────────> record the failure <────────────┘
    all recorded? ── yes ──> succeed
                  └─ no  ──> fail, which an alarm watches

One function serves every kind; a branch each keeps the kinds apart in metrics and history, and gives what is not a
kind a way of its own. A pause costs no worker. What fails never stops the other resources of its batch.
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

KINDS: Mapping[str, str] = {
    "thing": "Replicate thing",
    "thing_type": "Replicate thing type",
    "certificate": "Replicate certificate",
    "policy": "Replicate policy",
    "thing_group": "Replicate thing group",
    "billing_group": "Replicate billing group",
    "group_membership": "Replicate membership",
}

LAMBDA_FAULTS = Retry(
    (
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
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

FAILURE = {
    "resource": expression("$states.input"),
    "error": expression("{'Error': $states.errorOutput.Error, 'Cause': $states.errorOutput.Cause}"),
}


def definition(replicate_resource: Any, record_failure: Any) -> State:
    """Return the definition, with the ARNs of the functions that it calls."""
    return machine(
        "Brings resources of the secondary registry to the primary's state",
        {
            "For each resource": for_each(
                "$states.input.resources",
                _one_resource(replicate_resource, record_failure),
                at_once=AT_ONCE,
                then="All recorded",
            ),
            "All recorded": choose({"'unrecorded' in $states.input.outcome": "Failure lost"}, otherwise="Done"),
            "Done": succeed(),
            "Failure lost": fail(
                "FailureLost", "A resource could not be replicated and the ledger could not be told; the sweep finds it"
            ),
        },
    )


def _one_resource(replicate_resource: Any, record_failure: Any) -> dict[str, State]:
    replicate = task(
        replicate_resource,
        {"resource": expression("$states.input")},
        retry=RETRIES,
        catch=Catch("Record failure", FAILURE),
        then="Settled",
    )
    return {
        "Which kind": choose(
            {f"$states.input.kind = '{kind}'": state for kind, state in KINDS.items()}, otherwise="Unknown kind"
        ),
        **dict.fromkeys(KINDS.values(), replicate),
        "Settled": choose({"$states.input.pause > 0": "Wait"}, otherwise="Replicated"),
        "Wait": wait("$states.input.pause", output="$states.input.resource", then="Which kind"),
        "Replicated": hand_on({"outcome": expression("$states.input.outcome")}),
        "Unknown kind": hand_on(
            {
                "resource": expression("$states.input"),
                "error": {"Error": "UnsupportedEvent", "Cause": "No branch of the workflow replicates this kind"},
            },
            then="Record failure",
        ),
        "Record failure": task(
            record_failure,
            expression("$states.input"),
            retry=RETRIES,
            catch=Catch("Not recorded", {"outcome": "unrecorded"}),
            then="Recorded",
        ),
        "Recorded": hand_on({"outcome": "recorded"}),
        "Not recorded": hand_on({"outcome": "unrecorded"}),
    }
