"""The workflow: has the requests of one message taken by a worker, and records what could not be done.

Input: `{"looks": [{"kind": "thing", "name": "pump-17", ...}, ...], "background": false}`, requests of one kind
(`iot_dr.model.replication.requests`). Output: what is to come again, which whoever runs the workflow sends back to the
queue.

    which kind ── one of KINDS ──> replicate it ──> {"looks": [...]}, each with the time when it is due
        │                            │      │
        │                            │   Lambda has no room ──> {"busy": true}
        │                  the function fails
        │                            │
        │                    a request alone, for the last time? ── no ──> {"failed": true}: each is taken alone
        │                            │ yes
      unknown ──────────────> record the failure ──> {"looks": []}
                                     │
                           the ledger cannot be told ──> fail, which an alarm watches

What a request meets is the function's affair: it has that request come again, or records it. When the function itself
fails, one request of the batch may be to blame, so each comes back alone; the one that keeps failing is recorded.

There is no wait and, but for the recording, no retry: both would hold a place that others wait for. So an execution is
short, and its limit is far from what its states can take.

One function serves every kind of the registry, another shadows. A branch each keeps the kinds apart in metrics and
history, and gives what is not a kind a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from templates.blocks.states import Catch, Retry, State, choose, expression, fail, hand_on, machine, task

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

LAST_TRY = 3
"""Tries after which a request whose worker fails again is recorded: the ledger has it tried from then on."""

WORKER_SECONDS = 45
RECORDER_SECONDS = 5
"""Time-outs of the functions that it calls; the shorter they are, the sooner it is noticed that one has died."""

TIMEOUT_SECONDS = 60
"""When AWS ends an execution; a test holds it above what the states can take together."""

NO_ROOM = "Lambda.TooManyRequestsException"
"""Lambda's account or function has no free place. https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""

# The other names are classes of iot_dr/errors.py: Lambda reports an exception by the name of its class.
RECORDING = Retry(
    (
        "Throttled",
        "RegionUnavailable",
        "Conflict",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        NO_ROOM,
    ),
    attempts=1,
)

NO_BRANCH = {"Error": "UnsupportedEvent", "Cause": "No branch of the workflow replicates this kind"}
ERROR = {"Error": expression("$states.errorOutput.Error"), "Cause": expression("$states.errorOutput.Cause")}
GIVEN = {"looks": expression("$states.input.looks")}
BACKGROUND = {"background": expression("$states.input.background = true")}
LAST = f"$count($states.input.looks) = 1 and $states.input.looks[0].tries >= {LAST_TRY}"


def definition(replicate_resource: Any, replicate_shadows: Any, record_failure: Any) -> State:
    """Return the definition, with the ARNs of the functions that it calls."""
    functions = {
        **dict.fromkeys(KINDS.items(), replicate_resource),
        **dict.fromkeys(SHADOW_KINDS.items(), replicate_shadows),
    }
    worker_fails = (
        Catch("No room", {}, (NO_ROOM,)),
        Catch("Function failed", GIVEN | {"error": ERROR}),
    )
    return machine(
        "Brings resources of the secondary registry to the primary's state",
        {
            "Which kind": choose(
                {f"$states.input.looks[0].kind = '{kind}'": name for kind, name in functions}, otherwise="Unknown kind"
            ),
            **{
                name: task(function, GIVEN | BACKGROUND, catch=worker_fails)
                for (_, name), function in functions.items()
            },
            "No room": hand_on({"busy": True}),
            "Function failed": choose({LAST: "Record failure"}, otherwise="One by one"),
            "One by one": hand_on({"failed": True, "error": expression("$states.input.error.Error")}),
            "Unknown kind": hand_on(GIVEN | {"error": NO_BRANCH}, then="Record failure"),
            "Record failure": task(
                record_failure,
                expression("$states.input"),
                retry=(RECORDING,),
                catch=(Catch("No room", {}, (NO_ROOM,)), Catch("Failure lost", {})),
                then="Recorded",
            ),
            "Recorded": hand_on({"looks": []}),
            "Failure lost": fail(
                "FailureLost", "A resource could not be replicated and the ledger could not be told; it is tried again"
            ),
        },
        TIMEOUT_SECONDS,
    )
