"""The control item."""

import pytest

from iot_dr.model.control import HELD_BACK, Control, Replication

SECONDARY = "us-west-2"


@pytest.mark.parametrize("control", [Control(), Control(serving="us-east-1")])
def test_replication_goes_on_while_the_primary_serves(control: Control) -> None:
    assert control.holds_back(SECONDARY) == ""


@pytest.mark.parametrize("control", [Control(serving=SECONDARY), Control(replication=Replication.SUSPENDED)])
def test_nothing_is_written_while_the_secondary_serves_or_replication_is_suspended(control: Control) -> None:
    assert control.holds_back(SECONDARY).startswith(HELD_BACK)
