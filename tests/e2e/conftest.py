"""The launched pair, once for the session; every test in this folder needs the local Region pair."""

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from iot_dr.model.registry.keys import shadow_key
from lab.fleet import Fleet
from lab.pair import Pair, launched
from lab.progress import QuietProgress
from lab.shadows import Shadows
from tests.e2e.observing import Ledger, ledger_of, output

_HERE = Path(__file__).parent
_numbers = itertools.count()

TYPE_DELETION_SECONDS = "2"
"""AWS's five minutes between a type's deprecation and its deletion, short enough for a test to see them pass."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, so that `-m "not lab"` leaves it out, and what is about corrections alone."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
        if _HERE / "corrections" in item.path.parents:
            item.add_marker(pytest.mark.correction)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder by which all pairs of this run, in whatever process, share one build of this checkout."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "built"


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Pair]:
    """Both Regions with the whole product launched from a build of this checkout, with a key of the customer's own."""
    environ = {"LAB_TYPE_DELETION_SECONDS": TYPE_DELETION_SECONDS}
    folder = tmp_path_factory.mktemp("pair")
    with launched(folder, QuietProgress(), built=built, environ=environ, own_stores=True) as launched_pair:
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


class RecordedShadows(Shadows):
    """Shadows that know which of them a test has written."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.written: set[tuple[str, str]] = set()

    def update(self, thing: str, state: Mapping[str, Any], name: str = "") -> int:
        """Merge into a shadow, and remember it."""
        self.written.add((thing, name))
        return super().update(thing, state, name)


@pytest.fixture
def there(pair: Pair, here: Shadows) -> Iterator[Shadows]:
    """The shadows of the secondary Region. What a test writes there by hand is taken away after it.

    It would be kept for a quarter of an hour, and count as not in sync for every test that asks for the whole.
    """
    recorded = RecordedShadows(pair.client("iot-data", pair.secondary))
    yield recorded
    client, table = pair.client("dynamodb", pair.secondary), output(pair, "LedgerTableName")
    for thing, name in recorded.written:
        for shadows in (here, recorded):
            with suppress(pair.client("iot-data").exceptions.ResourceNotFoundException):
                shadows.delete(thing, name)
        client.delete_item(TableName=table, Key={"resource": {"S": str(shadow_key(thing, name))}})


@pytest.fixture
def ledger(pair: Pair) -> Ledger:
    """The ledger of the launched product."""
    return ledger_of(pair)
