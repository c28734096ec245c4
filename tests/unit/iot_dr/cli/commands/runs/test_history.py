"""`iot-dr history` lists runs, shows what one of them changed, and says how to take it back."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.main import cli
from iot_dr.files.run_records import FileChangeRecord, new_run_id
from iot_dr.files.snapshot_folder import FolderSnapshotStore
from iot_dr.model.registry.field_changes import field_changes
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.records import AppliedChange, ChangeKind, OrderKind, RunEnd, RunHeader, WriteResult
from iot_dr.runtime.commands.history import ordering
from iot_dr.services.ordered import OrderPlace
from tests.builders import ACCOUNT, a_document, a_policy, a_thing
from tests.unit.iot_dr.cli.forms import answer_faults

BEGAN = 1_764_000_000_000
RUN = new_run_id(BEGAN, "restore")
OLD, NEW = a_policy(document=a_document(action="iot:Connect")), a_policy(document=a_document(action="iot:Publish"))
SECRET, OTHER = (a_thing("pump-1", {"wifi_password": word}) for word in ("sesame", "quintessence"))


def update(before: object, after: object, *requests: str) -> AppliedChange:
    fields = field_changes(before, after)  # type: ignore[arg-type]  # entities
    key = before.key  # type: ignore[attr-defined]
    return AppliedChange(BEGAN, key, ChangeKind.UPDATE, WriteResult.DONE, "", requests, fields, before)  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    record(tmp_path, "us-east-1")
    return tmp_path


def record(state: Path, region: str) -> None:
    header = RunHeader(RUN, BEGAN, "iot-dr restore x --apply", ACCOUNT, region, "us-east-1", "us-west-2", "0.1.0")
    with FileChangeRecord(state / f"restore-{region}" / "history", header) as made:
        made.note(update(OLD, NEW, "CreatePolicyVersion 5f0c2a"))
        made.note(update(SECRET, OTHER))
        made.note(AppliedChange(BEGAN, a_thing("made").key, ChangeKind.CREATE, WriteResult.DONE))
        made.note(AppliedChange(BEGAN, a_thing("no").key, ChangeKind.CREATE, WriteResult.REFUSED, "no right"))
        made.end(RunEnd(BEGAN + 1000, 2, 1, 0))


def run(state: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["history", *words, "--state", str(state)], prog_name="iot-dr")


def test_runs_are_listed_with_what_they_changed(state: Path) -> None:
    told = json.loads(run(state, "--format", "json").stdout)["runs"]

    assert RUN in run(state).stdout
    assert [(one["run"], one["changes"], one["refused"]) for one in told] == [
        (RUN, {"create": 1, "update": 2, "delete": 0, "adopt": 0, "release": 0}, 1)
    ]
    assert told[0]["end"] == {"ended": "2025-11-24T16:00:01.000Z", "done": 2, "failed": 1, "left": 0}


def test_without_runs_it_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).stdout == "Nothing was changed or ordered from this folder.\n"


def test_each_change_of_a_run_has_its_fields_its_requests_and_its_result(state: Path) -> None:
    lines = run(state, RUN).stdout.splitlines()
    told = json.loads(run(state, RUN, "--format", "json").stdout)

    assert "2025-11-24T16:00:00.000Z update policy#pumps" in lines
    assert '      -      "Action": "iot:Connect",' in lines
    assert "      request CreatePolicyVersion 5f0c2a" in lines
    assert "2025-11-24T16:00:00.000Z create thing#no: refused, no right" in lines
    assert (told["run"], told["account"]) == (RUN, ACCOUNT)
    assert [one["resource"] for one in told["changes"]] == ["policy#pumps", "thing#pump-1", "thing#made", "thing#no"]
    assert told["changes"][0]["requests"] == ["CreatePolicyVersion 5f0c2a"]
    assert told["changes"][3]["reason"] == "no right"


@pytest.mark.parametrize("words", [(RUN,), (RUN, "--format", "json"), (RUN, "--undo-plan")])
def test_what_is_a_secret_by_its_name_is_never_shown(state: Path, words: tuple[str, ...]) -> None:
    shown = run(state, *words).stdout

    assert "wifi_password" in shown
    assert "sesame" not in shown
    assert "quintessence" not in shown


def test_an_undo_plan_writes_what_was_there_and_prints_the_restore_that_brings_it_back(state: Path) -> None:
    result = run(state, RUN, "--undo-plan")

    folder = state / "restore-us-east-1" / "history" / f"{RUN}.undo"
    words = ["iot-dr", "restore", str(folder), "--into", "primary"]
    words += ["--primary-region", "us-east-1", "--secondary-region", "us-west-2"]
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[-2:] == [f"  {shlex.join(words)}", f"  {shlex.join([*words, '--apply'])}"]
    assert "  leave thing#made, which the run created: a restore deletes nothing" in lines
    assert '      +      "Action": "iot:Connect",' in lines
    snapshot = FolderSnapshotStore(folder)
    snapshot.check(snapshot.manifest())
    assert snapshot.manifest().region == "us-east-1"
    assert [*snapshot.entities(Kind.POLICY), *snapshot.entities(Kind.THING)] == [OLD, SECRET]


def test_an_undo_plan_is_told_to_scripts_too(state: Path) -> None:
    told = json.loads(run(state, RUN, "--undo-plan", "--format", "json").stdout)

    assert (told["restored"], told["stays"], told["unknown"]) == ({"policy": 1, "thing": 1}, 1, 0)
    assert told["commands"][1] == f"{told['commands'][0]} --apply"


def test_of_the_secondary_it_says_that_replication_goes_on(tmp_path: Path) -> None:
    record(tmp_path, "us-west-2")

    shown = run(tmp_path, RUN, "--undo-plan").stdout

    assert "Replication makes the secondary equal to the primary again" in shown
    assert "--into secondary" in shown


@pytest.mark.parametrize(
    ("words", "message"), [(("nothing",), "there is no record of a run"), (("--undo-plan",), "is about one run")]
)
def test_a_run_that_there_is_none_of_is_wrong_use(state: Path, words: tuple[str, ...], message: str) -> None:
    result = run(state, *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_run_that_only_ordered_shows_its_orders_and_that_no_restore_takes_them_back(tmp_path: Path) -> None:
    place = OrderPlace("iot-dr failover --to us-west-2 --yes", "us-east-1", "us-west-2", print, str(tmp_path))
    fences = ordering(place, "us-west-2")
    fences.given(OrderKind.FENCE, ["us-west-2 leads, epoch 2"], lambda: None)

    (listed,) = json.loads(run(tmp_path, "--format", "json").stdout)["runs"]
    told = json.loads(run(tmp_path, listed["run"], "--format", "json").stdout)
    shown = run(tmp_path, listed["run"]).stdout.splitlines()

    assert (listed["command"], listed["orders"], listed["end"]) == (place.command, 1, None)
    assert [(one["order"], one["of"], one["result"]) for one in told["orders"]] == [
        ("fence", "us-west-2 leads, epoch 2", "done")
    ]
    assert (told["changes"], answer_faults("history", json.dumps(told))) == ([], [])
    assert shown[0] == f"{listed['run']}: `{place.command}`"
    assert shown[-1].endswith("fence us-west-2 leads, epoch 2")
    assert "not to its end" not in run(tmp_path).stdout
    assert run(tmp_path, listed["run"], "--undo-plan").stdout == "\nA restore can take nothing of it back.\n"
