"""What must hold for any shadow, and for any order in which workers and events come."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from iot_dr.errors import AccessDenied, Conflict, IotDrError, RegionUnavailable, Throttled
from iot_dr.model.events.counts import LARGEST
from iot_dr.model.exact_json import Json, Number, parse, render, to_bytes
from iot_dr.model.failover.control import Control, ReplicationState
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.shadows.shadow import Document, decode_shadow_event, document_of
from iot_dr.reconcile.shadows import STALE_FOR, halves, patch
from tests.fakes import Calls, Killed, raising
from tests.shadow_fakes import VERSIONS_KEPT, InMemoryShadows, ShadowWorld, Turns, dying

KEY = shadow_key("pump-17")
NAMED = shadow_key("pump-17", "config")

TYPE_TAGS = ("S", "N", "M", "L", "BOOL", "NULL", "SS", "B")
"""What DynamoDB calls its types, and a careless copy takes for them."""

names = st.one_of(
    st.sampled_from((*TYPE_TAGS, "", "version", "state", "delta", "desired", "reported", "2024-01-31T12:00:00Z")),
    st.text(max_size=6),
)
number_literals = st.one_of(
    st.integers().map(str),
    st.integers(min_value=10**30, max_value=10**60).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(("0.1", "-0", "0", "1.0", "1E+2", "1e-300", "123456789012345678901234567890", "-9007199254740993")),
)
scalars = st.one_of(
    st.booleans(),
    number_literals.map(Number),
    st.text(max_size=8),
    st.sampled_from(("2024-01-31T12:00:00.000Z", "true", "null", "1", "\ud83d", "\U0001f600", "\u0000")),
)


def _nested(levels: int) -> st.SearchStrategy[Json]:
    """Values of so many levels; an array may hold no null, and nothing else that a shadow holds may be one."""
    if levels == 0:
        return st.one_of(scalars, st.just({}), st.just([]))
    below = _nested(levels - 1)
    return st.one_of(scalars, st.lists(below, max_size=3), st.dictionaries(names, below, max_size=3))


sections = st.dictionaries(names, _nested(5), max_size=4)
documents: st.SearchStrategy[Document] = (
    st.fixed_dictionaries({}, optional={"desired": sections, "reported": sections})
    .map(document_of)
    .filter(lambda document: len(to_bytes(document)) <= 8 * 1024)
)


def _exact(value: Json) -> str:
    """Text that tells apart what `==` takes for the same number."""
    return render(value)


@given(documents)
def test_what_is_written_is_read_as_it_was(document: Document) -> None:
    assert _exact(parse(to_bytes(document))) == _exact(document)


@given(documents, documents)
def test_the_patch_of_two_documents_makes_one_the_other(desired: Document, actual: Document) -> None:
    region = InMemoryShadows()
    region.put(KEY, actual)
    found = region.shadow(KEY)
    assert found is not None

    region.update(KEY, patch(desired, found.document), found.version)

    assert region.documents[KEY] == desired


@given(documents, documents)
def test_the_two_halves_of_a_patch_do_what_the_whole_does(desired: Document, actual: Document) -> None:
    region = InMemoryShadows()
    region.put(KEY, actual)

    for half in halves(patch(desired, region.documents[KEY])):
        region.put(KEY, half)

    assert region.documents[KEY] == desired


@given(documents)
def test_equal_documents_take_no_patch(document: Document) -> None:
    assert patch(document, document_of(parse(to_bytes(document)))) == {}


@given(documents, documents)
@example({"reported": {"on": True}}, {"reported": {"on": Number("1")}})
@example({"reported": {"at": "1"}}, {"reported": {"at": Number("1")}})
@example({"reported": {"a": {}}}, {"reported": {"a": []}})
def test_any_document_arrives_unchanged(document: Document, before: Document) -> None:
    world = ShadowWorld()
    world.secondary.put(KEY, before)
    item = world.primary.put(KEY, document)

    world.replication.apply([decode_shadow_event(item)])

    assert world.secondary.documents[KEY] == world.primary.documents[KEY] == document


@given(st.sampled_from(("1" * 40, "0." + "3" * 40, "1e1500", "-" + "9" * 34)))
def test_a_number_that_the_rule_engine_would_round_is_read_from_the_primary(literal: str) -> None:
    world = ShadowWorld()
    item = world.primary.put(KEY, {"reported": {"n": Number(literal)}})
    # What the engine hands on is not what the shadow holds.
    rounded = {**item, "payload": base64.b64encode(b'{"reported":{"n":' + b"1" * 34 + b"}}").decode()}

    world.replication.apply([decode_shadow_event(rounded)])

    assert _exact(world.secondary.documents[KEY]) == _exact(world.primary.documents[KEY])


# Order, repetition, loss, and two workers

Happening = Callable[[InMemoryShadows], Any]

some_states = st.sampled_from(
    (
        '{"reported":{"on":true}}',
        '{"reported":{"on":false,"at":1}}',
        '{"reported":{"at":null}}',
        '{"reported":null}',
        '{"desired":{"on":true},"reported":{"on":true}}',
        '{"desired":null}',
    )
)
keys = st.sampled_from((KEY, KEY, NAMED))
turns = st.lists(st.tuples(st.booleans(), st.integers(1, 12)), max_size=12).map(
    lambda runs: [which for which, calls in runs for _ in range(calls)]
)
LONG_AFTER = "so long after that AWS begins a new count for what was deleted"
histories = st.lists(st.tuples(keys, st.one_of(some_states, some_states, st.none())), min_size=1, max_size=8)


long_histories = st.lists(
    st.tuples(keys, st.one_of(some_states, st.none(), st.just(LONG_AFTER))), min_size=1, max_size=10
)


def _happen(world: ShadowWorld, history: Sequence[tuple[Any, str | None]]) -> list[dict[str, Any]]:
    """Have the primary's shadows changed and deleted, and return what the rules store of it."""
    for key, state in history:
        world.clock.advance(1)
        if state == LONG_AFTER:
            world.clock.advance(VERSIONS_KEPT / 1000 + 3600)
        elif state is not None:
            world.primary.put(key, state)
        elif key in world.primary.documents:
            world.primary.remove(key)
    return world.primary.items


