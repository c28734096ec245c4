"""The files of a snapshot: readable, comparable, whole or none."""

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_dr.errors import ConfigurationError, InvalidResource
from iot_dr.files.snapshot_folder import KINDS, MANIFEST, FolderSnapshotStore, Manifest
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.entities import Certificate, CertificateStatus, Entity, PolicyAttachment
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import Shadow
from tests.builders import a_certificate, a_policy, a_thing

MANIFEST_OF_NOTHING = Manifest("us-east-1", "123456789012", 0, 0, {})


@pytest.fixture
def folder(tmp_path: Path) -> FolderSnapshotStore:
    made = FolderSnapshotStore(tmp_path / "snapshot")
    made.begin()
    return made


def text(folder: FolderSnapshotStore, kind: Kind) -> str:
    (file,) = [file for file in folder.files if file.stem == kind]
    return file.read_text()


def test_a_line_begins_with_what_names_the_resource_and_holds_what_is_compared(folder: FolderSnapshotStore) -> None:
    thing = replace(a_thing("pump-17", {"site": "ü", "a": "1"}), version=7, thing_id="id")

    assert folder.write(Kind.THING, [thing]) == 1
    assert text(folder, Kind.THING) == '{"name": "pump-17", "attributes": {"a": "1", "site": "ü"}}\n'


def test_a_policys_document_stands_as_json_and_a_certificate_with_its_pem(folder: FolderSnapshotStore) -> None:
    folder.write(Kind.POLICY, [a_policy()])
    folder.write(Kind.CERTIFICATE, [a_certificate("one")])

    assert json.loads(text(folder, Kind.POLICY))["document"]["Version"] == "2012-10-17"
    assert json.loads(text(folder, Kind.CERTIFICATE))["pem"] == "PEM of one"
    assert list(folder.entities(Kind.POLICY)) == [a_policy()]


def test_a_shadows_numbers_stand_as_the_device_wrote_them(folder: FolderSnapshotStore) -> None:
    document = parse('{"reported":{"t":1E+2,"big":12345678901234567890123,"x":0.12345678901234567890}}')
    shadow = Shadow(shadow_key("pump-17", "config"), document, version=3)

    folder.write(Kind.SHADOW, [shadow])

    assert '"big":12345678901234567890123' in text(folder, Kind.SHADOW)
    assert "1E+2" in text(folder, Kind.SHADOW)
    assert list(folder.entities(Kind.SHADOW)) == [replace(shadow, version=0)]


def test_relations_have_both_names(folder: FolderSnapshotStore) -> None:
    folder.write(Kind.POLICY_ATTACHMENT, [PolicyAttachment("pumps", "cert/abc")])

    assert json.loads(text(folder, Kind.POLICY_ATTACHMENT)) == {"policy": "pumps", "target": "cert/abc"}


def test_what_is_written_to_an_old_snapshot_is_no_whole_one_until_its_end(folder: FolderSnapshotStore) -> None:
    folder.complete(MANIFEST_OF_NOTHING)
    assert folder.manifest() == MANIFEST_OF_NOTHING

    folder.begin()

    with pytest.raises(ConfigurationError, match="holds no whole snapshot"):
        folder.manifest()


def test_two_snapshots_of_the_same_are_the_same_whenever_they_are_taken(tmp_path: Path) -> None:
    first, second = (FolderSnapshotStore(tmp_path / name) for name in ("first", "second"))
    for at, one in enumerate((first, second)):
        one.begin()
        one.write(Kind.THING, [a_thing("pump-17")])
        told = one.complete(replace(MANIFEST_OF_NOTHING, began=at, ended=at + 1))
        assert (told.began, told.ended) == (at, at + 1)

    contents = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("first", "second")]
    assert contents[0] == contents[1]
    assert contents[0].keys() == {MANIFEST, "thing.jsonl"}


@pytest.mark.parametrize("name", ["thing.jsonl", MANIFEST])
def test_what_no_snapshot_wrote_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("somebody's own\n")

    with pytest.raises(ConfigurationError, match=name):
        FolderSnapshotStore(tmp_path).begin()

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {name: "somebody's own\n"}


def test_a_snapshot_that_was_cut_off_is_begun_again(folder: FolderSnapshotStore) -> None:
    folder.write(Kind.THING, [a_thing("pump-17")])

    folder.begin()


def test_a_snapshot_with_times_of_an_earlier_release_can_be_read(folder: FolderSnapshotStore) -> None:
    folder.complete(MANIFEST_OF_NOTHING)
    (file,) = [file for file in folder.files if file.name == MANIFEST]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2, "began": 5, "ended": 6}))

    assert (folder.manifest().began, folder.manifest().ended) == (5, 6)


def test_a_kind_that_was_cut_off_leaves_no_file(folder: FolderSnapshotStore) -> None:
    def cut_off() -> object:
        yield a_thing()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.write(Kind.THING, cut_off())  # type: ignore[arg-type]  # it ends before its second

    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(folder.entities(Kind.THING))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ('{"format": 99', "cannot be read"),
        ('{"other": 1}', "take the snapshot again"),
        ("[1]", "take the snapshot again"),
        (None, "of format 99"),
    ],
)
def test_what_cannot_be_read_is_refused(folder: FolderSnapshotStore, manifest: str | None, words: str) -> None:
    if manifest is None:
        folder.complete(replace(MANIFEST_OF_NOTHING, format=99))
    else:
        folder.files[-1].write_text(manifest)

    with pytest.raises(ConfigurationError, match=words):
        folder.manifest()


