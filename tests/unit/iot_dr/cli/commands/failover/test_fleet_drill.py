"""A drill with the fleet as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.failover import drill as module
from iot_dr.cli.main import cli
from iot_dr.cli.view.fleet_drill import WayBackWatch
from iot_dr.model.drill.fleet import FleetStand
from iot_dr.model.drill.orders import DrillOrder
from iot_dr.model.drill.results import DrillResult
from iot_dr.model.failover.devices import DeviceCounts
from iot_dr.model.status.fleets import FleetSize
from iot_dr.model.sync.progress import SyncProgress
from iot_dr.ports.progress import FailbackObserver, FleetDrillObserver
from iot_dr.runtime.commands.drill.bench import ReportPlace
from iot_dr.runtime.commands.drill.fleet import FleetDrillEnvironment, FleetSettings
from iot_dr.services.drill.drill import WITHDRAWN
from iot_dr.services.failover.losses import Losses, Waiting
from tests.failover_fakes import FLEET
from tests.unit.iot_dr.cli.commands.failover.test_drill import DRILL, TOOLSRC
from tests.unit.iot_dr.model.drill.test_verdicts import GONE, WELL

ENVIRONMENT = {**TOOLSRC, "LEDGER_TABLE": "ledger", "FLEET_NAME": FLEET}
LOSSES = Losses(Waiting({}, None), (), (), None, {"us-east-1": FleetSize(2)})
ALONG = replace(WELL, fleet=GONE)


@dataclass
class Asked:
    """What the command asked for; None if it did not come so far."""

    environment: FleetDrillEnvironment | None = None
    order: DrillOrder | None = None
    place: ReportPlace | None = None
    settings: FleetSettings | None = None


Ending = Callable[[FleetDrillObserver, FailbackObserver], object]


def at_once(_progress: FleetDrillObserver, _reading: FailbackObserver) -> None:
    """End well."""


def run(
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    result: DrillResult = ALONG,
    ending: Ending = at_once,
    typed: str | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> tuple[Result, Asked]:
    asked = Asked()

    def fleet_drill(  # as it is called
        known: FleetDrillEnvironment,
        order: DrillOrder,
        place: ReportPlace,
        settings: FleetSettings,
        progress: FleetDrillObserver,
        reading: FailbackObserver,
        announce: Callable[[str], object],
    ) -> DrillResult:
        announce(DRILL)
        settings.consent(LOSSES)
        asked.environment, asked.order, asked.place, asked.settings = known, order, place, settings
        ending(progress, reading)
        return result

    monkeypatch.setattr(module, "fleet_drill", fleet_drill)
    words = ["drill", "--scope", "fleet", *arguments]
    return CliRunner().invoke(cli, words, env=environment, input=typed, prog_name="iot-dr"), asked


def test_whose_name_is_confirmed_is_taken_along_and_the_objectives_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, "--confirm", FLEET, "--timeout", "90", "--profile", "ops", "--state", "kept")

    assert result.exit_code == 0, result.output
    assert "What may be lost when us-west-2 takes over from us-east-1:" in result.stdout
    assert "Objectives met" in result.stdout
    assert asked.environment is not None
    assert asked.order == DrillOrder(patience=90)
    assert asked.settings is not None
    assert (asked.environment.fleet_name, asked.environment.ledger_table) == (FLEET, "ledger")
    assert (asked.settings.profile, asked.settings.place.state, asked.settings.paced) == ("ops", "kept", True)


@pytest.mark.parametrize("name", ["FLEET_NAME", "LEDGER_TABLE", "IOT_ENDPOINT_PRIMARY", "UUID"])
def test_what_the_fleets_way_there_and_back_needs_is_asked_for_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    known = {one: value for one, value in ENVIRONMENT.items() if one != name}

    result, asked = run(monkeypatch, "--confirm", FLEET, environment=known)

    assert result.exit_code == 2
    assert f"missing: {name} (" in result.stderr
    assert asked == Asked()


@pytest.mark.parametrize(("typed", "code"), [(FLEET, 0), ("us-east-1", 2), ("yes", 2), ("", 2)])
def test_at_a_terminal_the_fleets_name_is_typed(monkeypatch: pytest.MonkeyPatch, typed: str, code: int) -> None:
    monkeypatch.setattr(module, "at_a_terminal", lambda: True)

    result, asked = run(monkeypatch, typed=f"{typed}\n")

    assert result.exit_code == code, result.output
    assert f"To fail the fleet over and back, type {FLEET}" in result.stderr
    assert (asked.order is not None) is (code == 0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), f"give --confirm {FLEET}"),
        (("--confirm", "devices.example.org"), "'devices.example.org' is not devices.example.com; nothing was changed"),
        (("--confirm", FLEET, "--fault", "unhealthy"), "--fault unhealthy goes with --scope canary"),
    ],
)
def test_without_consent_or_with_what_does_not_fit_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], why: str
) -> None:
    result, asked = run(monkeypatch, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert why in " ".join(result.stderr.split())
    assert asked.order is None


def test_programs_get_the_whole_result_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "--confirm", FLEET, "--format", "json")

    told = json.loads(result.stdout)
    assert (told["met"], told["fleet"]["name"]) == (True, FLEET)
    assert "What may be lost" in result.stderr


def away(progress: FleetDrillObserver, _reading: FailbackObserver) -> None:
    progress.stands(FleetStand.AWAY)


def returning(progress: FleetDrillObserver, reading: FailbackObserver) -> None:
    away(progress, reading)
    progress.stands(FleetStand.RETURNING)


def home(progress: FleetDrillObserver, reading: FailbackObserver) -> None:
    returning(progress, reading)
    progress.stands(FleetStand.HOME)


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_fleet_that_is_not_back_exits_1_with_the_commands_that_go_on(
    monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    missed = replace(ALONG, fleet=replace(GONE, stopped="1 resource is undecided"), left=("the drill's devices",))
    words = ("--confirm", FLEET, "--state", "kept", "--profile", "ops", "--format", output)

    result, _ = run(monkeypatch, *words, result=missed, ending=away)

    told = " ".join((result.stdout if output == "table" else result.stderr).split())
    assert result.exit_code == 1
    assert "us-west-2 may lead the fleet by now" in told
    assert "`iot-dr failback --profile ops --state kept --apply --switch`" in told
    assert f"`iot-dr drill --profile ops --state kept --clean {DRILL}`" in told


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (at_once, f"to remove it, run `iot-dr drill --clean {DRILL}`."),
        (away, f"`iot-dr failback --apply --switch`. Then remove the drill's devices: `iot-dr drill --clean {DRILL}`."),
        (returning, "The failback is under way; go on with it: `iot-dr failback --apply --switch`."),
        (home, f"to remove it, run `iot-dr drill --clean {DRILL}`."),
    ],
)
def test_control_c_says_where_the_fleet_stands_and_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, ending: Ending, said: str
) -> None:
    def stop(progress: FleetDrillObserver, reading: FailbackObserver) -> None:
        ending(progress, reading)
        raise KeyboardInterrupt

    result, _ = run(monkeypatch, "--confirm", FLEET, ending=stop)

    assert result.exit_code == 2
    assert said in result.stderr


def test_control_c_after_the_removal_says_that_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(progress: FleetDrillObserver, _reading: FailbackObserver) -> None:
        progress.step(WITHDRAWN)
        raise KeyboardInterrupt

    result, _ = run(monkeypatch, "--confirm", FLEET, ending=stop)

    assert result.stderr.rstrip().endswith(f"Stopped. {WITHDRAWN}.")


def test_the_failback_is_told_as_the_drill_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(progress: FleetDrillObserver, reading: FailbackObserver) -> None:
        assert isinstance(reading, WayBackWatch)
        reading.step("Writing the old primary down")
        reading.begin("lists", 7, 2)
        reading.advance(1, 250)
        reading.reached(SyncProgress())
        progress.moved(DeviceCounts(FleetSize(3), FleetSize(1)), None)

    result, _ = run(monkeypatch, "--confirm", FLEET, ending=ending)

    for line in ("Writing the old primary down", "3 devices have come, 1 are left"):
        assert line in result.stderr
    assert "lists" not in result.stderr
