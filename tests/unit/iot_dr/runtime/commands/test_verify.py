"""A verification leaves what it found for the status, once it has come to its end."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.keys import thing_key
from iot_dr.runtime.commands.status import last_verification
from iot_dr.runtime.commands.verify import Verifying

FOUND = [Difference(thing_key(name), Sigil.MISSING, "missing") for name in ("a", "b")]


class Verification:
    """One that finds two differences."""

    verified = SimpleNamespace(differing=len(FOUND))

    def differences(self, *, same: bool = False) -> Iterator[Difference]:
        return iter(FOUND)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "comparison.sqlite"


def verifying(store: SqliteComparisonStore) -> Verifying:
    return Verifying(cast(Any, SimpleNamespace(store=store, verification=Verification())))


def test_what_a_verification_found_is_there_for_the_status_when_all_was_drawn(path: Path) -> None:
    with SqliteComparisonStore(path) as store:
        drawn = verifying(store).differences()
        next(drawn)
        assert last_verification(path) is None
        assert list(drawn) == FOUND[1:]

    found = last_verification(path)
    assert found is not None
    assert (found.differing, found.verified_at > 0) == (2, True)


def test_a_verification_of_some_things_says_nothing_of_the_fleet(path: Path) -> None:
    with SqliteComparisonStore(path) as store:
        store.set_fact("selected", "3")
        assert list(verifying(store).differences()) == FOUND

    assert last_verification(path) is None
