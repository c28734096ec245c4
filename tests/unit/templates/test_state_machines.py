"""What holds for every state machine: of a message, of a batch of a sync, of one request of such a batch, of a sync."""

from __future__ import annotations

from typing import Any

import pytest

from iot_dr.model.registry.keys import SHADOW_KINDS, Kind
from templates import batch_states
from tests.unit.templates import test_batch_states as batch
from tests.unit.templates import test_fleet_sync as fleet
from tests.unit.templates.test_replication_workflow import BRANCHES, STATES

States = dict[str, dict[str, Any]]
CHOOSING = pytest.mark.parametrize(
    ("states", "place"), [(STATES, ""), (batch.TOGETHER, ""), (batch.ALONE, " alone")], ids=["message", "batch", "one"]
)
"""Those that choose by kind; the last one's states have names of their own."""


@CHOOSING
def test_every_kind_that_can_be_checked_has_a_branch(states: States, place: str) -> None:
    assert BRANCHES.keys() == {str(kind) for kind in Kind}
    conditions = {rule["Condition"]: rule["Next"] for rule in states[f"Which kind{place}"]["Choices"]}
    assert conditions == {
        f"{{% $states.input.looks[0].kind = '{kind}' %}}": f"{state}{place}" for kind, state in BRANCHES.items()
    }


@CHOOSING
def test_shadows_are_replicated_by_the_function_of_their_stream(states: States, place: str) -> None:
    called = {kind: states[f"{state}{place}"]["Arguments"]["FunctionName"] for kind, state in BRANCHES.items()}

    assert called == {str(kind): "arn:shadows" if kind in SHADOW_KINDS else "arn:replicate" for kind in sorted(Kind)}


def test_no_two_states_have_one_name() -> None:
    # https://states-language.net/#states: unique within the whole state machine.
    names = [*fleet.STATES, *fleet.BATCH, *fleet.ALONE]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("states", "outside"),
    [
        (STATES, set()),
        (batch.TOGETHER, {batch_states.AFTER}),
        (batch.ALONE, set()),
        (fleet.STATES, set()),
        (fleet.BATCH, set()),
    ],
    ids=["message", "batch", "one", "sync", "batch of a sync"],
)
def test_every_state_is_reached_and_leads_to_one_that_exists(states: States, outside: set[str]) -> None:
    led_to = {next(iter(states))} | {name for state in states.values() for name in _next(state)}

    assert led_to - outside == states.keys()


def _next(state: dict[str, Any]) -> set[str]:
    branches = [*state.get("Choices", ()), *state.get("Catch", ())]
    named = [state.get("Next"), state.get("Default"), *(branch["Next"] for branch in branches)]
    return {name for name in named if name}
