"""Which state of a shadow is newer, and the update that makes one document the other."""

from __future__ import annotations

from typing import Any

import pytest

from iot_dr.model.events.counts import FAR_AHEAD
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.shadows.shadow import Operation, ShadowEvent, ShadowNote, ShadowState, digest
from iot_dr.reconcile.shadows import (
    AHEAD,
    LATE,
    RESET_AFTER,
    STALE_FOR,
    Order,
    gone,
    halves,
    in_time,
    is_outdated,
    newest,
    order,
    patch,
)

KEY = shadow_key("pump-17")
NOW = 1_700_000_000_000


def an_update(version: int, at: int = NOW, **changes: Any) -> ShadowEvent:
    return ShadowEvent(KEY, Operation.UPDATED, version, at, **{"document": {}} | changes)


def a_deletion(version: int, at: int = NOW) -> ShadowEvent:
    return ShadowEvent(KEY, Operation.DELETED, version, at)


def a_note(version: int = 7, **changes: Any) -> ShadowNote:
    noted: dict[str, Any] = {"claims": 3, "settled": 3, "version": version, "source_at": NOW, "digest": digest({})}
    return ShadowNote(**noted | changes)


@pytest.mark.parametrize(
    ("event", "note", "expected"),
    [
        (an_update(1), ShadowNote(), Order.NEWER),
        (an_update(8), a_note(), Order.NEWER),
        (an_update(7), a_note(settled=2), Order.NEWER),
        (an_update(7), a_note(), Order.OLDER),
        (an_update(6), a_note(), Order.OLDER),
        (an_update(6), a_note(settled=2), Order.OLDER),
        (an_update(6), a_note(deleted=True), Order.OLDER),
        (an_update(6, NOW + RESET_AFTER - 1), a_note(), Order.OLDER),
        (an_update(1, NOW + RESET_AFTER), a_note(), Order.DOUBTFUL),
        (an_update(7, NOW + RESET_AFTER), a_note(), Order.DOUBTFUL),
        (an_update(7, NOW - RESET_AFTER), a_note(settled=2), Order.DOUBTFUL),
        (an_update(8, NOW - RESET_AFTER), a_note(), Order.DOUBTFUL),
        (an_update(8, document=None), a_note(), Order.DOUBTFUL),
        (an_update(7), a_note(deleted=True), Order.DOUBTFUL),
        (an_update(8), a_note(deleted=True), Order.DOUBTFUL),
        (a_deletion(7), a_note(), Order.DOUBTFUL),
        (a_deletion(9), a_note(), Order.DOUBTFUL),
        (a_deletion(3), ShadowNote(), Order.DOUBTFUL),
        (a_deletion(7), a_note(deleted=True, settled=2), Order.DOUBTFUL),
        (a_deletion(7), a_note(deleted=True), Order.OLDER),
        (a_deletion(6), a_note(), Order.OLDER),
    ],
)
def test_an_event_is_newer_older_or_doubtful(event: ShadowEvent, note: ShadowNote, expected: Order) -> None:
    assert order(event, note) is expected


OTHER = parse('{"reported":{"on":true}}')


@pytest.mark.parametrize(
    ("event", "note", "expected"),
    [
        (an_update(7 + FAR_AHEAD), a_note(), Order.NEWER),
        (an_update(8 + FAR_AHEAD), a_note(), Order.DOUBTFUL),
        (an_update(10**12), a_note(), Order.DOUBTFUL),
        (an_update(FAR_AHEAD), ShadowNote(), Order.NEWER),
        (an_update(FAR_AHEAD + 1), ShadowNote(), Order.DOUBTFUL),
        (an_update(7, document=OTHER), a_note(), Order.DOUBTFUL),
        (an_update(6, accepted_at=NOW + LATE - 1), a_note(), Order.OLDER),
        (an_update(6, accepted_at=NOW + LATE), a_note(), Order.DOUBTFUL),
        (an_update(7, accepted_at=NOW + LATE), a_note(), Order.DOUBTFUL),
        (an_update(8, accepted_at=NOW + LATE), a_note(), Order.NEWER),
    ],
)
def test_what_cannot_follow_or_contradicts_what_is_noted_is_doubtful(
    event: ShadowEvent, note: ShadowNote, expected: Order
) -> None:
    assert order(event, note) is expected


def test_a_time_that_is_later_than_the_acceptance_is_taken_back_to_it() -> None:
    event = an_update(8, NOW + AHEAD + 500, accepted_at=NOW + 500)

    assert in_time(event, NOW + 10_000) == an_update(8, NOW + 500, accepted_at=NOW + 500)
    assert in_time(an_update(8), NOW) == an_update(8)


@pytest.mark.parametrize("accepted_at", [0, NOW, NOW + 10 * AHEAD])
def test_of_an_event_of_the_future_the_state_is_not_believed(accepted_at: int) -> None:
    event = an_update(8, 4_102_444_800_000, accepted_at=accepted_at)

    assert in_time(event, NOW) == an_update(8, NOW, accepted_at=accepted_at, document=None)