def _batches(items: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    batches, rest = [], list(items)
    for size in (*sizes, len(rest)):
        if rest:
            batches.append(rest[: size or 1])
            rest = rest[size or 1 :]
    return batches


@given(histories, st.randoms(use_true_random=False), st.lists(st.integers(1, 4), max_size=6), st.integers(0, 3))
def test_any_order_repetition_and_loss_of_events_ends_the_same(
    history: list[tuple[Any, str | None]], random: Any, sizes: list[int], lost: int
) -> None:
    world = ShadowWorld()
    items = _happen(world, history)
    told = [*items, *random.sample(items, len(items) // 2)]
    random.shuffle(told)
    told = told[lost:] if lost else told

    for batch in _batches(told, sizes):
        world.replication.apply(map(decode_shadow_event, batch))

    if lost:
        world.sweep()
    assert world.secondary.documents == world.primary.documents


def _named(item: dict[str, Any]) -> tuple[str, str]:
    return item["resource"], item.get("shadow", "")


PUT, PUT_OTHER = '{"desired":{"on":true}}', '{"desired":null}'
_AGE = (KEY, LONG_AFTER)


@given(long_histories, st.lists(st.booleans(), max_size=10), st.one_of(st.none(), st.randoms(use_true_random=False)))
@settings(max_examples=300)
@example([(KEY, PUT), (KEY, None), _AGE, (KEY, PUT_OTHER)], [True], None)
@example([*[(KEY, PUT)] * 4, (KEY, None), _AGE, (KEY, PUT_OTHER)], [False, False, True], None)
def test_of_all_events_of_a_shadow_the_last_is_enough_whatever_else_is_lost_late_or_counted_anew(
    history: list[tuple[Any, str | None]], heard: list[bool], random: Any
) -> None:
    world = ShadowWorld()
    items = _happen(world, history)
    last = {_named(item): item for item in items}
    others = [item for item in items if item not in last.values()]
    told = [item for item, is_heard in zip(others, heard, strict=False) if is_heard]
    late = [*last.values(), *told]
    if random:
        random.shuffle(late)

    # In their order, or with the last one before those of before it.
    for order in [[*told, *last.values()], late]:
        fresh = ShadowWorld()
        fresh.primary, fresh.clock = world.primary, world.clock
        replication = fresh.worker(Calls())
        for item in order:
            replication.apply([decode_shadow_event(item)])
        assert fresh.secondary.documents == world.primary.documents


FOLLOWING = Control("us-east-1")
SUSPENDED = replace(FOLLOWING, replication=ReplicationState.SUSPENDED)
FAULTS = (Throttled("slower"), RegionUnavailable("stalls"), Conflict("again"), AccessDenied("no"))
CALLS = (
    "notes.read",
    "secondary.shadow",
    "primary.shadow",
    "notes.claim",
    "secondary.make",
    "secondary.update",
    "secondary.delete",
    "notes.settle",
)
meetings = st.one_of(st.none(), st.just(SUSPENDED), st.tuples(st.sampled_from(FAULTS), st.sampled_from(CALLS)))
"""What an event meets: nothing, a control item that holds it back, or calls that fail."""


@given(histories, st.randoms(use_true_random=False), st.lists(meetings, max_size=12))
@settings(max_examples=500)
def test_what_failed_or_was_held_back_comes_in_minutes_whatever_came_late_meanwhile(
    history: list[tuple[Any, str | None]], random: Any, met: list[Control | tuple[IotDrError, str] | None]
) -> None:
    world = ShadowWorld()
    items = list(_happen(world, history))
    random.shuffle(items)

    for item, meeting in zip_longest(items, met[: len(items)]):
        world.control.now = meeting if isinstance(meeting, Control) else FOLLOWING
        fault, name = meeting if isinstance(meeting, tuple) else (Throttled(""), "")
        world.calls.before = raising(fault, on=[name])
        world.replication.apply([decode_shadow_event(item)])
    world.control.now = FOLLOWING
    world.calls.before = raising(Throttled(""))

    for _ in range(2):
        world.retry(after=3600)
    assert world.secondary.documents == world.primary.documents
    assert list(world.ledger.due(10**15)) == []


forged = st.fixed_dictionaries(
    {
        "key": keys,
        "operation": st.sampled_from(("UPDATED", "UPDATED", "DELETED")),
        "ahead": st.sampled_from((-1, 0, 1, 2, 900, 1001, 10**12, LARGEST)),
        "later": st.sampled_from((-(10**9), -3600, -1, 0, 1, 3600, 10**9)),
        "after": st.integers(0, 8),
    }
)
"""What a stranger tells, and after how many honest events: of a shadow, with a version and a time that may be lies."""


@given(histories, st.lists(forged, min_size=1, max_size=4), st.lists(st.integers(1, 3), max_size=6))
@settings(max_examples=300)
def test_whatever_a_stranger_tells_the_secondary_ends_as_the_primary_is(
    history: list[tuple[Any, str | None]], lies: list[dict[str, Any]], sizes: list[int]
) -> None:
    world, told = ShadowWorld(), list[dict[str, Any]]()
    for number, happening in enumerate(history):
        before = len(world.primary.items)
        _happen(world, [happening])
        told += world.primary.items[before:]
        for lie in (one for one in lies if one["after"] == number):
            found, now = world.primary.shadow(lie["key"]), world.clock()
            told.append(
                {
                    "resource": lie["key"].name,
                    "shadow": lie["key"].other,
                    "event_id": "forged",
                    "operation": lie["operation"],
                    "version": min(LARGEST, max(0, (found.version if found else 0) + lie["ahead"])),
                    "timestamp": max(0, now // 1000 + lie["later"]),
                    "accepted_at": now,
                    "payload": base64.b64encode(b'{"reported":{"on":"forged"}}').decode(),
                }
            )

    for batch in _batches(told, sizes):
        world.replication.apply(map(decode_shadow_event, batch))
    # The sweep comes round, and what waits is checked.
    world.clock.advance(STALE_FOR / 1000)
    world.sweep()
    world.retry(after=3600)

    assert world.secondary.documents == world.primary.documents
    assert list(world.ledger.due(10**15)) == []


lives = st.lists(st.sampled_from((PUT, PUT_OTHER, None)), min_size=1, max_size=3)
stops = st.one_of(st.integers(0, 24), st.just(40))
"""After how many calls the other is stopped for good; most often it comes to its end."""


@given(st.sampled_from(([], [PUT])), lives, st.integers(0, 3), st.integers(0, 14), stops, st.integers(1, 2))
@settings(max_examples=1000)
@example([PUT], [None, PUT_OTHER], 1, 6, 40, 2)
def test_a_worker_that_dies_beside_another_leaves_nothing_wrong_for_longer_than_minutes(
    before: list[str], history: list[str | None], divided: int, one: int, other: int, lifetime: int
) -> None:
    world = ShadowWorld()
    for item in list(_happen(world, [(KEY, state) for state in before])):
        world.replication.apply([decode_shadow_event(item)])
    world.primary.items.clear()
    left = list(_happen(world, [(KEY, state) for state in history[:divided]]))

    def mortal(calls: Calls) -> None:
        replication = world.worker(calls)
        while left:
            replication.apply([decode_shadow_event(left[0])])
            del left[0]

    def sound(calls: Calls) -> None:
        replication = world.worker(calls)
        for state in history[divided:]:
            # Waits for its turn, and changes nothing.
            calls.through("a", world.control).control()
            world.primary.items.clear()
            for item in list(_happen(world, [(KEY, state)])):
                replication.apply([decode_shadow_event(item)])

    order = [False] * one + [True] * other + [False] * lifetime
    Turns(order).run(dying(mortal, one + lifetime), sound)
    for item in left:
        world.replication.apply([decode_shadow_event(item)])

    for _ in range(2):
        world.retry(after=MARK_LIFETIME / 1000)
    assert world.secondary.documents == world.primary.documents
    assert list(world.ledger.due(10**15)) == []


@given(histories, histories, st.randoms(use_true_random=False), turns)
@settings(max_examples=300)
def test_two_workers_between_any_two_calls_of_each_other_end_the_same(
    before: list[tuple[Any, str | None]], history: list[tuple[Any, str | None]], random: Any, order: list[bool]
) -> None:
    world = ShadowWorld()
    for item in list(_happen(world, before)):
        world.replication.apply([decode_shadow_event(item)])
    world.primary.items.clear()
    items = list(_happen(world, history))
    random.shuffle(items)
    divided = random.randint(0, len(items))

    def worker(some: list[dict[str, Any]]) -> Callable[[Calls], object]:
        def work(calls: Calls) -> None:
            replication = world.worker(calls)
            for item in some:
                replication.apply([decode_shadow_event(item)])

        return work

    Turns(order).run(worker(items[:divided]), worker(items[divided:]))

    # What kept changing under both is noted to be checked again.
    world.retry()
    assert world.secondary.documents == world.primary.documents


@given(histories, histories, turns, st.booleans())
@settings(max_examples=200)
def test_the_primary_may_change_while_one_worker_requests_and_another_applies_events(
    before: list[tuple[Any, str | None]], history: list[tuple[Any, str | None]], order: list[bool], swapped: bool
) -> None:
    world = ShadowWorld()
    for item in list(_happen(world, before)):
        world.replication.apply([decode_shadow_event(item)])

    def changing(calls: Calls) -> None:
        replication = world.worker(calls)
        for step in history:
            world.primary.items.clear()
            for item in list(_happen(world, [step])):
                replication.apply([decode_shadow_event(item)])

    def checking(calls: Calls) -> None:
        world.worker(calls).check([KEY, NAMED])

    Turns(order).run(*([checking, changing] if swapped else [changing, checking]))

    world.retry()
    assert world.secondary.documents == world.primary.documents


@given(histories, st.integers(1, 40))
def test_a_worker_that_dies_between_any_two_calls_leaves_what_the_repetition_ends(
    history: list[tuple[Any, str | None]], dies_at: int
) -> None:
    world = ShadowWorld()
    items = _happen(world, history)
    world.calls.before = raising(Killed(), at=[dies_at])

    for item in items:
        for _ in range(2):
            with suppress(Killed):
                world.replication.apply([decode_shadow_event(item)])
                break

    assert world.secondary.documents == world.primary.documents
