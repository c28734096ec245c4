"""What the soak makes of its samples: figures, exit status, a table that fits."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.soak import COLUMNS, Round, Sample, as_json, show, workers_of
from lab.waiting import until

QUIET = Sample(0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
WIDEST = Sample(1999.9, 99_999, 9_999, 9_999, 9_999, 9_999, 99_999, 9_999, 99_999, 9_999, 9_999, 99_999)


def round_of(samples: Sequence[Sample], equal_after: float | None = 1.0, left: Sequence[str] = ()) -> Round:
    return Round("full", None, 120.0, 180.0, 3600, equal_after, 0, samples, left)


def test_a_round_is_met_if_it_was_equal_in_time_and_nothing_failed_or_was_unknown() -> None:
    assert round_of([QUIET]).is_met
    assert not round_of([QUIET], equal_after=120.1).is_met
    assert not round_of([QUIET], equal_after=None).is_met
    assert not round_of([dataclasses.replace(QUIET, failed=1)]).is_met
    assert not round_of([dataclasses.replace(QUIET, differences=1, unknown=1), QUIET]).is_met


def test_a_sample_is_the_last_when_regions_are_equal_and_nothing_is_on_its_way() -> None:
    assert QUIET.is_last(silent=0)
    for field in ("differences", "waiting", "running"):
        assert not dataclasses.replace(QUIET, **{field: 1}).is_last(silent=0)


def test_what_is_on_its_way_without_writing_anything_keeps_equal_regions_no_longer_than_a_minute() -> None:
    waits = dataclasses.replace(QUIET, waiting=1, running=1)
    assert not waits.is_last(silent=59)
    assert waits.is_last(silent=60)
    assert not dataclasses.replace(waits, differences=1).is_last(silent=600)


def test_figures_are_of_the_whole_round() -> None:
    busy = dataclasses.replace(QUIET, differences=7, workers=40, unknown=2)
    last = dataclasses.replace(QUIET, started=90, failed=3, throttled=5, workers=2)

    (found,) = as_json(4, {"python": "3"}, [round_of([busy, last])])["rounds"]

    assert (found["most_differences"], found["workers_at_once"], found["samples_with_unknown"]) == (7, 40, 1)
    assert (found["executions_started"], found["executions_failed"], found["throttled"]) == (90, 3, 5)
    assert (found["changes_per_second"], found["within_target"], len(found["samples"])) == (20.0, False, 2)


def test_every_field_of_a_sample_has_a_column() -> None:
    assert len(COLUMNS) == len(dataclasses.fields(Sample))


def test_the_table_fits_a_hundred_columns_whatever_it_counts() -> None:
    written = io.StringIO()

    show(Console(file=written, width=100), round_of([WIDEST]))

    assert "…" not in written.getvalue()
    assert max(map(len, written.getvalue().splitlines())) <= 100
    assert "99999" in written.getvalue()


def test_what_is_left_is_named_up_to_a_limit() -> None:
    written = io.StringIO()

    show(Console(file=written, width=100), round_of([QUIET], None, [f"things: pump-{each}" for each in range(25)]))

    assert "left different: things: pump-19" in written.getvalue()
    assert "things: pump-20" not in written.getvalue()
    assert "left different: 5 more" in written.getvalue()


def test_the_workers_of_an_emulator_are_the_processes_that_it_started() -> None:
    children = "import subprocess, sys; [subprocess.Popen(['sleep', '60']) for _ in range(2)]; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", children], stdin=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert until(lambda: len(workers_of(parent.pid)) == 2, 20)
        finally:
            for pid in workers_of(parent.pid):
                subprocess.run(["kill", str(pid)], check=True)
            assert until(lambda: not workers_of(parent.pid), 20)
