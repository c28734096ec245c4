"""A month's cost follows from the fleet and the prices, and docs/cost.md says the same, row by row."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.cost import work
from iot_dr.model.cost.estimate import CostRow, days_of_a_round, estimate
from iot_dr.model.cost.figures import FleetFigures
from iot_dr.model.cost.prices import DEFAULT, Unit, parse
from iot_dr.model.cost.work import CHANGE, NEW_DEVICE, SHADOW_UPDATE, Part, month, together

PAGE = (Path(__file__).resolve().parents[5] / "docs" / "cost.md").read_text()
TEN_THOUSAND = FleetFigures(10_000)


def amounts(heading: str, rows: int) -> dict[str, float]:
    """Return the amounts of the first table after a text of the page, by their labels."""
    table = PAGE.partition(heading)[2].partition("**Sum")[0]
    found = {name: float(usd) for name, usd in re.findall(r"^\| ([^|]+?) \|.*\| ([\d.]+) \|$", table, re.MULTILINE)}
    assert len(found) == rows
    return found


def priced(fleet: FleetFigures, part: Part) -> dict[str, float]:
    return {one.row.name: one.usd for one in rows_of(fleet, part)}


def rows_of(fleet: FleetFigures, part: Part) -> list[CostRow]:
    return [one for one in estimate(fleet, DEFAULT).rows if one.row.part is part]


def test_the_page_has_the_rows_of_a_month_for_ten_thousand_devices() -> None:
    computed = priced(TEN_THOUSAND, Part.FIXED)

    assert {name: round(usd, 2) for name, usd in computed.items()} == amounts("## Every month", 14)


def test_the_page_has_the_rows_of_a_health_checker() -> None:
    computed = priced(TEN_THOUSAND, Part.CHECKERS)

    assert {name: round(usd / 2, 2) for name, usd in computed.items()} == amounts("Health checkers, if wanted", 8)


def test_the_page_has_the_rows_of_a_name_but_what_costs_nothing() -> None:
    page = amounts("the pair costs 33.65:", 8)
    assert page.pop("Health checkers, both Regions") == 29.02
    assert page.pop("Certificate, domain configuration") == 0

    computed = priced(replace(TEN_THOUSAND, fleet_name=True), Part.NAME)

    # The page rounds each part of a row.
    assert page == pytest.approx(computed, abs=0.012)


def test_ten_seconds_between_checks_cost_what_the_page_says() -> None:
    slow = replace(TEN_THOUSAND, fleet_name=True)

    more = estimate(replace(slow, check_seconds=10), DEFAULT).usd - estimate(slow, DEFAULT).usd

    assert f"= {more:.2f} more" in PAGE


@pytest.mark.parametrize(
    ("heading", "one"), [("## 1,000 new devices", NEW_DEVICE), ("## 1,000 changes of attributes", CHANGE)]
)
def test_the_page_has_what_a_device_and_a_change_cost(heading: str, one: dict[str, dict[Unit, float]]) -> None:
    page = PAGE.partition(heading)[2].partition("**Sum")[0]

    for name, units in one.items():
        found = re.search(rf"^\| {re.escape(name)} \|.*\| ([\d.]+) \|$", page, re.MULTILINE)
        assert found, name
        assert float(found[1]) == pytest.approx(1000 * DEFAULT.sum(units), abs=0.0001), name
    assert f"**{1000 * DEFAULT.sum(together(one)):.4f}**" in PAGE.partition(heading)[2]


def test_the_page_has_what_a_thousand_updates_of_shadows_cost() -> None:
    found = re.search(r"\| \*\*Sum\*\* \| \| \*\*([\d.]+)\*\* \| \| ", PAGE)

    assert found
    assert float(found[1]) == round(1000 * DEFAULT.sum(SHADOW_UPDATE), 4)


def test_what_changes_in_a_day_costs_so_many_times_one_change() -> None:
    fleet = FleetFigures(10, changes_a_day=1000, new_devices_a_day=100, shadow_updates_a_day=10)

    assert priced(fleet, Part.EVENTS) == pytest.approx(
        {
            "New devices": 100 * work.DAYS_A_MONTH * DEFAULT.sum(together(NEW_DEVICE)),
            "Changes of things": 1000 * work.DAYS_A_MONTH * DEFAULT.sum(together(CHANGE)),
            "Updates of shadows": 10 * work.DAYS_A_MONTH * DEFAULT.sum(SHADOW_UPDATE),
        }
    )


def test_updates_of_shadows_cost_nothing_where_none_is_replicated() -> None:
    fleet = FleetFigures(10, shadow_updates_a_day=10, shadows=False)

    assert not rows_of(fleet, Part.EVENTS)
    assert "Shadows of the full check" not in priced(fleet, Part.FIXED)


def test_a_fleet_smaller_than_a_slice_is_checked_whole_by_each_sweep() -> None:
    (reads,) = [row.work for row in month(FleetFigures(10)) if row.name == "Reads of the full check"]

    assert reads == {Unit.REGISTRY_OPERATION: 4 * 10 * 2920}


@pytest.mark.parametrize(
    ("fleet", "calls"),
    [
        (FleetFigures(10), 2),
        (FleetFigures(10, policies=300), 2 * 200),
        (FleetFigures(10, groups=200), 2 + 4 * 200),
        (FleetFigures(10, groups=10_000), 2 + 4 * 600),
    ],
    ids=["one policy", "more policies than a slice", "groups and types", "more of each kind than a slice"],
)
def test_each_sweep_reads_tags_in_both_regions_and_describes_what_has_no_document(
    fleet: FleetFigures, calls: int
) -> None:
    (tags,) = [row.work for row in month(fleet) if row.name.startswith("Tags")]

    assert tags == {Unit.REGISTRY_OPERATION: calls * 2920}


def test_what_the_page_says_of_groups_and_tags_follows_from_the_prices() -> None:
    def tags(fleet: FleetFigures) -> float:
        return priced(fleet, Part.FIXED)["Tags of policies, groups and types"]

    more = tags(replace(TEN_THOUSAND, groups=200)) - tags(TEN_THOUSAND)
    assert f"{more:.2f} a month more for these reads" in PAGE
    assert f"for a thousand of them {DEFAULT.of(Unit.REGISTRY_OPERATION, 2000)}" in PAGE
    registry = CHANGE["Registry, both Regions"]
    assert registry == {Unit.REGISTRY_OPERATION: 3}, "two readings and a write, as of tags"


def test_what_is_traced_is_each_message_change_and_call_of_a_schedule_at_most() -> None:
    traced = replace(TEN_THOUSAND, tracing=True)
    usd = priced(traced, Part.FIXED)["Traces"]

    assert f"224,840 x\n5.00/M = {usd:.2f} a month" in PAGE
    assert usd == pytest.approx(DEFAULT.of(Unit.TRACE, 224_840))
    busy = replace(traced, changes_a_day=1000, new_devices_a_day=100, shadow_updates_a_day=1000)
    more = priced(busy, Part.FIXED)["Traces"] - usd
    assert more == pytest.approx(DEFAULT.of(Unit.TRACE, work.DAYS_A_MONTH * (1000 + 100 + 8)))
    assert "Traces" not in priced(TEN_THOUSAND, Part.FIXED)


def test_a_saving_is_what_the_other_choice_costs_less_and_the_largest_comes_first() -> None:
    found = estimate(TEN_THOUSAND, DEFAULT)

    by_name = {one.what: one.usd for one in found.savings}
    other = estimate(replace(TEN_THOUSAND, sweep_minutes=30), DEFAULT)
    assert by_name["SweepMinutes 30"] == pytest.approx(found.usd - other.usd)
    assert list(by_name.values()) == sorted(by_name.values(), reverse=True)


def test_nothing_is_advised_that_is_so_already() -> None:
    least = FleetFigures(10, shadows=False, sweep_minutes=60, sweep_slice=50, health_checkers=False)

    assert estimate(least, DEFAULT).savings == ()


def test_a_round_takes_as_many_sweeps_as_the_fleet_has_slices() -> None:
    assert days_of_a_round(FleetFigures(19_200, sweep_slice=200)) == 1.0


def test_a_name_without_health_checkers_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="needs the health checkers"):
        FleetFigures(1, health_checkers=False, fleet_name=True)


def test_what_a_file_of_prices_leaves_out_costs_what_it_does_by_default() -> None:
    prices = parse({"date": "2027-01", "source": "ours", "alarm": 1}, "prices.toml")

    assert (prices.date, prices.source) == ("2027-01", "ours")
    assert prices.usd == {**DEFAULT.usd, Unit.ALARM: 1.0}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"source": "x"}, 'has no "date"'),
        ({"date": "x", "source": 5}, 'has no "source"'),
        ({"date": "x", "source": "x", "alarms": 1}, "a price of 'alarms'; known are message"),
        ({"date": "x", "source": "x", "alarm": "1"}, "the price of alarm is '1'"),
        ({"date": "x", "source": "x", "alarm": -1}, "the price of alarm is -1"),
        ({"date": "x", "source": "x", "alarm": True}, "the price of alarm is True"),
    ],
)
def test_what_is_no_price_is_refused(found: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse(found, "prices.toml")


def test_every_unit_has_a_price() -> None:
    assert DEFAULT.usd.keys() == {*Unit}
