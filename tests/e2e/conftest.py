"""The launched pair, once for the session; every test in this folder needs the local Region pair."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import Fleet
from lab.pair import Pair, launched
from lab.progress import QuietProgress
from lab.shadows import Shadows
from tests.e2e.observing import Ledger, ledger_of

_HERE = Path(__file__).parent
_numbers = itertools.count()

TYPE_DELETION_SECONDS = "2"
"""AWS's five minutes between a type's deprecation and its deletion, short enough for a test to see them pass."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, so that `-m "not lab"` leaves it out."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both Regions with the whole product launched from a build of this checkout, with a key of the customer's own."""
    environ = {"LAB_TYPE_DELETION_SECONDS": TYPE_DELETION_SECONDS}
    folder = tmp_path_factory.mktemp("pair")
    with launched(folder, QuietProgress(), environ=environ, own_stores=True) as launched_pair:
        yield launched_pair


@pytest.fixture
def name() -> str:
    """A name of its own for each test, so that they neither meet nor depend on order."""
    return f"pump-{next(_numbers)}-{time.time_ns()}"


@pytest.fixture
def fleet(pair: Pair, name: str) -> Fleet:
    """A fleet with a policy of its own."""
    fleet = Fleet(
        pair.client("iot", pair.primary), region=pair.primary, account=pair.account, policy_name=f"{name}-policy"
    )
    fleet.prepare()
    return fleet


@pytest.fixture
def primary(pair: Pair) -> Any:
    """The primary Region's registry."""
    return pair.client("iot", pair.primary)


@pytest.fixture
def secondary(pair: Pair) -> Any:
    """The secondary Region's registry."""
    return pair.client("iot", pair.secondary)


@pytest.fixture
def here(pair: Pair) -> Shadows:
    """The shadows of the primary Region."""
    return Shadows(pair.client("iot-data", pair.primary))


@pytest.fixture
def there(pair: Pair) -> Shadows:
    """The shadows of the secondary Region."""
    return Shadows(pair.client("iot-data", pair.secondary))


@pytest.fixture
def ledger(pair: Pair) -> Ledger:
    """The ledger of the launched product."""
    return ledger_of(pair)
