"""The launched pair, once for the session; every test in this folder needs the local Region pair."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.pair import Pair, launched
from lab.progress import QuietProgress

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, so that `-m "not lab"` leaves it out."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both Regions with the whole product launched from a build of this checkout."""
    with launched(tmp_path_factory.mktemp("pair"), QuietProgress()) as launched_pair:
        yield launched_pair
