"""How a launch replicates, by the stack that it has in the secondary Region."""

from __future__ import annotations

from collections.abc import Iterable

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.ports.status import StackReader


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
