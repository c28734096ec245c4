"""What holds for every test: dummy credentials, a clean AWS environment, and no way off this machine."""

import gc
import inspect
import ipaddress
import os
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import botocore.hooks
import botocore.loaders
import botocore.session
import pytest
from hypothesis import settings

from tests.scenarios import ScenarioTable

# The same examples at every run, so that a red run is red again; `--hypothesis-profile search` looks for new ones.
settings.register_profile("steady", derandomize=True, database=None, deadline=None, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("steady")

DUMMY_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to carry the table of scenarios over from run to run."""
    parser.addoption("--scenarios", type=Path, metavar="FILE", help="add this run's scenarios to those in FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Count scenarios."""
    config.pluginmanager.register(ScenarioTable(config.getoption("scenarios")), "scenarios")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection: all that collecting makes stays, and going through it is half of its time.

    The one search at the end finds what was never closed until then; the five with which pytest ends find the rest.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


class OffMachineError(RuntimeError):
    """A test tried to reach something that is not on this machine; RuntimeError, so that no retry hides it."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("localhost", "")


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guard(self: socket.socket, address: Any) -> Any:
        if not _is_local(address):
            message = f"a test tried to connect to {address}; tests reach nothing but this machine"
            raise OffMachineError(message)
        return connect(self, address)

    return guard


class _Paths(list[str]):
    """Places to search in, each once: every session of boto3 adds its own."""

    def append(self, path: str) -> None:
        """Add a place, unless it is there."""
        if path not in self:
            super().append(path)


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Let all sessions of the SDK share what they have read of its service models.

    Each session keeps them for itself. The hundreds that tests make would read the same megabytes of JSON each.
    """
    make = botocore.loaders.create_loader
    shared = make()
    shared._search_paths = _Paths(shared.search_paths)

    def create_loader(search_path_string: str | None = None) -> botocore.loaders.Loader:
        return make(search_path_string) if search_path_string else shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", create_loader)
        yield


@pytest.fixture(scope="session", autouse=True)
def handlers_are_registered_fast() -> Iterator[None]:
    """Spare each session of the SDK half of its beginning: what it asks of the hundred handlers that it registers.

    By which name an event goes is the same in all sessions, and whether a function takes any argument stands in its
    code: to work out its whole signature takes a hundred times as long.
    """
    begin, ask, names = botocore.hooks.EventAliaser.__init__, botocore.hooks.accepts_kwargs, dict[str, str]()

    def begin_knowing(self: Any, event_emitter: Any, event_aliases: Any = None) -> None:
        begin(self, event_emitter, event_aliases)
        if self._event_aliases == botocore.hooks.EVENT_ALIASES:
            self._alias_name_cache = names

    def accepts_kwargs(function: Any) -> Any:
        code = getattr(function, "__code__", None)
        return ask(function) if code is None else code.co_flags & inspect.CO_VARKEYWORDS

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.hooks.EventAliaser, "__init__", begin_knowing)
        patch.setattr(botocore.hooks, "accepts_kwargs", accepts_kwargs)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_real_account() -> Iterator[None]:
    """Clear every AWS setting, put dummies in their place, refuse connections beyond the loopback addresses."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in DUMMY_ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        yield
