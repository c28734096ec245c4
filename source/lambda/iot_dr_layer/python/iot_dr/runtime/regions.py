"""Tells a Region from a slip of the pen, before anything is asked of it."""

from __future__ import annotations

from functools import cache

from iot_dr.aws.regions import iot_regions
from iot_dr.model.regions import check_region

_regions = cache(iot_regions)


def ensure_region(region: str) -> None:
    """See to it that a name is that of a Region with AWS IoT Core, by the data that the SDK brings.

    Raises:
        ConfigurationError: it is none.
    """
    check_region(region, _regions())
