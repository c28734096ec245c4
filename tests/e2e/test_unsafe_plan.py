"""A sweep that would empty the secondary deletes nothing until an operator says that it is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iot_dr.reconcile.safety import DEFAULT_LIMITS
from lab.counting import Answer, Call
from lab.faults import injected
from lab.pair import Pair
from lab.quiet import untold
from lab.waiting import until
from tests.e2e.observing import SECONDS, output, stays, thing, try_sweep

pytestmark = pytest.mark.row("C5", "R3")

EMPTY_LISTS = {
    "ListThings": "things",
    "ListThingTypes": "thingTypes",
    "ListCertificates": "certificates",
    "ListPolicies": "policies",
    "ListThingGroups": "thingGroups",
    "ListBillingGroups": "billingGroups",
}
"""What a primary Region that lost its registry would answer."""


def sweep_with(pair: Pair, share: float) -> dict[str, Any]:
    """Call the sweep as an operator does who has read the error."""
    payload = json.dumps({"task": "sweep", "delete_share": share})
    answer = pair.client("lambda", pair.secondary).invoke(
        FunctionName=output(pair, "SweepRegistryFunctionName"), Payload=payload
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def test_a_primary_that_requests_empty_deletes_nothing_until_the_share_is_meant(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    def emptied(call: Call) -> Answer | None:
        field = EMPTY_LISTS.get(call.operation) if call.region == pair.primary else None
        return Answer(json.dumps({field: []})) if field else None

    things = {"kept": f"{name}-kept", "deleted": f"{name}-deleted"}
    others = [f"{name}-{number}" for number in range(DEFAULT_LIMITS.at_least)]
    for one in (*things.values(), *others):
        primary.create_thing(thingName=one)
    assert until(lambda: all(thing(secondary, one) for one in (*things.values(), *others)), SECONDS)
    with untold(pair, "THING"):
        primary.delete_thing(thingName=things["deleted"])

    with injected(pair.proxy, emptied):
        refused = try_sweep(pair)
        assert refused.get("errorType") == "UnsafePlan", refused
        assert "over the limit of 30%" in refused["errorMessage"]
        assert "higher --delete-share" in refused["errorMessage"]
        assert stays(lambda: thing(secondary, things["deleted"]))

        assert sweep_with(pair, 1.0)["drift"] >= len(things)

    assert until(lambda: thing(secondary, things["deleted"]) is None, 4 * SECONDS)
    # A list said that this one is gone too; the request asks the primary about it.
    assert thing(secondary, things["kept"])
