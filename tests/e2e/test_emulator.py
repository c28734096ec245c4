"""The emulator's process: there when asked for, gone with whoever asked."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from lab.emulator import PRIMARY_REGION, REGIONS, ROOT, SECONDARY_REGION, Emulator, LabError
from lab.fleet import Fleet, make_identity
from lab.pair import ACCOUNT, Pair
from lab.progress import QuietProgress
from lab.registry import KINDS, read
from lab.route53.name_servers import ask
from lab.waiting import until
from tests.e2e.corrections.making import Aws, make_function, zipped

HOLDER = """
import sys, signal
from pathlib import Path
from lab.emulator import Emulator
with Emulator(Path(sys.argv[1])) as emulator:
    print(emulator.pid, flush=True)
    signal.pause()
"""


def members(group: int) -> list[int]:
    """Processes of a group that still run, from the kernel's own list."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_it_stops_with_its_block_and_takes_its_temporary_folder_along(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        group = emulator.pid
        assert group
        assert members(group)
    assert until(lambda: not members(group), 5), "killed, and gone as soon as the kernel comes to it"
    assert list(tmp_path.glob("tmp-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_dies_with_a_parent_that_is_killed_outright(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        group = int(holder.stdout.readline())
        assert members(group)
        os.kill(holder.pid, signal.SIGKILL)
    assert until(lambda: not members(group), 5)


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        wanted = {emulator.port, emulator.tls_port, *emulator.mqtt_ports.values()}
        # Local address and state of each socket; 0A is LISTEN, 0100007F is 127.0.0.1.
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        listening = [row[1].split(":") for row in rows if row[3] == "0A"]
        assert {int(port, 16) for host, port in listening if host == "0100007F"} >= wanted
        assert not {int(port, 16) for host, port in listening if host == "00000000"} & wanted


INSIDE = """
import importlib.util, os, sys

def handler(event, context):
    print("said to the log", file=sys.stderr)
    if event.get("die"):
        os._exit(3)
    found = [name for name in ("tests", "templates", "iot_dr") if importlib.util.find_spec(name)]
    return {"found": found, "environ": sorted(os.environ), "process": os.getpid(), "own": VERSION}

VERSION = 1
"""


def test_a_functions_environment_has_its_own_code_and_settings_and_nothing_of_the_lab(tmp_path: Path) -> None:
    with Emulator(tmp_path, environ={"AWS_ENDPOINT_URL_IOT": "http://127.0.0.1:9"}) as emulator:
        aws = Aws(emulator)
        function = make_function(aws, INSIDE, secret="own")

        def invoke(**event: bool) -> dict[str, Any]:
            answer = aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
            inside: dict[str, Any] = json.loads(answer["Payload"].read())
            return inside

        first = invoke()
        assert invoke(die=True)["errorType"] == "Runtime.ExitError"
        again = invoke()
        aws.client("lambda").update_function_code(
            FunctionName=function, ZipFile=zipped(INSIDE.replace("VERSION = 1", "VERSION = 2"))
        )
        changed = invoke()

    assert (first["found"], first["own"]) == ([], 1)
    assert {"AWS_ENDPOINT_URL_IOT", "secret"} <= set(first["environ"])
    assert "PYTHONPATH" not in first["environ"]
    assert again["process"] != first["process"], "an environment that died is not used again"
    assert changed["own"] == 2


def test_name_servers_and_checkers_end_with_the_pair(tmp_path_factory: pytest.TempPathFactory) -> None:
    before = set(threading.enumerate())
    with Pair(tmp_path_factory.mktemp("ended"), QuietProgress()) as pair:
        pair.route53.evaluate(0.1)
        (host, port), *_ = pair.route53.addresses
    assert [thread.name for thread in set(threading.enumerate()) - before] == []
    with pytest.raises(OSError, match="refused"):
        ask("example.com", "A", (host, port), tcp=True)


def test_an_unknown_correction_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such correction: typo"):
        Emulator(tmp_path, without=["typo"]).start()


def test_the_labs_own_judgement_sees_every_kind(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        clients = {region: emulator.client("iot", region) for region in REGIONS}
        data = {region: emulator.client("iot-data", region) for region in REGIONS}
        primary, secondary = (clients[region] for region in (PRIMARY_REGION, SECONDARY_REGION))
        identity = make_identity("pump")
        for region, iot in clients.items():
            iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
            fleet = Fleet(iot, region=region, account=ACCOUNT)
            fleet.prepare("pump")
            device = fleet.provision("pump-1", thing_type="pump", attributes={"site": "mill"}, identity=identity)
            fleet.make_groups("sites", "north", "mill", country="x")
            fleet.join("mill", "pump-1")
            fleet.make_dynamic_group("mills", "attributes.site:mill")
            fleet.make_billing_group("factory", "pump-1")
            iot.attach_policy(policyName=fleet.policy_name, target=fleet.groups["sites"].arn)
            data[region].update_thing_shadow(thingName="pump-1", payload=b'{"state": {"reported": {"pressure": 2}}}')
        before = {region: read(iot, region, data[region]) for region, iot in clients.items()}
        assert before[PRIMARY_REGION].differences(before[SECONDARY_REGION]) == []
        assert all(before[PRIMARY_REGION].count(kind) for kind in KINDS)

        secondary.detach_thing_principal(thingName="pump-1", principal=device.certificate_arn)
        exclusive = {"thingPrincipalType": "EXCLUSIVE_THING"}
        secondary.attach_thing_principal(thingName="pump-1", principal=device.certificate_arn, **exclusive)
        secondary.detach_policy(policyName=fleet.policy_name, target=fleet.groups["sites"].arn)
        secondary.update_dynamic_thing_group(thingGroupName="mills", queryString="thingName:y", thingGroupProperties={})
        secondary.remove_thing_from_billing_group(thingName="pump-1", billingGroupName="factory")
        secondary.update_billing_group(billingGroupName="factory", billingGroupProperties={})
        fleet.leave("mill", "pump-1")
        fleet.remove_group("mill")
        fleet.make_group("mill")
        different = read(primary, PRIMARY_REGION).differences(read(secondary, SECONDARY_REGION))
        certificate = identity.certificate_id[:12]
        assert [re.split(r" (?:is|differs)\b", line)[0] for line in different] == [
            "billing groups: factory",
            "thing groups: mill",
            "thing groups: mills",
            "things: pump-1",
            "memberships: mill - pump-1",
            "attachments: group sites - lab-device",
            f"attachments: pump-1 - certificate {certificate}",
        ]


LIST_CORRECTIONS = """
from lab.corrections import load
for each in load().values():
    print(f"- `{each.name}`: {each.why} [AWS]({each.source})")
"""


def test_every_correction_stands_in_the_docs_with_its_reason() -> None:
    listing = subprocess.run(
        [ROOT / ".venv-emulator/bin/python", "-c", LIST_CORRECTIONS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    page = " ".join((ROOT / "docs" / "lab.md").read_text(encoding="utf-8").split())
    told = re.findall(r"- `\w+`: .*? \[AWS\]\(\S+\)", page)
    assert told == listing.splitlines()
