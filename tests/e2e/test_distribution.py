"""What the build script makes, not what the checkout holds: same bytes everywhere, importable, installable."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import cold_import

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ("LICENSE", "deployment", "generate.py", "pyproject.toml", "requirements", "setup.cfg", "source", "templates")
NAMES = ("iot-dr-example", "disaster-recovery-for-aws-iot", "v0.1.0")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "source" / "lambda").glob("*/handler.py"))
LAMBDA_LIMIT = 250 * 1024 * 1024


@dataclass(frozen=True)
class Builds:
    """Two builds of the same files, made in two places by two kinds of user."""

    one: Path
    two: Path
    written_into_sources: tuple[str, ...]


def inputs() -> list[Path]:
    """Return what a fresh clone would hold of the files that the build reads."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *INPUTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()})


def fingerprint(names: list[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in names:
        digest.update(str(name).encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def clone(names: list[Path], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
        (target / name).chmod((ROOT / name).stat().st_mode & 0o700)


def build(folder: Path, *, umask: int) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [str(folder / "deployment" / "build-s3-dist.sh"), *NAMES],
            cwd="/",
            env={**os.environ, "VENV": sys.prefix},
            umask=umask,
            stderr=log,
        )


def source_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in (folder / "source").rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def builds(pytestconfig: pytest.Config) -> Builds:
    """Build twice, once for each state of the files: a run with nothing changed finds both builds in pytest's cache."""
    names = inputs()
    # Processes of pytest-xdist do not share a session, and must not meet in one folder.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "single")
    cache = pytestconfig.rootpath / ".pytest_cache" / "builds" / worker
    made = cache / fingerprint(names)
    if not (made / "written").exists():
        shutil.rmtree(cache, ignore_errors=True)
        one, two = made / "one", made / "a second place" / "two"
        running = []
        for folder, umask in ((one, 0o022), (two, 0o077)):
            clone(names, folder)
            running.append((folder, source_files(folder), build(folder, umask=umask)))
        written: set[str] = set()
        for folder, before, process in running:
            assert process.wait() == 0, (folder / "log").read_text()
            written |= source_files(folder) ^ before
        (made / "written").write_text(json.dumps(sorted(written)))
    written_into_sources = tuple(json.loads((made / "written").read_text()))
    return Builds(made / "one" / "deployment", made / "a second place" / "two" / "deployment", written_into_sources)


@pytest.fixture(scope="session")
def unpacked(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> cold_import.Unpacked:
    return cold_import.unpack(builds.one / "regional-s3-assets", tmp_path_factory.mktemp("unpacked"))


@pytest.fixture(scope="session")
def environments(builds: Builds) -> Mapping[str, Mapping[str, str]]:
    return cold_import.environments_of(builds.one / "global-s3-assets")


@pytest.fixture(scope="session")
def solution(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solution")
    with zipfile.ZipFile(builds.one / "regional-s3-assets" / "iot-dr-solution.zip") as archive:
        archive.extractall(folder)
    return folder


def assets(deployment: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(deployment)): path.read_bytes()
        for folder in ("global-s3-assets", "regional-s3-assets")
        for path in (deployment / folder).iterdir()
    }


def test_two_builds_of_the_same_files_are_equal_byte_for_byte(builds: Builds) -> None:
    one, two = assets(builds.one), assets(builds.two)

    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_the_build_writes_nothing_into_the_sources_and_leaves_nothing_beside_its_output(builds: Builds) -> None:
    assert builds.written_into_sources == ()
    assert list(builds.one.glob(".build.*")) == []


def test_the_output_is_four_templates_a_layer_a_zip_for_each_function_and_the_launcher(builds: Builds) -> None:
    name = "disaster-recovery-for-aws-iot"
    stacks = ("", "-primary-region", "-secondary-region", "-r53-health-checker")
    zips = ("iot_dr_layer", "iot-dr-solution", *FUNCTIONS)

    assert set(assets(builds.one)) == {f"global-s3-assets/{name}{stack}.template" for stack in stacks} | {
        f"regional-s3-assets/{zipped}.zip" for zipped in zips
    }


def test_the_names_given_to_the_build_are_those_that_the_templates_request_for(builds: Builds) -> None:
    for path in (builds.one / "global-s3-assets").iterdir():
        source = json.loads(path.read_text())["Mappings"]["Solution"]["Source"]
        assert (source["BucketPrefix"], source["Name"], source["Version"]) == NAMES


def test_every_function_of_the_templates_has_its_zip_and_every_zip_its_function(
    environments: Mapping[str, Mapping[str, str]],
) -> None:
    assert sorted(environments) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_from_the_zips_and_boto3_alone(
    unpacked: cold_import.Unpacked, environments: Mapping[str, Mapping[str, str]], function: str
) -> None:
    found = cold_import.import_handler(unpacked, function, environments[function], keep=True)

    assert found["callable"]
    allowed = (str(unpacked.functions[function]), str(unpacked.layer), str(unpacked.sdk), sys.base_prefix)
    assert [name for name in found["files"] if not name.startswith(allowed) or "site-packages" in name] == []


def test_layer_and_function_stay_far_below_what_lambda_allows(builds: Builds) -> None:
    with zipfile.ZipFile(builds.one / "regional-s3-assets" / "iot_dr_layer.zip") as archive:
        unpacked_size = sum(entry.file_size for entry in archive.infolist())

    assert unpacked_size < LAMBDA_LIMIT / 10


def test_the_zips_hold_no_bytecode_no_record_of_the_installation_and_nothing_outside_their_folder(
    builds: Builds,
) -> None:
    for path in sorted((builds.one / "regional-s3-assets").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        assert names == sorted(names)
        noise = (".pyc", "/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json")
        assert [name for name in names if name.endswith(noise)] == []
        roots = {name.split("/")[0] for name in names}
        expected = {"iot_dr_layer": {"python"}, "iot-dr-solution": {"launch-solution.yml", "requirements.txt"}}
        assert roots - {"tools", "wheels"} == expected.get(path.stem, {path.stem})


def test_nothing_in_the_layer_is_native_so_it_runs_on_either_processor(unpacked: cold_import.Unpacked) -> None:
    files = [path for path in unpacked.layer.rglob("*") if path.is_file()]

    assert files
    assert [path.name for path in files if path.read_bytes()[:4] == b"\x7fELF"] == []


def test_the_launcher_installs_from_its_zip_alone_and_runs(solution: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check", "--python", python]
    offline = ["install", "--no-compile", "--no-index", "--find-links", str(solution / "wheels")]
    subprocess.run([*install, *offline, "--require-hashes", "-r", str(solution / "requirements.txt")], check=True)
    subprocess.run([*install, *offline, "iot-dr"], check=True)

    version = subprocess.run(
        [python, "-I", "-m", "iot_dr.cli", "--version"], capture_output=True, text=True, check=True
    )

    assert version.stdout.split()[-1] == NAMES[2].removeprefix("v")


def test_the_launchers_wheels_run_on_every_machine(solution: Path) -> None:
    wheels = [path.name for path in (solution / "wheels").iterdir()]

    assert [name for name in wheels if not name.endswith("-none-any.whl")] == []
    assert (solution / "launch-solution.yml").is_file()
