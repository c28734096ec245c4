"""What the ports promise of shadows, of their notes and of the control item, held against fakes and emulator alike."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.aws.ledger.shadow_notes import KEPT_AFTER_DELETION, DynamoDbShadowNotes
from iot_dr.aws.shadows.shadow_store import IotShadowStore
from iot_dr.errors import Conflict, LimitExceeded
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.keys import Key, shadow_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Shadow, ShadowNote, ShadowState, digest
from iot_dr.ports.ledger import Ledger
from iot_dr.ports.shadows import ShadowNotes, ShadowStore
from lab.emulator import SECONDARY_REGION
from tests.contract.emulated import Client, ledger_table
from tests.fakes import InMemoryLedger
from tests.shadow_fakes import InMemoryShadowNotes, InMemoryShadows

AT = 1_700_000_000_000
EXACT = (
    '{"reported":{"S":"text","N":7,"M":{"BOOL":false,"L":[{},[],"2024-01-31T12:00:00Z"]},"big":123456789012345678901,'
    '"less":-9007199254740993,"part":0.1,"exponent":1e+22,"\u00fc\U0001f600":"\u2028","empty":{},"none":[],'
    '"1":{"2":{"3":{"4":{"5":true}}}}},"desired":{"on":true}}'
)


# Shadows


@dataclass
class Shadows:
    """A Region's shadows behind their ports, and names that no other test uses."""

    store: ShadowStore
    suffix: str

    def key(self, name: str = "") -> Key:
        return shadow_key(f"pump-{self.suffix}", name)

    def made(self, state: str, name: str = "") -> Shadow:
        """Make a shadow and read it."""
        self.store.make(self.key(name))
        self.store.update(self.key(name), parse(state), self.read(name).version)
        return self.read(name)

    def read(self, name: str = "") -> Shadow:
        found = self.store.shadow(self.key(name))
        assert found is not None
        return found


@pytest.fixture(params=["fake", pytest.param("emulator", marks=pytest.mark.lab)])
def shadows(request: pytest.FixtureRequest) -> Iterator[Shadows]:
    suffix = uuid.uuid4().hex[:8]
    if request.param == "fake":
        yield Shadows(InMemoryShadows(longest=8192), suffix)
        return
    client: Client = request.getfixturevalue("client")
    yield Shadows(IotShadowStore(client("iot-data", SECONDARY_REGION)), suffix)


def test_what_does_not_exist_is_none_and_deleting_it_is_done(shadows: Shadows) -> None:
    shadows.store.delete(shadows.key())

    assert shadows.store.shadow(shadows.key()) is None
    assert shadows.store.shadow_names(shadows.key().name) == frozenset()


def test_making_a_shadow_leaves_it_empty_or_as_it_is(shadows: Shadows) -> None:
    shadows.store.make(shadows.key())
    assert shadows.read().document == {}
    before = shadows.made('{"reported":{"on":true}}')

    shadows.store.make(shadows.key())

    assert shadows.read() == before
    assert shadows.read().version == before.version + 1


def test_a_document_is_read_as_it_was_written(shadows: Shadows) -> None:
    assert shadows.made(EXACT).document == parse(EXACT)


def test_a_change_is_merged_and_null_takes_away(shadows: Shadows) -> None:
    before = shadows.made('{"desired":{"a":1},"reported":{"a":{"b":1,"c":2},"d":[1,2]}}')

    version = shadows.store.update(
        shadows.key(), parse('{"desired":null,"reported":{"a":{"b":null,"e":3},"d":[3]}}'), before.version
    )

    assert shadows.read().document == parse('{"reported":{"a":{"c":2,"e":3},"d":[3]}}')
    assert version == shadows.read().version == before.version + 1


def test_an_empty_change_gives_a_new_version_and_nothing_else(shadows: Shadows) -> None:
    before = shadows.made('{"reported":{"on":true}}')

    assert shadows.store.update(shadows.key(), {}, before.version) == before.version + 1
    assert shadows.read() == before


def test_a_change_of_another_version_is_refused(shadows: Shadows) -> None:
    before = shadows.made('{"reported":{"on":true}}')

    for version in (before.version - 1, before.version + 1):
        with pytest.raises(Conflict):
            shadows.store.update(shadows.key(), parse('{"reported":{"on":false}}'), version)

    assert shadows.read() == before


def test_the_version_goes_on_after_a_deletion(shadows: Shadows) -> None:
    before = shadows.made('{"reported":{"on":true}}')

    shadows.store.delete(shadows.key())
    assert shadows.store.shadow(shadows.key()) is None
    shadows.store.make(shadows.key())

    assert shadows.read().document == {}
    assert shadows.read().version == before.version + 1


def test_named_shadows_are_apart_and_are_listed_page_by_page(shadows: Shadows) -> None:
    names = [f"shadow-{number:02}" for number in range(30)]
    for name in names:
        shadows.store.make(shadows.key(name))
    shadows.made('{"reported":{"on":true}}')
    shadows.store.delete(shadows.key(names[0]))

    assert shadows.store.shadow_names(shadows.key().name) == set(names[1:])
    assert shadows.read(names[1]).document == {}


