"""`iot-dr repair` does what the last `iot-dr verify` found, exactly that, and then both Regions are the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.counting import CountingProxy
from lab.fleet import Device, Fleet
from lab.operators import operator_environ
from lab.pair import Pair
from lab.quiet import unscheduled, untold
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.commands import iot_dr
from tests.e2e.observing import SECONDS, await_quiet, certificate_status, is_whole, policies_of, thing

pytestmark = pytest.mark.row("T3", "T4")

WRITES = ("Create", "Register", "Attach", "Add", "Update", "Delete", "Detach", "Remove")
AT_ONCE_OLD = "0.000001"
"""Hours of --max-age that any report is older than."""


@pytest.fixture(autouse=True)
def alone(pair: Pair) -> Iterator[None]:
    """No schedule and no event: what differs, differs until the operator mends it."""
    with unscheduled(pair), untold(pair):
        yield


class Operator:
    """Verifies and repairs this test's own things, with a state folder of its own, through a proxy."""

    def __init__(self, pair: Pair, proxy: CountingProxy, name: str, folder: Path) -> None:
        self._pair, self._proxy = pair, proxy
        self._common = ("--format", "json", "--unpaced", "--select", f"thingName:{name}*", "--state", str(folder))

    def verify(self) -> tuple[int, Counter[tuple[str, str]]]:
        """The exit code, and what was found: how often each sign stands at each kind."""
        result = self._run("verify")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines, result.stderr
        return result.returncode, Counter((one["sigil"], one["kind"]) for one in lines if "sigil" in one)

    def repair(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what would be or was done."""
        result = self._run("repair", *arguments)
        assert result.stdout, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return result.returncode, answer

    def refused(self, *arguments: str) -> str:
        """What a repair that cannot be done says."""
        result = self._run("repair", *arguments)
        assert (result.returncode, result.stdout) == (2, ""), result.stderr
        return result.stderr

    def calls(self) -> Counter[tuple[str, str]]:
        """Count the calls to AWS IoT of the last command, by Region and API."""
        counts = self._proxy.counts()
        return Counter({(call.region, call.operation): n for call, n in counts.items() if call.service == "iot"})

    def written(self) -> dict[str, int]:
        """Count those that changed the secondary's registry, by API."""
        return {
            operation: number
            for (region, operation), number in self.calls().items()
            if region == self._pair.secondary and operation.startswith(WRITES)
        }

    def _run(self, name: str, *arguments: str) -> Any:
        self._proxy.reset()
        environ = operator_environ(self._pair, self._proxy)
        result = iot_dr(self._pair, name, *self._common, *arguments, environ=environ)
        assert "Traceback" not in result.stderr
        return result


@pytest.fixture
def operator(pair: Pair, own_proxy: CountingProxy, name: str, tmp_path: Path) -> Operator:
    return Operator(pair, own_proxy, name, tmp_path / "state")


@pytest.fixture
def devices(pair: Pair, fleet: Fleet, name: str, alone: None, tmp_path: Path) -> list[Device]:
    """Three devices that `iot-dr sync` has brought across, so that they are replication's own."""
    made = [fleet.provision(f"{name}-{number}", attributes={"site": "north"}) for number in range(3)]
    select = ("--select", f"thingName:{name}*", "--state", str(tmp_path / "before"))
    result = iot_dr(pair, "sync", "--unpaced", "--apply", *select)
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(is_whole(pair, device) for device in made)
    return made


def test_what_was_found_is_mended_and_nothing_else_and_then_both_hold_the_same(
    pair: Pair, primary: Any, secondary: Any, name: str, devices: list[Device], operator: Operator
) -> None:
    changed, damaged, later = devices
    arn = f"arn:aws:iot:{pair.secondary}:{pair.account}:cert/{damaged.identity.certificate_id}"
    ours, theirs = (Shadows(pair.client("iot-data", region)) for region in (pair.primary, pair.secondary))
    ours.update(changed.thing_name, {"desired": {"interval": 60}}, "config")
    assert until(lambda: theirs.of(changed.thing_name) == ours.of(changed.thing_name), SECONDS)
    await_quiet(pair)
    theirs.delete(changed.thing_name, "config")
    secondary.update_thing(thingName=changed.thing_name, attributePayload={"attributes": {"site": "elsewhere"}})
    secondary.update_certificate(certificateId=damaged.identity.certificate_id, newStatus="INACTIVE")
    secondary.detach_policy(policyName=damaged.policy_name, target=arn)
    primary.create_thing(thingName=f"{name}-missing")

    code, found = operator.verify()
    assert code == 1
    assert found == {
        ("*", "thing"): 1,
        ("+", "thing"): 1,
        ("*", "certificate"): 1,
        ("+", "policy_attachment"): 1,
        ("+", "shadow"): 1,
    }
    # Found by nobody yet, so it is not repaired.
    secondary.update_thing(thingName=later.thing_name, attributePayload={"attributes": {"site": "adrift"}})

    code, plan = operator.repair()
    assert (code, plan["applied"], plan["changes"]) == (1, False, sum(found.values()))
    assert operator.written() == {}
    code, done = operator.repair("--apply")
    assert (code, done["done"], done["failed"], done["left"]) == (0, sum(found.values()), 0, 0)
    assert operator.written() == {"UpdateThing": 1, "CreateThing": 1, "UpdateCertificate": 1, "AttachPolicy": 1}

    assert is_whole(pair, changed)
    assert certificate_status(secondary, damaged.identity) == "ACTIVE"
    assert policies_of(pair, damaged.identity) == {damaged.policy_name}
    assert theirs.of(changed.thing_name) == ours.of(changed.thing_name)
    assert operator.verify() == (1, {("*", "thing"): 1})
    assert operator.repair("--apply")[0] == 0
    assert operator.verify() == (0, {})


def test_a_report_that_is_too_old_is_made_anew_before_anything_is_repaired(
    pair: Pair, secondary: Any, devices: list[Device], operator: Operator
) -> None:
    reported, later = devices[:2]
    secondary.update_thing(thingName=reported.thing_name, attributePayload={"attributes": {"site": "elsewhere"}})
    assert operator.verify() == (1, {("*", "thing"): 1})
    secondary.update_thing(thingName=later.thing_name, attributePayload={"attributes": {"site": "adrift"}})

    code, done = operator.repair("--apply", "--max-age", AT_ONCE_OLD)

    assert (code, done["done"]) == (0, 2)
    assert all(operator.calls()[region, "ListThingPrincipalsV2"] for region in (pair.primary, pair.secondary))
    assert operator.verify() == (0, {})


def test_a_repair_that_would_delete_too_much_does_nothing_until_it_is_meant(
    pair: Pair, fleet: Fleet, secondary: Any, devices: list[Device], operator: Operator
) -> None:
    gone, changed = devices[:2]
    fleet.retire(gone.thing_name)
    secondary.update_thing(thingName=changed.thing_name, attributePayload={"attributes": {"site": "elsewhere"}})
    code, found = operator.verify()
    assert code == 1
    assert found["-", "thing"] == 1

    told = operator.refused("--apply", "--delete-share", "0.01")

    assert "over the limit of 1%" in told
    assert "--delete-share" in told
    assert operator.written() == {}
    assert thing(secondary, gone.thing_name) is not None

    code, done = operator.repair("--apply", "--delete-share", "0.9")
    assert (code, done["done"]) == (0, sum(found.values()))
    assert thing(secondary, gone.thing_name) is None
    assert certificate_status(secondary, gone.identity) is None
    assert operator.verify() == (0, {})
