"""The command as an operator types it, with AWS's answers over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iot_dr.cli.commands.failover import failover as module
from iot_dr.cli.main import cli
from iot_dr.runtime.commands import failover as wiring
from iot_dr.services.failover import evict, follow
from tests.builders import PRIMARY, SECONDARY
from tests.failover_account import CONTROL, DENIED, ENVIRONMENT, FENCE, FailoverAccount, served
from tests.failover_fakes import ENDPOINTS, FLEET, ScriptedNameServers


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailoverAccount]:
    with served(FailoverAccount(), monkeypatch) as account:
        yield account


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> ScriptedNameServers:
    """The fleet's name servers, which answer with the secondary Region; nothing is waited for."""
    servers = ScriptedNameServers(ttl=0)
    servers.lead_to(SECONDARY)
    monkeypatch.setattr(wiring, "DnsNameServers", lambda _setting: servers)
    for waiting, name in ((follow, "WORKER_SECONDS"), (follow, "COUNT_SECONDS"), (follow, "EVERY_SECONDS")):
        monkeypatch.setattr(waiting, name, 0)
    monkeypatch.setattr(evict, "SETTLE_SECONDS", 0)
    return servers


def run(*arguments: str, to: str = SECONDARY, typed: str | None = None, **environ: str) -> Result:
    return CliRunner().invoke(
        cli, ["failover", "--to", to, *arguments], input=typed, env={**ENVIRONMENT, "FLEET_NAME": FLEET, **environ}
    )


def test_three_calls_in_the_secondary_switch_and_the_primary_is_told(account: FailoverAccount) -> None:
    result = run("--yes", "--why", "an outage")

    assert result.exit_code == 0, result.output
    assert account.writes() == [(SECONDARY, FENCE), (SECONDARY, CONTROL), (PRIMARY, CONTROL)]
    assert account.item(FENCE)["role"] == "leads"
    assert account.item(FENCE)["why"] == "an outage"
    assert account.item(CONTROL) == account.item(CONTROL, PRIMARY)
    assert (account.item(CONTROL)["leader"], account.item(CONTROL)["mode"]) == (SECONDARY, "pinned")
    assert f"{SECONDARY} leads now: pinned, epoch 2." in result.stdout


def test_what_may_be_lost_is_told_before_anything_is_changed(account: FailoverAccount) -> None:
    result = run("--yes")

    reads = [one.operation for one in account.requests]
    assert reads.index("Query") < reads.index("UpdateItem")
    assert f"What may be lost when {SECONDARY} takes over from {PRIMARY}:" in result.stdout
    assert "Not in sync" in result.stdout
    assert f"Changes that have not left {PRIMARY} cannot be counted here" in " ".join(result.stdout.split())


def test_it_works_with_the_primary_away_and_asks_route_53_nothing(account: FailoverAccount) -> None:
    account.away = frozenset({PRIMARY})

    result = run("--yes", "--format", "json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["changed"], told["control"]["leader"], told["control"]["epoch"]) == (True, SECONDARY, 2)
    assert "unread" in told["other_told"]
    assert "unread" in told["losses"]["connected"][PRIMARY]
    assert not [one for one in account.called() if "hostedzone" in one or "healthcheck" in one]


def test_an_order_that_the_primary_alone_has_is_overruled_by_a_higher_number(account: FailoverAccount) -> None:
    account.put(CONTROL, PRIMARY, leader=PRIMARY, mode="pinned", epoch=3)

    result = run("--yes", "--format", "json")

    assert result.exit_code == 0
    assert f"In {PRIMARY}, a later order stands there: {PRIMARY} pinned, epoch 3" in result.stderr
    assert account.item(CONTROL) == account.item(CONTROL, PRIMARY)
    assert account.item(CONTROL)["epoch"] == account.item(FENCE)["epoch"] == 4
    assert json.loads(result.stdout)["other_told"] is True


def test_a_region_that_leads_already_is_left_alone(account: FailoverAccount) -> None:
    run("--yes")
    writes = len(account.writes())

    result = run("--yes")

    assert result.exit_code == 0
    assert len(account.writes()) == writes
    assert f"{SECONDARY} leads already; nothing was changed" in result.stdout


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("eu-west-1", "is no Region of this launch"),
        ("", "has an empty value"),
        (PRIMARY, "iot-dr failback"),
    ],
)
def test_a_region_that_cannot_take_over_changes_nothing(account: FailoverAccount, to: str, why: str) -> None:
    result = run("--yes", to=to)

    assert result.exit_code == 2
    assert why in result.output
    assert account.requests == []


def test_without_settings_nothing_is_changed(account: FailoverAccount) -> None:
    result = run("--yes", LEDGER_TABLE="", DYNAMODB_GLOBAL_TABLE="")

    assert result.exit_code == 2
    assert "missing: LEDGER_TABLE (--ledger-table), DYNAMODB_GLOBAL_TABLE" in result.output
    assert account.requests == []


def test_without_a_terminal_it_asks_for_yes_and_changes_nothing(account: FailoverAccount) -> None:
    result = run(typed=SECONDARY)

    assert result.exit_code == 2
    assert "give --yes" in result.output
    assert account.requests == []


