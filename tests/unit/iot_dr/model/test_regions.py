"""The Regions of a launch."""

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.regions import RegionPair
from iot_dr.model.sites import Direction, Site


def test_one_region_is_no_pair() -> None:
    with pytest.raises(ConfigurationError, match="choose a different secondary Region"):
        RegionPair("us-east-1", "us-east-1")


def test_replication_goes_from_the_primary_to_the_secondary() -> None:
    pair = RegionPair("us-east-1", "us-west-2")

    assert pair.replication("1") == Direction(Site("us-east-1", "1"), Site("us-west-2", "1"))
