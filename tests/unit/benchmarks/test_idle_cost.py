"""docs/cost.md says of the idle schedules what counted calls and its own price list come to."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.idle_cost import FLEETS, SWEEPS_AN_HOUR, Idle, counted, reckoned, table
from benchmarks.standing_fleet import SLICE
from docs import prices
from templates import secondary_region
from templates.config import Config

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cost.md"
CONFIG = Config("prefix", "solution", "v0.1.0", ("eu-west-1", "us-east-1"))


@cache
def sample() -> Idle:
    return counted(FLEETS[0])


@pytest.mark.parametrize("devices", [SLICE + 1, 2_600])
def test_a_fleet_of_another_size_calls_what_is_reckoned(devices: int) -> None:
    assert counted(devices) == reckoned(devices, sample())


def test_a_fleet_twice_as_big_costs_twice_the_lists_and_not_one_request_more() -> None:
    small, big = reckoned(100_000, sample()), reckoned(200_000, sample())

    assert (big.lists - small.lists) == Counter({"ListThings": 800, "ListCertificates": 800})
    assert big.request_calls == small.request_calls


def test_nothing_is_written_to_a_registry_while_nothing_differs() -> None:
    calls = {*sample().lists, *sample().request_calls}

    reads = ("BatchGet", "Describe", "Get", "List")
    assert {call for call in calls if not call.startswith(reads)} == {"UpdateItem", "DeleteItem"}


def test_the_page_has_the_table_that_is_reckoned() -> None:
    assert table() in PAGE.read_text()


def test_the_schedules_are_those_of_the_stack() -> None:
    parameters = secondary_region.build(CONFIG).to_dict()["Parameters"]

    assert int(parameters["SweepMinutes"]["Default"]) * SWEEPS_AN_HOUR == 60
    assert int(parameters["SweepSlice"]["Default"]) == SLICE


@pytest.mark.parametrize(
    ("row", "price"),
    [
        ("Registry operations", f"{prices.REGISTRY_OPERATION * prices.MILLION:.2f} per million"),
        ("Shadow operations", f"{prices.SHADOW_OPERATION * prices.MILLION:.2f} per million"),
        ("Rules, and actions of rules", f"{prices.RULE * prices.MILLION:.2f} per million each"),
        ("DynamoDB on demand, a write", f"{prices.DYNAMODB_WRITE * prices.MILLION:.3f} per million"),
        ("DynamoDB on demand, a read", f"{prices.DYNAMODB_READ * prices.MILLION:.3f} per million"),
        ("Lambda on Arm", f"{prices.LAMBDA_REQUEST * prices.MILLION:.2f} per million requests"),
        ("Lambda on Arm", f"{prices.LAMBDA_GB_SECOND:.10f} per GB-second"),
        ("Step Functions Express", f"{prices.EXPRESS_REQUEST * prices.MILLION:.2f} per million requests"),
        ("Step Functions Express", f"{prices.EXPRESS_GB_HOUR:.2f} per GB-hour"),
        ("Step Functions Standard", f"{prices.STANDARD_TRANSITION * prices.MILLION:.2f} per million transitions"),
        ("CloudWatch", f"{prices.LOG_GB:.2f} per GB of log"),
    ],
)
def test_the_price_is_that_of_the_page(row: str, price: str) -> None:
    found = re.search(rf"^\| {row}[^|]*\| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)

    assert found is not None
    assert price in found[1]
