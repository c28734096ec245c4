"""What the ledger promises of adoptions, held against the fake and against the adapter over the emulator's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from iot_dr.aws.ledger.adoptions import DynamoDbAdoptionStore
from iot_dr.aws.ledger.bases import DynamoDbBaseStore
from iot_dr.aws.ledger.ledger import DynamoDbLedger
from iot_dr.model.registry.keys import certificate_key, policy_key, shadow_key, thing_key
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.sync.adoption import Owner
from iot_dr.ports.failback import BaseStore
from iot_dr.ports.ledger import AdoptionStore, Ledger
from lab.emulator import SECONDARY_REGION
from tests.contract.emulated import Client, ledger_table
from tests.fakes import InMemoryLedger

THING, CERTIFICATE, POLICY = thing_key("pump-17"), certificate_key("abc"), policy_key("pumps")
SHADOW = shadow_key("pump-17")
KEYS = (THING, CERTIFICATE, POLICY)

All = tuple[Ledger, AdoptionStore, BaseStore]


@pytest.fixture
def dynamodb(client: Client) -> Iterator[Any]:
    made = client("dynamodb", SECONDARY_REGION)
    with ledger_table(made, "adoptions"):
        yield made


@pytest.fixture(params=["fake", pytest.param("table", marks=pytest.mark.lab)])
def stores(request: pytest.FixtureRequest) -> All:
    """A ledger, what an adoption notes there, and what a failback reads of it."""
    if request.param == "fake":
        fake = InMemoryLedger()
        return fake, fake, fake
    made = request.getfixturevalue("dynamodb")
    table = "adoptions"
    return DynamoDbLedger(made, table), DynamoDbAdoptionStore(made, table), DynamoDbBaseStore(made, table)


def test_what_nothing_is_noted_of_is_nobodys(stores: All) -> None:
    _, store, _ = stores

    assert store.owners(KEYS) == dict.fromkeys(KEYS, Owner.NOBODY)
    assert (store.owners([]), store.adopt({}, 5, 1), store.disown_adopted([], 5)) == ({}, frozenset(), frozenset())


def test_what_is_adopted_is_owned_and_had_with_the_state_that_both_regions_hold(stores: All) -> None:
    ledger, store, bases = stores
    many = {thing_key(f"pump-{number}"): f"{number:04x}" for number in range(120)}

    assert store.adopt(many, 5, 1) == many.keys()

    assert ledger.owned(many) == ledger.known(many) == many.keys()
    assert {key: one.digest for key, one in bases.bases(many).items()} == many
    assert set(store.owners(many).values()) == {Owner.ADOPTED}


def test_what_replication_made_is_not_adopted_and_one_such_keeps_no_other_from_it(stores: All) -> None:
    ledger, store, _ = stores
    ledger.end(ledger.begin([THING], 1), [THING], 2)

    assert store.adopt(dict.fromkeys(KEYS, ""), 10, 5) == {CERTIFICATE, POLICY}
    assert store.owners(KEYS) == {THING: Owner.REPLICATION, CERTIFICATE: Owner.ADOPTED, POLICY: Owner.ADOPTED}


def test_what_was_checked_since_the_reading_began_is_not_adopted(stores: All) -> None:
    ledger, store, _ = stores
    ledger.record(Outcome(THING, State.IN_SYNC, "", at=5))
    ledger.record(Outcome(POLICY, State.IN_SYNC, "", at=4))

    assert store.adopt(dict.fromkeys((THING, POLICY), ""), 10, 5) == {POLICY}


def test_what_somebody_is_writing_or_has_written_since_is_not_adopted(stores: All) -> None:
    ledger, store, _ = stores
    ledger.begin([], 1, below=[THING])
    ended = ledger.begin([], 1, below=[CERTIFICATE])
    ledger.end(ended, [CERTIFICATE], 6)

    assert store.adopt(dict.fromkeys(KEYS, ""), 10, 5) == {POLICY}


def test_a_check_that_began_before_the_adoption_has_another_one_come(stores: All) -> None:
    ledger, store, _ = stores
    store.adopt({THING: ""}, 10, 5)

    ledger.record(Outcome(THING, State.UNSUPPORTED, "not its own", at=11, read_at=9))

    assert list(ledger.due(11)) == [THING]


def test_what_has_gone_and_come_back_is_adopted_for_good(stores: All) -> None:
    ledger, store, _ = stores
    mark = ledger.begin([POLICY], 1, taken=[POLICY])
    ledger.record(Outcome(POLICY, State.ABSENT, "", at=2, read_at=2), mark)

    assert store.adopt({POLICY: ""}, 10, 5) == {POLICY}
    assert ledger.gone([POLICY]) == frozenset()


def test_an_adoption_is_taken_back_once(stores: All) -> None:
    ledger, store, _ = stores
    store.adopt(dict.fromkeys((THING, SHADOW), ""), 5, 1)

    assert store.disown_adopted([THING, SHADOW, POLICY], 6) == {THING, SHADOW}
    assert store.disown_adopted([THING], 7) == frozenset()
    assert ledger.owned([THING, SHADOW]) == frozenset()


def test_what_replication_has_made_since_it_was_adopted_is_not_taken_back(stores: All) -> None:
    ledger, store, _ = stores
    store.adopt({THING: ""}, 5, 1)
    ledger.begin([THING], 6)

    assert store.owners([THING]) == {THING: Owner.REPLICATION}
    assert store.disown_adopted([THING], 7) == frozenset()
    assert ledger.owned([THING]) == {THING}


def test_what_is_forgotten_is_adopted_no_more(stores: All) -> None:
    ledger, store, _ = stores
    store.adopt(dict.fromkeys((THING, POLICY), ""), 5, 1)

    ledger.forget([THING, POLICY], 6)

    assert store.owners([THING, POLICY]) == dict.fromkeys((THING, POLICY), Owner.NOBODY)


def test_a_shadow_is_adopted_too(stores: All) -> None:
    ledger, store, _ = stores

    assert store.adopt({SHADOW: "0a"}, 5, 1) == {SHADOW}
    assert ledger.owned([SHADOW]) == {SHADOW}
