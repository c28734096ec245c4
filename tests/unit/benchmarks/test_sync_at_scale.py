"""docs/sync-at-scale.md says what counted calls, AWS's default quotas and the price list come to."""

import re
from pathlib import Path

import pytest

from benchmarks.sync_at_scale import FLEETS, Estimate, counted, estimates_table, quotas_table
from docs import prices
from iot_dr.model.sync.fleet_runs import CALLS_PER_REQUEST

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "sync-at-scale.md"


def test_the_page_has_the_tables_that_are_reckoned() -> None:
    text = PAGE.read_text()

    assert estimates_table() in text
    assert quotas_table() in text


def test_the_command_estimates_with_the_calls_that_are_counted() -> None:
    assert counted().registry == CALLS_PER_REQUEST


def test_a_check_a_new_device_marks_each_of_its_four_resources_and_takes_the_mark_off() -> None:
    assert counted().ledger["TransactWriteItems"] == 8


@pytest.mark.parametrize("devices", FLEETS)
def test_ten_times_the_quotas_are_a_tenth_of_the_hours_beside_the_lists(devices: int) -> None:
    default, raised = Estimate(devices, 0), Estimate(devices, 100)

    assert default.hours - default.list_hours == pytest.approx(10 * (raised.hours - raised.list_hours))
    assert default.dollars == raised.dollars


def test_the_price_of_a_transition_is_that_of_the_page() -> None:
    found = re.search(r"^\| Step Functions Standard[^|]*\| ([^|]*) \|", (DOCS / "cost.md").read_text(), re.MULTILINE)

    assert found is not None
    assert f"{prices.STANDARD_TRANSITION * prices.MILLION:.2f} per million" in found[1]
