"""The rings and import rules of the design, which a reader may rely on."""

from pathlib import Path

import pytest

from tests.architecture.sources import (
    FUNCTIONS,
    PACKAGE,
    TEMPLATES,
    imports,
    is_standard,
    product_files,
    python_files,
    shown,
    top,
)

RINGS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "ports": frozenset({"model", "errors"}),
    "reconcile": frozenset({"model", "errors"}),
    "services": frozenset({"model", "reconcile", "ports", "errors", "observability"}),
    "aws": frozenset({"model", "ports", "errors"}),
    "files": frozenset({"model", "ports", "errors"}),
    "observability": frozenset(),
    "runtime": frozenset({"model", "reconcile", "ports", "errors", "observability", "services", "aws", "files"}),
    "cli": frozenset({"runtime", "services", "model", "reconcile", "errors"}),
}
"""What each ring imports beside itself."""

LIBRARIES: dict[str, frozenset[str]] = {
    "aws": frozenset({"boto3", "botocore", "cryptography", "paho"}),
    "observability": frozenset({"aws_lambda_powertools"}),
    "runtime": frozenset({"aws_lambda_powertools", "urllib3"}),
    "cli": frozenset({"click", "rich"}),
}
"""What each ring uses beside the standard library; a ring that is not named uses nothing else."""

MODULES = [path for path in python_files(PACKAGE) if path.parent != PACKAGE or path.stem in RINGS]
HANDLERS = sorted(FUNCTIONS.glob("*/handler.py"))
BLOCKS = python_files(TEMPLATES / "blocks")


def _ring_of_file(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _rings(names: set[str]) -> set[str]:
    ours = (name.split(".") for name in names if top(name) == "iot_dr")
    # The version, `iot_dr.__version__`, belongs to no ring.
    return {parts[1] for parts in ours if len(parts) > 1 and not parts[1].startswith("__")}


def test_every_module_of_the_package_belongs_to_a_ring() -> None:
    assert {_ring_of_file(path) for path in python_files(PACKAGE)} - {"__init__"} == RINGS.keys()


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_imports_the_rings_that_its_ring_may(path: Path) -> None:
    ring = _ring_of_file(path)

    assert _rings(imports(path)) <= RINGS[ring] | {ring}


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_uses_the_libraries_that_its_ring_may(path: Path) -> None:
    libraries = {top(name) for name in imports(path) if not is_standard(name) and top(name) != "iot_dr"}

    assert libraries <= LIBRARIES.get(_ring_of_file(path), frozenset())


def test_the_core_tells_no_time_draws_no_chance_and_reads_no_environment() -> None:
    for path in (*python_files(PACKAGE / "reconcile"), *python_files(PACKAGE / "model")):
        used = {top(name) for name in imports(path)}
        assert not used & {"time", "random", "os", "logging", "secrets", "socket", "subprocess"}, path


def test_there_are_handlers() -> None:
    assert len(HANDLERS) >= 8


@pytest.mark.parametrize("path", HANDLERS, ids=shown)
def test_a_handler_imports_the_composition_root_and_nothing_else(path: Path) -> None:
    used = {name for name in imports(path) if not is_standard(name)}

    assert used
    assert all(name.startswith("iot_dr.runtime.") for name in used)


@pytest.mark.parametrize("path", python_files(TEMPLATES), ids=shown)
def test_templates_are_made_of_troposphere_and_awacs(path: Path) -> None:
    used = {top(name) for name in imports(path) if not is_standard(name)}

    assert used <= {"troposphere", "awacs", "templates"}


@pytest.mark.parametrize("path", BLOCKS, ids=shown)
def test_blocks_never_import_stacks(path: Path) -> None:
    ours = {name for name in imports(path) if top(name) == "templates"}

    assert all(name.startswith(("templates.blocks.", "templates.config.")) for name in ours)


@pytest.mark.parametrize("path", product_files(), ids=shown)
def test_the_product_knows_neither_the_test_bed_nor_the_tests(path: Path) -> None:
    assert not {top(name) for name in imports(path)} & {"lab", "tests", "ministack", "pytest", "hypothesis"}
