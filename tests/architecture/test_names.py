"""One name has one meaning, and what the services need from outside stands in `ports/` under the name it has."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, imports, python_files, shown, tree

LARGEST = 15
"""Modules of a folder, beside its `__init__`, that a reader finds his way among."""

PORTS = PACKAGE / "ports"
ADAPTERS = ("aws", "files", "runtime", "cli", "services")

OUTSIDE_PORTS = {
    "Together": "a function: `Callable` cannot say that what comes back is of the type that the function returns",
    "CustomResource": "what a function of a custom resource is made of; `runtime/functions` has both sides of it",
}
"""Protocols that nothing outside implements, so that they stand beside whoever needs them."""

CALLED_BACK = "progress"
"""The module of those ports that are called back: whoever watches implements them, so no technology gives a name."""

VAGUE = frozenset({"told", "some", "short", "on", "of"})
"""Names that say nothing without the module they stand in."""

ROOMS: dict[str, frozenset[str]] = {
    "adopt": frozenset({"comparison", "gate", "reading", "single_resource"}),
    "comparison": frozenset(),
    "concurrency": frozenset(),
    "cost": frozenset(),
    "doctor": frozenset({"concurrency", "failover", "launch"}),
    "drill": frozenset(
        {"concurrency", "doctor", "failback", "failover", "pacing", "rounds", "single_resource", "trial"}
    ),
    "events": frozenset({"concurrency"}),
    "failback": frozenset({"comparison", "concurrency", "failover", "gate", "pacing", "reading", "shadows", "sync"}),
    "failover": frozenset({"concurrency", "health", "pacing"}),
    "gate": frozenset(),
    "gauges": frozenset(),
    "health": frozenset(),
    "history": frozenset(),
    "launch": frozenset({"concurrency"}),
    "on_demand": frozenset({"comparison", "replication", "sweep"}),
    "ordered": frozenset(),
    "pacing": frozenset(),
    "reading": frozenset({"concurrency", "replication", "shadows", "single_resource"}),
    "replication": frozenset({"concurrency"}),
    "rounds": frozenset({"concurrency"}),
    "shadows": frozenset({"concurrency", "replication"}),
    "single_resource": frozenset(),
    "snapshots": frozenset({"comparison", "concurrency", "gate", "pacing", "reading", "single_resource", "sync"}),
    "status": frozenset({"concurrency"}),
    "sweep": frozenset({"comparison", "concurrency", "reading"}),
    "sync": frozenset({"comparison", "gate", "pacing", "reading", "replication", "shadows", "single_resource"}),
    "trial": frozenset({"concurrency", "replication", "rounds", "single_resource"}),
    "verify": frozenset({"comparison", "concurrency", "reading", "shadows", "single_resource"}),
}
"""Which room of `services/` imports which: those that it does not name it knows nothing of."""

FILES = python_files(PACKAGE)
FOLDERS = sorted({path.parent for path in FILES})
SERVICES = [path for path in python_files(PACKAGE / "services") if path.stem != "__init__"]


def _classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in tree(path).body if isinstance(node, ast.ClassDef)]


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).partition("[")[0] == "Protocol" for base in node.bases)


def _loaded(path: Path, name: str) -> type:
    module = import_module(".".join(("iot_dr", *path.relative_to(PACKAGE).with_suffix("").parts)))
    found = getattr(module, name)
    assert isinstance(found, type)
    return found


def _ports() -> dict[str, type]:
    return {
        node.name: _loaded(path, node.name)
        for path in python_files(PORTS)
        for node in _classes(path)
        if path.stem != CALLED_BACK
    }


def _adapters() -> dict[str, type]:
    return {
        node.name: _loaded(path, node.name)
        for ring in ADAPTERS
        for path in python_files(PACKAGE / ring)
        for node in _classes(path)
        if path.stem != "__main__" and not _is_protocol(node)
    }


def _parameters(function: object) -> list[str]:
    return [name.removeprefix("_") for name in inspect.signature(function).parameters]  # type: ignore[arg-type]  # a member of a class


def _methods(port: type) -> set[str]:
    found = (name for one in port.__mro__ for name, member in vars(one).items() if inspect.isfunction(member))
    return {name for name in found if not name.startswith("_")}


def _implements(adapter: type, port: type) -> bool:
    """Tell whether a class has every method of a port with its parameters; more may follow that have defaults."""
    for member in _methods(port):
        found = inspect.getattr_static(adapter, member, None)
        if not inspect.isfunction(found):
            return False
        wanted = _parameters(getattr(port, member))
        if _parameters(found)[: len(wanted)] != wanted:
            return False
    return True


@pytest.fixture(scope="module")
def ports() -> dict[str, type]:
    return _ports()


@pytest.fixture(scope="module")
def adapters() -> dict[str, type]:
    return _adapters()


def test_no_class_name_means_two_things() -> None:
    names = Counter(node.name.removeprefix("_") for path in FILES for node in _classes(path))

    assert [name for name, number in names.items() if number > 1] == []


def test_no_function_has_a_name_that_says_nothing() -> None:
    functions = {node.name for path in FILES for node in tree(path).body if isinstance(node, ast.FunctionDef)}

    assert not functions & VAGUE


def test_what_the_services_need_from_outside_stands_in_ports() -> None:
    elsewhere = {
        node.name for path in FILES for node in _classes(path) if _is_protocol(node) and not path.is_relative_to(PORTS)
    }

    assert elsewhere == OUTSIDE_PORTS.keys()


def test_ports_hold_protocols_and_nothing_else() -> None:
    assert [node.name for path in python_files(PORTS) for node in _classes(path) if not _is_protocol(node)] == []


def test_every_port_has_an_adapter_whose_name_tells_what_it_implements(
    ports: dict[str, type], adapters: dict[str, type]
) -> None:
    def named_after_a_port(name: str, adapter: type) -> bool:
        # One class may implement several ports; the widest gives it its name.
        return any(name.endswith(port) and _implements(adapter, wanted) for port, wanted in ports.items())

    without = [
        port
        for port, wanted in ports.items()
        if not any(_implements(one, wanted) and named_after_a_port(name, one) for name, one in adapters.items())
    ]

    assert without == []


def test_nothing_has_the_name_of_a_port_that_it_does_not_implement(
    ports: dict[str, type], adapters: dict[str, type]
) -> None:
    crossed = {
        name
        for name, adapter in adapters.items()
        for port, wanted in ports.items()
        if name.endswith(port) and not any(_implements(adapter, ports[one]) for one in ports if name.endswith(one))
    }

    assert crossed == set()


@pytest.mark.parametrize("folder", FOLDERS, ids=shown)
def test_a_folder_has_few_enough_modules_to_find_ones_way(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= LARGEST


def _rooms_of(names: set[str]) -> set[str]:
    parts = (name.split(".") for name in names if name.startswith("iot_dr.services."))
    return {found[2] for found in parts}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE / "services").parts[0].removesuffix(".py")


def test_the_rooms_of_the_services_import_each_other_as_the_table_says() -> None:
    found: dict[str, set[str]] = {_room(path): set() for path in SERVICES}
    for path in SERVICES:
        found[_room(path)] |= _rooms_of(imports(path)) - {_room(path)}

    assert found == ROOMS


def test_no_room_leads_back_to_itself() -> None:
    open_, done = dict(ROOMS), set[str]()
    while ready := [room for room, needs in open_.items() if needs <= done]:
        done.update(ready)
        for room in ready:
            del open_[room]

    assert open_ == {}


@pytest.mark.parametrize(("here", "there"), [("functions", "commands"), ("commands", "functions")])
def test_functions_and_commands_never_meet(here: str, there: str) -> None:
    used = {name for path in python_files(PACKAGE / "runtime" / here) for name in imports(path)}

    assert not [name for name in used if name.startswith(f"iot_dr.runtime.{there}")]