def test_a_document_above_the_limit_is_refused(shadows: Shadows) -> None:
    before = shadows.made('{"reported":{"on":true}}')

    with pytest.raises(LimitExceeded):
        shadows.store.update(shadows.key(), {"reported": {"text": "x" * 8192}}, before.version)

    version = shadows.store.update(shadows.key(), {"reported": {"text": "x" * 8000}}, before.version)

    with pytest.raises(LimitExceeded):
        shadows.store.update(shadows.key(), {"reported": {"more": "x" * 8000}}, version)
    assert shadows.read().version == version


# Notes


@dataclass
class Notes:
    """The notes of shadows, and the ledger that shares their items."""

    notes: ShadowNotes
    ledger: Ledger


@pytest.fixture
def table(client: Client) -> Iterator[Any]:
    dynamodb = client("dynamodb", SECONDARY_REGION)
    with ledger_table(dynamodb, "notes"):
        yield dynamodb


@pytest.fixture(params=["fake", pytest.param("table", marks=pytest.mark.lab)])
def held(request: pytest.FixtureRequest) -> Notes:
    if request.param == "fake":
        ledger = InMemoryLedger()
        return Notes(InMemoryShadowNotes(ledger), ledger)
    dynamodb = request.getfixturevalue("table")
    return Notes(DynamoDbShadowNotes(dynamodb, "notes"), DynamoDbLedger(dynamodb, "notes"))


KEY, NAMED = shadow_key("pump-17"), shadow_key("pump-17", "config")
COPY = Shadow(KEY, {"reported": {"on": True}}, version=4)


def an_outcome(state: State = State.IN_SYNC, *, again: bool = False) -> Outcome:
    return Outcome(KEY, state, "", at=AT, lag=300, event_id="e-1", again=again)


def test_nothing_is_a_note_too(held: Notes) -> None:
    assert held.notes.read(KEY) == ShadowNote()


def test_a_claim_notes_what_it_brings_about(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))

    assert claimed == held.notes.read(KEY) == ShadowNote(claims=1, version=7, source_at=AT, begun=(digest({}),))
    assert held.notes.read(NAMED) == ShadowNote()


def test_a_claim_may_note_that_replication_owns_the_copy(held: Notes) -> None:
    first = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}), owned_at=AT)
    assert first.owned

    assert held.notes.claim(KEY, first, ShadowState(8, AT, {})).owned
    assert held.ledger.owned([KEY]) == {KEY}


def test_of_two_that_claim_over_the_same_note_one_is_refused(held: Notes) -> None:
    for over in (ShadowNote(), held.notes.claim(NAMED, ShadowNote(), ShadowState(1, AT, {}))):
        key = NAMED if over.claims else KEY
        claimed = held.notes.claim(key, over, ShadowState(9, AT, {}))

        with pytest.raises(Conflict):
            held.notes.claim(key, over, ShadowState(8, AT, {}))

        assert held.notes.read(key) == claimed


def test_a_lower_version_may_be_claimed_over_the_note_that_was_read(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(9, AT, {}))

    assert held.notes.claim(KEY, claimed, ShadowState(1, AT, {})).version == 1


def test_a_settled_claim_notes_what_was_written_and_how_it_stands(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))
    assert not claimed.is_settled

    assert held.notes.settle(KEY, claimed, an_outcome(), COPY)

    note = held.notes.read(KEY)
    assert note.is_settled
    assert (note.copy_version, note.digest, note.state) == (4, digest(COPY.document), State.IN_SYNC)


def test_what_claims_bring_about_is_noted_until_one_settles(held: Notes) -> None:
    first = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))
    second = held.notes.claim(KEY, first, ShadowState(8, AT, COPY.document))
    assert second.begun == held.notes.read(KEY).begun == (digest({}), digest(COPY.document))

    held.notes.settle(KEY, second, an_outcome(), COPY)

    assert held.notes.read(KEY).begun == ()
    assert held.notes.claim(KEY, held.notes.read(KEY), ShadowState(9, AT, None)).begun == ()


def test_a_claim_that_was_claimed_over_is_not_settled(held: Notes) -> None:
    first = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))
    second = held.notes.claim(KEY, first, ShadowState(8, AT, {}))

    assert not held.notes.settle(KEY, first, an_outcome(), COPY)

    assert held.notes.read(KEY) == second


def test_what_waited_waits_no_more_once_it_is_settled(held: Notes) -> None:
    held.ledger.record(an_outcome(State.PENDING, again=True))
    assert list(held.ledger.due(AT + 60_000)) == [KEY]

    claimed = held.notes.claim(KEY, held.notes.read(KEY), ShadowState(7, AT, {}))
    held.notes.settle(KEY, claimed, an_outcome(), COPY)

    assert list(held.ledger.due(AT + 60_000)) == []


