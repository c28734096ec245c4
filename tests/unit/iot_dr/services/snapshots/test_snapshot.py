"""What is written of a Region; tests/property/test_snapshot.py shows that all of it comes back."""

from collections.abc import Iterable, Iterator

import pytest

from iot_dr.files.comparison_store import SqliteComparisonStore
from iot_dr.model.registry.entities import Certificate, Entity
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sites import Side
from iot_dr.services.snapshots.snapshot import BATCH, KEPT_FOR, resume_or_begin, take
from tests.builders import a_certificate, a_thing


class Registry:
    """What was read, certificates without PEM."""

    def __init__(self, *entities: Entity) -> None:
        self._entities = entities

    def entities(self, side: Side, kind: Kind) -> Iterator[Entity]:
        return (one for one in self._entities if one.key.kind is kind)


class Files:
    """What was written."""

    def __init__(self) -> None:
        self.written: dict[Kind, list[Entity]] = {}

    def write(self, kind: Kind, entities: Iterable[Entity]) -> int:
        self.written[kind] = list(entities)
        return len(self.written[kind])


def test_every_kind_is_written_also_one_of_which_there_is_none() -> None:
    files = Files()

    numbers = take(Registry(a_thing()), Side.SOURCE, (Kind.THING_TYPE, Kind.THING), lambda _: None, files)

    assert files.written == {Kind.THING_TYPE: [], Kind.THING: [a_thing()]}
    assert numbers == {"thing_type": 0, "thing": 1}


def test_a_certificate_that_is_gone_since_it_was_listed_is_left_out() -> None:
    kept, gone = a_certificate("kept"), a_certificate("gone")
    files = Files()

    def described(certificate_id: str) -> Certificate | None:
        return kept if certificate_id == kept.certificate_id else None

    take(Registry(kept, gone), Side.SOURCE, (Kind.CERTIFICATE,), described, files)

    (written,) = files.written[Kind.CERTIFICATE]
    assert isinstance(written, Certificate)
    assert written.pem == "PEM of kept"


def test_it_is_told_how_far_it_is() -> None:
    told: list[tuple[Kind, int]] = []
    things = [a_thing(str(number)) for number in range(2 * BATCH + 1)]

    take(Registry(*things), Side.SOURCE, (Kind.THING,), lambda _: None, Files(), progress=lambda *one: told.append(one))

    assert told == [(Kind.THING, BATCH), (Kind.THING, 2 * BATCH)]


@pytest.mark.parametrize(
    ("what", "at", "anew", "began"),
    [
        ("us-east-1 all", 999 + KEPT_FOR, False, 1000),
        ("us-east-1 all", 1000 + KEPT_FOR, False, 1000 + KEPT_FOR),
        ("us-east-1 all", 2000, True, 2000),
        ("us-east-1 none", 2000, False, 2000),
    ],
)
def test_a_reading_that_was_cut_off_is_resumed_for_a_day_by_the_same_snapshot(
    store: SqliteComparisonStore, what: str, at: int, anew: bool, began: int
) -> None:
    assert resume_or_begin(store, "us-east-1 all", 1000, anew=False) == 1000
    store.put(Side.SOURCE, [a_thing()])

    assert resume_or_begin(store, what, at, anew=anew) == began
    assert store.number(Side.SOURCE, Kind.THING) == (1 if began == 1000 else 0)
