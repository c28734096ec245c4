"""What README.md and docs/cost.md say of the bill is the same, adds up, and counts the alarms that the stacks make."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

import generate
from iot_dr.model.cost.work import ALARMS, CHECKER_ALARMS
from tests.unit.templates.stacks import Stack

COST = (generate.ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
README = (generate.ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return COST.partition(f"## {title}")[2].partition("\n## ")[0].partition("**Sum")[0]


def amounts(title: str) -> list[Decimal]:
    return [Decimal(found) for found in re.findall(r"\| ([\d.]+) \|$", section(title), re.MULTILINE)]


def told(title: str) -> Decimal:
    rest = COST.partition(f"## {title}")[2]
    found = re.search(r"\| \*\*Sum\*\* \|[ |]*\*\*([\d.]+)\*\* \|$", rest, re.MULTILINE)
    assert found
    return Decimal(found[1])


def in_readme(label: str) -> tuple[Decimal, str]:
    found = re.search(rf"^\| \**{label}\** \| \**([\d.]+)\** \| (.*?) ?\|$", README, re.MULTILINE)
    assert found, label
    return Decimal(found[1]), found[2]


def test_the_estimate_counts_the_alarms_of_the_stacks(stacks: dict[str, Stack]) -> None:
    of_name = {"FleetCertificateAlarm"}  # only with a name

    assert alarms(stacks) == ALARMS
    assert len(stacks["health checker"].of_type("AWS::CloudWatch::Alarm").keys() - of_name) == CHECKER_ALARMS


def alarms(stacks: dict[str, Stack]) -> int:
    of_template = {"DeviceProvisioningAlarm"}  # only with a provisioning template
    titles = (stacks[name].of_type("AWS::CloudWatch::Alarm").keys() for name in ("primary", "secondary"))
    return sum(len(found - of_template) for found in titles)


def test_the_page_and_the_readme_count_the_alarms_of_the_stacks(stacks: dict[str, Stack]) -> None:
    number = alarms(stacks)

    assert f"| Alarms | {number} | x 0.10 | {Decimal(number) / 10:.2f} |" in COST
    assert in_readme("Alarms, metrics, dashboard") == (
        Decimal(number) / 10 + Decimal("4.20") + 3,
        f"{number} alarms x 0.10 + about 14 metrics x 0.30 + dashboard 3.00",
    )


@pytest.mark.parametrize(
    ("title", "rows", "slack"),
    [
        ("1,000 new devices", 11, "0.0001"),
        ("1,000 changes of attributes", 11, "0.0001"),
        ("Every month", 14, "0.00"),
    ],
)
def test_the_rows_come_to_the_sum(title: str, rows: int, slack: str) -> None:
    # Rows are rounded, each by itself.
    assert len(amounts(title)) == rows
    assert abs(sum(amounts(title)) - told(title)) <= Decimal(slack)


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Replication, fixed", "Every month"),
        ("New devices, complete", "1,000 new devices"),
        ("Changes of a thing", "1,000 changes of attributes"),
    ],
)
def test_the_readme_has_the_sums_of_the_page(label: str, title: str) -> None:
    shown, _ = in_readme(label)

    assert shown == told(title).quantize(shown)


@pytest.mark.parametrize(
    ("label", "count"),
    [("New devices, complete", 5), ("Changes of a thing", 5), ("Sweeps and retries, 10,000 devices", 4)],
)
def test_the_parts_of_a_row_of_the_readme_come_to_its_amount(label: str, count: int) -> None:
    shown, parts = in_readme(label)
    found = [Decimal(one) for one in re.findall(r"\d+\.\d+", parts)]

    assert len(found) == count
    assert sum(found, Decimal()).quantize(shown) == shown


def test_the_fixed_rows_of_the_readme_come_to_their_sum() -> None:
    rows = [in_readme(label)[0] for label in ("Alarms, metrics, dashboard", "Sweeps and retries, 10,000 devices")]

    assert sum(rows) == in_readme("Replication, fixed")[0]