def test_a_line_that_is_no_resource_is_named(folder: FolderSnapshotStore) -> None:
    folder.write(Kind.THING, [a_thing("a")])
    with folder.files[KINDS.index(Kind.THING)].open("a") as file:
        file.write("nonsense\n")

    with pytest.raises(InvalidResource, match=r"thing\.jsonl:2 is no thing"):
        list(folder.entities(Kind.THING))


def test_a_folder_that_cannot_be_made_is_said_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="give another folder"):
        FolderSnapshotStore(tmp_path / "file" / "snapshot").begin()


def test_the_file_that_completes_a_snapshot_comes_last(folder: FolderSnapshotStore) -> None:
    assert folder.files[-1].name == MANIFEST
    assert len(folder.files) == len(KINDS) + 1


@given(st.lists(st.text("abc", min_size=1, max_size=4), unique=True), st.text("abc", min_size=1, max_size=4))
def test_any_certificate_is_found_in_the_sorted_file_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], wanted: str
) -> None:
    folder = FolderSnapshotStore(tmp_path_factory.mktemp("snapshot"))
    pems = {name: f"PEM {name}" * (len(name) * 3) for name in names}
    folder.write(Kind.CERTIFICATE, [Certificate(name, CertificateStatus.ACTIVE, pems[name]) for name in sorted(names)])

    for name in {*names, wanted}:
        found = folder.certificate(name)
        assert (found.pem if found else None) == pems.get(name)


def whole(folder: FolderSnapshotStore) -> Manifest:
    for kind in KINDS:
        folder.write(kind, [a_thing("a"), a_thing("b")] if kind is Kind.THING else [])
    return folder.complete(MANIFEST_OF_NOTHING)


def test_a_snapshot_as_it_was_written_passes_with_the_checksum_that_was_noted(folder: FolderSnapshotStore) -> None:
    written = whole(folder)

    assert folder.manifest() == written
    assert set(written.sha256) == {file.name for file in folder.files[:-1]}
    folder.check(written)
    folder.check(written, folder.digest.upper())


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_one_changed_character_of_any_file_is_seen(folder: FolderSnapshotStore, number: int) -> None:
    written = whole(folder)
    file = folder.files[number]
    file.write_text(file.read_text() + " ")

    with pytest.raises(ConfigurationError, match=rf"{file.name} is not as it was written"):
        folder.check(written)


def test_a_file_and_its_checksum_changed_together_are_seen_by_the_checksum_that_was_noted(
    folder: FolderSnapshotStore,
) -> None:
    whole(folder)
    noted = folder.digest
    folder.write(Kind.POLICY, [a_policy()])
    folder.complete(MANIFEST_OF_NOTHING)

    folder.check(folder.manifest())
    with pytest.raises(ConfigurationError, match=r"snapshot\.json is not as it was written"):
        folder.check(folder.manifest(), noted)


def test_a_file_that_is_missing_or_without_checksum_is_refused(folder: FolderSnapshotStore) -> None:
    written = whole(folder)

    with pytest.raises(ConfigurationError, match="not told"):
        folder.check(replace(written, sha256={}))
    folder.files[0].unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        folder.check(written)


def test_a_snapshot_of_an_earlier_release_has_no_checksums_and_is_read(folder: FolderSnapshotStore) -> None:
    folder.files[-1].write_text('{"region":"us-east-1","account":"1","began":1,"ended":2,"numbers":{},"format":1}')

    folder.check(folder.manifest())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"region":1,"account":"","began":1,"ended":2,"numbers":{}}', "7"])
def test_a_manifest_of_another_form_is_refused(folder: FolderSnapshotStore, text: str) -> None:
    folder.files[-1].write_text(text)

    with pytest.raises(ConfigurationError, match=r"snapshot\.json"):
        folder.manifest()


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Kind.THING, '{"name": 5}'),
        (Kind.THING, '{"name": "a", "attributes": 5}'),
        (Kind.THING, '{"name": "a", "attributes": {"b": []}}'),
        (Kind.THING_TYPE, '{"name": "a", "deprecated": "no"}'),
        (Kind.THING_TYPE, '{"name": "a", "searchable_attributes": [1]}'),
        (Kind.THING_TYPE, '{"name": "a", "propagating_attributes": [[1, 2, 3]]}'),
        (Kind.CERTIFICATE, '{"certificate_id": "a", "status": "NONE"}'),
        (Kind.CERTIFICATE, '{"certificate_id": "a", "status": "ACTIVE", "pem": 1}'),
        (Kind.POLICY, '{"name": "a", "document": []}'),
        (Kind.POLICY, '{"name": "a", "document": ' + "[" * 100_000),
        (Kind.SHADOW, '{"thing": "a", "shadow": "", "document": []}'),
        (Kind.SHADOW, '{"thing": "a", "shadow": "", "document": {"reported": 1}}'),
        (Kind.SHADOW, '{"thing": "a", "shadow": "", "document": ' + '{"a":' * 100_000),
    ],
)
def test_a_line_of_another_form_is_named(folder: FolderSnapshotStore, kind: Kind, line: str) -> None:
    folder.files[KINDS.index(kind)].write_text(line + "\n")

    with pytest.raises(InvalidResource, match=rf"{kind}\.jsonl:1 is no {kind}"):
        list(folder.entities(kind))


def test_nobody_else_on_the_machine_can_read_it(folder: FolderSnapshotStore) -> None:
    whole(folder)

    assert {file.stat().st_mode & 0o777 for file in folder.files} == {0o600}
    assert folder.files[0].parent.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_said_and_leaves_no_beginning_of_a_file(folder: FolderSnapshotStore) -> None:
    def full() -> Iterator[Entity]:
        yield a_thing("a")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigurationError, match="is full; free some space"):
        folder.write(Kind.THING, full())

    assert [file.name for file in folder.files[0].parent.iterdir()] == ["snapshot.part"]
