"""What makes the product act by itself, switched off for the length of a `with` block, so that one cause is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.pair import EVENT_FAMILIES, Pair

_KEPT = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
"""What an update of a schedule must say again."""


@contextmanager
def unscheduled(pair: Pair) -> Iterator[None]:
    """No schedule comes: nothing is swept or tried again in its own time."""
    schedules = pair.client("scheduler", pair.secondary)
    found = [
        schedules.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
        for page in schedules.get_paginator("list_schedules").paginate()
        for entry in page["Schedules"]
    ]

    def put(schedule: dict[str, Any], state: str) -> None:
        schedules.update_schedule(State=state, **{name: schedule[name] for name in _KEPT})

    for each in found:
        put(each, "DISABLED")
    try:
        yield
    finally:
        for each in found:
            put(each, each["State"])


@contextmanager
def untold(pair: Pair, *families: str) -> Iterator[None]:
    """Registry events of these families (`THING`, `THING_GROUP`, ...), or of all, are off and lost for good."""
    iot, named = pair.client("iot", pair.primary), families or EVENT_FAMILIES

    def turn(*, on: bool) -> None:
        iot.update_event_configurations(eventConfigurations={family: {"Enabled": on} for family in named})

    turn(on=False)
    try:
        yield
    finally:
        turn(on=True)


@contextmanager
def unheard(pair: Pair) -> Iterator[str]:
    """Registry events wait in the stream, and are handed over at the end; yields the UUID of the stream's mapping."""
    with _waiting(pair, "RegistryEventMapping") as mapping:
        yield mapping


@contextmanager
def no_background_work(pair: Pair) -> Iterator[None]:
    """Requests that no event made wait in their queue, and are handed over at the end; no schedule makes more."""
    with unscheduled(pair), _waiting(pair, "BackgroundMapping"):
        yield


@contextmanager
def _waiting(pair: Pair, logical_id: str) -> Iterator[str]:
    functions, mapping = pair.client("lambda", pair.secondary), pair.physical_id(logical_id)
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield mapping
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)
