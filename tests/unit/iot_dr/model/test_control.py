"""The control item."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iot_dr.model.control import AUTOMATIC, HELD_BACK, Control, ReplicationState
from iot_dr.model.regions import RegionPair

REGIONS = RegionPair("us-east-1", "us-west-2").replication()
RELEASING = (AUTOMATIC, REGIONS.source.region)


@pytest.mark.parametrize("serving", RELEASING)
def test_replication_goes_on_while_the_primary_serves(serving: str) -> None:
    assert Control(serving).holds_back(REGIONS) == ""


@pytest.mark.parametrize(
    "control", [Control(serving=REGIONS.target.region), Control(replication=ReplicationState.SUSPENDED)]
)
def test_nothing_is_written_while_the_secondary_serves_or_replication_is_suspended(control: Control) -> None:
    assert control.holds_back(REGIONS).startswith(HELD_BACK)


@given(st.text().filter(lambda text: text not in RELEASING))
@example("us-west2")
@example("US-WEST-2")
@example("us-east-1 ")
@example("Automatic")
@example("")
@example("eu-west-1")
def test_nothing_is_written_while_the_item_names_anything_else(serving: str) -> None:
    assert Control(serving).holds_back(REGIONS).startswith(HELD_BACK)


def test_a_name_that_is_wrong_is_told_with_those_that_would_be_right() -> None:
    reason = Control("us-west2").holds_back(REGIONS)

    assert '"us-west2"' in reason
    assert "automatic, us-east-1 or us-west-2" in reason
