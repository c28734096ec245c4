"""Two Regions and a direction."""

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.regions import RegionPair


def test_one_region_is_no_pair() -> None:
    with pytest.raises(ConfigurationError, match="choose a different secondary Region"):
        RegionPair("us-east-1", "us-east-1")


def test_failback_goes_the_other_way() -> None:
    pair = RegionPair("us-east-1", "us-west-2", "111111111111", "222222222222")

    assert pair.reversed() == RegionPair("us-west-2", "us-east-1", "222222222222", "111111111111")
    assert pair.reversed().reversed() == pair
