"""The launched pair, once for the session; every test in this folder needs the local Region pair."""

import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.counting import CountingProxy
from lab.fleet import Fleet
from lab.pair import Pair, launched
from lab.progress import QuietProgress
from lab.quotas import raised
from lab.shadows import Shadows
from tests.e2e.failing_over import FailoverScene, failing_over
from tests.e2e.observing import Ledger, await_empty_queues, forget_held, forget_shadow, ledger_of

_HERE = Path(__file__).parent
_numbers = itertools.count()

_FIRST = (
    "test_unsafe_plan",
    "test_faults",
    "test_failover_scenarios",
    "test_failback_scenarios",
    "test_sync",
    "test_interruptions",
    "test_run_tests",
    "test_sync_in_cloud",
    "test_drill",
    "test_management_events",
    "test_thing_types",
    "test_device_example",
    "test_replay",
    "test_update",
    "test_route53",
    "test_rights",
    "test_backlog",
    "test_snapshot",
    "test_health",
    "test_unannounced",
    "test_verify_by_index",
    "test_distribution",
    "test_repair",
    "test_status",
    "test_verify",
    "test_doctor",
)
"""Files that begin before the others: those that have the sweep check all there is, before others have filled the
registry, and the longest, so that no process ends alone with one."""

_PAIR = pytest.StashKey[Pair]()

TYPE_DELETION_SECONDS = "2"
"""AWS's five minutes between a type's deprecation and its deletion, short enough for a test to see them pass."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, and what is about corrections alone; the longest files come first."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
        if _HERE / "corrections" in item.path.parents:
            item.add_marker(pytest.mark.correction)
    order = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder by which all pairs of this run, in whatever process, share one build of this checkout."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "built"


@pytest.fixture(scope="session")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Pair]:
    """Both Regions with the whole product launched from a build of this checkout, with a key of the customer's own."""
    environ = {"LAB_TYPE_DELETION_SECONDS": TYPE_DELETION_SECONDS}
    folder = tmp_path_factory.mktemp("pair")
    with launched(folder, QuietProgress(), built=built, environ=environ, own_stores=True) as launched_pair:
        request.config.stash[_PAIR] = launched_pair
        yield launched_pair
        del request.config.stash[_PAIR]


@pytest.fixture(scope="module")
def everything(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, built: Path
) -> Iterator[FailoverScene]:
    """A pair of a file's own whose fleet, of the file's `DEVICES`, goes by a name."""
    with failing_over(tmp_path_factory.mktemp("fleet"), built, request.module.DEVICES) as scene:
        yield scene


@pytest.fixture
def scene(everything: FailoverScene) -> Iterator[FailoverScene]:
    """That pair, whose primary leads, and leads again after the test."""
    everything.pair.proxy.reset()
    yield everything
    everything.the_primary_leads_again()


@pytest.fixture(scope="module", autouse=True)
def left_at_rest(request: pytest.FixtureRequest) -> Iterator[None]:
    """No file of tests leaves requests that wait for a worker, or a shadow that a device wrote in the secondary Region.

    The schedule steps back for the requests. The shadow is kept for a quarter of an hour, and counts as not in sync for
    every later test that asks for the whole.
    """
    yield
    pair = request.config.stash.get(_PAIR, None)
    if pair is not None:
        await_empty_queues(pair)
        forget_held(pair)


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
def there(pair: Pair) -> Iterator[Shadows]:
    """The shadows of the secondary Region. What a test writes there by hand is taken away after it.

    It would be kept for a quarter of an hour, and count as not in sync for every test that asks for the whole.
    """
    recorded = RecordedShadows(pair.client("iot-data", pair.secondary))
    yield recorded
    for thing, name in recorded.written:
        forget_shadow(pair, thing, name)


@pytest.fixture
def own_proxy(pair: Pair) -> Iterator[CountingProxy]:
    """A way to the pair for a test's own commands: what functions do meanwhile is neither counted nor spoiled."""
    proxy = CountingProxy()
    proxy.answers["servicequotas"] = raised()
    proxy.start(pair.emulator.port, (pair.emulator.tls_port, pair.emulator.ca_file))
    yield proxy
    proxy.stop()


@pytest.fixture
def ledger(pair: Pair) -> Ledger:
    """The ledger of the launched product."""
    return ledger_of(pair)
