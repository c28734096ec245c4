"""How a launch replicates, by the stack that it has in the secondary Region."""

from __future__ import annotations

from collections.abc import Iterable

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.ports.status import StackReader

NO_SHADOWS = "none"
"""What the stack's parameter says where shadows are not replicated."""


def launched_stack(launch: Launch, stacks: StackReader, outputs: Iterable[str] = ()) -> LaunchedStack:
    """Return the stack that replicates, with these outputs.

    Raises:
        ConfigurationError: there is none, or it is of a release that had not all of these outputs.
    """
    region, name = launch.regions.secondary, launch.secondary_stack
    stack = stacks.read(region, name)
    if stack is None:
        raise ConfigurationError(
            f"there is no stack {name} in {region}; launch it first, or read the settings of the launch: . ./toolsrc"
        )
    if missing := [output for output in outputs if output not in stack.outputs]:
        raise ConfigurationError(
            f"the stack {name} in {region} has no output {', '.join(missing)}; it is of an older release: update it"
        )
    return stack


def replicated_shadows(stack: LaunchedStack) -> ShadowSelection:
    """Return which shadows it replicates; a stack of a release that knew no shadows replicates none."""
    told = stack.parameters
    return ShadowSelection(
        told.get("ReplicateShadows", NO_SHADOWS), told.get("ShadowNamePattern", ShadowSelection.pattern)
    )
