"""What an operator accepts of what is found, and which of it is shown."""

from __future__ import annotations

from collections import Counter

from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.adoption import (
    AdoptionChoice,
    AdoptionPlan,
    AdoptionRow,
    AdoptionStanding,
)
from tests.builders import a_thing

THINGS = (Kind.THING,)


def test_what_only_the_secondary_has_is_shown_and_accepted_by_no_choice() -> None:
    choices = [AdoptionChoice(THINGS, differing, release) for differing in (True, False) for release in (True, False)]

    assert not [one for one in choices if AdoptionStanding.ONLY_SECONDARY in one.accepted]
    assert AdoptionStanding.ONLY_SECONDARY in AdoptionChoice(THINGS).shown


def test_what_differs_is_accepted_only_if_that_is_said() -> None:
    assert AdoptionChoice(THINGS).accepted == {AdoptionStanding.EQUAL}
    assert AdoptionChoice(THINGS, differing=True).accepted == {
        AdoptionStanding.EQUAL,
        AdoptionStanding.DIFFERS,
        AdoptionStanding.REMADE,
    }


def test_what_needs_nobody_is_not_shown_and_to_release_only_what_was_adopted() -> None:
    assert AdoptionStanding.OWNED not in AdoptionChoice(THINGS).shown
    assert AdoptionChoice(THINGS, release=True).shown == {AdoptionStanding.ADOPTED}


def test_fields_are_told_of_what_differs_alone() -> None:
    values = (a_thing("a", {"site": "north"}), a_thing("a", {"site": "south"}))

    (field,) = AdoptionRow(values[0].key, AdoptionStanding.DIFFERS, "", *values).fields
    assert (field.name, field.old, field.new) == ("attributes.site", '"south"', '"north"')
    assert AdoptionRow(values[0].key, AdoptionStanding.ONLY_SECONDARY, "", *values).fields == ()


def test_a_plan_counts_a_standing_over_all_kinds() -> None:
    found = Counter({(Kind.THING, AdoptionStanding.EQUAL): 2, (Kind.POLICY, AdoptionStanding.EQUAL): 1})

    assert AdoptionPlan(found).number(AdoptionStanding.EQUAL) == 3
