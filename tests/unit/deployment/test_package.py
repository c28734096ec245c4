"""Zips whose bytes depend on names, contents and the executable bit alone."""

from __future__ import annotations

import calendar
import json
import os
import zipfile
from pathlib import Path

import pytest

from deployment import package


def write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_zip_tells_nothing_of_the_order_the_times_and_the_mask_of_the_machine(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a" / "one.py", "1"), write(tmp_path / "b" / "two.py", "2")
    package.write_zip(tmp_path / "first.zip", {"one.py": one, "two.py": two})
    os.utime(one, (0, 0))
    two.chmod(0o600)

    package.write_zip(tmp_path / "second.zip", {"two.py": two, "one.py": one})

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_the_executable_bit_survives_and_nothing_else_of_the_mode(tmp_path: Path) -> None:
    script, module = write(tmp_path / "run.sh"), write(tmp_path / "module.py")
    script.chmod(0o700)
    module.chmod(0o640)

    package.write_zip(tmp_path / "it.zip", {"run.sh": script, "module.py": module})

    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"run.sh": 0o755, "module.py": 0o644}


def test_what_editors_and_python_leave_beside_the_sources_is_not_packaged(tmp_path: Path) -> None:
    write(tmp_path / "handler.py")
    write(tmp_path / "deep" / "py.typed")
    for noise in (".DS_Store", "__pycache__/handler.cpython-313.pyc", "old.pyc", "iot_dr.egg-info/PKG-INFO", ".git/x"):
        write(tmp_path / noise)

    names = package.folder_entries(tmp_path, "python/")

    assert sorted(names) == ["python/deep/py.typed", "python/handler.py"]


def test_finished_folders_take_the_place_of_old_ones(tmp_path: Path) -> None:
    deployment, work = tmp_path / "deployment", tmp_path / "deployment" / ".build"
    for name in package.OUTPUT_FOLDERS:
        write(deployment / name / "old")
        write(work / name / "new")

    package.replace_output(work, deployment)

    for name in package.OUTPUT_FOLDERS:
        assert [path.name for path in (deployment / name).iterdir()] == ["new"]


@pytest.mark.parametrize("interruption", [1, 2, 3, 4])
def test_an_interruption_between_the_moves_never_mixes_two_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: int
) -> None:
    deployment, work = tmp_path / "deployment", tmp_path / "deployment" / ".build"
    for name in package.OUTPUT_FOLDERS:
        write(deployment / name / "old")
        write(work / name / "new")
    moves: list[Path] = []
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        moves.append(target)
        if len(moves) == interruption:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        package.replace_output(work, deployment)

    present = {path.name for name in package.OUTPUT_FOLDERS for path in (deployment / name).glob("*")}
    assert len(present) <= 1


PIP = """
import json, os, pathlib, sys

given = dict(word.partition("=")[::2] for word in sys.argv)
if "--target" in given:
    for name in {records!r}:
        path = pathlib.Path(given["--target"]) / "paho.dist-info" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("differs")
pathlib.Path({told!r}).write_text(json.dumps([os.environ["SOURCE_DATE_EPOCH"], sys.argv]))
for folder in (given.get("--dest"), given.get("--wheel-dir")):
    if folder:
        pathlib.Path(folder).mkdir(exist_ok=True)
"""
RECORDS = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pip that fetches nothing notes the time that it is to build with, and what it was called with."""
    told = tmp_path / "told"
    write(tmp_path / "fake" / "pip" / "__init__.py")
    write(tmp_path / "fake" / "pip" / "__main__.py", PIP.format(records=(*RECORDS, "METADATA"), told=str(told)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    return told


def test_the_layer_has_neither_the_command_line_nor_what_tells_of_the_machine(told: Path, tmp_path: Path) -> None:
    names = package.layer_entries(tmp_path / "work")

    assert "python/iot_dr/__init__.py" in names
    assert not [name for name in names if name.startswith("python/iot_dr/cli/")]
    assert [name for name in names if ".dist-info/" in name] == ["python/paho.dist-info/METADATA"]


def test_what_pip_builds_has_the_time_of_the_zips(told: Path, tmp_path: Path) -> None:
    package.pip("wheel", f"--wheel-dir={tmp_path / 'wheels'}")

    built_at, _ = json.loads(told.read_text())
    assert int(built_at) == calendar.timegm(package.EARLIEST)


def test_the_layers_packages_are_those_of_lambdas_processor_each_checked_by_its_hash(
    told: Path, tmp_path: Path
) -> None:
    package.layer_entries(tmp_path / "work")

    _, words = json.loads(told.read_text())
    platforms = [word for word in words if word.startswith("--platform=")]
    assert platforms
    assert all(platform.endswith("_aarch64") for platform in platforms)
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(words)


def unpacked(folder: Path, name: str) -> int:
    with zipfile.ZipFile(folder / "first" / "regional-s3-assets" / f"{name}.zip") as archive:
        return sum(entry.file_size for entry in archive.infolist())


@pytest.mark.parametrize("spare", [0, -1])
def test_what_lambda_refuses_is_layer_and_largest_function_together(
    told: Path, tmp_path: Path, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert package.write_zips(tmp_path / "first") == 0
    layer, *functions = (unpacked(tmp_path, name) for name in ("iot_dr_layer", *package.function_names()))

    monkeypatch.setattr(package, "LAMBDA_LIMIT", layer + max(functions) + spare)

    assert package.write_zips(tmp_path / "second") == (0 if spare == 0 else 1)