def _due(held: Notes, at: int) -> list[Key]:
    return list(held.ledger.due(at))


def test_what_no_version_guards_is_checked_again_once_it_cannot_land_any_more(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, None), unsure_until=AT + 150_000)

    assert claimed == held.notes.read(KEY)
    assert (claimed.unsure_until, claimed.due) == (AT + 150_000, True)
    assert (_due(held, AT + 149_999), _due(held, AT + 150_000)) == ([], [KEY])


def test_an_outcome_takes_back_that_it_is_checked_again(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, None), unsure_until=AT + 150_000)

    assert held.notes.settle(KEY, claimed, an_outcome(State.UNSUPPORTED), None)

    note = held.notes.read(KEY)
    assert (note.unsure_until, note.due, note.state) == (0, False, State.UNSUPPORTED)
    assert _due(held, AT + 150_000) == []


def test_a_claim_that_settles_without_an_outcome_leaves_how_it_stands_and_when_it_is_checked(held: Notes) -> None:
    held.ledger.record(an_outcome(State.PENDING, again=True))
    claimed = held.notes.claim(KEY, held.notes.read(KEY), ShadowState(7, AT, {}))

    assert held.notes.settle(KEY, claimed, None, COPY)

    note = held.notes.read(KEY)
    assert (note.is_settled, note.copy_version, note.digest) == (True, 4, digest(COPY.document))
    assert (note.state, note.due) == (State.PENDING, True)
    assert _due(held, AT + 60_000) == [KEY]


def test_a_claim_that_settles_without_an_outcome_may_tell_when_it_is_checked(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))

    assert held.notes.settle(KEY, claimed, None, COPY, check=AT + 5)

    assert (_due(held, AT + 4), _due(held, AT + 5)) == ([], [KEY])


@pytest.mark.parametrize("told", ["announced", "recorded", "both"])
def test_what_was_noted_to_wait_since_it_was_read_is_not_taken_back(held: Notes, told: str) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))
    if told != "recorded":
        held.notes.announce(KEY)
    if told != "announced":
        held.ledger.record(an_outcome(State.PENDING, again=True))

    assert held.notes.settle(KEY, claimed, an_outcome(), COPY)

    note = held.notes.read(KEY)
    assert note.is_settled
    assert note.state is (None if told == "announced" else State.PENDING)
    assert _due(held, AT + 60_000) == ([] if told == "announced" else [KEY])


def test_what_is_held_back_is_checked_at_its_time_however_often_that_is_noted(held: Notes) -> None:
    held.ledger.record(an_outcome(State.FAILED, again=True))
    for number in range(12):
        held.notes.hold(an_outcome(State.PENDING, again=True), AT + number)

    note = held.notes.read(KEY)
    assert (note.state, note.due, note.waits) == (State.PENDING, True, 12)
    assert (_due(held, AT + 10), _due(held, AT + 11)) == ([], [KEY])


def test_what_is_held_back_meanwhile_is_not_taken_back(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))
    held.notes.hold(an_outcome(State.PENDING, again=True), AT + 5)

    assert held.notes.settle(KEY, claimed, an_outcome(), COPY)

    assert _due(held, AT + 5) == [KEY]


def test_an_outcome_that_is_recorded_leaves_the_claims(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}))

    held.ledger.record(an_outcome(State.PENDING, again=True))

    note = held.notes.read(KEY)
    assert (note.claims, note.version, note.state) == (claimed.claims, 7, State.PENDING)


def test_of_a_deleted_shadow_only_its_version_is_kept(held: Notes) -> None:
    claimed = held.notes.claim(KEY, ShadowNote(), ShadowState(7, AT, {}), owned_at=AT)
    held.notes.settle(KEY, claimed, an_outcome(), COPY)
    claimed = held.notes.claim(KEY, held.notes.read(KEY), ShadowState(7, AT, None))

    assert held.notes.settle(KEY, claimed, an_outcome(State.ABSENT), None)

    assert held.notes.read(KEY) == ShadowNote(claims=2, settled=2, version=7, source_at=AT, deleted=True)
    assert held.ledger.owned([KEY]) == frozenset()


@pytest.fixture
def attributes(table: Any) -> Callable[[], dict[str, Any]]:
    return lambda: dict(table.get_item(TableName="notes", Key={"resource": {"S": str(KEY)}}).get("Item", {}))


@pytest.mark.lab
def test_a_deleted_shadows_note_expires_and_one_of_what_was_made_anew_does_not(
    table: Any, attributes: Callable[[], dict[str, Any]]
) -> None:
    notes = DynamoDbShadowNotes(table, "notes")
    claimed = notes.claim(KEY, ShadowNote(), ShadowState(7, AT, None))
    notes.settle(KEY, claimed, an_outcome(State.ABSENT), None)
    assert attributes()["expires"] == {"N": str(AT // 1000 + KEPT_AFTER_DELETION)}

    notes.claim(KEY, notes.read(KEY), ShadowState(8, AT, {}))

    assert "expires" not in attributes()
