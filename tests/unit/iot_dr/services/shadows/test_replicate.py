"""One worker on shadows: from what events carry, and by checking both Regions."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, Conflict, RegionUnavailable, Throttled
from iot_dr.model.exact_json import Json, Number
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import HELD_BACK, Fence, FenceRole
from iot_dr.model.registry.keys import Key, shadow_key, thing_shadows_key
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import Outcome, State
from iot_dr.model.shadows.shadow import Document, ShadowSelection, decode_shadow_event
from iot_dr.reconcile.shadows import LATE, STALE_FOR
from iot_dr.services.shadows.replicate import (
    BATCH_TAKES,
    BEGUN_WITHIN,
    HELD_FOR,
    KEPT_FOR,
    KEPT_OTHERWISE,
    NOT_OWNED,
    Applied,
    ShadowReplication,
)
from templates.replication_workflow import WORKER_SECONDS
from tests.fakes import Calls, Killed, once, raising
from tests.shadow_fakes import REGION, VERSIONS_KEPT, ShadowWorld, states

KEY, CONFIG = shadow_key("pump-17"), shadow_key("pump-17", "config")
ON, OFF = '{"reported":{"on":true}}', '{"reported":{"on":false}}'
WRITES = {"secondary.update", "secondary.make", "secondary.delete"}
FOLLOWING = Control("us-east-1")
SUSPENDED = replace(FOLLOWING, replication=ReplicationState.SUSPENDED)
LEADS = Fence(FenceRole.LEADS, 2, why="the primary is away")


@pytest.fixture
def world() -> ShadowWorld:
    return ShadowWorld()


def apply(world: ShadowWorld, *items: dict[str, Any]) -> Applied:
    return world.replication.apply([decode_shadow_event(item) for item in items])


def calls_of(world: ShadowWorld, *items: dict[str, Any]) -> list[str]:
    world.calls.made.clear()
    apply(world, *items)
    return list(world.calls.made)


def held(world: ShadowWorld, key: Key = KEY) -> Document | None:
    return world.secondary.documents.get(key)


# From what events carry


def test_a_shadow_is_copied_from_its_event_without_asking_the_primary(world: ShadowWorld) -> None:
    calls = calls_of(world, world.primary.put(KEY, ON))

    assert held(world) == world.primary.documents[KEY]
    assert not [call for call in calls if call.startswith("primary.")]


def test_an_update_takes_two_readings_and_three_writes(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))

    calls = calls_of(world, world.primary.put(KEY, OFF))

    assert calls == [
        "control.leadership",
        "notes.read",
        "secondary.shadow",
        "notes.claim",
        "secondary.update",
        "notes.settle",
    ]


def test_a_burst_is_applied_at_once(world: ShadowWorld) -> None:
    items = [world.primary.put(KEY, f'{{"reported":{{"n":{number}}}}}') for number in range(1000)]

    calls = calls_of(world, *items)

    assert held(world) == {"reported": {"n": Number("999")}}
    assert calls.count("secondary.update") == 1


def test_what_there_is_no_time_left_for_is_handed_in_again_as_if_it_had_not_come(world: ShadowWorld) -> None:
    keys = [shadow_key(f"pump-{number}") for number in range(4)]
    items = [world.primary.put(key, ON) for key in keys]

    def throttled(call: str, _number: int) -> None:
        if call == "secondary.update":
            world.clock.advance(0.6 * BATCH_TAKES / 1000)

    world.calls.before = throttled

    found = apply(world, *items)
    assert found.unrecorded == {*keys[2:]}
    assert world.ledger.remembered == {*keys[:2]}

    assert apply(world, *items).unrecorded == frozenset()
    assert world.secondary.documents == world.primary.documents


def test_a_batch_ends_well_before_its_function(world: ShadowWorld) -> None:
    assert BATCH_TAKES / 1000 < 0.6 * WORKER_SECONDS


def test_removed_keys_and_cleared_sections_are_removed_and_cleared(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, '{"desired":{"a":1},"reported":{"a":1,"b":{"c":1,"d":1}}}'))

    apply(world, world.primary.put(KEY, '{"desired":null,"reported":{"a":null,"b":{"d":null}}}'))

    assert held(world) == {"reported": {"b": {"c": Number("1")}}}


def test_the_shadows_of_one_thing_are_apart(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON), world.primary.put(CONFIG, OFF))

    assert world.secondary.documents == world.primary.documents


def test_an_outcome_tells_how_long_it_took_from_the_update_being_accepted(world: ShadowWorld) -> None:
    item = world.primary.put(KEY, ON)
    world.clock.advance(0.3)

    (outcome,) = apply(world, item).outcomes

    assert outcome.state is State.IN_SYNC
    assert outcome.lag is not None
    assert 300 <= outcome.lag < 400
    assert world.ledger.outcome(KEY) == outcome


def test_an_older_update_that_comes_late_is_skipped_without_a_write(world: ShadowWorld) -> None:
    late, newer = world.primary.put(KEY, ON), world.primary.put(KEY, OFF)
    apply(world, newer)

    calls = calls_of(world, late)

    assert held(world) == {"reported": {"on": False}}
    assert calls == ["control.leadership", "notes.read"]


def test_a_repeated_update_is_skipped(world: ShadowWorld) -> None:
    item = world.primary.put(KEY, ON)
    apply(world, item)

    assert states(apply(world, item)) == [State.SUPERSEDED]


def test_what_a_device_writes_in_the_secondary_is_not_overwritten_by_a_repetition(world: ShadowWorld) -> None:
    item = world.primary.put(KEY, ON)
    apply(world, item)
    world.secondary.put(KEY, OFF)

    apply(world, item)

    assert held(world) == {"reported": {"on": False}}


def test_an_update_that_does_not_carry_the_document_is_read_from_the_primary(world: ShadowWorld) -> None:
    item = world.primary.put(KEY, ON)
    del item["payload"]

    apply(world, item)

    assert held(world) == {"reported": {"on": True}}


# Deletion


def test_a_deleted_shadow_is_deleted_and_nothing_of_how_it_stood_is_kept(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))

    (outcome,) = apply(world, world.primary.remove(KEY)).outcomes

    assert outcome.state is State.ABSENT
    assert held(world) is None
    assert world.ledger.outcome(KEY) is None


def test_nothing_is_deleted_without_the_primarys_word(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    deletion = world.primary.remove(KEY)
    world.calls.before = raising(RegionUnavailable("stalls"), on=["primary.shadow"])

    (outcome,) = apply(world, deletion).outcomes

    assert outcome.state is State.PENDING
    assert held(world) == {"reported": {"on": True}}


def test_an_empty_copy_that_replication_did_not_make_goes_with_the_primarys(world: ShadowWorld) -> None:
    world.secondary.put(KEY, "{}")

    world.replication.check([KEY])

    assert held(world) is None


def test_a_copy_that_replication_did_not_make_is_not_deleted(world: ShadowWorld) -> None:
    world.secondary.put(KEY, ON)
    apply(world, world.primary.put(KEY, OFF))

    (outcome,) = apply(world, world.primary.remove(KEY)).outcomes

    assert (outcome.state, outcome.reason) == (State.UNSUPPORTED, NOT_OWNED)
    assert held(world) == {"reported": {"on": False}}
    assert calls_of_request(world) == ["control.leadership", "notes.read", "secondary.shadow", "primary.shadow"]


def calls_of_request(world: ShadowWorld) -> list[str]:
    world.calls.made.clear()
    world.replication.check([KEY])
    return list(world.calls.made)


def test_a_deletion_that_comes_late_leaves_what_was_made_anew(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    deletion, anew = world.primary.remove(KEY), world.primary.put(KEY, OFF)
    apply(world, anew)

    apply(world, deletion)

    assert held(world) == {"reported": {"on": False}}


def test_an_update_of_before_the_deletion_does_not_bring_a_shadow_back(world: ShadowWorld) -> None:
    late = world.primary.put(KEY, ON)
    apply(world, world.primary.remove(KEY))

    (outcome,) = apply(world, late).outcomes

    assert outcome.state is State.ABSENT
    assert held(world) is None


@pytest.mark.parametrize("hours", [1, 49])
def test_a_shadow_that_was_made_anew_is_copied_whatever_its_version(world: ShadowWorld, hours: int) -> None:
    for _ in range(5):
        apply(world, world.primary.put(KEY, ON))
    apply(world, world.primary.remove(KEY))
    world.clock.advance(hours * 3600)

    apply(world, world.primary.put(KEY, OFF))

    assert held(world) == {"reported": {"on": False}}


def test_a_new_count_is_accepted_even_if_the_deletion_was_lost(world: ShadowWorld) -> None:
    for _ in range(5):
        apply(world, world.primary.put(KEY, ON))
    world.primary.remove(KEY)
    world.clock.advance(VERSIONS_KEPT / 1000 + 3600)

    apply(world, world.primary.put(KEY, OFF))

    assert held(world) == {"reported": {"on": False}}


def test_a_shadow_made_anew_at_the_version_that_is_noted_is_no_repetition(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    world.primary.remove(KEY)
    world.clock.advance(VERSIONS_KEPT / 1000 + 3600)

    assert states(apply(world, world.primary.put(KEY, OFF))) == [State.IN_SYNC]

    assert held(world) == {"reported": {"on": False}}


def test_an_event_of_an_old_count_that_comes_late_does_not_win_by_its_higher_version(world: ShadowWorld) -> None:
    for _ in range(4):
        late = world.primary.put(KEY, ON)
    world.primary.remove(KEY)
    world.clock.advance(VERSIONS_KEPT / 1000 + 3600)
    apply(world, world.primary.put(KEY, OFF))

    apply(world, late)

    assert held(world) == {"reported": {"on": False}}


def test_after_the_deletion_of_a_shadow_that_is_counted_anew_its_next_versions_are_not_taken_for_old(
    world: ShadowWorld,
) -> None:
    for _ in range(5):
        apply(world, world.primary.put(KEY, ON))
    world.primary.remove(KEY)
    world.clock.advance(VERSIONS_KEPT / 1000 + 3600)
    world.primary.put(KEY, ON)
    apply(world, world.primary.remove(KEY))

    apply(world, world.primary.put(KEY, OFF))

    assert held(world) == {"reported": {"on": False}}


def test_an_update_of_before_a_deletion_takes_back_the_copy_that_it_makes_during_the_deletion(
    world: ShadowWorld,
) -> None:
    first = world.primary.put(KEY, ON)
    world.primary.put(KEY, OFF)
    deletion = world.primary.remove(KEY)
    other = Calls()
    world.calls.before = once("secondary.make", lambda: apply_by(world.worker(other), deletion))

    assert states(apply(world, first)) == [State.ABSENT]

    assert world.secondary.documents == {}
    assert world.ledger.outcome(KEY) is None


def test_what_was_made_during_a_deletion_is_replications_own(world: ShadowWorld) -> None:
    first = world.primary.put(KEY, ON)
    deletion = world.primary.remove(KEY)

    def deleted_and_made_anew() -> None:
        apply_by(world.worker(Calls()), deletion)
        world.primary.put(KEY, OFF)

    world.calls.before = once("secondary.make", deleted_and_made_anew)
    apply(world, first)
    assert held(world) == {"reported": {"on": False}}

    apply(world, world.primary.remove(KEY))

    assert world.secondary.documents == {}


def apply_by(worker: ShadowReplication, *items: dict[str, Any]) -> Applied:
    return worker.apply([decode_shadow_event(item) for item in items])


def test_what_a_deletion_hits_that_dies_comes_back_within_minutes(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    deletion = world.primary.remove(KEY)

    def made_anew() -> None:
        world.primary.put(KEY, OFF)
        assert states(world.worker(Calls()).check([KEY])) == [State.IN_SYNC]

    world.calls.before = once("secondary.delete", made_anew)
    world.calls.after = raising(Killed(), on=["secondary.delete"])
    with pytest.raises(Killed):
        apply(world, deletion)
    assert held(world) is None

    world.calls.after = lambda _name, _number: None
    apply(world, deletion, world.primary.items[-1])
    world.retry(after=MARK_LIFETIME / 1000)

    assert held(world) == {"reported": {"on": False}}
    assert list(world.ledger.due(10**15)) == []


def test_an_empty_copy_of_a_worker_that_died_goes_within_minutes(world: ShadowWorld) -> None:
    first = world.primary.put(KEY, ON)
    world.primary.put(KEY, OFF)
    deletion = world.primary.remove(KEY)
    world.calls.before = once("secondary.make", lambda: apply_by(world.worker(Calls()), deletion))
    world.calls.after = raising(Killed(), on=["secondary.make"])
    with pytest.raises(Killed):
        apply(world, first)
    assert held(world) == {}

    world.calls.after = lambda _name, _number: None
    apply(world, first)
    world.retry(after=MARK_LIFETIME / 1000)

    assert world.secondary.documents == {}
    assert list(world.ledger.due(10**15)) == []


@pytest.mark.parametrize("write", ["make", "delete"])
def test_a_worker_that_was_held_up_after_its_claim_reads_again_before_it_writes_unguarded(
    world: ShadowWorld, write: str
) -> None:
    item = world.primary.put(KEY, ON)
    if write == "delete":
        apply(world, item)
        item = world.primary.remove(KEY)
    made: list[int] = []
    world.calls.before = lambda name, number: made.append(number) if name == f"secondary.{write}" else None
    world.calls.after = once("notes.claim", lambda: world.clock.advance(BEGUN_WITHIN / 1000 + 1))

    apply(world, item)

    assert world.secondary.documents == world.primary.documents
    assert len(made) == 1
    assert world.calls.made[: made[0]].count("notes.claim") - (write == "delete") * 2 == 2


# Checking


def test_a_lost_last_update_is_found_by_a_request(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    world.primary.put(KEY, OFF)

    world.replication.check([KEY])

    assert held(world) == {"reported": {"on": False}}


def test_a_check_what_is_equal_writes_nothing(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))

    assert calls_of_request(world) == ["control.leadership", "notes.read", "secondary.shadow", "primary.shadow"]


def test_a_check_what_is_in_neither_region_notes_nothing(world: ShadowWorld) -> None:
    assert states(world.replication.check([KEY])) == [State.ABSENT]
    assert not world.notes.notes


def test_what_a_device_wrote_in_the_secondary_is_brought_back_to_the_primarys_state(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    world.secondary.put(KEY, OFF)

    world.replication.check([KEY])

    assert held(world) == {"reported": {"on": True}}


def test_a_check_a_thing_takes_in_all_shadows_of_either_region(world: ShadowWorld) -> None:
    apply(world, world.primary.put(shadow_key("pump-17", "gone"), ON))
    world.primary.remove(shadow_key("pump-17", "gone"))
    world.primary.put(KEY, ON)
    world.primary.put(CONFIG, OFF)

    world.replication.check([thing_shadows_key("pump-17")])

    assert world.secondary.documents == world.primary.documents


def test_a_failure_to_list_shadows_is_noted_until_they_are_listed(world: ShadowWorld) -> None:
    key = thing_shadows_key("pump-17")
    world.primary.put(CONFIG, ON)
    world.calls.before = raising(Throttled("slower"), on=["primary.shadow_names"])
    assert states(world.replication.check([key])) == [State.PENDING]

    world.calls.before = raising(Throttled("slower"))
    world.retry()

    assert held(world, CONFIG) == {"reported": {"on": True}}
    assert world.ledger.outcome(key) is None


def test_an_answer_older_than_the_event_is_not_believed(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    deletion = world.primary.remove(KEY)
    world.primary._held[KEY] = replace(world.primary._held[KEY], document={"reported": {"on": True}})

    (outcome,) = apply(world, deletion).outcomes

    assert outcome.state is State.PENDING
    assert "old" in outcome.reason


# What is chosen


def test_only_chosen_shadows_are_replicated() -> None:
    world = ShadowWorld(ShadowSelection("named", "config"))
    status = shadow_key("pump-17", "status")

    apply(world, *(world.primary.put(key, ON) for key in (KEY, CONFIG, status)))
    world.sweep()

    assert set(world.secondary.documents) == {CONFIG}


def test_the_health_checkers_own_shadows_are_left_alone(world: ShadowWorld) -> None:
    assert apply(world, world.primary.put(shadow_key("iot-dr-probe-1"), ON)) == Applied()


# What stands in the way


@pytest.mark.parametrize(
    ("error", "state"),
    [(Throttled("slower"), State.PENDING), (Conflict("again"), State.PENDING), (AccessDenied("no"), State.FAILED)],
)
def test_what_could_not_be_written_is_noted_and_mended_by_a_retry(
    world: ShadowWorld, error: Throttled | Conflict | AccessDenied, state: State
) -> None:
    world.calls.before = raising(error, on=["secondary.update"])
    (outcome,) = apply(world, world.primary.put(KEY, ON)).outcomes
    assert outcome.state is state

    world.calls.before = raising(error)
    world.retry()

    assert held(world) == {"reported": {"on": True}}
    assert list(world.ledger.due(10**15)) == []


def test_what_waits_is_not_forgotten_for_an_older_event_that_comes_late(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late, newer = world.primary.put(KEY, '{"reported":{"n":1}}'), world.primary.put(KEY, OFF)
    world.calls.before = raising(Throttled("slower"), on=["secondary.shadow"])
    apply(world, newer)
    world.calls.before = raising(RegionUnavailable("stalls"), on=["primary.shadow"])

    apply(world, late)

    assert held(world) == {"reported": {"on": True, "n": Number("1")}}
    assert list(world.ledger.due(10**15)) == [KEY]
    world.calls.before = raising(Throttled("slower"))
    world.retry(after=120)
    assert world.secondary.documents == world.primary.documents
    assert list(world.ledger.due(10**15)) == []


def test_a_waiting_shadow_waits_no_more_once_an_event_has_come_and_the_primary_was_asked(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, '{"reported":{"n":1}}'))
    world.calls.before = raising(Throttled("slower"), on=["secondary.shadow"])
    apply(world, world.primary.put(KEY, ON))
    world.calls.before = raising(Throttled("slower"))

    assert states(apply(world, world.primary.put(KEY, OFF))) == [State.IN_SYNC]

    assert list(world.ledger.due(10**15)) == []


def test_a_slow_success_does_not_take_back_what_a_newer_event_noted_to_wait(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    older, newer = world.primary.put(KEY, '{"reported":{"n":1}}'), world.primary.put(KEY, OFF)
    other = Calls(before=raising(Throttled("slower"), on=["secondary.shadow"]))
    world.calls.before = once("secondary.update", lambda: apply_by(world.worker(other), newer))

    apply(world, older)

    outcome = world.ledger.outcome(KEY)
    assert outcome is not None
    assert outcome.state is State.PENDING
    world.retry(after=120)
    assert world.secondary.documents == world.primary.documents


def test_a_write_that_another_worker_has_claimed_over_is_not_told_as_one_that_counts(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    older, newer = world.primary.put(KEY, '{"reported":{"n":1}}'), world.primary.put(KEY, OFF)
    world.calls.before = once("notes.settle", lambda: apply_by(world.worker(Calls()), newer))

    (outcome,) = apply(world, older).outcomes

    assert (outcome.state, outcome.lag) == (State.SUPERSEDED, None)
    assert held(world) == world.primary.documents[KEY]


def test_what_one_shadow_meets_keeps_no_other_waiting(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON), world.primary.put(CONFIG, ON))
    items = world.primary.put(KEY, OFF), world.primary.put(CONFIG, OFF)
    failed: list[str] = []

    def first_write_fails(name: str, _number: int) -> None:
        if name == "secondary.update" and not failed:
            failed.append(name)
            raise Throttled("slower")

    world.calls.before = first_write_fails

    assert states(apply(world, *items)) == [State.PENDING, State.IN_SYNC]


def test_what_not_even_the_ledger_can_be_told_of_is_handed_back(world: ShadowWorld) -> None:
    world.calls.before = raising(Throttled("slower"), on=["secondary.shadow", "ledger.record"])

    assert apply(world, world.primary.put(KEY, ON)) == Applied((), frozenset({KEY}))


def test_a_change_that_is_too_large_is_made_in_two(world: ShadowWorld) -> None:
    many: dict[str, Json] = {f"key-{number:03}": Number(str(number)) for number in range(60)}
    apply(world, world.primary.put(KEY, {"reported": {"old": many}}))
    apply_later = world.primary.put(KEY, {"reported": {"old": dict.fromkeys(many), "new": many}})
    world.secondary.longest = 1200

    assert states(apply(world, apply_later)) == [State.IN_SYNC]
    assert held(world) == world.primary.documents[KEY]


def test_a_document_of_nearly_8_kb_that_is_exchanged_for_another_of_that_size_arrives(world: ShadowWorld) -> None:
    world.secondary.longest = 8 * 1024
    apply(world, world.primary.put(KEY, {"reported": {"old": "x" * 8100}}))

    assert states(apply(world, world.primary.become(KEY, {"reported": {"new": "y" * 8160}}))) == [State.IN_SYNC]

    assert held(world) == world.primary.documents[KEY]


def test_a_document_that_is_too_large_for_the_secondary_has_failed(world: ShadowWorld) -> None:
    world.secondary.longest = 100

    (outcome,) = apply(world, world.primary.put(KEY, {"reported": {"text": "x" * 200}})).outcomes

    assert outcome.state is State.FAILED
    assert "x" * 20 not in outcome.reason


def test_what_a_region_keeps_otherwise_is_written_twice_and_no_more(world: ShadowWorld) -> None:
    world.secondary.keeps = lambda document: document and {"reported": {"rounded": Number("1")}}
    apply(world, world.primary.put(KEY, '{"reported":{"rounded":1.25}}'))

    (outcome,) = world.replication.check([KEY]).outcomes
    assert (outcome.state, outcome.reason) == (State.UNSUPPORTED, KEPT_OTHERWISE)

    assert not WRITES & set(calls_of_request(world))


# Failover


def test_what_devices_wrote_is_not_overwritten_while_replication_is_suspended(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, '{"reported":{"late":true}}')
    world.secondary.put(KEY, OFF)
    world.control.now = SUSPENDED

    (outcome,) = apply(world, late).outcomes
    assert outcome.state is State.PENDING
    assert outcome.reason.startswith(HELD_BACK)

    world.replication.check([KEY, thing_shadows_key("pump-17")])
    assert held(world) == {"reported": {"on": False}}


def test_what_was_held_back_comes_within_minutes_however_many_events_were(world: ShadowWorld) -> None:
    world.control.now = SUSPENDED
    for number in range(50):
        world.clock.advance(10)
        apply(world, world.primary.put(KEY, f'{{"reported":{{"n":{number}}}}}'))
    world.control.now = FOLLOWING

    world.retry(after=HELD_FOR / 1000)

    assert held(world) == world.primary.documents[KEY]
    assert list(world.ledger.due(10**15)) == []


@pytest.mark.parametrize("told", ["by the fence", "by an order that the fence has not followed yet"])
def test_what_devices_wrote_in_a_leading_target_is_held_and_nothing_tries_again(world: ShadowWorld, told: str) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, '{"reported":{"late":true}}')
    world.secondary.put(KEY, OFF)
    if told == "by the fence":
        world.control.fence = LEADS
    else:
        world.control.now = Control(REGION, Mode.PINNED, 2)

    assert states(apply(world, late)) == [State.HELD]
    world.replication.check([KEY, thing_shadows_key("pump-17")])

    assert held(world) == {"reported": {"on": False}}
    assert list(world.ledger.due(10**15)) == []


def test_a_leading_target_gets_late_events_of_what_nobody_else_wrote(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = [world.primary.put(KEY, OFF), world.primary.put(CONFIG, ON)]
    world.control.fence = LEADS

    assert states(apply(world, *late)) == [State.IN_SYNC] * 2
    assert world.secondary.documents == world.primary.documents


def test_a_device_that_writes_between_reading_and_write_of_a_leading_target_is_not_overwritten(
    world: ShadowWorld,
) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, '{"reported":{"late":true}}')
    world.control.fence = LEADS
    world.calls.before = once("secondary.update", lambda: world.secondary.put(KEY, OFF))

    assert states(apply(world, late)) == [State.HELD]
    assert held(world) == {"reported": {"on": False}}


def test_nothing_is_deleted_in_a_leading_target(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.remove(KEY)
    world.control.fence = LEADS

    assert states(apply(world, late)) == [State.HELD]
    assert held(world) == {"reported": {"on": True}}


def test_a_shadow_that_was_deleted_in_a_leading_target_is_not_made_anew(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, OFF)
    world.secondary.delete(KEY)
    world.control.fence = LEADS

    assert states(apply(world, late)) == [State.HELD]
    assert held(world) is None


@pytest.mark.parametrize("call", ["secondary.make", "secondary.delete"])
def test_a_target_that_takes_the_lead_right_before_a_write_that_no_version_guards_is_asked_again(
    world: ShadowWorld, call: str
) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, OFF) if call == "secondary.make" else world.primary.remove(KEY)
    if call == "secondary.make":
        world.secondary.delete(KEY)
    before = world.secondary.documents

    def takes_the_lead() -> None:
        world.control.fence = LEADS

    world.calls.before = once("secondary.shadow", takes_the_lead)

    assert states(apply(world, late)) == [State.HELD]
    assert world.secondary.documents == before


def test_what_somebody_wrote_a_moment_ago_into_a_following_target_is_kept_for_a_while(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, '{"reported":{"late":true}}')
    world.secondary.put(KEY, OFF)
    worker = world.worker(world.calls, kept_for=KEPT_FOR)

    (outcome,) = worker.apply([decode_shadow_event(late)]).outcomes
    assert (outcome.state, held(world)) == (State.PENDING, {"reported": {"on": False}})
    for _ in range(4):
        world.clock.advance(HELD_FOR / 1000)
        worker.check(list(world.ledger.due(world.clock())))

    assert held(world) == world.primary.documents[KEY]
    assert list(world.ledger.due(10**15)) == []


@pytest.mark.parametrize("had", ["nothing", "the same"])
def test_what_a_device_has_just_written_is_its_own_though_a_check_found_nothing_to_do(
    world: ShadowWorld, had: str
) -> None:
    worker = world.worker(world.calls, kept_for=KEPT_FOR)
    if had == "the same":
        world.primary.put(KEY, OFF)
        worker.check([KEY])
    world.secondary.put(KEY, OFF)
    worker.check([KEY])
    world.control.fence = LEADS

    assert states(worker.apply([decode_shadow_event(world.primary.put(KEY, ON))])) == [State.HELD]
    assert held(world) == {"reported": {"on": False}}


@pytest.mark.parametrize("leads", [True, False])
def test_a_copy_that_others_made_long_ago_is_replications_own_while_the_target_follows(
    world: ShadowWorld, leads: bool
) -> None:
    worker = world.worker(world.calls, kept_for=KEPT_FOR)
    for registry in (world.primary, world.secondary):
        registry.put(KEY, OFF)
    world.clock.advance(KEPT_FOR / 1000)
    world.control.fence = LEADS if leads else Fence()
    worker.check([KEY])
    world.control.fence = LEADS

    (state,) = states(worker.apply([decode_shadow_event(world.primary.put(KEY, ON))]))

    assert state is (State.HELD if leads else State.IN_SYNC)


def test_what_a_device_wrote_and_the_primary_has_too_stays_the_devices_though_its_note_was_never_ended(
    world: ShadowWorld,
) -> None:
    for registry in (world.primary, world.secondary):
        registry.put(KEY, OFF)
    world.control.fence = LEADS
    world.calls.before = raising(Killed(), on=["notes.settle"])
    with pytest.raises(Killed):
        world.worker(world.calls, kept_for=KEPT_FOR).check([KEY])
    world.calls.before = lambda _name, _at: None
    worker = world.worker(world.calls, kept_for=KEPT_FOR)
    assert states(worker.apply([decode_shadow_event(world.primary.remove(KEY))])) == [State.UNSUPPORTED]

    assert states(worker.apply([decode_shadow_event(world.primary.put(KEY, ON))])) == [State.HELD]
    assert held(world) == {"reported": {"on": False}}


def test_what_a_device_has_just_written_is_not_deleted_for_a_while(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    world.secondary.put(KEY, OFF)
    worker = world.worker(world.calls, kept_for=KEPT_FOR)

    assert states(worker.apply([decode_shadow_event(world.primary.remove(KEY))])) == [State.PENDING]
    assert held(world) == {"reported": {"on": False}}
    for _ in range(4):
        world.clock.advance(HELD_FOR / 1000)
        worker.check(list(world.ledger.due(world.clock())))

    assert held(world) is None


def test_what_another_worker_wrote_meanwhile_is_not_taken_for_a_devices(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    events = [decode_shadow_event(world.primary.put(KEY, f'{{"reported":{{"n":{number}}}}}')) for number in (1, 2)]
    world.notes.claim(KEY, world.notes.read(KEY), events[0].source)
    world.calls.before = once("secondary.update", lambda: world.secondary.put(KEY, '{"reported":{"n":1}}'))

    worker = world.worker(world.calls, kept_for=KEPT_FOR)

    assert states(worker.apply(events[1:])) == [State.IN_SYNC]
    assert held(world) == world.primary.documents[KEY]


def test_a_device_that_writes_meanwhile_into_a_following_target_is_kept_for_a_while(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = decode_shadow_event(world.primary.put(KEY, '{"reported":{"late":true}}'))
    world.calls.before = once("secondary.update", lambda: world.secondary.put(KEY, OFF))

    assert states(world.worker(world.calls, kept_for=KEPT_FOR).apply([late])) == [State.PENDING]
    assert held(world) == {"reported": {"on": False}}


def test_the_next_late_event_does_not_overwrite_what_a_device_wrote_in_the_middle_of_the_one_before(
    world: ShadowWorld,
) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = [decode_shadow_event(world.primary.put(KEY, f'{{"reported":{{"late":{number}}}}}')) for number in (1, 2)]
    world.calls.before = once("secondary.update", lambda: world.secondary.put(KEY, OFF))
    worker = world.worker(world.calls, kept_for=KEPT_FOR)
    worker.apply(late[:1])

    assert states(worker.apply(late[1:])) == [State.PENDING]
    world.clock.advance(HELD_FOR / 1000)
    assert states(worker.check(list(world.ledger.due(world.clock())))) == [State.PENDING]
    assert held(world) == {"reported": {"on": False}}


@pytest.mark.parametrize("ends", ["before its write", "after its write"])
def test_what_a_worker_wrote_that_died_is_told_from_what_a_device_wrote(world: ShadowWorld, ends: str) -> None:
    apply(world, world.primary.put(KEY, ON))
    first, second = (
        decode_shadow_event(world.primary.put(KEY, f'{{"reported":{{"n":{number}}}}}')) for number in (1, 2)
    )
    killed = raising(Killed(), on=["secondary.update"])
    dying = Calls(before=killed) if ends == "before its write" else Calls(after=killed)
    with pytest.raises(Killed):
        world.worker(dying, kept_for=KEPT_FOR).apply([first])
    if ends == "before its write":
        world.secondary.put(KEY, OFF)

    told = states(world.worker(world.calls, kept_for=KEPT_FOR).apply([second]))

    assert told == [State.PENDING if ends == "before its write" else State.IN_SYNC]
    expected = {"reported": {"on": False}} if ends == "before its write" else world.primary.documents[KEY]
    assert held(world) == expected


def test_an_event_that_is_held_back_costs_one_write(world: ShadowWorld) -> None:
    world.control.now = SUSPENDED

    assert calls_of(world, world.primary.put(KEY, ON)) == ["control.leadership", "notes.hold"]


def test_a_check_a_thing_that_is_held_back_lists_nothing_and_waits_as_a_whole(world: ShadowWorld) -> None:
    thing = thing_shadows_key("pump-17")
    world.primary.put(KEY, ON)
    world.primary.put(CONFIG, ON)
    world.control.now = SUSPENDED
    world.replication.check([thing])
    assert world.calls.made == ["control.leadership", "notes.hold"]

    world.control.now = FOLLOWING
    world.retry(after=HELD_FOR / 1000)

    assert world.secondary.documents == world.primary.documents
    assert world.ledger.outcome(thing) is None


def test_that_a_thing_waits_is_not_forgotten_before_its_shadows_are_noted(world: ShadowWorld) -> None:
    thing = thing_shadows_key("pump-17")
    world.primary.put(KEY, ON)
    world.calls.before = raising(Throttled("slower"), on=["primary.shadow_names"])
    world.replication.check([thing])
    world.calls.before = raising(Throttled("slower"), on=["primary.shadow", "notes.announce"])

    assert world.replication.check([thing]).unrecorded == {KEY}

    assert list(world.ledger.due(10**15)) == [thing]


def test_an_event_of_before_an_outage_does_not_overwrite_what_a_device_wrote_in_the_secondary(
    world: ShadowWorld,
) -> None:
    apply(world, world.primary.put(KEY, ON))
    late = world.primary.put(KEY, '{"reported":{"late":true}}')
    world.clock.advance(1800)
    world.secondary.put(KEY, OFF)
    world.calls.before = raising(RegionUnavailable("stalls"), on=["primary.shadow"])

    assert states(apply(world, late)) == [State.PENDING]
    assert held(world) == {"reported": {"on": False}}

    world.calls.before = raising(RegionUnavailable("stalls"))
    world.retry(after=120)
    assert held(world) == world.primary.documents[KEY]


def test_an_event_of_before_an_outage_is_applied_to_what_nobody_else_wrote(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    world.calls.before = raising(RegionUnavailable("stalls"), on=["primary.shadow"])

    assert states(apply(world, world.primary.put(KEY, OFF), world.primary.put(CONFIG, ON))) == [State.IN_SYNC] * 2


def test_what_was_held_back_comes_when_replication_is_active_again(world: ShadowWorld) -> None:
    world.control.now = SUSPENDED
    apply(world, world.primary.put(KEY, ON))
    assert held(world) is None

    world.control.now = FOLLOWING
    world.retry()

    assert held(world) == {"reported": {"on": True}}


def test_a_control_item_that_cannot_be_read_rightly_holds_everything_back(world: ShadowWorld) -> None:
    world.calls.before = raising(AccessDenied("no"), on=["control.leadership"])

    (outcome,) = apply(world, world.primary.put(KEY, ON)).outcomes

    assert isinstance(outcome, Outcome)
    assert outcome.reason.startswith(HELD_BACK)
    assert held(world) is None


def test_a_control_item_that_cannot_be_reached_has_the_whole_batch_handed_in_again(world: ShadowWorld) -> None:
    world.calls.before = raising(Throttled("slower"), on=["control.leadership"])
    item = world.primary.put(KEY, ON)

    with pytest.raises(Throttled):
        apply(world, item)


# Events that are not AWS's


def forged(world: ShadowWorld, ahead: int = 1, **changes: Any) -> dict[str, Any]:
    """What a rule stores of a message that a stranger publishes: all but the time of acceptance is the stranger's."""
    found, now = world.primary.shadow(KEY), world.clock()
    item = {
        "resource": KEY.name,
        "event_id": "forged",
        "operation": "UPDATED",
        "version": (found.version if found else 0) + ahead,
        "timestamp": now // 1000,
        "accepted_at": now,
        "payload": base64.b64encode(b'{"reported":{"on":"forged"}}').decode(),
    }
    return item | changes