@pytest.mark.parametrize(
    ("version", "at", "event", "note", "expected"),
    [
        (7, NOW, None, a_note(), False),
        (6, NOW, None, a_note(), True),
        (1, NOW + STALE_FOR - 1, None, a_note(), True),
        (1, NOW + STALE_FOR, None, a_note(), False),
        (7, NOW, None, a_note(deleted=True), True),
        (8, NOW, None, a_note(deleted=True), False),
        (8, NOW, an_update(9), a_note(), True),
        (9, NOW, an_update(9), a_note(), False),
        (9, NOW, a_deletion(9), a_note(), True),
        (10, NOW, a_deletion(9), a_note(), False),
        (1, NOW + 2 * RESET_AFTER, a_deletion(9, NOW + RESET_AFTER), a_note(), False),
        (1, NOW + 2 * RESET_AFTER, a_deletion(9, NOW + 2 * RESET_AFTER), a_note(), True),
    ],
)
def test_the_primarys_answer_may_be_older_than_what_is_known(
    version: int, at: int, event: ShadowEvent | None, note: ShadowNote, expected: bool
) -> None:
    assert is_outdated(ShadowState(version, at, {}), event, note) is expected


def test_of_many_events_the_newest_of_each_shadow_is_left() -> None:
    other = ShadowEvent(shadow_key("pump-17", "config"), Operation.UPDATED, 1, NOW)

    assert newest([an_update(2), other, an_update(3), an_update(1)]) == (an_update(3), other)


def test_a_deletion_follows_the_version_that_it_deletes() -> None:
    assert newest([a_deletion(3), an_update(3)]) == (a_deletion(3),)
    assert newest([an_update(4), a_deletion(3)]) == (an_update(4),)


def test_a_new_count_follows_the_old_one() -> None:
    anew = an_update(1, NOW + RESET_AFTER)

    assert newest([anew, an_update(90)]) == (anew,)
    assert newest([an_update(90), anew]) == (anew,)


@pytest.mark.parametrize(
    ("desired", "actual", "expected"),
    [
        ('{"reported":{"a":1}}', '{"reported":{"a":1.0}}', "{}"),
        ('{"reported":{"a":true}}', '{"reported":{"a":1}}', '{"reported":{"a":true}}'),
        ('{"reported":{"a":1,"b":2}}', '{"reported":{"a":1}}', '{"reported":{"b":2}}'),
        ('{"reported":{"a":1}}', '{"reported":{"a":1,"b":2}}', '{"reported":{"b":null}}'),
        ('{"reported":{"a":{"b":1}}}', '{"reported":{"a":{"c":1}}}', '{"reported":{"a":{"b":1,"c":null}}}'),
        ('{"reported":{"a":[1]}}', '{"reported":{"a":[1,2]}}', '{"reported":{"a":[1]}}'),
        ('{"reported":{"a":{}}}', '{"reported":{"a":1}}', '{"reported":{"a":{}}}'),
        ('{"reported":{"a":1}}', '{"reported":{"a":{"b":1}}}', '{"reported":{"a":1}}'),
        ('{"desired":{"a":1}}', '{"reported":{"a":1}}', '{"desired":{"a":1},"reported":null}'),
        ("{}", '{"desired":{"a":1},"reported":{"a":1}}', '{"desired":null,"reported":null}'),
    ],
)
def test_a_patch_tells_no_more_than_what_differs(desired: str, actual: str, expected: str) -> None:
    assert patch(parse(desired), parse(actual)) == parse(expected)


def test_what_is_taken_away_comes_before_what_is_added() -> None:
    change = parse('{"desired":null,"reported":{"a":null,"b":{"c":null,"d":{}},"e":{"f":null},"g":{"h":1}}}')

    removals, additions = halves(change)

    assert removals == parse('{"desired":null,"reported":{"a":null,"b":{"c":null},"e":{"f":null}}}')
    assert additions == parse('{"reported":{"b":{"d":{}},"g":{"h":1}}}')


@pytest.mark.parametrize(
    ("event", "note", "version", "at"),
    [
        (a_deletion(3, NOW + 1), a_note(), 7, NOW + 1),
        (a_deletion(9, NOW - 1), a_note(), 9, NOW),
        (None, a_note(), 7, NOW),
        (a_deletion(3, NOW + 1), a_note(claims=0), 3, NOW + 1),
        # Of two counts the younger one is the shadow's.
        (a_deletion(3, NOW + RESET_AFTER), a_note(), 3, NOW + RESET_AFTER),
        (a_deletion(9, NOW - RESET_AFTER), a_note(), 7, NOW),
    ],
)
def test_what_is_gone_is_gone_at_the_newest_version_that_is_known(
    event: ShadowEvent | None, note: ShadowNote, version: int, at: int
) -> None:
    assert gone(event, note) == ShadowState(version, at, None)
