from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.files.journal import CHUNK, SqliteJournal
from iot_dr.model.registry.keys import Kind, certificate_key, policy_attachment_key, thing_key
from iot_dr.model.sync.progress import ChangeResult, Ending

THING = thing_key("pump-17")
RELATION = policy_attachment_key("pumps", "cert/0af3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def test_what_ended_is_known_after_the_process_is_gone(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.begin("run 1")
        journal.settle(ChangeResult(THING, Ending.DONE))
        journal.settle(ChangeResult(RELATION, Ending.FAILED, "not today"))

    with SqliteJournal(path) as journal:
        assert journal.unfinished == "run 1"
        assert journal.endings((THING, RELATION, thing_key("other"))) == {THING: Ending.DONE, RELATION: Ending.FAILED}
        assert list(journal.with_ending(Ending.FAILED)) == [ChangeResult(RELATION, Ending.FAILED, "not today")]
        assert journal.ending(thing_key("other")) is None


def test_the_journal_of_another_comparison_is_begun_anew(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.begin("run 1")
        journal.settle(ChangeResult(THING, Ending.DONE))

        journal.begin("run 2")
        assert journal.ending(THING) is None


def test_a_run_is_unfinished_from_its_beginning_to_its_end(path: Path) -> None:
    with SqliteJournal(path) as journal:
        assert not journal.unfinished
        journal.begin("run 1")
        assert journal.unfinished == "run 1"
        journal.finish()
        assert not journal.unfinished
        journal.begin("run 2")
        assert journal.unfinished == "run 2"


def test_what_failed_may_be_taken_as_not_begun(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.settle(ChangeResult(THING, Ending.DONE))
        journal.settle(ChangeResult(RELATION, Ending.FAILED))

        journal.forget(Ending.FAILED)

        assert journal.endings((THING, RELATION)) == {THING: Ending.DONE}


def test_ends_are_counted_by_kind_and_the_last_one_counts(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.settle(ChangeResult(THING, Ending.LEFT))
        for key in (THING, thing_key("pump-18"), certificate_key("0af3"), RELATION):
            journal.settle(ChangeResult(key, Ending.DONE))

        done = {Kind.THING: 2, Kind.CERTIFICATE: 1, Kind.POLICY_ATTACHMENT: 1}
        assert journal.numbers(Ending.DONE) == Counter(done)
        assert journal.numbers(Ending.LEFT) == Counter()


def test_any_number_of_ends_is_read(path: Path) -> None:
    keys = [thing_key(f"pump-{number:05}") for number in range(2 * CHUNK + 1)]
    with SqliteJournal(path) as journal:
        for key in keys:
            journal.settle(ChangeResult(key, Ending.LEFT))

        assert [settled.key for settled in journal.with_ending(Ending.LEFT)] == keys
        assert journal.endings(keys) == dict.fromkeys(keys, Ending.LEFT)


def test_a_file_that_is_no_journal_is_refused_with_the_mend(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, but long enough to be taken for one" * 100)

    with pytest.raises(ConfigurationError, match="delete it"):
        SqliteJournal(path)


def test_a_folder_that_cannot_be_made_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"cannot be written: .* --state"):
        SqliteJournal(tmp_path / "file" / "journal.sqlite")


def test_a_place_where_no_file_can_be_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").mkdir()

    with pytest.raises(ConfigurationError, match=r"cannot be written: .* --state"):
        SqliteJournal(tmp_path / "journal.sqlite")


def test_a_disk_that_is_full_is_said_and_the_journal_is_not_to_be_deleted(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.settle(ChangeResult(thing_key("first"), Ending.DONE))
        journal._database.execute("PRAGMA max_page_count = 4")
        with pytest.raises(ConfigurationError, match="is full; free some space") as refused:
            journal.settle(ChangeResult(thing_key("pump"), Ending.FAILED, "not today" * 10_000))

    assert "delete" not in str(refused.value)
    with SqliteJournal(path) as journal:
        assert journal.ending(thing_key("first")) is Ending.DONE


def test_a_reason_with_half_of_a_surrogate_pair_is_kept_escaped(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.settle(ChangeResult(thing_key("pump"), Ending.FAILED, "a \ud800 b"))

        assert [one.reason for one in journal.with_ending(Ending.FAILED)] == ["a \\ud800 b"]


def test_others_on_the_machine_cannot_read_it_even_if_an_earlier_release_let_them(tmp_path: Path) -> None:
    path = tmp_path / "made" / "here" / "journal.sqlite"
    SqliteJournal(path).close()
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    path.chmod(0o644)

    SqliteJournal(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("forgotten", list(Ending))
def test_to_forget_one_ending_leaves_all_others(path: Path, forgotten: Ending) -> None:
    keys = {ending: thing_key(str(ending)) for ending in Ending}
    with SqliteJournal(path) as journal:
        for ending, key in keys.items():
            journal.settle(ChangeResult(key, ending))

        journal.forget(forgotten)

        kept = {key: ending for ending, key in keys.items() if ending is not forgotten or ending is Ending.DONE}
        assert journal.endings(list(keys.values())) == kept
