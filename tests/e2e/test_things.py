"""Things cross with their attributes and type, follow every change, and go; what was there before stays."""

from __future__ import annotations

import string
from typing import Any

import pytest

from lab.fleet import Device, Fleet, make_identity
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import (
    SECONDS,
    Ledger,
    certificate_status,
    certificates_of,
    changes_logged,
    exists,
    is_whole,
    stays,
    thing,
)

LONGEST_NAME = 128
LEGAL = string.ascii_letters + string.digits + ":_-"
"""In names of things, types and groups. https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html"""
LEGAL_IN_ATTRIBUTES = string.ascii_letters + string.digits + "_.,@/:#"


def legal_name(characters: str, of: str) -> str:
    """A name of its own for a test that has every legal character and the greatest length."""
    return (of + characters).ljust(LONGEST_NAME, "-")[:LONGEST_NAME]


@pytest.mark.row("R1")
def test_a_new_thing_arrives_with_its_attributes_and_type(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_type(thingTypeName=f"{name}-type")

    primary.create_thing(
        thingName=name, thingTypeName=f"{name}-type", attributePayload={"attributes": {"site": "north", "bay": "4"}}
    )

    assert until(lambda: thing(secondary, name), SECONDS) == ({"site": "north", "bay": "4"}, f"{name}-type")


@pytest.mark.row("R1", "C4")
def test_names_with_every_legal_character_cross(primary: Any, secondary: Any, name: str) -> None:
    legal = legal_name(LEGAL, name)
    attributes = {LEGAL_IN_ATTRIBUTES: f"{LEGAL_IN_ATTRIBUTES}=[]", "long": "x" * 800, "empty-but-legal": "-"}
    primary.create_thing_type(thingTypeName=legal)
    primary.create_thing_group(thingGroupName=legal)

    primary.create_thing(thingName=legal, thingTypeName=legal, attributePayload={"attributes": attributes})
    primary.add_thing_to_thing_group(thingGroupName=legal, thingName=legal)

    assert until(lambda: thing(secondary, legal) == (attributes, legal), SECONDS)
    assert until(lambda: secondary.list_thing_groups_for_thing(thingName=legal)["thingGroups"], SECONDS)


@pytest.mark.row("R2")
def test_attributes_added_changed_removed_and_emptied_follow(primary: Any, secondary: Any, name: str) -> None:
    def follows(attributes: dict[str, str], *, merge: bool, wanted: dict[str, str]) -> bool:
        primary.update_thing(thingName=name, attributePayload={"attributes": attributes, "merge": merge})
        return until(lambda: thing(secondary, name) == (wanted, ""), SECONDS)

    primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "north", "bay": "4"}})
    assert until(lambda: thing(secondary, name), SECONDS)

    assert follows({"floor": "1"}, merge=True, wanted={"site": "north", "bay": "4", "floor": "1"})
    assert follows({"site": "south"}, merge=True, wanted={"site": "south", "bay": "4", "floor": "1"})
    assert follows({"bay": ""}, merge=True, wanted={"site": "south", "floor": "1"})
    assert follows({"floor": "2"}, merge=False, wanted={"floor": "2"})
    assert follows({}, merge=False, wanted={})


@pytest.mark.row("R2")
def test_a_type_put_on_changed_and_taken_off_follows(primary: Any, secondary: Any, name: str) -> None:
    for kind in ("old", "new"):
        primary.create_thing_type(thingTypeName=f"{name}-{kind}")
    primary.create_thing(thingName=name, attributePayload={"attributes": {"site": "north"}})
    assert until(lambda: thing(secondary, name), SECONDS)

    for kind in ("old", "new"):
        primary.update_thing(thingName=name, thingTypeName=f"{name}-{kind}")
        wanted = ({"site": "north"}, f"{name}-{kind}")
        assert until(lambda wanted=wanted: thing(secondary, name) == wanted, SECONDS)  # type: ignore[misc]  # bound now

    primary.update_thing(thingName=name, removeThingType=True)

    assert until(lambda: thing(secondary, name) == ({"site": "north"}, ""), SECONDS)


@pytest.mark.row("R2", "C1")
def test_a_burst_of_changes_ends_with_the_last(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing(thingName=name)

    for number in range(30):
        primary.update_thing(thingName=name, attributePayload={"attributes": {"number": str(number)}})

    assert until(lambda: thing(secondary, name) == ({"number": "29"}, ""), SECONDS)
    assert stays(lambda: thing(secondary, name) == ({"number": "29"}, ""))


@pytest.mark.row("R3")
def test_a_thing_deleted_in_the_primary_is_deleted_in_the_secondary_with_its_certificate(
    pair: Pair, fleet: Fleet, secondary: Any, name: str, ledger: Ledger
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device), SECONDS)

    fleet.retire(name)

    assert until(lambda: thing(secondary, name) is None, SECONDS)
    assert until(lambda: certificate_status(secondary, device.identity) is None, SECONDS)
    assert until(lambda: ledger(f"thing#{name}") == {}, SECONDS)


@pytest.mark.row("R3")
def test_a_thing_deleted_and_made_anew_at_once_ends_as_the_primary_is(primary: Any, secondary: Any, name: str) -> None:
    primary.create_thing_type(thingTypeName=name)
    primary.create_thing(thingName=name, attributePayload={"attributes": {"life": "first"}})
    assert until(lambda: thing(secondary, name), SECONDS)

    for life in ("second", "third"):
        primary.delete_thing(thingName=name)
        primary.create_thing(
            thingName=name, thingTypeName=name, attributePayload={"attributes": {"life": life, life: "here"}}
        )

    wanted = ({"life": "third", "third": "here"}, name)
    assert until(lambda: thing(secondary, name) == wanted, SECONDS)
    assert stays(lambda: thing(secondary, name) == wanted)


@pytest.mark.row("R3", "R4")
def test_a_device_replaced_under_its_name_has_its_new_certificate_alone(
    pair: Pair, fleet: Fleet, secondary: Any, name: str
) -> None:
    old = fleet.provision(name, attributes={"life": "first"})
    assert until(lambda: is_whole(pair, old), SECONDS)

    fleet.retire(name)
    new = fleet.provision(name, attributes={"life": "second"}, identity=make_identity(name))

    assert until(lambda: is_whole(pair, new), SECONDS)
    assert until(lambda: certificate_status(secondary, old.identity) is None, SECONDS)
    assert certificates_of(secondary, name) == {new.identity.certificate_id}


@pytest.mark.row("R3")
def test_a_thing_that_was_there_before_is_brought_to_the_primarys_values_and_never_deleted(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str, ledger: Ledger
) -> None:
    secondary.create_thing(thingName=name, attributePayload={"attributes": {"made": "by hand"}})
    device: Device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device), SECONDS)
    assert until(lambda: f"Update thing#{name}" in changes_logged(pair, name), SECONDS)

    fleet.retire(name)

    assert until(lambda: ledger(f"thing#{name}").get("state") == "unsupported", SECONDS)
    assert "replication did not create it" in ledger(f"thing#{name}")["reason"]
    assert until(lambda: certificate_status(secondary, device.identity) is None, SECONDS)
    assert exists(secondary, "describe_thing", thingName=name)