def is_as_the_primarys(world: ShadowWorld) -> bool:
    return world.secondary.documents == world.primary.documents


@pytest.mark.parametrize("lie", [{"ahead": 10**12}, {"timestamp": 4_102_444_800}, {"ahead": 10**12, "timestamp": 0}])
def test_a_lie_about_version_or_time_is_not_written(world: ShadowWorld, lie: dict[str, int]) -> None:
    apply(world, world.primary.put(KEY, ON))

    apply(world, forged(world, **lie))

    assert is_as_the_primarys(world)
    apply(world, world.primary.put(KEY, OFF))
    assert is_as_the_primarys(world)


def test_a_lie_in_the_batch_of_an_honest_event_keeps_it_from_nothing(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))

    apply(world, world.primary.put(KEY, OFF), forged(world, 10**12))

    assert is_as_the_primarys(world)


def test_a_lie_about_a_shadow_that_was_never_noted_is_not_written(world: ShadowWorld) -> None:
    world.primary.put(KEY, ON)

    apply(world, forged(world, 10**12))

    assert is_as_the_primarys(world)


def test_a_lie_about_a_deletion_deletes_nothing_and_freezes_nothing(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))

    apply(world, forged(world, 10**12, operation="DELETED"))
    assert is_as_the_primarys(world)

    apply(world, world.primary.put(KEY, OFF))
    assert is_as_the_primarys(world)


