"""What a run asks of this machine and of the launch before it makes anything."""

from __future__ import annotations

import os
import sys
import threading
from configparser import ConfigParser
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.runtime.commands import prove as proving
from iot_dr.runtime.commands.prove import ProvingEnvironment, TrialOrder, key_maker, notes, replicated_shadows, together
from iot_dr.services import concurrency
from tests.account import DENIED, Account, Unwatched, served
from tests.account import LAUNCH as WIRED
from tests.builders import PAIR, PRIMARY, SECONDARY
from tests.endpoint import Answer, Request

ROOT = Path(__file__).resolve().parents[5]
LAUNCH = Launch(PAIR, "20261124120000", "5f0c2a")

SECONDS = 30


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

    assert replicated_shadows(LAUNCH, chosen) == ShadowSelection("named", "config|status")


def test_a_launch_that_knows_no_such_choice_replicates_all() -> None:
    assert replicated_shadows(LAUNCH, Stacks(CertificateMode="copy")) == ShadowSelection()


def test_without_the_launch_nothing_is_made() -> None:
    with pytest.raises(ConfigurationError, match=r"no stack IoTDRSecondary20261124120000 in us-west-2.*\. ./toolsrc"):
        replicated_shadows(LAUNCH, Stacks())


def test_a_launch_whose_devices_register_themselves_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="certificates of your own CA"):
        replicated_shadows(LAUNCH, Stacks(CertificateMode="jitr"))


def test_without_cryptography_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError) as raised:
        key_maker()

    # The interpreter that runs: `python3` may be another one.
    assert f"{sys.executable} -m pip install 'cryptography>=42'" in str(raised.value)
    assert "virtual environment" in str(raised.value)


def test_what_pip_is_told_to_install_is_what_the_package_declares() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert setup["options.extras_require"]["prove"].split() == [proving.CRYPTOGRAPHY]


def test_where_no_memory_can_hold_a_key_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")

    with pytest.raises(ConfigurationError, match="Linux"):
        key_maker()


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


def test_interrupted_it_begins_with_no_more_and_waits_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    ended: list[int] = []
    under_way = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        under_way.set()
        threading.Event().wait(0.1)
        ended.append(item)

    def interrupted(_futures: object) -> None:
        # A signal of the test's own would reach the caller a moment later, on a busy machine after all has ended.
        under_way.wait(SECONDS)
        raise KeyboardInterrupt

    monkeypatch.setattr(concurrency, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        together(work, range(500))

    assert len(begun) == len(ended) < 100


def test_a_trial_is_made_in_the_primary_alone_and_withdrawn_where_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusing(request: Request) -> Answer | None:
        return DENIED if request.operation.startswith("POST") and "/shadow" in request.operation else None

    account = Account(ReplicateShadows="all")
    account.answering = refusing
    environment = ProvingEnvironment(PRIMARY, SECONDARY, WIRED.postfix, WIRED.uuid, "https://queue", "one", "other")
    with served(account, monkeypatch), pytest.raises(AccessDenied):
        proving.prove(environment, TrialOrder(1), Unwatched(), lambda _name: None)

    assert any(path.endswith("/shadow") for path, _ in account.writes())
    assert {region for _, region in account.writes()} == {PRIMARY}
