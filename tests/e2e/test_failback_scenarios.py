"""The way back on the Region pair: a drill of the fleet, a plan of every class, and devices that come back by steps."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iot_dr.aws.failover.name_servers import DnsNameServers
from iot_dr.cli.main import cli
from iot_dr.model.drill.canaries import PREFIX
from iot_dr.model.failover.names import NameAnswer
from iot_dr.services.drill import preflight
from iot_dr.services.failover import follow
from iot_dr.services.failover.evict import Eviction
from lab.faults import first_of, injected
from lab.fleet import Fleet
from lab.lag import is_complete
from lab.pair import FLEET
from lab.waiting import until
from tests.e2e.failing_back import WRITES, FailbackOperator, change, has, refuse, role_of_primary, site
from tests.e2e.failing_over import SCALE, FailoverScene
from tests.failover_fakes import RecordedFailover

CLIENTS = 5
SEEN, MOVED, ASLEEP = range(CLIENTS, CLIENTS + 3)
"""Devices that a test changes while none of them is connected."""
DEVICES = CLIENTS + 3
BY_ITSELF_SECONDS = 20.0
"""What a busy machine may take; benchmarks/failover.py has the figures."""


@pytest.fixture
def operator(scene: FailoverScene, tmp_path: Path) -> FailbackOperator:
    return FailbackOperator(scene, tmp_path / "state")


@pytest.mark.row("F5", "F6")
def test_a_drill_takes_the_fleet_there_and_back(
    scene: FailoverScene, operator: FailbackOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First of all: no test has left anything yet that is held, and would stand in the way."""
    # The functions of this pair end soon, so nobody waits for their time-out; at first they start cold.
    monkeypatch.setattr(follow, "WORKER_SECONDS", 1)
    monkeypatch.setattr(preflight, "LAG", 60_000)
    monkeypatch.setattr(DnsNameServers, "answer", _in_scaled_seconds(DnsNameServers.answer))
    assert operator.verified() == 0
    words = "drill --scope fleet --clients 3 --rate 2 --look 0.5 --within 0.5 --baseline 0 --stay 0 --timeout 30"
    options = ["--confirm", FLEET, "--rto", "60", "--rpo", "60", "--unpaced", "--state", str(tmp_path / "state")]

    result = CliRunner().invoke(cli, [*words.split(), *options, "--format", "json"], env=scene.environ)

    told = json.loads(result.stdout)
    assert result.exit_code == 0, [one for one in told["judgements"] if not one["met"]]
    assert [[line["client"][-4:] for line in leg["lines"]] for leg in told["legs"]] == [["0001", "0002", "0003"]] * 2
    assert all(one["found"] > 0 for one in told["shadows"])
    assert told["settings"]["served by"] == "its domain configuration in each Region"
    assert (scene.fence()["role"], role_of_primary(scene)) == ("follows", "leads")
    for region in (scene.pair.primary, scene.pair.secondary):
        control = scene.control(region)
        assert (control["leader"], control["mode"]) == (scene.pair.primary, "automatic")
        things = scene.pair.client("iot", region).list_things()["things"]
        assert not [one["thingName"] for one in things if one["thingName"].startswith(PREFIX)]


def _in_scaled_seconds(answer: Callable[..., NameAnswer]) -> Callable[..., NameAnswer]:
    """Have a name's time to live told in the seconds of this pair's Route 53."""

    def scaled(*asked: Any) -> NameAnswer:
        found = answer(*asked)
        return replace(found, ttl=round(found.ttl * SCALE))

    return scaled


