"""What is pointed at comes before what points at it; deletions go the other way round, and last."""

import pytest

from iot_dr.model.changes import Create, Delete, Plan, Skip, Update
from iot_dr.model.keys import Kind, thing_key
from iot_dr.reconcile.order import ordered, rank, waves
from tests.builders import a_device, a_thing_type

DEVICE = (*a_device(type_name="pump"), a_thing_type("pump"))
CREATES = tuple(Create(entity, "") for entity in DEVICE)
DELETES = tuple(Delete(entity, "") for entity in DEVICE)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_place(kind: Kind) -> None:
    assert kind in {change.key.kind for change in CREATES}
    assert all(rank(change) >= 0 for change in CREATES)


def test_relations_are_made_last_and_a_thing_after_its_type() -> None:
    kinds = [change.key.kind for change in ordered(CREATES)]

    assert set(kinds[:3]) == {Kind.THING_TYPE, Kind.POLICY, Kind.CERTIFICATE}
    assert kinds[3] is Kind.THING
    assert set(kinds[4:]) == {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}


def test_deletions_go_the_other_way_round_and_after_everything_else() -> None:
    update = Update(DEVICE[3], DEVICE[3], "")

    changes = ordered((*DELETES, *CREATES, update))

    assert {change.key for change in changes[-6:] if isinstance(change, Delete)} == {change.key for change in DELETES}
    assert changes[-4].key.kind is Kind.THING
    assert {change.key.kind for change in changes[-6:-4]} == {Kind.POLICY_ATTACHMENT, Kind.THING_PRINCIPAL}


def test_a_wave_holds_what_does_not_depend_on_each_other() -> None:
    sizes = [len(wave) for wave in waves(Plan(ordered((*CREATES, *DELETES))).actions)]

    assert sizes == [3, 1, 2, 2, 1, 3]


def test_what_stays_is_shown_first() -> None:
    skip = Skip(thing_key("hidden"), "unreadable")

    assert ordered((CREATES[0], skip))[0] is skip
