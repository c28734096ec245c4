from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.model.registry.changes import Create, Delete, Skip, Update
from iot_dr.model.registry.differences import Difference, Sigil
from iot_dr.model.registry.keys import Kind
from iot_dr.model.sync.progress import Planned, Step, SyncProgress, step_of
from tests.builders import a_thing

THING = a_thing()


def test_a_difference_is_counted_by_what_is_done_about_it() -> None:
    key, skip = THING.key, Skip(THING.key, "why")
    steps = {
        Step.CREATE: Difference(key, Sigil.MISSING, "", Create(THING, "")),
        Step.UPDATE: Difference(key, Sigil.DIFFERENT, "", Update(THING, THING, "")),
        Step.DELETE: Difference(key, Sigil.SURPLUS, "", Delete(THING, "")),
        Step.LEAVE: Difference(key, Sigil.SURPLUS, "", skip),
        Step.UNREADABLE: Difference(key, Sigil.UNREADABLE, "", skip),
    }
    planned = Planned()

    for difference in steps.values():
        planned.count(difference)

    assert [step_of(difference) for difference in steps.values()] == list(steps)
    assert planned.steps == {(Kind.THING, step): 1 for step in steps}
    assert planned.deletes == 1
    assert planned.changes() == {Kind.THING: 3}


def test_the_kind_that_takes_longest_decides_when_it_is_over() -> None:
    planned = {Kind.THING: 1000, Kind.CERTIFICATE: 1000}
    earlier = SyncProgress(planned, {Kind.THING: 0, Kind.CERTIFICATE: 0})
    now = SyncProgress(planned, {Kind.THING: 500, Kind.CERTIFICATE: 100})

    assert now.seconds_left(earlier, 10) == 90


def test_nobody_knows_how_long_it_takes_while_nothing_ends() -> None:
    standing = SyncProgress({Kind.THING: 10}, {Kind.THING: 5})

    assert standing.seconds_left(standing, 10) is None


@pytest.mark.parametrize(("share", "seconds"), [(1.0, 90), (0.5, 190), (0.0, None)])
def test_of_what_hangs_on_certificates_the_rest_is_taken_to_be_like_what_is_read(
    share: float, seconds: float | None
) -> None:
    earlier = SyncProgress({Kind.THING: 20, Kind.THING_PRINCIPAL: 100}, {})
    now = replace(earlier, ended={Kind.THING: 10, Kind.THING_PRINCIPAL: 10})

    assert now.seconds_left(earlier, 10, share) == seconds


def test_it_is_over_when_everything_has_ended() -> None:
    standing = SyncProgress({Kind.THING: 10}, {Kind.THING: 10})

    assert standing.seconds_left(standing, 10) == 0


def test_a_run_is_complete_if_nothing_failed_and_nothing_is_left() -> None:
    assert SyncProgress().complete
    assert not SyncProgress(failed=1).complete
    assert not SyncProgress(left=1).complete
