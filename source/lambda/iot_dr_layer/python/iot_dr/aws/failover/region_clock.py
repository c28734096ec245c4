"""A Region's own time, as its answers tell it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import RegionUnavailable

REQUIRED_ACTIONS = frozenset({"iot:DescribeEndpoint"})
"""What asking for it needs."""


class IotRegionClock:
    """`ports.RegionClock` over an `iot` client: the time of the answer to a small question."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def now(self) -> int:
        """Return the Region's time, epoch milliseconds of a whole second.

        Raises:
            RegionUnavailable: its answer has no time.
        """
        answer = call(self._client.describe_endpoint, endpointType="iot:Data-ATS")
        try:
            told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        except (KeyError, ValueError) as error:
            raise RegionUnavailable("the answer of AWS IoT has no date") from error
        return int(told.timestamp()) * 1000
