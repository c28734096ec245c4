"""Which Regions have AWS IoT Core, by the data that the SDK brings."""

from __future__ import annotations

import boto3.session

from iot_dr.aws import errors


def iot_regions() -> frozenset[str]:
    """Return them for every partition; no network is asked."""
    with errors.converted():
        session = boto3.session.Session()
        partitions = session.get_available_partitions()
        return frozenset(region for each in partitions for region in session.get_available_regions("iot", each))