def test_a_deletion_far_ahead_of_a_shadow_that_is_gone_keeps_no_new_one_back(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    deletion = world.primary.remove(KEY)

    apply(world, deletion | {"version": 10**12})
    apply(world, world.primary.put(KEY, OFF))

    assert is_as_the_primarys(world)


def test_the_next_honest_event_undoes_a_forged_one_that_could_be_so(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    apply(world, forged(world))
    assert not is_as_the_primarys(world)

    world.clock.advance(0.1)
    apply(world, world.primary.put(KEY, OFF))

    assert is_as_the_primarys(world)


def test_what_was_forged_some_versions_ahead_is_undone_minutes_after_the_next_honest_event(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    apply(world, forged(world, 900))
    world.clock.advance(LATE / 1000)

    (outcome,) = apply(world, world.primary.put(KEY, OFF)).outcomes
    assert outcome.state is State.PENDING

    world.retry(after=STALE_FOR / 1000)
    assert is_as_the_primarys(world)
    calls = calls_of(world, world.primary.put(KEY, ON))
    assert "primary.shadow" not in calls


def test_what_was_forged_is_undone_by_the_sweep_too(world: ShadowWorld) -> None:
    apply(world, world.primary.put(KEY, ON))
    apply(world, forged(world, 900))
    world.clock.advance(STALE_FOR / 1000)

    world.sweep()

    assert is_as_the_primarys(world)


def test_a_repetition_asks_nobody_however_late_it_comes(world: ShadowWorld) -> None:
    item = world.primary.put(KEY, ON)
    apply(world, item)
    world.clock.advance(3600)

    assert calls_of(world, item) == ["control.leadership", "notes.read"]
