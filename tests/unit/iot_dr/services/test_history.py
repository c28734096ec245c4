"""A run is taken back by a snapshot of what was there before its first write of each resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from iot_dr.files.run_records import SqliteFirstStates
from iot_dr.files.snapshot_folder import FolderSnapshotStore
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.records import AppliedChange, ChangeKind, GivenOrder, RunHeader, RunSummary, Undo, WriteResult
from iot_dr.services.history import undo
from tests.builders import ACCOUNT, a_policy, a_thing

HEADER = RunHeader("run", 1, "iot-dr restore x --apply", ACCOUNT, "us-east-1")


class Recorded:
    """`ports.RunHistory` of one run."""

    def __init__(self, *changes: AppliedChange) -> None:
        self._changes = changes

    def runs(self) -> list[RunSummary]:
        return [RunSummary(HEADER)]

    def header(self, run: str) -> RunHeader:
        return HEADER

    def changes(self, run: str) -> Iterator[AppliedChange]:
        return iter(self._changes)

    def orders(self, run: str) -> Iterator[GivenOrder]:
        return iter(())


def undone(tmp_path: Path, *changes: AppliedChange) -> tuple[Undo, FolderSnapshotStore]:
    completed: dict[str, int] = {}

    def complete(header: RunHeader, numbers: Mapping[str, int]) -> str:
        completed.update(numbers)
        return "there"

    snapshot = FolderSnapshotStore(tmp_path)
    with SqliteFirstStates(tmp_path / "first") as first:
        found = undo(Recorded(*changes), "run", first, snapshot, complete)
    assert completed["policy"] == found.restored.get(Kind.POLICY, 0)
    return found, snapshot


def test_what_was_changed_or_deleted_is_in_the_snapshot_and_what_was_created_stays(tmp_path: Path) -> None:
    policy, thing = a_policy(), a_thing("gone")

    found, snapshot = undone(
        tmp_path,
        AppliedChange(1, policy.key, ChangeKind.UPDATE, WriteResult.DONE, before=policy),
        AppliedChange(2, policy.key, ChangeKind.UPDATE, WriteResult.DONE, before=a_policy(document="{}")),
        AppliedChange(3, thing.key, ChangeKind.DELETE, WriteResult.DONE, before=thing),
        AppliedChange(4, a_thing("made").key, ChangeKind.CREATE, WriteResult.DONE),
    )

    assert found == Undo(HEADER, "there", {Kind.POLICY: 1, Kind.THING: 1}, stays=1, lost=0)
    assert [*snapshot.entities(Kind.POLICY), *snapshot.entities(Kind.THING)] == [policy, thing]


def test_a_refused_write_counts_only_if_a_call_of_it_came_through(tmp_path: Path) -> None:
    one, other = a_thing("one"), a_thing("other")

    found, snapshot = undone(
        tmp_path,
        AppliedChange(1, one.key, ChangeKind.UPDATE, WriteResult.REFUSED, requests=("UpdateThing 1",), before=one),
        AppliedChange(2, other.key, ChangeKind.UPDATE, WriteResult.REFUSED, requests=("A 1", "B 2"), before=other),
    )

    assert found.restored == {Kind.THING: 1}
    assert list(snapshot.entities(Kind.THING)) == [other]
