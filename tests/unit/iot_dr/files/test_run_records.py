"""The record of a run is a file of lines, there from the first write on, and read whatever ended the process."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.run_records import FileChangeRecord, FileOrderRecord, FileRunHistory, SqliteFirstStates, new_run_id
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.entities import Entity
from iot_dr.model.registry.field_changes import field_changes
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.model.sync.records import AppliedChange, ChangeKind, GivenOrder, OrderKind, RunEnd, RunHeader, WriteResult
from tests.builders import ACCOUNT, a_certificate, a_policy, a_thing

RUN = new_run_id(1_764_000_000_123, "sync")
HEADER = RunHeader(RUN, 1_764_000_000_123, "iot-dr sync --apply", ACCOUNT, "us-west-2", "us-east-1", "us-west-2", "v1")
CHANGES = (
    AppliedChange(1, a_thing("new").key, ChangeKind.CREATE, WriteResult.DONE, requests=("CreateThing 1",)),
    AppliedChange(
        2,
        a_policy().key,
        ChangeKind.UPDATE,
        WriteResult.DONE,
        fields=field_changes(a_policy(), a_policy(document="{}")),
        before=a_policy(),
    ),
    AppliedChange(3, a_certificate().key, ChangeKind.DELETE, WriteResult.DONE, before=a_certificate()),
    AppliedChange(4, a_thing("a\ud800").key, ChangeKind.UPDATE, WriteResult.REFUSED, "why\ud800"),
)


def written(folder: Path, header: RunHeader = HEADER, *, end: bool = True) -> Path:
    with FileChangeRecord(folder / "history", header) as record:
        for change in CHANGES:
            record.note(change)
        if end:
            record.end(RunEnd(5, 3, 0, 1))
    return folder / "history" / f"{header.run}.jsonl"


def test_what_was_noted_is_read_again(tmp_path: Path) -> None:
    written(tmp_path / "us-east-1-us-west-2")
    history = FileRunHistory(tmp_path)

    assert history.header(RUN) == HEADER
    assert tuple(history.changes(RUN)) == CHANGES


def test_a_certificate_keeps_its_pem_so_that_it_can_be_registered_again(tmp_path: Path) -> None:
    written(tmp_path)

    before = [one.before for one in FileRunHistory(tmp_path).changes(RUN)][2]

    assert getattr(before, "pem", "") == a_certificate().pem


def test_runs_are_summed_up_the_newest_first(tmp_path: Path) -> None:
    written(tmp_path / "one")
    later = new_run_id(1_764_000_060_000, "restore")
    written(tmp_path, RunHeader(later, 1, "iot-dr restore x --apply", ACCOUNT, "us-east-1"), end=False)

    first, second = FileRunHistory(tmp_path).runs()

    assert (first.header.run, first.end) == (later, None)
    assert (second.header.run, second.end) == (RUN, RunEnd(5, 3, 0, 1))
    assert ({kind: number for kind, number in second.changes.items() if number}, second.refused) == (
        {ChangeKind.CREATE: 1, ChangeKind.UPDATE: 1, ChangeKind.DELETE: 1},
        1,
    )


def test_a_run_that_writes_nothing_leaves_no_file(tmp_path: Path) -> None:
    with FileChangeRecord(tmp_path / "history", HEADER) as record:
        record.end(RunEnd(5, 0, 0, 0))

    assert FileRunHistory(tmp_path).runs() == []


def test_a_line_that_a_killed_process_did_not_finish_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, end=False)
    with path.open("a") as file:
        file.write('{"at": 5, "reso')

    assert tuple(FileRunHistory(tmp_path).changes(RUN)) == CHANGES


def test_only_its_owner_can_read_a_record(tmp_path: Path) -> None:
    assert stat.S_IMODE(written(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", '{"format": 2}\n', '{"format": 1, "other": 1}\n'])
def test_a_file_that_is_no_record_is_said(tmp_path: Path, text: str) -> None:
    path = written(tmp_path)
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="record"):
        FileRunHistory(tmp_path).header(RUN)


@pytest.mark.parametrize("line", ["{}", "[1]", "x", json.dumps({"resource": "thing#a", "before": "{"})])
def test_a_line_that_is_none_is_said_with_its_place(tmp_path: Path, line: str) -> None:
    path = written(tmp_path)
    with path.open("a") as file:
        file.write(f"{line}\n")

    with pytest.raises(ConfigurationError, match=r"\.jsonl:7 is no line of a record"):
        list(FileRunHistory(tmp_path).changes(RUN))


def test_a_run_that_there_is_none_of_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no record of a run nothing"):
        FileRunHistory(tmp_path).header("nothing")


def test_the_first_state_of_each_resource_counts_and_comes_sorted(tmp_path: Path) -> None:
    def updated(before: Entity | None) -> AppliedChange:
        key = before.key if before else shadow_key("lost")
        return AppliedChange(1, key, ChangeKind.UPDATE, WriteResult.DONE, before=before)

    b, a = a_thing("b", {"at": "first"}), a_thing("a")
    shadow = Shadow(shadow_key("a"), parse('{"reported":{"t":1E+2}}'))
    with SqliteFirstStates(tmp_path / "first") as first:
        for change in (updated(b), updated(a), updated(a_thing("b", {"at": "second"})), updated(shadow), updated(None)):
            first.keep(change)
        first.keep(CHANGES[0])
        first.keep(updated(a_thing("new")))

        assert list(first.before(Kind.THING)) == [a, b]
        assert list(first.before(Kind.SHADOW)) == [shadow]
        assert (first.created(), first.unknown()) == (1, 1)


ORDERS = (
    GivenOrder(1, OrderKind.FENCE, "us-west-2 leads, epoch 2", WriteResult.DONE, requests=("UpdateItem 1",)),
    GivenOrder(2, OrderKind.LEAD, "us-west-2 pinned, epoch 2", WriteResult.REFUSED, "a higher epoch stands\ud800"),
)


def test_orders_are_read_again_and_counted(tmp_path: Path) -> None:
    record = FileOrderRecord(tmp_path / "history", HEADER)
    for order in ORDERS:
        record.order(order)
    history = FileRunHistory(tmp_path)

    assert history.header(RUN) == HEADER
    assert (tuple(history.orders(RUN)), tuple(history.changes(RUN))) == (ORDERS, ())
    (found,) = history.runs()
    assert (found.orders, found.refused, found.changes, found.end) == (1, 1, {}, None)
    (file,) = (tmp_path / "history").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_an_order_there_is_no_file(tmp_path: Path) -> None:
    FileOrderRecord(tmp_path / "history", HEADER)

    assert not (tmp_path / "history").exists()


def test_orders_stand_beside_changes_and_the_end_has_the_numbers_of_both(tmp_path: Path) -> None:
    with FileChangeRecord(tmp_path / "history", HEADER) as record:
        record.order(ORDERS[0])
        for change in CHANGES:
            record.note(change)
        record.end_as_noted(9)
    history = FileRunHistory(tmp_path)

    assert (tuple(history.orders(RUN)), tuple(history.changes(RUN))) == (ORDERS[:1], CHANGES)
    assert history.runs()[0].end == RunEnd(9, 4, 1, 0)


def test_a_disk_that_refuses_an_order_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")

    with pytest.raises(ConfigurationError, match="history"):
        FileOrderRecord(tmp_path / "history", HEADER).order(ORDERS[0])
