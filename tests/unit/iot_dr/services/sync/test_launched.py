"""How a launch replicates is read from its stack; one that is not there is named with the mend."""

from __future__ import annotations

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.services.sync.launched import launched_stack
from tests.account import LAUNCH
from tests.builders import SECONDARY

STACK = LaunchedStack(SECONDARY, LAUNCH.secondary_stack, "CREATE_COMPLETE", {"LedgerTableName": "ledger"})


class Stacks:
    """The stacks of an account."""

    def __init__(self, *stacks: LaunchedStack) -> None:
        self._stacks = {(one.region, one.name): one for one in stacks}

    def read(self, region: str, name: str) -> LaunchedStack | None:
        return self._stacks.get((region, name))


def test_the_stack_that_replicates_is_the_one_in_the_secondary_region() -> None:
    assert launched_stack(LAUNCH, Stacks(STACK), ("LedgerTableName",)) == STACK


@pytest.mark.parametrize(
    ("stacks", "mend"),
    [
        (Stacks(), f"no stack {LAUNCH.secondary_stack} in {SECONDARY}; launch it first"),
        (Stacks(STACK), "has no output Machine, Bucket; it is of an older release: update it"),
    ],
)
def test_a_stack_that_is_missing_or_too_old_is_named_with_the_mend(stacks: Stacks, mend: str) -> None:
    with pytest.raises(ConfigurationError, match=mend):
        launched_stack(LAUNCH, stacks, ("LedgerTableName", "Machine", "Bucket"))
