"""What a run asks of this machine before it makes anything, and where it makes it."""

from __future__ import annotations

import os
import sys
import threading
from configparser import ConfigParser
from pathlib import Path

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError
from iot_dr.runtime.commands import prove as proving
from iot_dr.runtime.commands.prove import ProvingEnvironment, key_maker, together
from iot_dr.services import concurrency
from iot_dr.services.trial.order import TrialOrder
from tests.account import DENIED, NAMES, Account, Unwatched, served
from tests.builders import PRIMARY
from tests.endpoint import Answer, Request

ROOT = Path(__file__).resolve().parents[5]
SECONDS = 30


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
    environment = ProvingEnvironment(
        **NAMES,
        look_queue_url="https://queue",
        iot_endpoint_primary="one",
        iot_endpoint_secondary="other",
    )
    with served(account, monkeypatch), pytest.raises(AccessDenied):
        proving.prove(environment, TrialOrder(1), Unwatched(), lambda _name: None)

    assert any(path.endswith("/shadow") for path, _ in account.writes())
    assert {region for _, region in account.writes()} == {PRIMARY}
