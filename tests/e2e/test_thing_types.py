"""Thing types cross with all that describes them, follow what AWS lets change, and go when AWS lets them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.counting import Call, Refusal
from lab.faults import injected
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import SECONDS, Ledger, exists, make_due, sweep

pytestmark = pytest.mark.row("R8")

GIVING_UP = 90.0
"""Seconds: what all of the workflow's retries take on a busy machine."""


def thing_type(iot: Any, name: str) -> dict[str, Any] | None:
    """What describes a type, whatever its order, and whether it is deprecated; None if there is none."""
    try:
        found = iot.describe_thing_type(thingTypeName=name)
    except iot.exceptions.ResourceNotFoundException:
        return None
    properties = found["thingTypeProperties"]
    carried = (properties.get("mqtt5Configuration") or {}).get("propagatingAttributes") or []
    return {
        "description": properties.get("thingTypeDescription"),
        "searchable": set(properties.get("searchableAttributes") or []),
        "propagating": {one["userPropertyKey"]: one["thingAttribute"] for one in carried},
        "deprecated": found["thingTypeMetadata"]["deprecated"],
    }


def equal(primary: Any, secondary: Any, name: str) -> bool:
    """Whether both Regions have a type alike."""
    return until(lambda: thing_type(secondary, name) == thing_type(primary, name), SECONDS)


def propagating(**keys: str) -> dict[str, Any]:
    """MQTT 5 user properties, each with the thing attribute that it is taken from."""
    attributes = [{"userPropertyKey": key, "thingAttribute": attribute} for key, attribute in keys.items()]
    return {"mqtt5Configuration": {"propagatingAttributes": attributes}}


def delete_type(iot: Any, name: str) -> None:
    """Deprecate a type and delete it as soon as AWS lets it go."""
    iot.deprecate_thing_type(thingTypeName=name)

    def deleted() -> bool:
        try:
            iot.delete_thing_type(thingTypeName=name)
        except iot.exceptions.InvalidRequestException:
            return False
        return True

    assert until(deleted, SECONDS)


def test_a_type_arrives_with_description_searchable_and_propagating_attributes(
    primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing_type(
        thingTypeName=name,
        thingTypeProperties={
            "thingTypeDescription": "Pumps of us-east-1, as they say",
            "searchableAttributes": ["site", "bay"],
            **propagating(where="site", origin="bay"),
        },
    )

    assert until(lambda: exists(secondary, "describe_thing_type", thingTypeName=name), SECONDS)
    assert equal(primary, secondary, name)
    assert (thing_type(secondary, name) or {})["propagating"] == {"where": "site", "origin": "bay"}


def test_changed_propagating_attributes_deprecation_and_its_undoing_follow(
    primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    primary.create_thing_type(thingTypeName=name, thingTypeProperties=propagating(where="site"))
    assert until(lambda: exists(secondary, "describe_thing_type", thingTypeName=name), SECONDS)

    for wanted in (propagating(where="site", which="bay"), propagating()):
        primary.update_thing_type(thingTypeName=name, thingTypeProperties=wanted)
        assert equal(primary, secondary, name)
    for undo in (False, True):
        primary.deprecate_thing_type(thingTypeName=name, undoDeprecate=undo)
        assert equal(primary, secondary, name)
    assert until(lambda: ledger(f"thing_type#{name}").get("state") == "in_sync", SECONDS)


def test_a_deleted_type_waits_in_the_ledger_until_aws_lets_it_go(
    pair: Pair, primary: Any, secondary: Any, name: str, ledger: Ledger
) -> None:
    def within_five_minutes(call: Call) -> Refusal | None:
        refused = call.operation == "DeleteThingType" and call.region == pair.secondary
        message = "must be deprecated for at least 5 minutes before deletion"
        return Refusal(400, "InvalidRequestException", message) if refused else None

    primary.create_thing_type(thingTypeName=name)
    assert until(lambda: exists(secondary, "describe_thing_type", thingTypeName=name), SECONDS)

    with injected(pair.proxy, within_five_minutes):
        delete_type(primary, name)
        assert until(lambda: ledger(f"thing_type#{name}").get("state") == "pending", GIVING_UP)

    assert "at least 5 minutes" in ledger(f"thing_type#{name}")["reason"]
    assert (thing_type(secondary, name) or {}).get("deprecated")
    make_due(pair)
    sweep(pair, "retry")
    assert until(lambda: thing_type(secondary, name) is None, SECONDS)
    assert until(lambda: not ledger(f"thing_type#{name}"), SECONDS), ledger(f"thing_type#{name}")


def test_a_type_made_anew_with_other_searchable_attributes_is_made_anew(
    primary: Any, secondary: Any, name: str
) -> None:
    primary.create_thing_type(thingTypeName=name, thingTypeProperties={"searchableAttributes": ["site"]})
    assert until(lambda: exists(secondary, "describe_thing_type", thingTypeName=name), SECONDS)

    delete_type(primary, name)
    primary.create_thing_type(thingTypeName=name, thingTypeProperties={"searchableAttributes": ["bay"]})

    def searchable() -> Any:
        return (thing_type(secondary, name) or {}).get("searchable")

    assert until(lambda: searchable() == {"bay"}, 2 * SECONDS)
