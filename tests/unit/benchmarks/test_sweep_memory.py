"""docs/performance.md says up to how many devices a sweep fits its function; the code may not take more than that."""

import re
from pathlib import Path

from benchmarks.sweep_memory import FUNCTION_MEMORY, FUNCTION_SECONDS, footprint, listing_seconds
from templates import secondary_region
from templates.config import Config

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "performance.md").read_text()
CONFIG = Config("prefix", "solution", "v0.1.0", ("eu-west-1", "us-east-1"))


def test_as_many_devices_fit_as_the_page_says() -> None:
    said = re.search(r"full at about \*\*([\d,]+) devices\*\*", PAGE)

    assert said is not None
    # Versions of Python differ by some bytes, and a small fleet carries the start's share.
    assert footprint(5_000).devices_that_fit > 0.8 * int(said[1].replace(",", ""))


def test_the_page_has_the_time_that_listing_takes() -> None:
    assert f"a million devices take {listing_seconds(1_000_000):.0f} of the {FUNCTION_SECONDS} seconds" in PAGE


def test_the_sweep_has_the_memory_and_time_that_are_reckoned_with() -> None:
    resources = secondary_region.build(CONFIG).to_dict()["Resources"]
    sweep = resources["SweepRegistryFunction"]["Properties"]

    assert (sweep["MemorySize"] * 2**20, sweep["Timeout"]) == (FUNCTION_MEMORY, FUNCTION_SECONDS)
