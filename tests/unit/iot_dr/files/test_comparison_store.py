"""What was read of both Regions is on disk with the place where the reading stands, and comes out side by side."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files import comparison_store
from iot_dr.files.comparison_store import CACHE_KIB, WRITING_CACHE_KIB, SqliteComparisonStore
from iot_dr.model.registry.differences import Difference, NotedDifference, Pair, Sigil
from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Kind, certificate_target, policy_key, thing_key
from iot_dr.model.registry.read_calls import Page, PageRequest, ReadCall
from iot_dr.model.sites import Side
from iot_dr.runtime.commands.sync import CONNECTIONS
from tests.builders import a_certificate, a_dynamic_group, a_group, a_policy, a_thing

THINGS = PageRequest(ReadCall.THINGS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "comparison.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteComparisonStore]:
    with SqliteComparisonStore(path) as opened:
        yield opened


def names(store: SqliteComparisonStore, **wanted: Any) -> list[str]:
    return [pair.key.name for pair in store.pairs(Kind.THING, **wanted)]


def test_what_was_kept_is_there_for_the_next_process(path: Path) -> None:
    with SqliteComparisonStore(path) as store:
        store.keep(Side.SOURCE, [(THINGS, Page((a_thing("a"),), "next"))])
        store.set_fact("began", "17")

    with SqliteComparisonStore(path) as store:
        assert store.token(Side.SOURCE, ReadCall.THINGS) == "next"
        assert store.token(Side.TARGET, ReadCall.THINGS) == ""
        assert names(store) == ["a"]
        assert store.fact("began") == "17"


def test_a_list_that_was_read_to_its_end_says_so(store: SqliteComparisonStore) -> None:
    store.keep(Side.SOURCE, [(THINGS, Page((), "next")), (PageRequest(ReadCall.THINGS, token="next"), Page(()))])

    assert store.token(Side.SOURCE, ReadCall.THINGS) is None


def test_nothing_of_a_batch_is_kept_if_the_process_ends_within_it(store: SqliteComparisonStore) -> None:
    def answers() -> Iterator[tuple[PageRequest, Page]]:
        yield THINGS, Page((a_thing("a"),), "next")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.keep(Side.SOURCE, answers())

    assert store.token(Side.SOURCE, ReadCall.THINGS) == ""
    assert names(store) == []


def test_both_regions_come_side_by_side_in_order_of_names(
    store: SqliteComparisonStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_store, "CHUNK", 4)
    store.put(Side.SOURCE, [a_thing(f"thing-{number}") for number in range(7)])
    store.put(Side.TARGET, [a_thing(f"thing-{number}", {"a": "b"}) for number in range(3, 9)])

    pairs = list(store.pairs(Kind.THING))

    assert [pair.key.name for pair in pairs] == [f"thing-{number}" for number in range(9)]
    assert [(pair.source is None, pair.target is None) for pair in pairs] == [
        *[(False, True)] * 3,
        *[(False, False)] * 4,
        *[(True, False)] * 2,
    ]
    behind = store.pairs(Kind.THING, thing_key("thing-6"))
    assert [pair.key.name for pair in behind] == ["thing-7", "thing-8"]
    assert store.pair(thing_key("thing-8")) == Pair(thing_key("thing-8"), None, a_thing("thing-8", {"a": "b"}))
    assert store.pair(thing_key("none")) == Pair(thing_key("none"))


def test_what_reads_the_same_can_be_left_out(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_thing("same"), a_thing("other"), a_thing("one")])
    store.put(Side.TARGET, [Thing("same", version=9), a_thing("other", {"a": "b"})])

    assert names(store, differing=True) == ["one", "other"]


def test_a_description_stays_whatever_the_list_says_later(store: SqliteComparisonStore) -> None:
    policy = a_policy()
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.POLICY, policy.name), Page((policy,)))])
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.POLICIES), Page((Policy(policy.name, ""),)))])

    assert store.pair(policy.key).source == policy


def test_a_subject_is_pending_until_it_is_answered_to_its_end(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_policy("a"), a_policy("b")])
    targets = PageRequest(ReadCall.TARGETS_OF_POLICY, "a")

    store.keep(Side.SOURCE, [(targets, Page((PolicyAttachment("a", "cert/1"),), "next"))])
    assert list(store.pending(Side.SOURCE, ReadCall.TARGETS_OF_POLICY)) == ["a", "b"]
    assert store.token(Side.SOURCE, ReadCall.TARGETS_OF_POLICY, "a") == "next"

    store.keep(Side.SOURCE, [(PageRequest(ReadCall.TARGETS_OF_POLICY, "a", "next"), Page(()))])
    assert list(store.pending(Side.SOURCE, ReadCall.TARGETS_OF_POLICY)) == ["b"]
    assert store.left(Side.SOURCE, ReadCall.TARGETS_OF_POLICY) == 1
    assert store.left(Side.TARGET, ReadCall.TARGETS_OF_POLICY) == 0


def test_a_subject_that_only_one_region_has_can_be_left_out(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_policy("shared"), a_policy("one")])
    store.put(Side.TARGET, [a_policy("shared"), a_policy("other")])

    assert list(store.pending(Side.SOURCE, ReadCall.POLICY, on_both_sides=True)) == ["shared"]
    assert store.left(Side.TARGET, ReadCall.POLICY, on_both_sides=True) == 1


def test_the_things_of_a_dynamic_group_are_never_asked_for(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_group("site"), a_dynamic_group("hot")])

    assert list(store.pending(Side.SOURCE, ReadCall.THINGS_OF_GROUP)) == ["site"]


def test_a_subject_that_is_gone_is_gone(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_policy("gone")])
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.POLICY, "gone"), Page(missing=True))])

    assert store.pair(policy_key("gone")) == Pair(policy_key("gone"))


def test_an_unreadable_subject_keeps_the_reason_and_is_not_asked_again(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_policy("broken")])
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.POLICY, "broken"), Page(unreadable="no JSON"))])

    assert store.pair(policy_key("broken")) == Pair(policy_key("broken"), unreadable={Side.SOURCE: "no JSON"})
    assert not list(store.pending(Side.SOURCE, ReadCall.POLICY))


def test_what_cannot_be_read_is_counted_and_is_never_the_same_in_both_regions(store: SqliteComparisonStore) -> None:
    for side in (Side.SOURCE, Side.TARGET):
        store.put(side, [a_policy("broken"), a_policy("whole")])
        store.keep(side, [(PageRequest(ReadCall.POLICY, "broken"), Page(unreadable="no JSON"))])

    assert [store.number(side, Kind.POLICY) for side in (Side.SOURCE, Side.TARGET)] == [2, 2]
    assert [pair.key.name for pair in store.pairs(Kind.POLICY, differing=True)] == ["broken"]


def test_the_billing_group_becomes_a_field_of_its_things(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [a_thing("a", {"site": "north"}), a_thing("b")])
    in_group = Page((Thing("a", billing_group="costs"), Thing("never-listed", billing_group="costs")))
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.THINGS_OF_BILLING_GROUP, "costs"), in_group)])

    assert list(store.entities(Side.SOURCE, Kind.THING)) == [
        Thing("a", {"site": "north"}, billing_group="costs"),
        Thing("b"),
    ]


def test_nothing_of_the_health_checker_comes_out(store: SqliteComparisonStore) -> None:
    probe, device = a_certificate("probe"), a_certificate("device")
    policies = [Policy("iot-dr-probe-1", "{}"), Policy("pumps", "{}")]
    attachments = [
        PolicyAttachment(policy.name, certificate_target(one.certificate_id))
        for policy, one in zip(policies, (probe, device), strict=True)
    ]
    principals = [ThingPrincipal("iot-dr-probe-1", probe.certificate_id), ThingPrincipal("a", device.certificate_id)]
    store.put(Side.SOURCE, [*policies, probe, device, a_thing("iot-dr-probe-1"), a_thing("a"), *attachments])
    store.put(Side.SOURCE, principals)
    store.forget_probes()

    found = [entity.key for kind in Kind for entity in store.entities(Side.SOURCE, kind)]

    assert found == [policies[1].key, device.key, thing_key("a"), attachments[1].key, principals[1].key]
    assert [store.number(Side.SOURCE, kind) for kind in (Kind.CERTIFICATE, Kind.THING, Kind.POLICY)] == [1, 1, 1]


def test_relations_come_in_the_order_of_their_certificates(store: SqliteComparisonStore) -> None:
    store.put(Side.SOURCE, [ThingPrincipal("a", "2"), ThingPrincipal("b", "1"), ThingPrincipal("a", "1")])

    found = [(pair.key.name, pair.key.other) for pair in store.pairs(Kind.THING_PRINCIPAL)]
    assert found == [("a", "1"), ("b", "1"), ("a", "2")]
    first = next(store.pairs(Kind.THING_PRINCIPAL)).key
    assert next(store.pairs(Kind.THING_PRINCIPAL, first)).key.name == "b"


def test_differences_come_in_the_order_of_their_places(store: SqliteComparisonStore) -> None:
    late, early = thing_key("a"), ThingPrincipal("z", "1").key
    store.note(
        [(Difference(late, Sigil.MISSING, "late"), (3, 0)), (Difference(early, Sigil.SURPLUS, "early"), (0, -1))]
    )

    assert list(store.noted()) == [
        NotedDifference(early, Sigil.SURPLUS, "early"),
        NotedDifference(late, Sigil.MISSING, "late"),
    ]
    store.forget_noted()
    assert not list(store.noted())


def test_the_fields_that_differ_are_kept_with_what_was_found(store: SqliteComparisonStore) -> None:
    desired, actual = a_thing("a", {"site": "north", "odd": "\ud800"}), a_thing("a", {"site": "south"})
    found = Difference(desired.key, Sigil.DIFFERENT, "attributes differs", desired=desired, actual=actual)
    store.note([(found, (3, 0))])

    (noted,) = store.noted()

    assert [(one.name, one.old, one.new) for one in noted.fields] == [
        ("attributes.odd", None, '"\ud800"'),
        ("attributes.site", '"south"', '"north"'),
    ]


def test_threads_read_while_another_writes(store: SqliteComparisonStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison_store, "CHUNK", 10)
    store.put(Side.SOURCE, [a_thing(f"{number:04}") for number in range(500)])
    found: list[int] = []

    def read() -> None:
        found.append(sum(1 for _ in store.pairs(Kind.THING)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(50):
        store.put(Side.TARGET, [Certificate(str(number), CertificateStatus.ACTIVE)])
    for reader in readers:
        reader.join()

    assert found == [500] * 3


def test_a_file_that_is_none_of_these_is_refused_with_the_mend(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, but long enough to be taken for one" * 100)

    with pytest.raises(ConfigurationError, match="delete it, or give another folder by --state"):
        SqliteComparisonStore(path)


@pytest.mark.parametrize("newer_by", [1, -1])
def test_a_file_of_another_format_is_begun_anew(path: Path, newer_by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteComparisonStore(path) as store:
        store.put(Side.SOURCE, [a_thing()])
    monkeypatch.setattr(comparison_store, "FORMAT", comparison_store.FORMAT + newer_by)

    with SqliteComparisonStore(path) as store:
        assert store.number(Side.SOURCE, Kind.THING) == 0


def test_the_many_threads_of_a_sync_keep_little_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*arguments: Any, **named: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembering)
    with SqliteComparisonStore(path) as store:
        reader = threading.Thread(target=store.number, args=(Side.SOURCE, Kind.THING))
        reader.start()
        reader.join()
        kept = [-connection.execute("PRAGMA cache_size").fetchone()[0] for connection in opened]

    assert kept == [WRITING_CACHE_KIB, CACHE_KIB]
    assert CONNECTIONS * CACHE_KIB <= 32 * 1024


@pytest.mark.parametrize("described_first", [True, False])
def test_tags_are_kept_beside_what_describes_a_resource_whichever_comes_first(
    store: SqliteComparisonStore, described_first: bool
) -> None:
    group, question = a_group("site", attributes={"a": "b"}), ReadCall.TAGS_OF_GROUP
    described = (PageRequest(ReadCall.THING_GROUP, "site"), Page((group,)))
    tagged = (PageRequest(question, "site"), Page((ThingGroup("site", tags={"team": "red"}),)))
    store.keep(Side.SOURCE, [(PageRequest(ReadCall.THING_GROUPS), Page((ThingGroup("site"),)))])

    store.keep(Side.SOURCE, [described, tagged] if described_first else [tagged, described])

    assert store.pair(group.key).source == replace(group, tags={"team": "red"})
    assert not list(store.pending(Side.SOURCE, question))


def test_tags_of_several_pages_are_kept_together_and_none_are_known_as_none(store: SqliteComparisonStore) -> None:
    policy, question = a_policy(), ReadCall.TAGS_OF_POLICY
    store.put(Side.SOURCE, [policy])
    store.put(Side.TARGET, [policy])

    store.keep(
        Side.SOURCE, [(PageRequest(question, policy.name), Page((Policy(policy.name, "", tags={"a": ""}),), "more"))]
    )
    store.keep(
        Side.SOURCE, [(PageRequest(question, policy.name, "more"), Page((Policy(policy.name, "", tags={"b": "2"}),)))]
    )
    store.keep(Side.TARGET, [(PageRequest(question, policy.name), Page((Policy(policy.name, "", tags={}),)))])

    pair = store.pair(policy.key)
    assert pair.source == replace(policy, tags={"a": "", "b": "2"})
    assert pair.target == replace(policy, tags={})
