"""What the ledger promises, held against the fake and against the adapter over the emulator's DynamoDB alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from iot_dr.aws.ledger import DynamoDbLedger
from iot_dr.model.keys import Key, certificate_key, thing_key, thing_principal_key
from iot_dr.model.outcomes import Outcome, State
from iot_dr.ports import Ledger
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
    ledger.intend(KEYS[:2], 1)

    assert ledger.owned(KEYS) == set(KEYS[:2])


def test_recording_an_outcome_makes_nothing_owned_and_nothing_free(ledger: Ledger) -> None:
    ledger.intend([THING], 1)

    ledger.record(an_outcome(THING))
    ledger.record(an_outcome(KEYS[1]))

    assert ledger.owned(KEYS) == {THING}


def test_more_resources_than_one_call_takes_can_be_noted_and_asked_for(ledger: Ledger) -> None:
    keys = [thing_key(f"pump-{number}") for number in range(230)]

    ledger.intend(keys, 1)

    assert ledger.owned(keys) == set(keys)


def test_no_resources_are_no_call(ledger: Ledger) -> None:
    ledger.intend([], 1)
    ledger.forget([], 1)

    assert ledger.owned([]) == frozenset()


def test_what_is_forgotten_is_owned_no_more(ledger: Ledger) -> None:
    ledger.intend(KEYS, 1)

    ledger.forget(KEYS[:2], 2)

    assert ledger.owned(KEYS) == {KEYS[2]}


def test_what_was_intended_anew_meanwhile_is_not_forgotten(ledger: Ledger) -> None:
    ledger.intend([THING], 5)

    ledger.forget([THING], 5)

    assert ledger.owned([THING]) == {THING}


def test_what_nobody_owns_can_be_forgotten_too(ledger: Ledger) -> None:
    ledger.record(an_outcome(again=True))

    ledger.forget(KEYS, 1)

    assert list(ledger.due(10**12)) == []


def test_what_ended_well_is_not_due(ledger: Ledger) -> None:
    ledger.record(an_outcome())

    assert list(ledger.due(10**12)) == []


def test_what_is_to_be_tried_again_is_due_after_a_minute(ledger: Ledger) -> None:
    ledger.record(an_outcome(at=1_000_000, again=True))

    assert list(ledger.due(1_000_000 + MINUTE - 1)) == []
    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]


def test_the_pause_doubles_with_every_try(ledger: Ledger) -> None:
    for at in (0, 1_000_000):
        ledger.record(an_outcome(at=at, again=True))

    assert list(ledger.due(1_000_000 + 2 * MINUTE - 1)) == []
    assert list(ledger.due(1_000_000 + 2 * MINUTE)) == [THING]


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

    ledger.intend([THING], 1_000_500)

    assert list(ledger.due(1_000_000 + MINUTE)) == [THING]
    assert ledger.owned([THING]) == {THING}


def test_what_is_to_be_looked_at_by_itself_is_due_after_a_minute(ledger: Ledger) -> None:
    ledger.intend(KEYS, 1)

    ledger.revisit(KEYS[:2], 1_000_000)

    assert list(ledger.due(1_000_000 + MINUTE - 1)) == []
    assert set(ledger.due(1_000_000 + MINUTE)) == set(KEYS[:2])
    assert ledger.owned(KEYS) == set(KEYS)


def test_what_was_looked_at_by_itself_is_not_due_any_more(ledger: Ledger) -> None:
    ledger.revisit(KEYS[:2], 1_000_000)

    ledger.record(an_outcome(KEYS[0], at=1_000_001))
    ledger.forget(KEYS[1:2], 1_000_001)

    assert list(ledger.due(10**12)) == []


def test_a_try_after_such_a_look_is_the_first(ledger: Ledger) -> None:
    ledger.revisit([THING], 1_000_000)

    ledger.record(an_outcome(at=2_000_000, again=True))

    assert list(ledger.due(2_000_000 + MINUTE)) == [THING]


def test_what_was_never_applied_has_no_source_version(ledger: Ledger) -> None:
    ledger.intend([THING], 1)

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


# Since when: what only the table tells


@pytest.fixture
def since(table: DynamoDbLedger) -> Callable[[], dict[str, int]]:
    def read() -> dict[str, int]:
        item = table._client.get_item(TableName="ledger", Key={"resource": {"S": str(THING)}})["Item"]
        return {name: int(value["N"]) for name, value in item.items() if name.startswith("since_")}

    return read


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
