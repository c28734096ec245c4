"""What is pointed at comes before what points at it; deletions go the other way round."""

from dataclasses import replace

import pytest

from iot_dr.model.registry.changes import Change, Create, Delete, Plan, Skip, Update
from iot_dr.model.registry.entities import BillingGroup, Entity, GroupMembership, ThingPrincipal
from iot_dr.model.registry.keys import SHADOW_KINDS, Kind, thing_key
from iot_dr.reconcile.order import ordered, place, waves
from tests.builders import a_device, a_group, a_thing, a_thing_type

RELATIONS = {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL, Kind.GROUP_MEMBERSHIP}
DEVICE = (
    *a_device(type_name="pump"),
    a_thing_type("pump"),
    BillingGroup("costs"),
    a_group("site"),
    GroupMembership("site", "pump-17"),
)
CREATES = tuple(Create(entity, "") for entity in DEVICE)
DELETES = tuple(Delete(entity, "") for entity in DEVICE)
NESTED = (
    a_group("floor", "site", version=1),
    replace(a_group("room", "floor"), ancestors=("site", "floor")),
    a_group("site"),
)


def _kinds(changes: tuple) -> list[set[Kind]]:
    return [{change.key.kind for change in wave} for wave in waves(Plan(ordered(changes)).actions)]


@pytest.mark.parametrize("kind", sorted(set(Kind) - SHADOW_KINDS))
def test_every_kind_of_the_registry_has_its_place(kind: Kind) -> None:
    assert kind in {change.key.kind for change in CREATES}
    assert all(place(change) > (0, 0) for change in CREATES)


def test_a_thing_is_made_after_its_type_and_billing_group_and_before_its_relations() -> None:
    assert _kinds(CREATES) == [
        {Kind.THING_TYPE, Kind.BILLING_GROUP, Kind.POLICY, Kind.CERTIFICATE},
        {Kind.THING_GROUP},
        {Kind.THING},
        RELATIONS,
    ]


def test_deletions_go_the_other_way_round() -> None:
    assert _kinds(DELETES) == [
        RELATIONS,
        {Kind.THING},
        {Kind.THING_GROUP},
        {Kind.THING_TYPE, Kind.BILLING_GROUP, Kind.POLICY, Kind.CERTIFICATE},
    ]


def test_a_relation_that_goes_makes_room_first_and_everything_else_goes_last() -> None:
    update = Update(a_thing(), a_thing(), "")

    types = [type(change) for change in ordered((*DELETES, *CREATES, update))]

    gone = [place for place, kind in enumerate(types) if kind is Delete]
    assert gone == [0, 1, 2, *range(len(types) - 6, len(types))]


def test_an_update_has_the_place_of_a_creation() -> None:
    for entity in (a_thing(), a_group(), BillingGroup("costs"), *DEVICE[:2]):
        assert place(Update(entity, entity, "")) == place(Create(entity, ""))


def test_a_certificate_that_is_exclusive_no_more_makes_room_for_others() -> None:
    shared = ThingPrincipal("pump-17", "abc")
    exclusive = replace(shared, exclusive=True)

    assert place(Update(shared, exclusive, "")) < place(Create(ThingPrincipal("pump-18", "abc"), ""))
    assert place(Delete(ThingPrincipal("pump-18", "abc"), "")) < place(Update(exclusive, shared, ""))


def test_what_makes_room_is_one_wave() -> None:
    exclusive = ThingPrincipal("pump-17", "abc", exclusive=True)
    room: tuple[Change, ...] = (*DELETES, Update(replace(exclusive, exclusive=False), exclusive, ""), *CREATES)

    first, second, *_ = waves(Plan(ordered(room)).actions)

    assert {change.key.kind for change in first} == RELATIONS
    assert len(first) == 4
    assert {change.key.kind for change in second} == {change.key.kind for change in CREATES[:2]} | {
        Kind.THING_TYPE,
        Kind.BILLING_GROUP,
    }


def test_a_type_is_deprecated_when_the_things_are_there_and_before_anything_goes() -> None:
    current, deprecated = a_thing_type(), a_thing_type(deprecated=True)
    deprecation = Update(deprecated, current, "")

    assert place(Create(a_thing(), "")) < place(deprecation) < place(Delete(a_thing(), ""))
    assert max(place(create) for create in CREATES) < place(deprecation)
    assert place(Update(current, deprecated, "")) == place(Create(current, ""))


def test_groups_are_made_from_the_root_and_deleted_from_the_leaves() -> None:
    def names(changes: tuple) -> list[str]:
        return [change.key.name for change in ordered(changes)]

    made, gone = tuple(Create(group, "") for group in NESTED), tuple(Delete(group, "") for group in NESTED)

    assert names(made) == ["site", "floor", "room"]
    assert names(gone) == ["room", "floor", "site"]
    assert [len(wave) for wave in waves(Plan(ordered((*made, *gone))).actions)] == [1] * 6


def test_a_wave_holds_what_does_not_depend_on_each_other() -> None:
    sizes = [len(wave) for wave in waves(Plan(ordered((*CREATES, *DELETES))).actions)]

    assert sizes == [3, 4, 1, 1, 3, 1, 1, 4]


def test_within_a_wave_the_order_is_that_of_the_keys() -> None:
    entities: list[Entity] = [a_thing(name) for name in "bca"]

    assert [change.key.name for change in ordered(Create(entity, "") for entity in entities)] == ["a", "b", "c"]


def test_what_stays_is_shown_first() -> None:
    skip = Skip(thing_key("hidden"), "unreadable")

    assert ordered((DELETES[3], CREATES[0], skip))[0] is skip
