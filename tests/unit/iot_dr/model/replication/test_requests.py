"""Many events about one resource make one request for it."""

import json
from dataclasses import replace

import pytest

from iot_dr.errors import EventError
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import Key, Kind, group_membership_key, thing_key
from iot_dr.model.replication.requests import Depth, ReconcileRequest, coalesce, without_repetitions
from tests.builders import an_event


def test_a_request_survives_the_workflow() -> None:
    carried = Thing("pump-17", {"site": "north"}, "pump", version=4, thing_id="id-1")
    request = ReconcileRequest(thing_key("pump-17"), 1, True, Depth.OWN, "e-1", 2, 3, "f", carried, 4, 5)
    read = ReconcileRequest.from_json(json.loads(json.dumps(request.to_json())))

    assert read == request
    assert read.carried is not None
    assert (read.carried.version, read.carried.thing_id) == (4, "id-1")


def test_a_check_a_membership_survives_the_workflow() -> None:
    request = ReconcileRequest(group_membership_key("site", "pump-17"))

    assert ReconcileRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize("kind", sorted(Kind))
def test_a_kind_and_a_name_are_enough(kind: Kind) -> None:
    assert ReconcileRequest.from_json({"kind": str(kind), "name": "x"}) == ReconcileRequest(Key(kind, "x"))


@pytest.mark.parametrize(
    "value",
    [{}, {"kind": "thing"}, {"kind": "thing", "name": ""}, {"kind": "thing", "name": 7}]
    + [{"kind": kind, "name": "x"} for kind in (None, "group", "role_alias")],
)
def test_what_cannot_be_checked_is_refused(value: dict) -> None:
    with pytest.raises(EventError, match="cannot check"):
        ReconcileRequest.from_json(value)


def test_events_of_one_resource_become_one_request_with_the_newest_time() -> None:
    events = [
        an_event("a", "CREATED", 10, "e1"),
        an_event("b", "CREATED", 11, "e2"),
        an_event("a", "UPDATED", 12, "e3"),
    ]

    requests = coalesce(events)

    assert [(request.key.name, request.occurred_at, request.event_id) for request in requests] == [
        ("a", 12, "e3"),
        ("b", 11, "e2"),
    ]


def test_the_newest_time_wins_in_any_order() -> None:
    events = [an_event("a", "UPDATED", 12, "e3"), an_event("a", "CREATED", 10, "e1")]

    (request,) = coalesce(events)

    assert (request.occurred_at, request.event_id) == (12, "e3")


@pytest.mark.parametrize("operations", [("CREATED", "UPDATED"), ("UPDATED", "CREATED")])
def test_once_called_new_it_stays_new(operations: tuple[str, str]) -> None:
    (request,) = coalesce(an_event("a", operation, time) for time, operation in enumerate(operations))

    assert request.created
    assert request.depth is Depth.ATTACHMENTS


def test_updates_alone_tell_of_the_resource_alone() -> None:
    (request,) = coalesce([an_event("a", "UPDATED", 1), an_event("a", "UPDATED", 2)])

    assert request.depth is Depth.OWN
    assert not request.created


def test_a_deletion_goes_on_to_all_that_hung_on_it_for_it_may_be_there_again() -> None:
    (request,) = coalesce([an_event("a", "DELETED"), an_event("a", "CREATED")])

    assert request.depth is Depth.EVERYTHING


def test_no_events_make_no_requests() -> None:
    assert coalesce([]) == ()


def test_who_asks_without_an_event_is_shown_everything() -> None:
    assert ReconcileRequest(thing_key("pump-17")).depth is Depth.EVERYTHING


def test_a_request_carries_the_thing_as_its_newest_event_had_it() -> None:
    older, newer = (Thing("a", {"at": at}, version=int(at)) for at in "12")
    events = [
        replace(an_event("a", "UPDATED", 12), carried=newer),
        replace(an_event("a", "CREATED", 10), carried=older),
    ]

    (request,) = coalesce(events)

    assert request.carried is newer


def test_of_two_events_of_one_moment_the_later_in_the_stream_is_the_newest() -> None:
    older, newer = (Thing("a", {"at": at}, version=int(at)) for at in "12")
    events = [replace(an_event("a", "UPDATED", 12), carried=carried) for carried in (older, newer)]

    (request,) = coalesce(events)

    assert request.carried is newer


def test_of_several_events_of_one_resource_that_are_taken_together_one_request_is_left() -> None:
    made = ReconcileRequest(thing_key("a"), 10, created=True, depth=Depth.ATTACHMENTS, event_id="e1")
    changed = ReconcileRequest(thing_key("a"), 12, depth=Depth.OWN, event_id="e2", carried=Thing("a"))
    other = ReconcileRequest(thing_key("b"), 11, event_id="e3")

    assert without_repetitions([made, other, changed]) == (
        replace(changed, created=True, depth=Depth.ATTACHMENTS),
        other,
    )


@pytest.mark.parametrize(
    "own",
    [
        ReconcileRequest(thing_key("a"), 10, checks=1, fingerprint="f"),
        ReconcileRequest(thing_key("a"), 10, tries=1),
        ReconcileRequest(thing_key("a"), noted_at=10),
    ],
    ids=["confirms", "met a fault", "checks once more"],
)
def test_what_is_more_than_an_events_first_request_is_never_taken_for_another(own: ReconcileRequest) -> None:
    first = ReconcileRequest(thing_key("a"), 12)

    assert without_repetitions([own, first, own]) == (own, first, own)


def test_what_the_schedule_has_asked_for_many_times_is_checked_once_and_not_in_the_place_of_an_event() -> None:
    due = replace(ReconcileRequest(thing_key("a"), created=True), due=5_000)
    event, other = ReconcileRequest(thing_key("a"), 12), ReconcileRequest(thing_key("b"), created=True)

    assert without_repetitions([due, event, replace(due, due=2_000), other, due]) == (
        replace(due, due=2_000),
        event,
        other,
    )
