"""A Region's own time."""

from __future__ import annotations

from typing import Any

import pytest

from iot_dr.aws.failover.region_clock import IotRegionClock
from iot_dr.errors import RegionUnavailable


class Answering:
    """A client whose answers have these headers."""

    def __init__(self, **headers: str) -> None:
        self._headers = headers

    def describe_endpoint(self, **asked: str) -> dict[str, Any]:
        assert asked == {"endpointType": "iot:Data-ATS"}
        return {"endpointAddress": "a1b2", "ResponseMetadata": {"HTTPHeaders": self._headers}}


def test_the_time_is_the_one_of_the_answer() -> None:
    assert IotRegionClock(Answering(date="Sat, 28 Nov 2026 03:00:01 GMT")).now() == 1_795_834_801_000


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_an_answer_without_a_time_is_no_answer(headers: dict[str, str]) -> None:
    with pytest.raises(RegionUnavailable):
        IotRegionClock(Answering(**headers)).now()
