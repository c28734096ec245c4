"""docs/cost.md says of shadow updates what the recorded work and its own price list come to."""

from pathlib import Path

import pytest

from benchmarks.shadow_cost import (
    ALONE,
    HALF,
    OFTEN,
    ONCE,
    RECORDED,
    TENTH,
    UPDATES,
    Work,
    an_execution_each,
    share,
    table,
)
from benchmarks.shadows import state, write_units
from docs import prices

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cost.md"
IDLE = Work(0, 0, 0.0, 0, 0, 0, 0, 0, 0)


def test_the_page_has_the_table_of_what_was_recorded() -> None:
    assert table() in PAGE.read_text()


def test_each_load_costs_no_more_of_an_execution_each_than_it_may() -> None:
    assert share(RECORDED[ONCE]) <= HALF
    assert share(RECORDED[OFTEN]) <= TENTH


def test_the_path_of_events_starts_no_execution_and_the_control_one_for_each_update() -> None:
    assert {work.transitions for work in RECORDED.values()} == {0}
    assert an_execution_each(RECORDED[ALONE]).transitions == UPDATES


def test_by_itself_each_update_takes_an_invocation_and_what_it_takes_among_others_that_are_of_other_shadows() -> None:
    alone, once = RECORDED[ALONE], RECORDED[ONCE]

    assert alone.invocations == UPDATES
    assert (alone.writes, alone.shadow_reads, alone.shadow_writes) == (
        once.writes,
        once.shadow_reads,
        once.shadow_writes,
    )


def test_the_recorded_loads_are_of_a_thousand_events_in_the_table_each() -> None:
    assert {work.events for work in RECORDED.values()} == {UPDATES}


@pytest.mark.parametrize(
    ("work", "dollars"),
    [
        (Work(1_000_000, 0, 0, 0, 0, 0, 0, 0, 0), 2 * 0.15 + 3 * 0.625),
        (Work(0, 1_000_000, 3, 0, 0, 0, 0, 0, 0), 0.20 + 3 * prices.LAMBDA_GB_SECOND),
        (Work(0, 0, 0, 1_000_000, 0, 0, 0, 0, 0), 25.0),
        (Work(0, 0, 0, 0, 1_000_000, 2_000_000, 0, 0, 0), 0.125 + 2 * 0.625),
        (Work(0, 0, 0, 0, 0, 0, 1_000_000, 2_000_000, 0), 3 * 1.25),
        (Work(0, 0, 0, 0, 0, 0, 0, 0, 10**9), 0.50),
        (IDLE, 0.0),
    ],
    ids=["events", "functions", "transitions", "ledger", "shadows", "logs", "nothing"],
)
def test_work_is_priced_by_its_kind(work: Work, dollars: float) -> None:
    assert work.price == pytest.approx(dollars)


def test_an_item_takes_a_write_unit_for_each_kilobyte_begun() -> None:
    assert write_units({"resource": {"S": "x"}}) == 1
    assert write_units({"payload": {"S": "x" * 1017}}) == 1
    assert write_units({"payload": {"S": "x" * 1018}}) == 2


def test_the_state_of_the_loads_is_that_of_the_page() -> None:
    assert len(str(state(1000))) < 200
