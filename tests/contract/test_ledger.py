"""What the ledger promises, held against the fake and against the adapter over the emulator's DynamoDB alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.aws.ledger.bases import DynamoDbBaseStore, DynamoDbHeldResources
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.status import DynamoDbLedgerReader
from iot_dr.errors import Conflict
from iot_dr.model.failback.plan import LastEqual
from iot_dr.model.registry.keys import Key, certificate_key, policy_key, thing_key, thing_principal_key
from iot_dr.model.replication.marks import MARK_LIFETIME, Certainty
from iot_dr.model.replication.outcomes import LastRead, Outcome, State
from iot_dr.ports.failback import BaseStore, HeldResources
from iot_dr.ports.ledger import Ledger
from lab.emulator import SECONDARY_REGION
from tests.contract.emulated import Client, ledger_table
from tests.fakes import InMemoryLedger

MINUTE = 60_000
KEYS = (thing_key("pump-17"), certificate_key("abc"), thing_principal_key("pump-17", "abc"))
THING = KEYS[0]


def a_copy(version: int, source_id: str = "id-1", *, partial: bool = False) -> Outcome:
    return Outcome(THING, State.IN_SYNC, "", at=1, partial=partial, source_id=source_id, source_version=version)


def an_outcome(key: Key = THING, *, at: int = 1_000_000, again: bool = False) -> Outcome:
    state = State.FAILED if again else State.IN_SYNC
    return Outcome(key, state, "a reason", at=at, lag=5, event_id="e-1", again=again)


@pytest.fixture
def table(client: Client) -> Iterator[DynamoDbLedger]:
    dynamodb = client("dynamodb", SECONDARY_REGION)
    with ledger_table(dynamodb, "ledger"):
        yield DynamoDbLedger(dynamodb, "ledger")


@pytest.fixture(params=["fake", pytest.param("table", marks=pytest.mark.lab)])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    held: Ledger = InMemoryLedger() if request.param == "fake" else request.getfixturevalue("table")
    return held


def test_nothing_is_owned_before_it_was_intended(ledger: Ledger) -> None:
    assert ledger.owned(KEYS) == frozenset()


def test_what_was_intended_is_owned(ledger: Ledger) -> None:
    ledger.begin(KEYS[:2], 1)

    assert ledger.owned(KEYS) == set(KEYS[:2])


def test_recording_an_outcome_makes_nothing_owned_and_nothing_free(ledger: Ledger) -> None:
    ledger.begin([THING], 1)

    ledger.record(an_outcome(THING))
    ledger.record(an_outcome(KEYS[1]))

    assert ledger.owned(KEYS) == {THING}


def test_more_resources_than_one_call_takes_can_be_noted_and_asked_for(ledger: Ledger) -> None:
    keys = [thing_key(f"pump-{number}") for number in range(230)]

    ledger.begin(keys, 1)

    assert ledger.owned(keys) == set(keys)


def test_no_resources_are_no_call(ledger: Ledger) -> None:
    ledger.begin([], 1)
    ledger.forget([], 1)

    assert ledger.owned([]) == frozenset()


def test_what_is_forgotten_is_owned_no_more(ledger: Ledger) -> None:
    ledger.end(ledger.begin(KEYS, 1), KEYS, 2)

    ledger.forget(KEYS[:2], 3)

    assert ledger.owned(KEYS) == {KEYS[2]}


def test_what_was_intended_anew_meanwhile_is_not_forgotten(ledger: Ledger) -> None:
    ledger.begin([THING], 5)

    ledger.forget([THING], 5)

    assert ledger.owned([THING]) == {THING}


def test_what_nobody_owns_can_be_forgotten_too(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=1, again=True))

    ledger.forget(KEYS, 2)

    assert list(ledger.due(10**12)) == []


def test_what_ended_well_is_not_due(ledger: Ledger) -> None:
    ledger.record(an_outcome())

    assert list(ledger.due(10**12)) == []


def test_what_is_to_be_tried_again_is_due_after_a_minute(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=1_000_000, again=True))

    assert list(ledger.due(1_000_000 + MINUTE - 1)) == []
    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]


def test_the_pause_doubles_with_every_try(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=0, again=True))

    assert ledger.postpone(THING, 1_000_000)
    assert list(ledger.due(1_000_000 + 2 * MINUTE)) == [], "it has not ended yet"
    ledger.record(an_outcome(at=1_000_100, again=True))

    assert list(ledger.due(1_000_100 + 2 * MINUTE - 1)) == []
    assert list(ledger.due(1_000_100 + 2 * MINUTE)) == [THING]


def test_the_pauses_go_on_growing_up_to_a_day(ledger: Ledger) -> None:
    at, pauses = 0, []
    ledger.record(an_outcome(at=at, again=True))
    for _ in range(13):
        due = next(minute for minute in (1 << power for power in range(12)) if list(ledger.due(at + minute * MINUTE)))
        pauses.append(due)
        at += due * MINUTE
        assert ledger.postpone(THING, at)
        ledger.record(an_outcome(at=at, again=True))

    assert pauses[:4] == [1, 2, 4, 8]
    assert max(pauses) == 2048, "a day is 1,440 minutes"


def test_what_is_pending_is_never_longer_than_a_quarter_of_an_hour_without_a_try(ledger: Ledger) -> None:
    pending = Outcome(THING, State.PENDING, "Throttled", at=0, again=True)
    ledger.record(pending)
    for at in range(10 * MINUTE, 1000 * MINUTE, 99 * MINUTE):
        assert ledger.postpone(THING, at)
        ledger.record(replace(pending, at=at))

    assert list(ledger.due(at + 15 * MINUTE - 1)) == []
    assert list(ledger.due(at + 15 * MINUTE)) == [THING]


def test_another_trouble_than_before_begins_the_count_anew(ledger: Ledger) -> None:
    for at in range(10 * MINUTE, 1000 * MINUTE, 99 * MINUTE):
        ledger.postpone(THING, at)
        ledger.record(Outcome(THING, State.PENDING, "Throttled", at=at, again=True))

    ledger.postpone(THING, at + 20 * MINUTE)
    ledger.record(Outcome(THING, State.FAILED, "AccessDenied", at=at + 20 * MINUTE, again=True))

    assert list(ledger.due(at + 21 * MINUTE)) == [THING]


def test_a_try_that_never_ends_is_due_again(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=0, again=True))

    assert ledger.postpone(THING, MINUTE)

    assert list(ledger.due(MINUTE + 6 * MINUTE)) == [THING]


def test_a_failure_that_no_try_led_to_leaves_the_pause_as_it_is(ledger: Ledger) -> None:
    for at in (0, 10, 20, 30):
        ledger.record(an_outcome(at=at, again=True))

    assert list(ledger.due(MINUTE)) == [THING]


def test_a_try_that_has_begun_is_not_begun_again(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=0, again=True))

    assert [ledger.postpone(THING, now) for now in (MINUTE - 1, MINUTE, MINUTE + 1)] == [False, True, False]


def test_what_does_not_wait_is_not_postponed(ledger: Ledger) -> None:
    ledger.record(an_outcome())

    assert not ledger.postpone(THING, 10**12)
    assert not ledger.postpone(KEYS[1], 10**12)


def test_a_success_begins_the_count_anew(ledger: Ledger) -> None:
    for again in (True, True, False, True):
        ledger.record(an_outcome(at=1_000_000, again=again))

    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]


def test_what_waits_longest_comes_first(ledger: Ledger) -> None:
    for at, key in ((3, KEYS[2]), (1, KEYS[1]), (2, KEYS[0])):
        ledger.record(an_outcome(key, at=at, again=True))

    assert list(ledger.due(10**12)) == [KEYS[1], KEYS[0], KEYS[2]]


def test_a_cursor_starts_empty_and_stays_where_it_was_moved(ledger: Ledger) -> None:
    assert ledger.cursor("thing") == ""

    ledger.move_cursor("thing", "pump-17")
    ledger.move_cursor("policy", "pumps")

    assert (ledger.cursor("thing"), ledger.cursor("policy")) == ("pump-17", "pumps")


def test_a_cursor_can_be_put_back_to_its_start(ledger: Ledger) -> None:
    ledger.move_cursor("thing", "pump-17")

    ledger.move_cursor("thing", "")

    assert ledger.cursor("thing") == ""


def test_an_outcome_of_the_resource_alone_leaves_what_waits_waiting(ledger: Ledger) -> None:
    ledger.record(an_outcome(again=True))

    ledger.record(Outcome(THING, State.IN_SYNC, "", at=1_000_500, lag=7, partial=True))

    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]


def test_noting_ownership_leaves_what_waits_waiting(ledger: Ledger) -> None:
    ledger.record(an_outcome(again=True))

    ledger.begin([THING], 1_000_500)

    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]
    assert ledger.owned([THING]) == {THING}


def test_what_had_failed_and_is_pending_now_waits_a_quarter_of_an_hour_at_most(ledger: Ledger) -> None:
    for hours in (0, 10, 30):
        ledger.postpone(THING, hours * 60 * MINUTE + 1_000_000)
        ledger.record(an_outcome(at=hours * 60 * MINUTE + 1_000_000, again=True))
    for number in range(12):
        at = (40 + 30 * number) * 60 * MINUTE
        ledger.postpone(THING, at)
        ledger.record(an_outcome(at=at, again=True))

    ledger.record(replace(an_outcome(at=at + MINUTE, again=True), state=State.PENDING))

    assert list(ledger.due(at + 16 * MINUTE - 1)) == []
    assert list(ledger.due(at + 16 * MINUTE)) == [THING]


def test_what_is_to_be_checked_by_itself_is_due_after_a_minute(ledger: Ledger) -> None:
    ledger.end(ledger.begin(KEYS, 1), KEYS, 2)

    ledger.revisit(KEYS[:2], 1_000_000)

    assert list(ledger.due(1_000_000 + MINUTE - 1)) == []
    assert set(ledger.due(1_000_000 + MINUTE)) == set(KEYS[:2])
    assert ledger.owned(KEYS) == set(KEYS)


def test_what_was_checked_by_itself_is_not_due_any_more(ledger: Ledger) -> None:
    ledger.revisit(KEYS[:2], 1_000_000)

    ledger.record(an_outcome(KEYS[0], at=1_000_001))
    ledger.forget(KEYS[1:2], 1_000_001)

    assert list(ledger.due(10**12)) == []


def test_a_try_after_such_a_request_is_the_first(ledger: Ledger) -> None:
    ledger.revisit([THING], 1_000_000)

    ledger.record(an_outcome(at=2_000_000, again=True))

    assert list(ledger.due(2_000_000 + MINUTE)) == [THING]


def test_what_was_never_applied_has_no_source_version(ledger: Ledger) -> None:
    ledger.begin([THING], 1)

    assert ledger.source_version(THING) == ("", 0)
    assert ledger.source_version(KEYS[1]) == ("", 0)


@pytest.mark.parametrize("partial", [True, False])
def test_the_primarys_version_that_was_applied_is_kept(ledger: Ledger, partial: bool) -> None:
    ledger.record(a_copy(3))

    ledger.record(a_copy(4, partial=partial))

    assert ledger.source_version(THING) == ("id-1", 4)


def test_an_outcome_that_knows_no_version_leaves_the_one_that_is_known(ledger: Ledger) -> None:
    ledger.record(a_copy(3))

    ledger.record(an_outcome(again=True))

    assert ledger.source_version(THING) == ("id-1", 3)


def test_a_thing_made_anew_has_the_version_of_the_new_one(ledger: Ledger) -> None:
    ledger.record(a_copy(3))

    ledger.record(a_copy(1, "id-2"))

    assert ledger.source_version(THING) == ("id-2", 1)


def test_what_is_forgotten_has_no_version_either(ledger: Ledger) -> None:
    ledger.record(a_copy(3))

    ledger.forget([THING], 10)

    assert ledger.source_version(THING) == ("", 0)


# Marks: what somebody is writing


BEGAN = 1_000_000
"""When a reading begins."""
LATER = 10**12


def a_reading(key: Key = THING, *, began: int = BEGAN, at: int = BEGAN + 50, **fields: Any) -> Outcome:
    return Outcome(key, State.IN_SYNC, "", at=at, read_at=began, **fields)


def test_when_it_was_read_last_and_how_much_of_it_is_kept_even_of_what_is_gone(ledger: Ledger) -> None:
    assert ledger.last_reads([THING]) == {}

    ledger.record(a_reading(began=BEGAN))
    ledger.record(a_reading(began=BEGAN + 100, at=BEGAN + 150, whole=False))
    ledger.record(a_reading(began=BEGAN + 160, at=BEGAN + 170, whole=False, attached=False))
    assert ledger.last_reads([THING, KEYS[1]]) == {THING: LastRead(BEGAN + 160, BEGAN + 100, BEGAN)}

    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN + 250, read_at=BEGAN + 200))
    assert ledger.last_reads([THING]) == {THING: LastRead(BEGAN + 200, BEGAN + 200, BEGAN + 200)}


def test_a_reading_beside_another_writer_is_in_doubt_until_one_is_sure(ledger: Ledger) -> None:
    def doubt() -> bool:
        return ledger.last_reads([THING])[THING].doubt

    ledger.record(a_reading(began=BEGAN))
    assert not doubt()

    mark = ledger.begin([], BEGAN + 60, below=[THING])
    ledger.record(a_reading(began=BEGAN + 100, at=BEGAN + 150))
    assert doubt()

    ledger.end(mark, [THING], BEGAN + 200)
    assert doubt()

    ledger.record(a_reading(began=BEGAN + 300, at=BEGAN + 350))
    assert not doubt()


def test_a_failure_is_no_reading(ledger: Ledger) -> None:
    ledger.record(a_reading(began=BEGAN))

    ledger.record(Outcome(THING, State.FAILED, "no", at=BEGAN + 150, again=True))

    assert ledger.last_reads([THING]) == {THING: LastRead(BEGAN, BEGAN, BEGAN, doubt=True)}


def test_who_records_is_told_how_far_it_could_conclude(ledger: Ledger) -> None:
    own = ledger.begin(KEYS, BEGAN + 10)
    assert ledger.record(a_reading(), own) is Certainty.SURE
    assert ledger.record(a_reading(again=True)) is Certainty.SURE, "it waits by itself"

    other = ledger.begin([], BEGAN + 90, below=[THING])
    assert ledger.record(a_reading(began=BEGAN + 100, at=BEGAN + 110)) is Certainty.UNSURE

    ledger.end(other, [THING], BEGAN + 120)
    ledger.revisit([THING], BEGAN + 130)
    assert ledger.record(a_reading(began=BEGAN + 125, at=BEGAN + 140)) is Certainty.OVERTAKEN


def test_what_is_marked_is_checked_once_its_writer_must_have_died(ledger: Ledger) -> None:
    ledger.begin([THING], BEGAN, below=[KEYS[1]])

    assert list(ledger.due(BEGAN + MARK_LIFETIME - 1)) == []
    assert set(ledger.due(BEGAN + MARK_LIFETIME)) == {THING, KEYS[1]}
    assert ledger.owned(KEYS) == {THING}


def test_a_mark_may_ask_for_no_request(ledger: Ledger) -> None:
    ledger.begin([THING], BEGAN, due=False)

    assert list(ledger.due(LATER)) == []


def test_what_was_written_and_is_told_of_is_not_due(ledger: Ledger) -> None:
    mark = ledger.begin(KEYS, BEGAN + 10)

    ledger.record(a_reading(), mark)

    assert list(ledger.due(LATER)) == []
    assert ledger.owned(KEYS) == set(KEYS)


def test_a_mark_that_is_taken_off_leaves_the_others_due(ledger: Ledger) -> None:
    mark = ledger.begin(KEYS, BEGAN)

    ledger.end(mark, [THING], BEGAN + 1)

    assert set(ledger.due(LATER)) == set(KEYS[1:])


def test_one_writer_may_mark_more_as_it_goes_on(ledger: Ledger) -> None:
    first = ledger.begin([THING], BEGAN)

    mark = ledger.begin([KEYS[1]], BEGAN + 5, mark=first)
    ledger.record(a_reading(at=BEGAN + 10), mark)

    assert mark.token == first.token
    assert list(ledger.due(LATER)) == []


def test_while_another_writes_a_request_that_finds_all_equal_has_another_come(ledger: Ledger) -> None:
    ledger.begin([], BEGAN - 5, below=[THING], due=False)

    ledger.record(a_reading())

    assert list(ledger.due(BEGAN + 50 + MARK_LIFETIME - 1)) == []
    assert list(ledger.due(BEGAN + 50 + MARK_LIFETIME)) == [THING]


def test_what_had_failed_long_and_is_equal_now_is_checked_again_once_the_other_writer_must_have_died(
    ledger: Ledger,
) -> None:
    ledger.record(an_outcome(at=BEGAN - 90 * MINUTE, again=True))
    for minutes in (89, 80, 70):
        ledger.postpone(THING, BEGAN - minutes * MINUTE)
        ledger.record(an_outcome(at=BEGAN - minutes * MINUTE, again=True))
    ledger.postpone(THING, BEGAN - 50 * MINUTE)
    ledger.record(an_outcome(at=BEGAN - MINUTE, again=True))
    ledger.begin([], BEGAN - 5, below=[THING], due=False)

    ledger.record(a_reading())

    assert list(ledger.due(BEGAN + 50 + MARK_LIFETIME)) == [THING]


def test_only_a_check_everything_ends_what_one_at_everything_noted(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=BEGAN, again=True))

    ledger.record(a_reading(began=BEGAN + 10, at=BEGAN + 20, whole=False))
    assert list(ledger.due(LATER)) == [THING]

    ledger.record(a_reading(began=BEGAN + 30, at=BEGAN + 40))
    assert list(ledger.due(LATER)) == []


def test_a_check_what_is_attached_ends_what_one_like_it_noted(ledger: Ledger) -> None:
    ledger.record(replace(an_outcome(at=BEGAN, again=True), whole=False))

    ledger.record(a_reading(began=BEGAN + 10, at=BEGAN + 20, whole=False))

    assert list(ledger.due(LATER)) == []


@pytest.mark.parametrize("partial", [True, False])
def test_a_writer_of_something_else_leaves_the_request_that_waits_here(ledger: Ledger, partial: bool) -> None:
    ledger.revisit([THING], BEGAN - 10)
    mark = ledger.begin([KEYS[1]], BEGAN + 10, below=[THING])

    if partial:
        ledger.record(a_reading(at=BEGAN + 20, partial=True), mark)
    else:
        ledger.end(mark, [THING], BEGAN + 20)

    assert list(ledger.due(LATER))[:1] == [THING]


def test_what_is_in_sync_and_checked_again_now_and_then_is_due(ledger: Ledger) -> None:
    ledger.record(a_reading(again=True))

    assert list(ledger.due(BEGAN + 50 + MINUTE)) == [THING]


def test_a_request_that_began_before_another_had_written_has_another_come_at_once(ledger: Ledger) -> None:
    other = ledger.begin([], BEGAN - 5, below=[THING])
    ledger.end(other, [THING], BEGAN + 5)

    ledger.record(a_reading())

    assert list(ledger.due(BEGAN + 50)) == [THING]


@pytest.mark.parametrize(("taken_in", "ends"), [({}, True), ({"partial": True}, False), ({"whole": False}, False)])
def test_the_check_everything_that_comes_then_ends_it(ledger: Ledger, taken_in: dict[str, Any], ends: bool) -> None:
    other = ledger.begin([], BEGAN - 5, below=[THING])
    ledger.end(other, [THING], BEGAN + 5)
    ledger.record(a_reading())

    ledger.record(a_reading(began=BEGAN + 100, at=BEGAN + 150, **taken_in))

    assert list(ledger.due(LATER)) == ([] if ends else [THING])


def test_of_two_writers_the_one_that_ends_first_leaves_the_request_to_the_other(ledger: Ledger) -> None:
    one = ledger.begin([THING], BEGAN + 5)
    other = ledger.begin([THING], BEGAN + 6)

    ledger.record(a_reading(at=BEGAN + 20), one)
    assert list(ledger.due(LATER)) == [THING]

    ledger.record(a_reading(at=BEGAN + 30), other)
    assert list(ledger.due(LATER)) == [THING], "it read before the first had written"

    ledger.record(a_reading(began=BEGAN + 100, at=BEGAN + 150))
    assert list(ledger.due(LATER)) == []


def test_who_takes_a_mark_off_leaves_the_request_that_another_asked_for(ledger: Ledger) -> None:
    mark = ledger.begin([THING], BEGAN)
    ledger.record(a_reading(began=BEGAN + 1, at=BEGAN + 2))

    ledger.end(mark, [THING], BEGAN + 3)

    assert list(ledger.due(LATER)) == [THING]


def test_nobody_begins_to_write_what_another_has_concluded_about_since_it_was_read(ledger: Ledger) -> None:
    ledger.record(a_reading(at=BEGAN))

    with pytest.raises(Conflict):
        ledger.begin([KEYS[1]], BEGAN + 10, below=[THING], began=BEGAN)

    assert ledger.owned(KEYS) == frozenset()
    assert list(ledger.due(LATER)) == []


def test_what_was_seen_to_be_gone_since_it_was_read_is_not_written_either(ledger: Ledger) -> None:
    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN, read_at=BEGAN - 10))

    with pytest.raises(Conflict):
        ledger.begin([THING], BEGAN + 10, began=BEGAN)
    ledger.begin([THING], BEGAN + 20, began=BEGAN + 15)

    assert ledger.owned([THING]) == {THING}


def test_of_what_is_gone_nothing_waits_and_nothing_is_owned(ledger: Ledger) -> None:
    mark = ledger.begin([THING], BEGAN)
    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN + 10, read_at=BEGAN + 5), mark)

    assert ledger.owned([THING]) == frozenset()
    assert list(ledger.due(LATER)) == []


def test_while_another_makes_it_what_is_gone_stays_owned_and_is_checked_again(ledger: Ledger) -> None:
    ledger.begin([THING], BEGAN, due=False)

    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN + 10, read_at=BEGAN + 5))

    assert ledger.owned([THING]) == {THING}
    assert list(ledger.due(LATER)) == [THING]


def test_while_another_makes_it_nothing_is_forgotten_and_it_is_checked_by_itself(ledger: Ledger) -> None:
    ledger.begin([THING], BEGAN, due=False)

    ledger.forget([THING], BEGAN + 5)

    assert ledger.owned([THING]) == {THING}
    assert list(ledger.due(LATER)) == [THING]


def test_its_own_mark_keeps_nobody_from_forgetting(ledger: Ledger) -> None:
    mark = ledger.begin([THING], BEGAN)

    ledger.forget([THING], BEGAN + 5, mark)

    assert ledger.owned([THING]) == frozenset()
    assert list(ledger.due(LATER)) == []


def test_what_aws_refused_to_have_made_is_not_owned(ledger: Ledger) -> None:
    mark = ledger.begin(KEYS, BEGAN)

    ledger.disown(KEYS[:2], BEGAN, mark, BEGAN - 5)

    assert ledger.owned(KEYS) == {KEYS[2]}


@pytest.mark.parametrize("ended", [True, False])
def test_what_another_may_have_made_meanwhile_stays_owned_and_is_checked_by_itself(ledger: Ledger, ended: bool) -> None:
    other = ledger.begin([THING], BEGAN)
    mark = ledger.begin([THING], BEGAN + 1)
    if ended:
        ledger.end(other, [THING], BEGAN + 2)

    ledger.disown([THING], BEGAN + 1, mark, BEGAN)
    ledger.end(mark, [THING], BEGAN + 3)

    assert ledger.owned([THING]) == {THING}
    assert list(ledger.due(LATER)) == [THING]


def test_what_anybody_was_ever_about_stays_owned_where_nothing_was_read(ledger: Ledger) -> None:
    other = ledger.begin([THING], BEGAN - 10)
    ledger.end(other, [THING], BEGAN - 5)
    mark = ledger.begin(KEYS, BEGAN)

    ledger.disown(KEYS, BEGAN, mark, 1)
    ledger.end(mark, KEYS, BEGAN + 1)

    assert ledger.owned(KEYS) == {THING}
    assert list(ledger.due(LATER)) == [THING]


def test_what_was_made_is_known_and_what_was_only_to_be_made_is_not(ledger: Ledger) -> None:
    mark = ledger.begin(KEYS, BEGAN)
    assert ledger.known(KEYS) == frozenset()

    ledger.end(mark, KEYS[:2], BEGAN + 1)

    assert ledger.known(KEYS) == {*KEYS[:2]}


def test_what_both_regions_have_held_is_known_though_another_is_about_to_make_it_anew(ledger: Ledger) -> None:
    mark = ledger.begin([THING], BEGAN)
    ledger.end(mark, [THING], BEGAN + 1, equal={THING: "0a"})

    ledger.begin([THING], BEGAN + 2)

    assert ledger.known([THING]) == {THING}


def test_what_was_read_or_is_gone_is_known_and_what_merely_waits_is_not(ledger: Ledger) -> None:
    read, gone, waits = KEYS
    ledger.record(Outcome(read, State.IN_SYNC, "", at=BEGAN, read_at=BEGAN - 5))
    ledger.record(Outcome(gone, State.ABSENT, "", at=BEGAN, read_at=BEGAN - 5))
    ledger.record(Outcome(waits, State.PENDING, "throttled", at=BEGAN, again=True))
    ledger.revisit([thing_key("noted")], BEGAN)

    assert ledger.known([*KEYS, thing_key("noted"), thing_key("unheard-of")]) == {read, gone}


def test_who_has_read_before_something_was_held_leaves_it_to_be_checked(ledger: Ledger) -> None:
    ledger.record(Outcome(THING, State.HELD, "the target leads", at=BEGAN + 2, read_at=BEGAN + 1))
    ledger.record(Outcome(THING, State.IN_SYNC, "", at=BEGAN + 3, read_at=BEGAN))

    assert list(ledger.due(BEGAN + 10**9)) == [THING]


def test_what_is_held_is_not_due_until_something_else_is_recorded(ledger: Ledger) -> None:
    ledger.record(Outcome(THING, State.PENDING, "throttled", at=BEGAN, again=True))
    ledger.record(Outcome(THING, State.HELD, "the target leads", at=BEGAN + 1, read_at=BEGAN + 1))
    ledger.revisit([THING], BEGAN + 2)
    assert list(ledger.due(LATER)) == []

    mark = ledger.begin([], BEGAN + 3, below=[THING])
    ledger.end(mark, [THING], BEGAN + 4)
    assert list(ledger.due(LATER)) == []

    ledger.record(Outcome(THING, State.PENDING, "throttled", at=BEGAN + 5, again=True))
    assert list(ledger.due(LATER)) == [THING]


POLICY = policy_key("pumps")


def _seen_to_be_gone(ledger: Ledger) -> None:
    mark = ledger.begin([], BEGAN - 10, below=[POLICY], taken=[POLICY])
    ledger.record(Outcome(POLICY, State.ABSENT, "", at=BEGAN, read_at=BEGAN - 5), mark)


def _forgotten(ledger: Ledger) -> None:
    mark = ledger.begin([], BEGAN - 10, below=[POLICY], taken=[POLICY])
    ledger.forget([POLICY], BEGAN, mark)


def _taken_by_a_worker_that_died(ledger: Ledger) -> None:
    ledger.begin([], BEGAN - 10, below=[POLICY], taken=[POLICY])


@pytest.mark.parametrize("taken_away", [_seen_to_be_gone, _forgotten, _taken_by_a_worker_that_died])
def test_what_much_hung_on_is_not_made_anew_without_that_being_known(
    ledger: Ledger, taken_away: Callable[[Ledger], None]
) -> None:
    taken_away(ledger)

    with pytest.raises(Conflict):
        ledger.begin([POLICY, THING], BEGAN + 10, began=BEGAN + 5, unless_gone=True)

    assert ledger.gone([POLICY, THING]) == {POLICY}
    assert ledger.owned([POLICY, THING]) == frozenset()

    ledger.begin([POLICY], BEGAN + 10, began=BEGAN + 5)
    assert ledger.gone([POLICY]) == frozenset()


def test_what_was_never_there_is_not_gone(ledger: Ledger) -> None:
    ledger.forget([POLICY], BEGAN)

    ledger.begin([POLICY], BEGAN, unless_gone=True)

    assert ledger.gone(KEYS) == frozenset()


def test_a_writer_that_died_keeps_nobody_from_anything(ledger: Ledger) -> None:
    ledger.begin(KEYS, BEGAN)
    began = BEGAN + MARK_LIFETIME

    ledger.record(a_reading(began=began, at=began + 10))
    ledger.record(Outcome(KEYS[1], State.ABSENT, "", at=began + 10, read_at=began))
    ledger.forget(KEYS[2:], began)

    assert list(ledger.due(LATER)) == []
    assert ledger.owned(KEYS) == {THING}


def test_an_older_success_leaves_a_newer_failure_waiting(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=BEGAN + 10, again=True))

    ledger.record(a_reading())

    assert list(ledger.due(LATER)) == [THING]


def test_what_was_noted_to_wait_meanwhile_is_not_forgotten(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=BEGAN + 10, again=True))

    ledger.forget([THING], BEGAN)
    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN + 20, read_at=BEGAN))

    assert list(ledger.due(LATER)) == [THING]


def test_a_failure_takes_its_writers_mark_off(ledger: Ledger) -> None:
    mark = ledger.begin(KEYS, BEGAN)
    ledger.record(an_outcome(at=BEGAN + 10, again=True), mark)

    ledger.record(a_reading(began=BEGAN + 20, at=BEGAN + 30))

    assert list(ledger.due(LATER)) == []


def test_what_is_made_anew_soon_after_is_known_again(ledger: Ledger) -> None:
    ledger.record(Outcome(THING, State.ABSENT, "", at=BEGAN, read_at=BEGAN - 10))
    mark = ledger.begin([THING], BEGAN + 20)

    ledger.record(replace(a_copy(2), at=BEGAN + 30, read_at=BEGAN + 15), mark)

    assert ledger.owned([THING]) == {THING}
    assert ledger.source_version(THING) == ("id-1", 2)


# Since when: what only the table tells


@pytest.fixture
def since(table: DynamoDbLedger) -> Callable[[], dict[str, int]]:
    def read() -> dict[str, int]:
        item = table._client.get_item(TableName="ledger", Key={"resource": {"S": str(THING)}})["Item"]
        return {name: int(value["N"]) for name, value in item.items() if name.startswith("since_")}

    return read


@pytest.mark.lab
def test_what_had_failed_and_is_equal_now_waits_no_more_though_it_is_checked_again(
    table: DynamoDbLedger, client: Client
) -> None:
    status = DynamoDbLedgerReader(client("dynamodb", SECONDARY_REGION), "ledger")
    table.record(an_outcome(at=BEGAN - 10, again=True))
    assert [item.key for item in status.waiting()] == [THING]
    table.begin([], BEGAN - 5, below=[THING], due=False)

    table.record(a_reading())

    assert list(status.waiting()) == []
    assert list(table.due(BEGAN + 50 + MARK_LIFETIME)) == [THING]


@pytest.mark.lab
def test_a_state_is_dated_from_the_moment_it_came(table: DynamoDbLedger, since: Callable[[], dict[str, int]]) -> None:
    for at in (1, 2):
        table.record(an_outcome(at=at))
    assert since() == {"since_in_sync": 1}

    for at in (3, 4):
        table.record(an_outcome(at=at, again=True))
    assert since() == {"since_failed": 3}

    table.record(an_outcome(at=5))
    assert since() == {"since_in_sync": 5}


@pytest.mark.lab
def test_an_outcome_of_the_resource_alone_dates_nothing(
    table: DynamoDbLedger, since: Callable[[], dict[str, int]]
) -> None:
    table.record(an_outcome(at=1, again=True))

    table.record(Outcome(THING, State.IN_SYNC, "", at=2, partial=True))

    assert since() == {"since_failed": 1}


@pytest.mark.lab
def test_what_is_known_of_what_is_gone_ends_by_itself_unless_it_is_made_anew(table: DynamoDbLedger) -> None:
    def item() -> dict[str, Any]:
        found = table._client.get_item(TableName="ledger", Key={"resource": {"S": str(THING)}})
        return dict(found["Item"])

    mark = table.begin([THING], BEGAN)
    table.record(Outcome(THING, State.ABSENT, "", at=BEGAN + 10, read_at=BEGAN + 5), mark)
    read = {"read_at", "read_attached_at", "read_whole_at"}
    assert item().keys() == {"resource", "checked_at", "closed_at", "expires", *read}

    table.begin([THING], BEGAN + 20)
    assert "expires" not in item()


def test_what_was_applied_is_noted_and_says_how_it_stands_only_if_nothing_did(ledger: Ledger) -> None:
    ledger.record(an_outcome(again=True))

    ledger.note_applied(a_copy(7, partial=True))

    assert ledger.source_version(THING) == ("id-1", 7)
    assert list(ledger.due(10**12)) == [THING]


def test_what_was_applied_takes_no_mark_off(ledger: Ledger) -> None:
    mark = ledger.begin([THING], 1_000_000)

    ledger.note_applied(a_copy(7, partial=True))
    ledger.end(mark, mark.keys, 1_000_500)

    assert ledger.source_version(THING) == ("id-1", 7)
    assert list(ledger.due(10**12)) == []


def test_marks_that_asked_for_no_request_end_together_and_leave_what_others_asked_for(ledger: Ledger) -> None:
    mine = ledger.begin(KEYS, 1_000_000, due=False)
    theirs = ledger.begin([], 1_000_001, below=[THING])

    ledger.end(mine, mine.keys, 1_000_500, due=False)
    assert list(ledger.due(10**12)) == [THING]
    ledger.end(theirs, theirs.keys, 1_000_600)

    assert list(ledger.due(10**12)) == []


def test_marks_end_together_even_where_one_of_their_resources_has_been_forgotten(ledger: Ledger) -> None:
    mine = ledger.begin(KEYS, 1_000_000, due=False)
    ledger.forget([KEYS[1]], 1_000_100, mine)

    ledger.end(mine, mine.keys, 1_000_500, due=False)
    ledger.record(Outcome(THING, State.IN_SYNC, "", at=1_000_700, read_at=1_000_600))

    assert ledger.owned(KEYS) == {KEYS[0], KEYS[2]}
    assert list(ledger.due(10**12)) == []


@pytest.fixture(params=["fake", pytest.param("table", marks=pytest.mark.lab)])
def both(request: pytest.FixtureRequest) -> tuple[Ledger, BaseStore, HeldResources]:
    """A ledger, and what a failback reads and tells of it."""
    if request.param == "fake":
        fake = InMemoryLedger()
        return fake, fake, fake
    table = request.getfixturevalue("table")
    dynamodb = request.getfixturevalue("client")("dynamodb", SECONDARY_REGION)
    return table, DynamoDbBaseStore(dynamodb, "ledger"), DynamoDbHeldResources(dynamodb, "ledger")


Both = tuple[Ledger, BaseStore, HeldResources]


def test_of_what_nothing_is_noted_nothing_is_known(both: Both) -> None:
    assert both[1].bases(KEYS) == dict.fromkeys(KEYS, LastEqual())
    assert both[1].bases([]) == {}


def test_the_state_of_what_ended_in_sync_is_noted_with_how_it_ended(both: Both) -> None:
    ledger, bases, _ = both

    ledger.record(replace(an_outcome(), digest="0a", read_at=1))

    assert bases.bases([THING]) == {THING: LastEqual(known=True, digest="0a")}


def test_an_outcome_that_tells_no_state_leaves_the_one_that_is_noted(both: Both) -> None:
    ledger, bases, _ = both
    ledger.record(replace(an_outcome(at=1_000_000), digest="0a"))

    ledger.record(an_outcome(at=1_000_001, again=True))

    assert bases.bases([THING])[THING].digest == "0a"


@pytest.mark.parametrize("due", [True, False])
def test_the_state_of_what_was_written_along_is_noted_as_its_mark_is_taken_off(both: Both, due: bool) -> None:
    ledger, bases, _ = both
    mark = ledger.begin(KEYS, 5, due=due)

    assert bases.bases([KEYS[1]]) == {KEYS[1]: LastEqual(begun=True)}
    ledger.end(mark, KEYS[1:], 6, due=due, equal={KEYS[1]: "0b"})

    assert bases.bases(KEYS[1:]) == {
        KEYS[1]: LastEqual(True, "0b", begun=True),
        KEYS[2]: LastEqual(known=True, begun=True),
    }


def test_what_was_to_be_made_and_is_owned_no_more_is_not_known(both: Both) -> None:
    ledger, bases, _ = both
    mark = ledger.begin(KEYS, 5)

    ledger.disown(KEYS[1:], 5, mark, 6)
    ledger.end(mark, KEYS, 7)

    assert bases.bases(KEYS) == {
        KEYS[0]: LastEqual(known=True, begun=True),
        KEYS[1]: LastEqual(),
        KEYS[2]: LastEqual(),
    }


def test_the_states_of_all_that_a_request_wrote_are_noted_as_it_is_recorded(both: Both) -> None:
    ledger, bases, _ = both
    mark = ledger.begin(KEYS, 5)

    ledger.record(replace(an_outcome(at=7), digest="0a"), mark, {KEYS[1]: "0b", THING: "older"})

    assert {key: found.digest for key, found in bases.bases(KEYS[:2]).items()} == {THING: "0a", KEYS[1]: "0b"}


def test_the_state_of_a_thing_that_was_applied_alone_is_noted(both: Both) -> None:
    ledger, bases, _ = both

    ledger.note_applied(replace(a_copy(1, partial=True), digest="0a"))

    assert bases.bases([THING])[THING] == LastEqual(known=True, digest="0a")


def test_of_what_is_gone_no_state_is_noted(both: Both) -> None:
    ledger, bases, _ = both
    for key in (THING, policy_key("pumps")):
        ledger.record(replace(an_outcome(key, at=5), digest="0a"))
        ledger.record(Outcome(key, State.ABSENT, "", at=9))

    assert {found.digest for found in bases.bases([THING, policy_key("pumps")]).values()} == {""}


def test_what_a_failback_made_equal_is_known_and_owned(both: Both) -> None:
    ledger, bases, _ = both
    many = {thing_key(f"pump-{number}"): f"{number:04x}" for number in range(120)}

    bases.note_equal(many, 7)

    assert bases.bases(many) == {key: LastEqual(True, digest, begun=True) for key, digest in many.items()}
    assert ledger.owned(many) == many.keys()


def test_what_was_held_is_due_once_it_is_released_and_what_is_held_no_more_stays(both: Both) -> None:
    ledger, _, held = both
    for key in KEYS[:2]:
        ledger.record(Outcome(key, State.HELD, "why", at=1_000_000))
    assert set(held.held()) == set(KEYS[:2])
    ledger.record(an_outcome(KEYS[1], at=1_000_001))

    held.release(KEYS[:2], 1_000_002)

    assert list(ledger.due(1_000_002)) == [THING]
    assert list(held.held()) == []


def test_what_a_request_for_everything_found_held_only_another_such_tells_to_be_over(both: Both) -> None:
    ledger, _, held = both
    ledger.record(Outcome(THING, State.HELD, "why", at=1_000_000, read_at=999_990))

    of_less = ledger.record(replace(an_outcome(THING, at=1_000_020), read_at=1_000_010, whole=False))
    assert (of_less, list(ledger.due(1_000_020))) == (Certainty.OVERTAKEN, [THING])

    of_all = ledger.record(replace(an_outcome(THING, at=1_000_040), read_at=1_000_030))
    assert (of_all, list(held.held()), list(ledger.due(LATER))) == (Certainty.SURE, [], [])


def test_what_a_request_for_less_found_held_another_such_tells_to_be_over(both: Both) -> None:
    ledger, _, held = both
    ledger.record(Outcome(THING, State.HELD, "why", at=1_000_000, read_at=999_990, whole=False))

    of_less = ledger.record(replace(an_outcome(THING, at=1_000_020), read_at=1_000_010, whole=False))

    assert (of_less, list(held.held())) == (Certainty.SURE, [])
