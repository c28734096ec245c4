"""Marks of a sync: where they stand, for how long, and when they are taken off."""

from __future__ import annotations

import pytest

from iot_dr.errors import Conflict, RegionUnavailable, WriteRefused
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
    Entity,
    GroupMembership,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, certificate_key, thing_group_key, thing_key
from iot_dr.model.registry.kinds import marked
from iot_dr.services.sync.marking import FRESH, Marking, suffices, unguarded
from tests.builders import a_certificate, a_group, a_policy, a_thing, a_thing_type
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, Killed, raising

FIRST, SECOND = Create(a_thing("a"), ""), Create(a_thing("b"), "")
ATTACHMENTS = [Create(PolicyAttachment(name, "cert/0a"), "") for name in ("first", "second")]
CERTIFICATE = certificate_key("0a")


class Marked:
    """A marking over a ledger whose calls are seen."""

    def __init__(self) -> None:
        self.clock, self.ledger, self.calls = FakeClock(), InMemoryLedger(), Calls()
        self.gate = FixedWriteGate()
        self.marks = Marking(self.calls.through("ledger", self.ledger), self.gate, self.clock)

    def write(self, change: Action, error: BaseException | None = None) -> None:
        with self.marks.writing(change.key):
            if error:
                raise error


@pytest.fixture
def found() -> Marked:
    return Marked()


def test_a_batch_is_marked_and_owned_by_one_call_and_is_not_due(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])

    assert found.calls.made == ["ledger.begin"]
    assert found.ledger.owned([FIRST.key, SECOND.key]) == {FIRST.key, SECOND.key}
    assert found.ledger.marked(FIRST.key) == found.ledger.marked(SECOND.key) != frozenset()
    assert not list(found.ledger.due(10**15))


def test_nothing_is_marked_that_the_gate_refuses(found: Marked) -> None:
    found.gate.reason = "held back"

    found.marks.begin([FIRST, SECOND])
    with pytest.raises(WriteRefused):
        found.marks.of(FIRST)

    assert found.calls.made == []


def test_what_is_marked_in_a_batch_is_not_marked_again(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])

    held = found.marks.of(FIRST)

    assert held is not None
    assert found.ledger.marked(FIRST.key) == {held.mark.token}
    assert found.calls.made == ["ledger.begin"]


def test_a_mark_that_has_become_old_is_made_again_before_the_old_one_is_taken_off(found: Marked) -> None:
    found.marks.begin([FIRST])
    found.clock.advance(FRESH / 1000 + 1)

    held = found.marks.of(FIRST)

    assert held is not None
    assert found.ledger.marked(FIRST.key) == {held.mark.token}
    assert found.calls.made == ["ledger.begin", "ledger.begin", "ledger.end"]


def test_marks_are_taken_off_once_all_of_a_batch_has_ended(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])

    found.write(FIRST)
    assert found.ledger.marked(FIRST.key)
    found.write(SECOND)

    assert not found.ledger.marked(FIRST.key) | found.ledger.marked(SECOND.key)
    assert found.calls.made == ["ledger.begin", "ledger.end"]


@pytest.mark.parametrize("error", [RegionUnavailable("answer lost"), Killed()])
def test_a_write_that_may_still_land_leaves_its_own_marks(found: Marked, error: BaseException) -> None:
    found.marks.begin([FIRST, SECOND])

    with pytest.raises(type(error)):
        found.write(FIRST, error)
    found.write(SECOND)

    assert found.ledger.marked(FIRST.key)
    assert not found.ledger.marked(SECOND.key)


def test_a_resource_stays_marked_while_one_write_below_it_may_still_land(found: Marked) -> None:
    found.marks.begin(ATTACHMENTS)

    with pytest.raises(RegionUnavailable):
        found.write(ATTACHMENTS[0], RegionUnavailable("answer lost"))
    found.write(ATTACHMENTS[1])

    assert found.ledger.marked(CERTIFICATE)
    assert not found.ledger.marked(ATTACHMENTS[1].key)


