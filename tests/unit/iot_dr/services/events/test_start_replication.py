"""A batch of events becomes one look for each distinct resource."""

from iot_dr.model.registry.keys import RESERVED_PREFIX, thing_key, thing_type_key
from iot_dr.services.events.start_replication import start_replication
from tests.builders import an_event
from tests.fakes import RecordingWorkflow


def test_each_distinct_resource_is_checked_once() -> None:
    workflow = RecordingWorkflow()
    events = [an_event("a"), an_event(thing_type_key("a")), an_event("a", "UPDATED", 2_000_000), an_event("b")]

    requests = start_replication(events, workflow)

    assert [request.key for request in workflow.started] == [thing_key("a"), thing_type_key("a"), thing_key("b")]
    assert tuple(workflow.started) == requests


def test_the_health_checkers_own_things_are_left_alone() -> None:
    workflow = RecordingWorkflow()

    start_replication([an_event(f"{RESERVED_PREFIX}1"), an_event("pump-17")], workflow)

    assert [request.key.name for request in workflow.started] == ["pump-17"]


def test_a_batch_without_events_starts_nothing() -> None:
    workflow = RecordingWorkflow()

    assert start_replication([], workflow) == ()
    assert workflow.started == []
