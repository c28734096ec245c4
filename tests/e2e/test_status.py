"""`iot-dr status` says of a device what became of it, while it is replicated, when it fails, and when it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from iot_dr.services.status.status import OLDEST
from lab.fleet import Fleet
from lab.operators import operator_environ
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import SECONDS, Ledger, is_whole, refusing_things

pytestmark = pytest.mark.row("C7")


def test_a_device_that_crossed_is_in_sync_with_its_lag_and_its_certificate(
    pair: Pair, fleet: Fleet, name: str, ledger: Ledger
) -> None:
    device = fleet.provision(name, attributes={"site": "north"})
    assert until(lambda: is_whole(pair, device) and ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)

    code, answer = asked(pair, "status", "--device", name)

    assert (code, answer["state"], answer["reason"]) == (0, "in_sync", "")
    assert answer["certificates"] == [device.identity.certificate_id]
    assert answer["lag_ms"] > 0
    assert answer["owned"] is True
    assert answer["since"] <= answer["checked_at"]


def test_the_table_says_the_same(pair: Pair, fleet: Fleet, name: str, ledger: Ledger) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device) and ledger(f"thing#{name}").get("state") == "in_sync", SECONDS)

    result = iot_dr(pair, "status", "--device", name)

    assert (result.returncode, result.stderr) == (0, "")
    assert f"thing#{name}" in result.stdout
    assert device.identity.certificate_id in result.stdout


def test_a_device_that_the_secondary_refuses_has_failed_with_the_reason_until_it_is_gone(
    pair: Pair, primary: Any, name: str, ledger: Ledger
) -> None:
    with refusing_things(pair):
        primary.create_thing(thingName=name)
        assert until(lambda: ledger(f"thing#{name}").get("state") == "failed", SECONDS)
        assert until(lambda: ledger(f"thing#{name}").get("next_attempt"), SECONDS)

    code, answer = asked(pair, "status", "--device", name)
    assert (code, answer["state"], answer["attempts"]) == (1, "failed", 1)
    assert "not today" in answer["reason"]
    assert answer["since"] < answer["next_attempt"]

    code, waiting = asked(pair, "status")
    assert code == 1
    group = {"state": "failed", "reason": "InvalidRequestException of CreateThing"}
    assert any(group.items() <= one.items() for one in waiting["groups"])
    shown = {item["resource"]: item["since"] or "" for item in waiting["oldest"]}
    assert len(shown) == min(waiting["waiting"], OLDEST)
    # Other tests may have left more than is shown; only what has waited longer may take its place.
    assert f"thing#{name}" in shown or (len(shown) == OLDEST and max(shown.values()) <= answer["since"])

    primary.delete_thing(thingName=name)
    assert until(lambda: not ledger(f"thing#{name}"), SECONDS)
    code, answer = asked(pair, "status", "--device", name)
    assert (code, answer["state"], answer["certificates"]) == (1, "unknown", None)


def test_a_ledger_that_is_not_there_is_said_with_the_mend(pair: Pair) -> None:
    result = iot_dr(pair, "status", "--ledger-table", "no-such-table")

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: there is no ledger no-such-table in {pair.secondary}; LEDGER_TABLE must")


def test_the_whole_is_told_at_a_glance_with_the_lag_of_what_crossed(pair: Pair, fleet: Fleet, name: str) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device), SECONDS)

    def of_things() -> list[dict[str, Any]]:
        return [lag for lag in asked(pair, "status")[1]["lag_ms"] if lag["kind"] == "thing"]

    (lag,) = until(of_things, SECONDS)
    assert lag["changes"] >= 1
    assert 0 < lag["median"] <= lag["longest"] <= lag["hour_longest"]
    _, told = asked(pair, "status")
    control = told["control"]
    assert (control["leader"], control["mode"], control["epoch"]) == (pair.primary, "automatic", 0)
    assert told["fence"]["role"] == "follows"
    assert {stack["version"] for stack in told["stacks"]} == {pair.distribution.version}
    assert len(told["stacks"]) == 4
    assert told["dead_letters"]["RuleErrorQueue"] == 0
    assert [age["function"] for age in told["streams"]] == ["StartReplicationFunction", "ReplicateShadowsFunction"]
    terminal = {**operator_environ(pair), "COLUMNS": "100", "FORCE_COLOR": "1"}
    screen = click.unstyle(iot_dr(pair, "status", environ=terminal).stdout)
    assert max(map(len, screen.splitlines())) <= 100
    assert "thing" in screen


def test_what_the_last_verification_found_is_told(pair: Pair, fleet: Fleet, name: str, tmp_path: Path) -> None:
    device = fleet.provision(name)
    assert until(lambda: is_whole(pair, device), SECONDS)
    assert asked(pair, "status", "--state", str(tmp_path))[1]["last_verify"] is None

    differs = iot_dr(pair, "verify", "--state", str(tmp_path), "--unpaced").returncode

    told = asked(pair, "status", "--state", str(tmp_path))[1]["last_verify"]
    assert (told["differing"] > 0) == bool(differs)
