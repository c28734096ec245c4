"""What the benchmark of a failback says of what it measured."""

from __future__ import annotations

from benchmarks.failback import Measured, row


def test_a_row_tells_calls_by_the_thing_and_memory_in_mib() -> None:
    found = Measured(8.25, 96 * 2**20, {"iot": 5000, "dynamodb": 12})

    assert row(2000, "plan", 20, 242.4, found) == "| 2,000 | 20 | plan | 8.2 | 242 | 2.500 | 12 | 96 |"


def test_what_was_not_called_is_none() -> None:
    assert "| 0.000 | 0 |" in row(10, "plan", 1, 1.0, Measured(1.0, 1, {}))