@pytest.mark.row("F5")
def test_a_plan_has_every_class_and_applying_it_makes_both_regions_equal_after_a_kill_too(
    scene: FailoverScene, operator: FailbackOperator, name: str
) -> None:
    pair = scene.pair
    here, there = (pair.client("iot", region) for region in (pair.primary, pair.secondary))
    mine = {
        f"certificate#{scene.devices[ASLEEP].identity.certificate_id}": "update_old",
        f"shadow#{scene.devices[SEEN].thing_name}": "update_old",
        f"thing#{name}-changed": "update_old",
        f"thing#{name}-late": "update_leader",
        f"thing#{name}-both": "conflict",
        f"thing#{name}-gone": "delete_old",
        f"thing#{name}-new": "create_old",
        f"thing#{name}-never-crossed": "create_leader",
    }
    names = [f"{name}-{what}" for what in ("changed", "late", "both", "gone")]
    for one in names:
        here.create_thing(thingName=one, attributePayload={"attributes": {"site": "north"}})
    assert until(lambda: all(has(there, one) for one in names), 20)
    certificate = scene.devices[ASLEEP].identity.certificate_id
    shadow = scene.devices[SEEN].thing_name
    scene.shadows(pair.primary).update(shadow, {"reported": {"n": 1}})
    assert until(lambda: scene.shadows(pair.secondary).read(shadow) == {"reported": {"n": 1}}, 20)
    assert "does not lead" in operator.refused()
    with pair.replicas.paused():
        assert scene.fail_over()[0] == 0
        change(here, there, name)
        there.update_certificate(certificateId=certificate, newStatus="INACTIVE")
        scene.shadows(pair.secondary).update(shadow, {"reported": {"n": 2}})
        scene.pair.proxy.reset()

        code, plan = operator.plan()

        assert code == 1
        assert {one["resource"]: one["step"] for one in plan["rows"] if one["resource"] in mine} == mine
        conflict = next(one for one in plan["undecided"] if one["resource"] == f"thing#{name}-both")
        assert conflict["leader"] == {"attributes": {"site": "south"}}
        assert conflict["old"] == {"attributes": {"site": "late"}}
        assert not [call for call in pair.proxy.counts() if call.operation.startswith(WRITES)]
        assert "conflicts are undecided" in operator.refused("--apply")

        before = there.describe_thing(thingName=f"{name}-late")["version"]
        away = refuse("CreateThing", "UpdateThing", "UpdateCertificate", region=pair.primary)
        with injected(pair.proxy, first_of(away)):
            follows = lambda: role_of_primary(scene) == "follows"  # noqa: E731  # one word for what is waited for
            assert operator.killed_while(follows, "--prefer", "leader") == -signal.SIGKILL
        assert there.describe_thing(thingName=f"{name}-late")["version"] == before

        code, told = operator.apply("--prefer", "leader", "--accept", plan["plan"])

        assert (code, told["complete"], told["left"]) == (0, True, 1), told
        assert site(here, f"{name}-changed") == site(here, f"{name}-both") == "south"
        assert site(there, f"{name}-late") == "late"
        assert has(here, f"{name}-gone")
        assert has(here, f"{name}-new")
        assert has(there, f"{name}-never-crossed")
        assert here.describe_certificate(certificateId=certificate)["certificateDescription"]["status"] == "INACTIVE"
        assert scene.shadows(pair.primary).read(shadow) == {"reported": {"n": 2}}
        snapshot = Path(told["snapshot"])
        kept = [json.loads(line) for line in (snapshot / "thing.jsonl").read_text().splitlines()]
        assert next(one for one in kept if one["name"] == f"{name}-both")["attributes"] == {"site": "late"}

        code, told = operator.apply("--prefer", "leader", "--with-deletes")

        assert (code, told["left"]) == (0, 0), told
        assert not has(here, f"{name}-gone")
        assert operator.verified() == 0


@pytest.mark.row("F5")
def test_devices_come_back_though_the_command_is_killed_at_every_step_and_replication_goes_on_in_the_old_direction(
    scene: FailoverScene, operator: FailbackOperator, name: str
) -> None:
    pair = scene.pair
    there = pair.client("iot", pair.secondary)
    shadow = scene.devices[MOVED].thing_name
    with scene.roaming(CLIENTS) as fleet:
        assert scene.fail_over()[0] == 0
        assert scene.answered(scene.new, BY_ITSELF_SECONDS), scene.answers()
        _evicted(scene, pair.primary)
        assert fleet.all_at(scene.new, 2 * BY_ITSELF_SECONDS)
        scene.shadows(pair.secondary).update(shadow, {"reported": {"by": "device"}})
        assert operator.plan()[0] == 1

        with ThreadPoolExecutor(1) as executor:
            switching = executor.submit(
                operator.applied_through_kills, "--prefer", "leader", "--switch", "--yes", "--at-most", "1"
            )
            assert scene.answered(scene.old, 3 * BY_ITSELF_SECONDS), scene.answers()
            # The command finds nobody left, and does not wait for an index that follows by AWS's seconds.
            _evicted(scene, pair.secondary)
            code, told = switching.result()

        assert (code, told["complete"]) == (0, True), told
        assert fleet.all_at(scene.old, 2 * BY_ITSELF_SECONDS), f"{fleet.at(scene.old)} of {CLIENTS} came back"
        assert scene.shadows(pair.primary).read(shadow) == {"reported": {"by": "device"}}
        assert scene.fence()["role"] == "follows"
        for region in (pair.primary, pair.secondary):
            assert (scene.control(region)["leader"], scene.control(region)["mode"]) == (pair.primary, "automatic")
        late = Fleet(pair.client("iot"), region=pair.primary, account=pair.account).provision(f"{name}-after")
        assert until(lambda: is_complete(there, late), 30)


def _evicted(scene: FailoverScene, region: str) -> None:
    """End what is connected to a Region, in its scaled seconds."""
    Eviction(scene.connections(region), RecordedFailover(), lambda seconds: scene.pause(seconds * SCALE)).run()
