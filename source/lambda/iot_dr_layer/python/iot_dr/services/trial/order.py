"""What a trial can prove of a launch: which shadows it makes, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launches import Launch
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.trials import SHADOW_NAME
from iot_dr.ports.status import StackReader


@dataclass(frozen=True)
class TrialOrder:
    """How many devices, whether with a type of their own, and how many seconds they may take to cross."""

    number: int
    with_type: bool = False
    seconds: float = 300.0


def shadows_to_prove(launch: Launch, stacks: StackReader) -> ShadowSelection:
    """Return which shadows a launch replicates.

    Raises:
        ConfigurationError: there is no such launch, or one whose devices need a CA of the customer's.
    """
    region, name = launch.regions.secondary, launch.secondary_stack
    stack = stacks.read(region, name)
    if stack is None:
        raise ConfigurationError(f"there is no stack {name} in {region}; read the settings of a launch: . ./toolsrc")
    if stack.parameters.get("CertificateMode") == "jitr":
        raise ConfigurationError(
            f"{name} has CertificateMode jitr, so devices must come with certificates of your own CA; connect one of "
            "yours to the secondary Region instead"
        )
    return stack.shadows


def notes(order: TrialOrder, selection: ShadowSelection) -> Iterator[str]:
    """Say what a run leaves out."""
    if not order.with_type:
        yield "No thing type was made: AWS deletes one five minutes after its deprecation. --with-type does, and waits."
    if not selection.classic:
        yield "Classic shadows were not checked: the launch does not replicate them."
    if not selection.selects(SHADOW_NAME):
        yield f"Named shadows were not checked: the launch does not replicate one that is called {SHADOW_NAME}."