@pytest.mark.parametrize(("typed", "code"), [(SECONDARY, 0), (PRIMARY, 2), ("yes", 2), ("", 2)])
def test_at_a_terminal_the_regions_name_is_typed(
    account: FailoverAccount, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr(module, "at_a_terminal", lambda: True)

    result = run(typed=f"{typed}\n")

    assert result.exit_code == code, result.output
    assert bool(account.writes()) is (code == 0)
    assert f"To fail over, type {SECONDARY}" in result.stderr


@pytest.mark.parametrize(
    ("resource", "values"),
    [
        (CONTROL, {"leader": "mars"}),
        (CONTROL, {"leader": SECONDARY, "mod": "pinned"}),
        (FENCE, {"role": "leeds"}),
        (FENCE, {"role": "leads", "epoch": "many"}),
    ],
)
def test_a_garbled_item_is_told_and_nothing_is_written(
    account: FailoverAccount, resource: str, values: dict[str, Any]
) -> None:
    account.put(resource, **values)

    result = run("--yes")

    assert result.exit_code == 2
    assert "is garbled" in result.output
    assert account.writes() == []


def test_a_missing_right_to_read_is_told_and_nothing_is_written(account: FailoverAccount) -> None:
    account.answers[SECONDARY, "BatchGetItem"] = DENIED

    result = run("--yes")

    assert result.exit_code == 2
    assert "no right" in result.output
    assert account.writes() == []


def test_a_missing_right_to_write_changes_nothing(account: FailoverAccount) -> None:
    account.answers[SECONDARY, "UpdateItem"] = DENIED

    result = run("--yes")

    assert result.exit_code == 2
    assert account.items == {}


def test_an_order_that_is_not_finished_is_told_with_the_command_that_goes_on(account: FailoverAccount) -> None:
    class Stuck(FailoverAccount):
        def _updated(self, request):  # type: ignore[no-untyped-def]
            return DENIED if request.body["TableName"] == "events" else super()._updated(request)

    account.__class__ = Stuck
    result = run("--yes")

    assert result.exit_code == 1
    assert f"iot-dr failover --to {SECONDARY} --yes" in result.stderr.replace("cli ", "iot-dr ")
    assert account.item(FENCE)["role"] == "leads"

    account.__class__ = FailoverAccount
    assert run("--yes").exit_code == 0
    assert account.item(CONTROL)["epoch"] == account.item(FENCE)["epoch"] == 2


def test_waiting_tells_dns_and_devices_and_when_the_region_is_fenced(
    account: FailoverAccount, servers: ScriptedNameServers
) -> None:
    account.connected = {PRIMARY: [], SECONDARY: ["a", "b"]}

    result = run("--yes", "--wait")

    assert result.exit_code == 0, result.output
    assert f"DNS: all that answer lead to {SECONDARY}." in result.stdout
    assert f"Connected: 2 to {SECONDARY}, 0 to {PRIMARY}." in result.stdout
    assert "Fenced" in result.stdout
    assert "Devices: 2 connected to the new Region, 0 to the old one" in result.stderr
    assert servers.asked == 1


def test_dns_that_does_not_move_exits_1_with_the_command_to_look_again(
    account: FailoverAccount, servers: ScriptedNameServers
) -> None:
    servers.lead_to(PRIMARY)

    result = run("--yes", "--wait", "--at-most", "0", "--format", "json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["changed"]
    assert not told["dns"]["seen"]
    assert told["dns"]["name_servers"]["ns-1"] == {"target": ENDPOINTS[PRIMARY], "ttl": 0}
    assert account.item(FENCE)["role"] == "leads"


@pytest.mark.usefixtures("servers")
def test_devices_that_stay_connected_are_left_behind(account: FailoverAccount) -> None:
    account.connected[PRIMARY] = ["a"]

    result = run("--yes", "--wait", "--at-most", "0")

    assert result.exit_code == 1
    assert f"0 to {SECONDARY}, 1 to {PRIMARY}" in result.stdout
    assert "not all as asked" in result.stdout


@pytest.mark.usefixtures("servers")
def test_devices_that_stay_connected_are_evicted(account: FailoverAccount) -> None:
    account.connected[PRIMARY] = ["a", "b"]

    result = run("--yes", "--evict", "--format", "json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["evicted"] == {"ended": 2, "rounds": 1, "left": []}
    assert told["devices"] == {"here": {"things": 2, "exact": True}, "there": {"things": 0, "exact": True}}
    assert "250 a second: half of CONNECT" in result.stderr


def test_nobody_is_evicted_before_dns_has_moved(account: FailoverAccount, servers: ScriptedNameServers) -> None:
    servers.lead_to(PRIMARY)
    account.connected[PRIMARY] = ["a"]

    result = run("--yes", "--evict", "--at-most", "0")

    assert result.exit_code == 1
    assert account.connected[PRIMARY] == ["a"]
    assert "No connection was ended: the name servers do not answer" in result.stdout


@pytest.mark.usefixtures("servers")
def test_a_region_that_is_away_cannot_be_evicted_from(account: FailoverAccount) -> None:
    account.away = frozenset({PRIMARY})

    result = run("--yes", "--evict")

    assert result.exit_code == 1
    assert "No connection was ended" in result.stdout
    assert account.item(FENCE)["role"] == "leads"


@pytest.mark.usefixtures("servers")
def test_a_fleet_without_a_name_is_followed_without_dns(account: FailoverAccount) -> None:
    result = run("--yes", "--wait", FLEET_NAME="")

    assert result.exit_code == 0, result.output
    assert "The fleet has no name, so DNS is not watched" in result.stderr
    assert account.item(FENCE)["role"] == "leads"


@pytest.mark.parametrize(
    ("option", "environ", "why"),
    [
        ("--evict", {"FLEET_NAME": ""}, "--evict needs the fleet's name"),
        ("--wait", {"IOT_ENDPOINT_SECONDARY": ""}, "missing: IOT_ENDPOINT_SECONDARY"),
        ("--wait", {"NAME_SERVERS": "ns-1;ns-2"}, "is no host"),
    ],
)
def test_what_cannot_be_followed_is_refused_before_anything_is_changed(
    account: FailoverAccount, option: str, environ: dict[str, str], why: str
) -> None:
    result = run("--yes", option, **environ)

    assert result.exit_code == 2
    assert why in result.output
    assert account.requests == []
