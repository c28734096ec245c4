"""What a trial asks of the launch before it makes anything, and what it leaves out."""

from __future__ import annotations

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.services.trial.order import TrialOrder, notes, shadows_to_prove
from tests.builders import PAIR

LAUNCH = Launch(PAIR, "20261124120000", "5f0c2a")


class Stacks:
    """A secondary stack with these parameters, or none."""

    def __init__(self, **parameters: str) -> None:
        self._parameters = parameters

    def read(self, region: str, name: str) -> LaunchedStack | None:
        assert (region, name) == ("us-west-2", "IoTDRSecondary20261124120000")
        if not self._parameters:
            return None
        return LaunchedStack(region, name, "CREATE_COMPLETE", {}, self._parameters, ())


def test_the_launch_says_which_shadows_are_replicated() -> None:
    chosen = Stacks(CertificateMode="copy", ReplicateShadows="named", ShadowNamePattern="config|status")

    assert shadows_to_prove(LAUNCH, chosen) == ShadowSelection("named", "config|status")


def test_without_the_launch_nothing_is_made() -> None:
    with pytest.raises(ConfigurationError, match=r"no stack IoTDRSecondary20261124120000 in us-west-2.*\. ./toolsrc"):
        shadows_to_prove(LAUNCH, Stacks())


def test_a_launch_whose_devices_register_themselves_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="certificates of your own CA"):
        shadows_to_prove(LAUNCH, Stacks(CertificateMode="jitr"))


@pytest.mark.parametrize(
    ("order", "selection", "told"),
    [
        (TrialOrder(1, with_type=True), ShadowSelection(), []),
        (TrialOrder(1), ShadowSelection(), ["No thing type"]),
        (TrialOrder(1, with_type=True), ShadowSelection("classic"), ["Named shadows"]),
        (TrialOrder(1, with_type=True), ShadowSelection("named", "status"), ["Classic shadows", "Named shadows"]),
    ],
)
def test_what_is_left_out_is_said(order: TrialOrder, selection: ShadowSelection, told: list[str]) -> None:
    said = list(notes(order, selection))

    assert len(said) == len(told)
    assert all(line.startswith(words) for line, words in zip(said, told, strict=True))
