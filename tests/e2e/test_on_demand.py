"""What no event told is checked when somebody asks: one resource by `reconcile`, all by `sweep`."""

from __future__ import annotations

from typing import Any

import pytest

from lab.pair import Pair
from lab.quiet import untold
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import SECONDS, thing

pytestmark = pytest.mark.row("T9")


def test_what_no_event_told_is_shown_by_a_plan_and_crosses_when_it_is_asked_for(
    pair: Pair, primary: Any, secondary: Any, name: str
) -> None:
    one, other = f"{name}-one", f"{name}-other"
    with untold(pair, "THING"):
        for each in (one, other):
            primary.create_thing(thingName=each)

    code, planned = asked(pair, "reconcile", f"thing#{one}")
    assert (code, [change["step"] for change in planned["changes"]]) == (1, ["create"])
    assert asked(pair, "sweep")[1]["drift"] >= 2
    assert thing(secondary, one) is None, "a plan changes nothing"

    code, checked = asked(pair, "reconcile", f"thing#{one}", "--apply")
    assert (code, checked["state"]) == (0, "in_sync"), checked
    assert thing(secondary, one)
    assert iot_dr(pair, "reconcile", f"thing#{one}").returncode == 0

    assert asked(pair, "sweep", "--apply")[1]["drift"] >= 1
    assert until(lambda: thing(secondary, other), SECONDS)
