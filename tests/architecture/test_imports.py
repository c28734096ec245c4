"""The rings and import rules of the design, which a reader may rely on."""

from collections.abc import Mapping
from pathlib import Path

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
    "aws": frozenset({"boto3", "botocore", "cryptography", "dns", "paho"}),
    "observability": frozenset({"aws_lambda_powertools"}),
    "runtime": frozenset({"aws_lambda_powertools", "urllib3"}),
    "cli": frozenset({"click", "rich"}),
}
"""What each ring uses beside the standard library; a ring that is not named uses nothing else."""

HANDLERS = sorted(FUNCTIONS.glob("*/handler.py"))
BLOCKS = python_files(TEMPLATES / "blocks")


def _ring_of_file(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = {path: _ring_of_file(path) for path in python_files(PACKAGE) if path.parent != PACKAGE or path.stem in RINGS}


def _libraries(path: Path) -> set[str]:
    """What a file imports beside the standard library."""
    return {top(name) for name in imports(path) if not is_standard(name)}


def _rings(names: set[str]) -> set[str]:
    ours = (name.split(".") for name in names if top(name) == "iot_dr")
    # The version, `iot_dr.__version__`, belongs to no ring.
    return {parts[1] for parts in ours if len(parts) > 1 and not parts[1].startswith("__")}


def test_every_module_of_the_package_belongs_to_a_ring() -> None:
    assert {_ring_of_file(path) for path in python_files(PACKAGE)} - {"__init__"} == RINGS.keys()


def test_a_module_imports_the_rings_that_its_ring_may() -> None:
    beyond = {shown(path): _rings(imports(path)) - RINGS[ring] - {ring} for path, ring in MODULES.items()}

    assert _that_hold_something(beyond) == {}


def test_a_module_uses_the_libraries_that_its_ring_may() -> None:
    beyond = {
        shown(path): _libraries(path) - LIBRARIES.get(ring, frozenset()) - {"iot_dr"} for path, ring in MODULES.items()
    }

    assert _that_hold_something(beyond) == {}


def test_the_core_tells_no_time_draws_no_chance_and_reads_no_environment() -> None:
    impure = {"time", "random", "os", "logging", "secrets", "socket", "subprocess"}
    core = [*python_files(PACKAGE / "reconcile"), *python_files(PACKAGE / "model")]

    assert _that_hold_something({shown(path): {top(name) for name in imports(path)} & impure for path in core}) == {}


def test_there_are_handlers() -> None:
    assert len(HANDLERS) >= 8


def test_a_handler_imports_the_composition_root_and_nothing_else() -> None:
    used = {shown(path): {name for name in imports(path) if not is_standard(name)} for path in HANDLERS}

    others = {path: {name for name in names if not name.startswith("iot_dr.runtime.")} for path, names in used.items()}
    assert _that_hold_something(others) == {}
    assert all(used.values())


def test_templates_are_made_of_troposphere_and_awacs() -> None:
    used = {shown(path): _libraries(path) - {"troposphere", "awacs", "templates"} for path in python_files(TEMPLATES)}

    assert _that_hold_something(used) == {}


def test_blocks_never_import_stacks() -> None:
    ours = {shown(path): {name for name in imports(path) if top(name) == "templates"} for path in BLOCKS}

    allowed = ("templates.blocks.", "templates.config.")
    stacks = {path: {name for name in names if not name.startswith(allowed)} for path, names in ours.items()}
    assert _that_hold_something(stacks) == {}


def test_the_product_knows_neither_the_test_bed_nor_the_tests() -> None:
    foreign = {"lab", "tests", "ministack", "pytest", "hypothesis"}

    known = {shown(path): {top(name) for name in imports(path)} & foreign for path in product_files()}
    assert _that_hold_something(known) == {}


def _that_hold_something(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    return {path: names for path, names in found.items() if names}
