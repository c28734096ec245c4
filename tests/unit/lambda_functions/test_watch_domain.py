"""The watch as a schedule calls it, with the name servers and the Region's broker in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from iot_dr.errors import NotReadyYet
from iot_dr.model.launch.probes import ProbeCredentials
from iot_dr.runtime.functions import watch_domain
from iot_dr.services.failover import watch
from tests.builders import PRIMARY, SECONDARY
from tests.endpoint import Answer, Endpoint
from tests.failover_account import CONTROL, CONTROL_TABLE, FENCE, LEDGER, FailoverAccount
from tests.failover_fakes import ENDPOINTS, FLEET, ScriptedNameServers
from tests.unit.lambda_functions.functions import Function, load

VARIABLES = {
    "PRIMARY_REGION": PRIMARY,
    "LEDGER_TABLE": LEDGER,
    "CONTROL_TABLE": CONTROL_TABLE,
    "FLEET_NAME": FLEET,
    "NAME_SERVERS": "ns-1",
    "PROBE_SECRET_ARN": "secret",
    "IOT_ENDPOINT": ENDPOINTS[SECONDARY],
}
PROBE = ProbeCredentials("probe", "id", "certificate", "key")
Watch = Callable[..., Function]


class Broker:
    """Sends back what it gets."""

    def __init__(self, endpoint: str) -> None:
        assert endpoint in {ENDPOINTS[SECONDARY], ""}

    def round_trip(self, credentials: ProbeCredentials, nonce: str, timeout_seconds: float) -> str:
        assert (credentials, timeout_seconds) == (PROBE, 3.0)
        return nonce


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> ScriptedNameServers:
    servers = ScriptedNameServers()
    monkeypatch.setattr(watch_domain, "DnsNameServers", lambda _setting: servers)
    monkeypatch.setattr(watch_domain, "IotMqttProbe", Broker)
    monkeypatch.setattr(watch, "BETWEEN_SECONDS", 0.01)
    return servers


@pytest.fixture
def account() -> FailoverAccount:
    account = FailoverAccount()
    account.answers[SECONDARY, "GetSecretValue"] = Answer({"SecretString": PROBE.to_json()})
    return account


@pytest.fixture
def load_watch(account: FailoverAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with Endpoint(account) as endpoint:
        yield lambda **variables: load("watch_domain", endpoint, monkeypatch, VARIABLES | variables)


def test_a_region_that_devices_are_sent_to_takes_the_lead(
    account: FailoverAccount, servers: ScriptedNameServers, load_watch: Watch
) -> None:
    watch = load_watch()
    assert watch({}, None)["ending"] == "elsewhere"
    servers.lead_to(SECONDARY)

    assert watch({}, None) == {"ending": "took_lead", "epoch": 2, "reason": ""}
    assert account.item(FENCE)["role"] == "leads"
    assert (account.item(CONTROL)["leader"], account.item(CONTROL)["mode"]) == (SECONDARY, "automatic")


@pytest.mark.usefixtures("servers")
def test_a_name_that_leads_to_the_primary_is_noted_and_changes_nothing_else(
    account: FailoverAccount, load_watch: Watch
) -> None:
    assert load_watch()({}, None)["ending"] == "elsewhere"
    assert set(account.item(FENCE)) - {"resource"} == {"elsewhere_at"}
    assert account.item(CONTROL) == {}


@pytest.mark.parametrize("missing", ["FLEET_NAME", "PROBE_SECRET_ARN", "IOT_ENDPOINT"])
def test_a_fleet_without_a_name_or_probe_is_not_watched(
    account: FailoverAccount, servers: ScriptedNameServers, load_watch: Watch, missing: str
) -> None:
    servers.lead_to(SECONDARY)

    assert load_watch(**{missing: ""})({}, None)["ending"] == "unnamed"
    assert account.requests == []


def test_name_servers_that_nobody_knows_fail_loudly(servers: ScriptedNameServers, load_watch: Watch) -> None:
    servers.unknown = NotReadyYet("no name server is known")

    with pytest.raises(NotReadyYet):
        load_watch()({}, None)


@pytest.mark.parametrize(("function", "brings"), [("fail_over", "False"), ("watch_domain", "True")])
def test_only_the_watch_brings_the_library_that_asks_name_servers(function: str, brings: str) -> None:
    told = f"import sys, iot_dr.runtime.functions.{function}; print('dns' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == brings
