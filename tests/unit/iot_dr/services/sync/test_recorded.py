"""Each write is noted as it happens, with its fields, its result, AWS's request IDs and what was there before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from iot_dr.errors import AccessDenied, Conflict, Throttled
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.keys import shadow_key
from iot_dr.model.sync.records import AppliedChange, ChangeKind, RunEnd, WriteResult
from iot_dr.services.sync.recorded import RecordedRegistryWriter, RecordedShadowStore, Recording
from tests.builders import a_thing
from tests.fakes import FakeClock
from tests.shadow_fakes import InMemoryShadows

SOUTH, NORTH = a_thing("pump-1", {"site": "south"}), a_thing("pump-1", {"site": "north"})


class Record:
    """`ports.ChangeRecord` in memory."""

    def __init__(self) -> None:
        self.changes: list[AppliedChange] = []

    def note(self, change: AppliedChange) -> None:
        self.changes.append(change)

    def end(self, end: RunEnd) -> None:
        """Note nothing."""


class Writer:
    """A writer whose calls have IDs, and which fails after some of them if a test says so."""

    def __init__(self, requests: list[str], calls: int = 1, error: Exception | None = None) -> None:
        self._requests, self._calls, self._error = requests, calls, error

    def write(self, change: Action) -> None:
        self._requests += [f"Call {number}" for number in range(self._calls)]
        if self._error is not None:
            raise self._error


class World:
    def __init__(self) -> None:
        self.record = Record()
        self.requests: list[str] = []
        self.recording = Recording(self.record, self.noting, FakeClock())

    @contextmanager
    def noting(self) -> Iterator[list[str]]:
        self.requests.clear()
        yield self.requests

    def writer(self, calls: int = 1, error: Exception | None = None) -> RecordedRegistryWriter:
        return RecordedRegistryWriter(Writer(self.requests, calls, error), self.recording)


@pytest.fixture
def world() -> World:
    return World()


def test_an_update_is_noted_with_old_and_new_values_and_what_was_there(world: World) -> None:
    world.writer(2).write(Update(NORTH, SOUTH, "differs"))

    (noted,) = world.record.changes
    assert (noted.key, noted.change, noted.result) == (NORTH.key, ChangeKind.UPDATE, WriteResult.DONE)
    assert [(one.name, one.old, one.new) for one in noted.fields] == [("attributes.site", '"south"', '"north"')]
    assert (noted.before, noted.requests) == (SOUTH, ("Call 0", "Call 1"))


@pytest.mark.parametrize(("change", "before"), [(Create(NORTH, ""), None), (Delete(NORTH, ""), NORTH)])
def test_what_is_created_was_not_there_and_what_is_deleted_was(world: World, change: Action, before: object) -> None:
    world.writer().write(change)

    assert world.record.changes[0].before == before


@pytest.mark.parametrize("error", [AccessDenied("no right"), Conflict("changed")])
def test_what_aws_refuses_is_noted_with_its_reason_and_raised(world: World, error: Exception) -> None:
    with pytest.raises(type(error)):
        world.writer(error=error).write(Create(NORTH, ""))

    (noted,) = world.record.changes
    assert (noted.result, noted.reason, noted.requests) == (WriteResult.REFUSED, str(error), ("Call 0",))


@pytest.mark.parametrize(("calls", "lines"), [(1, 0), (2, 1)])
def test_what_is_refused_for_its_rate_is_a_line_only_if_a_call_before_it_may_have_changed_something(
    world: World, calls: int, lines: int
) -> None:
    with pytest.raises(Throttled):
        world.writer(calls, Throttled("too fast")).write(Create(NORTH, ""))

    assert len(world.record.changes) == lines


def test_a_shadow_is_noted_with_what_was_read_before_it_was_written(world: World) -> None:
    key, shadows = shadow_key("pump-1"), InMemoryShadows()
    recorded = RecordedShadowStore(shadows, world.recording)
    recorded.make(key)
    read = recorded.shadow(key)
    assert read is not None

    recorded.update(key, parse('{"reported":{"t":1}}'), read.version)
    recorded.update(key, parse('{"reported":{"t":2}}'), read.version + 1)
    recorded.delete(key)

    made, first, second, gone = world.record.changes
    assert [one.change for one in (made, first, second, gone)] == [
        ChangeKind.CREATE,
        ChangeKind.UPDATE,
        ChangeKind.UPDATE,
        ChangeKind.DELETE,
    ]
    assert first.before == read
    assert second.before is None  # it was written without being read again
    assert [(one.name, one.new) for one in first.fields] == [("reported.t", "1")]
    assert recorded.shadow_names("pump-1") == frozenset()
