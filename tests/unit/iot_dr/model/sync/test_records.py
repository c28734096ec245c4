"""A record says what a write does, and a run's end what came of all of it."""

from __future__ import annotations

import pytest

from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import SyncProgress
from iot_dr.model.sync.records import ChangeKind, RunEnd, ended, kind_of
from tests.builders import a_thing

THING = a_thing()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (Create(THING, ""), ChangeKind.CREATE),
        (Update(THING, THING, ""), ChangeKind.UPDATE),
        (Delete(THING, ""), ChangeKind.DELETE),
    ],
)
def test_a_write_is_what_its_change_does(change: Action, kind: ChangeKind) -> None:
    assert kind_of(change) is kind


def test_what_failed_and_what_was_left_is_not_done() -> None:
    assert ended(SyncProgress({Kind.THING: 5}, {Kind.THING: 5}, failed=1, left=2), 7) == RunEnd(7, 2, 1, 2)
