"""End-to-end scenarios on a launch that is there: what the run makes in the primary crosses, changes and goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.fleet import Identity
from tests.real_account.account import Account, answered
from tests.real_account.doubts import Finding, confirmed, found, refuted, unknown

SECONDS = 120.0
"""How long a change may take to cross: AWS gives no promise, and the first one starts cold functions."""


@dataclass(frozen=True)
class Scenario:
    """Something that must hold of a launch.

    Attributes:
        name: by which it is chosen.
        holds: what must be so.
        run: shows it.
        calls: how many requests it makes at most; commands count their own and are not held to the budget.
        dollars: what it costs besides its requests.
    """

    name: str
    holds: str
    run: Callable[[Account], Finding]
    calls: int
    dollars: float = 0.0


def a_device_crosses(account: Account) -> Finding:
    """Make a device in the primary Region, and connect with its certificate in the secondary one."""
    began = time.monotonic()
    thing, identity = account.provision(account.primary, {})
    if not account.until(lambda: _whole(account, thing, identity), SECONDS):
        return refuted(f"not whole in {account.secondary} after {SECONDS:.0f} s")
    lag = time.monotonic() - began
    with account.device(account.secondary, thing, identity):
        return confirmed(f"whole {lag:.1f} s after its first call, and connected")


def changes_cross(account: Account) -> Finding:
    """Change an attribute and both kinds of shadow, and delete the thing."""
    thing, there = account.thing(account.primary), account.iot(account.secondary)
    account.iot(account.primary).update_thing(thingName=thing, attributePayload={"attributes": {"site": "b"}})
    account.shadow(account.primary, thing, '{"state":{"reported":{"n":1}}}')
    account.shadow(account.primary, thing, '{"state":{"reported":{"n":2}}}', "config")
    data = account.data(account.secondary)

    wanted = {"attributes": {"site": "b"}, "": {"reported": {"n": 1}}, "config": {"reported": {"n": 2}}}

    def read() -> dict[str, object]:
        has = answered(lambda: there.describe_thing(thingName=thing)).get("attributes")
        return {"attributes": has, **{name: _state(data, thing, name) for name in ("", "config")}}

    if not account.until(lambda: read() == wanted, SECONDS):
        return refuted(f"{account.secondary} has {read()} instead of {wanted}; are shadows replicated?")
    for name in ({}, {"shadowName": "config"}):
        account.data(account.primary).delete_thing_shadow(thingName=thing, **name)
    account.iot(account.primary).delete_thing(thingName=thing)
    gone = account.until(lambda: not answered(lambda: there.describe_thing(thingName=thing)), SECONDS)
    return found(gone, "changed, shadows copied, and gone" if gone else f"it stays in {account.secondary}")


def a_revocation_crosses(account: Account) -> Finding:
    """Revoke a certificate in the primary Region, and have it checked."""
    _, identity = account.provision(account.primary, {})
    there, certificate = account.iot(account.secondary), {"certificateId": identity.certificate_id}

    def status() -> str:
        described = answered(lambda: there.describe_certificate(**certificate))
        return str(described.get("certificateDescription", {}).get("status", ""))

    if not account.until(lambda: status() == "ACTIVE", SECONDS):
        return refuted(f"it did not cross within {SECONDS:.0f} s")
    account.iot(account.primary).update_certificate(**certificate, newStatus="REVOKED")
    told = _iot_dr(account, "reconcile", f"certificate#{identity.certificate_id}", "--apply")
    revoked = account.until(lambda: status() == "REVOKED", 10.0)
    return found(revoked, f"{status() or 'no certificate'} in {account.secondary}; {told}")


def both_regions_hold_the_same(account: Account) -> Finding:
    """Compare what the run has made in both Regions."""
    thing, identity = account.provision(account.primary, {})
    if not account.until(lambda: _whole(account, thing, identity), SECONDS):
        return refuted(f"not whole in {account.secondary} after {SECONDS:.0f} s")
    state = account.journal.path.with_suffix(".verified")
    told = _iot_dr(account, "verify", "--select", f"thingName:{thing}", "--state", str(state))
    return found(told.startswith("exit code 0"), told)


def it_proves_itself(account: Account) -> Finding:
    """Have the product test itself with devices of its own."""
    told = _iot_dr(account, "prove", "-n", "1")
    return found(told.startswith("exit code 0"), told)


def a_drill_meets_its_objectives(account: Account) -> Finding:
    """Rehearse a failover and the way back with devices of the drill's own."""
    if not account.settings.get("FLEET_NAME"):
        return unknown("the launch has no name for the fleet, so nothing can fail over by DNS")
    told = _iot_dr(account, "drill", "--clients", "5")
    return found(told.startswith("exit code 0"), told)


def _whole(account: Account, thing: str, identity: Identity) -> bool:
    there, arn = account.iot(account.secondary), account.arn(account.secondary, f"cert/{identity.certificate_id}")
    principals = answered(lambda: there.list_thing_principals(thingName=thing)).get("principals", [])
    return arn in principals and bool(there.list_attached_policies(target=arn)["policies"])


def _state(data: Any, thing: str, name: str) -> object:
    named = {"shadowName": name} if name else {}
    answer = answered(lambda: data.get_thing_shadow(thingName=thing, **named))
    return json.loads(answer["payload"].read())["state"] if answer else None


def _iot_dr(account: Account, *arguments: str) -> str:
    """What a command of the product says last, after its exit code."""
    environ: Mapping[str, str] = {**os.environ, **account.settings, **account.environ}
    command = [sys.executable, "-m", "iot_dr.cli", *arguments]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    # What goes on is told on the other stream; it counts only if nothing else is said.
    lines = [line.strip() for line in (ran.stdout.strip() or ran.stderr).splitlines() if line.strip()]
    return f"exit code {ran.returncode}: {lines[-1] if lines else 'nothing was said'}"


SCENARIOS = (
    Scenario("device", "A new device is whole in the secondary Region and connects there.", a_device_crosses, 300),
    Scenario("changes", "Attributes and shadows cross, and a deletion.", changes_cross, 400),
    Scenario("revocation", "A revoked certificate is revoked in the secondary Region.", a_revocation_crosses, 300),
    Scenario("equal", "`iot-dr verify` finds what the run made equal.", both_regions_hold_the_same, 200),
    Scenario("prove", "`iot-dr prove` passes with one device.", it_proves_itself, 0, 0.01),
    Scenario("drill", "`iot-dr drill` with five clients meets its objectives.", a_drill_meets_its_objectives, 0, 0.05),
)
