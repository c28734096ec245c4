"""How much memory a sweep takes for each device, and for how many devices its function's memory and time are enough.

.venv/bin/python -m benchmarks.sweep_memory [--devices 20000]
"""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass

import click

from benchmarks.standing_fleet import CountingTable, RecordingQueue, standing_sweep
from iot_dr.aws.registry.reader import PAGE_SIZE

FUNCTION_MEMORY = 1024 * 2**20
FUNCTION_SECONDS = 900
"""What the secondary stack gives the sweep."""

AT_REST = 100 * 2**20
"""Runtime, SDK and the pages on their way; measured on an idle worker of the lab at 80 MiB."""

LISTS_A_SECOND = 10
"""Default quota of ListThings, and what is assumed of ListCertificates: a page each."""


@dataclass(frozen=True)
class Footprint:
    """Per device."""

    byte_peak: float
    processor_seconds: float

    @property
    def devices_that_fit(self) -> int:
        """Devices at which the function's memory is full."""
        return int((FUNCTION_MEMORY - AT_REST) / self.byte_peak)


def footprint(devices: int) -> Footprint:
    """Let a sweep run over a standing fleet twice: for its memory, and for its time without the measuring.

    One thread reads the lists one after the other, so that one Region is as far ahead of the other as can be.
    """
    tracemalloc.start()
    try:
        _sweep(devices)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    begun = time.process_time()
    _sweep(devices)
    return Footprint(peak / devices, (time.process_time() - begun) / devices)


def listing_seconds(devices: int) -> float:
    """Return the least time to list a Region at the quota, things and certificates at the same time."""
    return devices / PAGE_SIZE / LISTS_A_SECOND


def _sweep(devices: int) -> None:
    standing_sweep(devices, Counter(), CountingTable(Counter()), RecordingQueue()).sweep()


@click.command()
@click.option("--devices", default=20_000, show_default=True, help="Devices of the fleet.")
def main(devices: int) -> None:
    """Print what a device takes."""
    found = footprint(devices)
    print(
        f"{found.byte_peak:,.0f} bytes at the peak and {1e6 * found.processor_seconds:.0f} us of a processor a device"
    )
    print(f"{FUNCTION_MEMORY // 2**20} MiB are full at {found.devices_that_fit:,} devices")
    print(f"a million devices take {listing_seconds(1_000_000):,.0f} of {FUNCTION_SECONDS} s to list at the quota")


if __name__ == "__main__":
    main()