def test_what_is_not_written_after_all_holds_nothing_up(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])

    found.marks.drop(FIRST.key)
    found.write(SECOND)
    found.marks.drop(FIRST.key)

    assert not found.ledger.marked(FIRST.key) | found.ledger.marked(SECOND.key)


def test_what_is_left_unmade_is_not_owned(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])

    found.marks.drop(FIRST.key, unmade=True)

    assert found.ledger.owned([FIRST.key, SECOND.key]) == {SECOND.key}


def test_where_it_cannot_be_noted_that_nothing_was_made_the_mark_goes_on_to_say_so(found: Marked) -> None:
    found.marks.begin([FIRST, SECOND])
    found.calls.before = raising(RegionUnavailable("no answer"), at=(2,))

    found.marks.drop(FIRST.key, unmade=True)
    found.write(SECOND)

    assert found.ledger.owned([FIRST.key]) == {FIRST.key}
    assert found.ledger.marked(FIRST.key)
    assert not found.ledger.marked(SECOND.key)


def test_what_another_made_before_the_mark_stays_owned_and_is_checked_by_itself(found: Marked) -> None:
    event = found.ledger.begin([FIRST.key], found.clock())
    found.ledger.end(event, [FIRST.key], found.clock())
    found.clock.advance(1)
    found.marks.begin([FIRST])

    found.marks.drop(FIRST.key, unmade=True)

    assert found.ledger.owned([FIRST.key]) == {FIRST.key}
    assert list(found.ledger.due(10**15)) == [FIRST.key]


def test_a_batch_that_another_worker_is_at_is_marked_one_by_one(found: Marked) -> None:
    found.calls.before = raising(Conflict("another worker"), at=(1,))

    found.marks.begin([FIRST, SECOND])
    assert not found.ledger.owned([FIRST.key])
    found.marks.of(FIRST)

    assert found.ledger.owned([FIRST.key, SECOND.key]) == {FIRST.key}


def test_a_mark_for_a_change_is_not_ownership_of_what_has_to_be_made(found: Marked) -> None:
    deletion = Delete(FIRST.desired, "")
    found.marks.begin([deletion])
    held = found.marks.of(deletion)
    assert not suffices(held, FIRST)

    made = found.marks.of(FIRST)

    assert suffices(made, FIRST)
    assert found.ledger.owned([FIRST.key])


def test_what_a_version_guards_needs_no_mark(found: Marked) -> None:
    change = Update(a_thing("a", {"site": "north"}), a_thing("a"), "")
    found.marks.begin([change])

    assert found.marks.of(change) is None
    assert suffices(None, change)
    assert not found.calls.made


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (FIRST, True),
        (Delete(a_thing(), ""), True),
        (Update(a_thing(attributes={"a": "b"}), a_thing(), ""), False),
        (Update(Thing("a", billing_group="mill"), Thing("a"), ""), True),
        (Update(a_group("a"), a_group("a"), ""), False),
        (Update(BillingGroup("a"), BillingGroup("a"), ""), False),
        (Update(a_policy(), a_policy(), ""), True),
        (Update(a_certificate(), a_certificate(), ""), True),
        (Update(a_thing_type(), a_thing_type(), ""), True),
    ],
)
def test_only_a_versions_update_is_guarded(change: Action, expected: bool) -> None:
    assert unguarded(change) is expected


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        (PolicyAttachment("pumps", "cert/0a"), {CERTIFICATE}),
        (PolicyAttachment("pumps", "thinggroup/site"), {thing_group_key("site")}),
        (ThingPrincipal("pump-17", "0a"), {thing_key("pump-17"), CERTIFICATE}),
        (GroupMembership("site", "pump-17"), {thing_key("pump-17")}),
        (a_policy(), set()),
    ],
)
def test_a_mark_stands_at_all_whose_request_would_conclude_about_it(relation: Entity, expected: set[Key]) -> None:
    assert marked(relation.key) == {relation.key} | expected
