"""What a drill asks of a launch before it makes anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.runtime.commands.drill import bench, clean
from iot_dr.runtime.commands.drill import drill as wiring
from iot_dr.runtime.commands.drill.bench import DrillEnvironment, ReportPlace
from tests.account import NAMES, Account, served
from tests.drill_fakes import Told

ENVIRONMENT = DrillEnvironment(
    **NAMES,
    look_queue_url="https://queue",
    dynamodb_global_table="events",
    iot_endpoint_primary="one.iot.us-east-1.amazonaws.com",
    iot_endpoint_secondary="two.iot.us-west-2.amazonaws.com",
    hosted_zone_id="Z1",
)


def run(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    environment: DrillEnvironment = ENVIRONMENT,
    place: ReportPlace = ReportPlace(),  # noqa: B008  # frozen
) -> None:
    with served(account, monkeypatch):
        wiring.drill(environment, DrillOrder(1), place, Told(), lambda _name: None)


def test_without_a_hosted_zone_nothing_is_asked_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()

    with pytest.raises(ConfigurationError, match="no hosted zone is known"):
        run(account, monkeypatch, replace(ENVIRONMENT, hosted_zone_id=""))

    assert account.requests == []


def test_an_earlier_drill_that_is_none_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account, old = Account(), tmp_path / "old.json"
    old.write_text("{}")

    with pytest.raises(ConfigurationError, match="is no result of a drill"):
        run(account, monkeypatch, place=ReportPlace(against=str(old)))

    assert account.requests == []


def test_a_launch_without_health_checks_is_refused_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(ReplicateShadows="all")

    with pytest.raises(ConfigurationError, match="made after the fleet's"):
        run(account, monkeypatch)

    assert not account.writes()
    assert not account.calls("UpdateItem")


def test_a_page_that_cannot_be_written_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another file by --report"):
        bench.prepare(str(tmp_path / "missing" / "drill.html"))


@pytest.mark.parametrize("name", ["trial-x", "iot-dr-trial-20261127-163000-0af3"])
def test_only_what_a_drill_is_called_is_removed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    account = Account()

    with served(account, monkeypatch), pytest.raises(ConfigurationError, match="no drill is called"):
        clean.clean(ENVIRONMENT, name, Told())

    assert account.requests == []


def test_the_route_53_of_a_drill_is_asked_for_by_the_name_servers_or_by_the_system() -> None:
    by_system = bench.lookup_of(ENVIRONMENT, "a.example.com", ("ns-1",))
    by_zone = bench.lookup_of(replace(ENVIRONMENT, name_servers="127.0.0.1:5353"), "a.example.com", ("ns-1",))

    assert [type(one).__name__ for one in (by_system, by_zone)] == ["SystemNameLookup", "ZoneNameLookup"]
