"""A Region's registry goes to files and comes back exactly, into its own Region and into another."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path
from typing import Any

import pytest

from lab.fleet import Device, Fleet
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.commands import asked, iot_dr
from tests.e2e.observing import SECONDS, is_whole

FILES = [
    "billing_group",
    "certificate",
    "group_membership",
    "policy",
    "policy_attachment",
    "shadow",
    "thing",
    "thing_group",
    "thing_principal",
    "thing_type",
]


def taken(pair: Pair, folder: Path | str, *arguments: str, state: Path) -> dict[str, Any]:
    code, told = asked(pair, "snapshot", str(folder), *arguments, "--unpaced", "--state", str(state))
    assert code == 0
    return told


def restored(pair: Pair, folder: Path | str, *arguments: str, state: Path) -> tuple[int, dict[str, Any]]:
    return asked(pair, "restore", str(folder), *arguments, "--unpaced", "--state", str(state))


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text().splitlines()]


@pytest.fixture
def device(pair: Pair, fleet: Fleet, primary: Any, name: str) -> Device:
    """A device with a type, a group and a shadow, that has crossed."""
    primary.create_thing_type(thingTypeName=f"{name}-type")
    made = fleet.provision(name, attributes={"site": "north"}, thing_type=f"{name}-type")
    primary.create_thing_group(thingGroupName=f"{name}-group")
    primary.add_thing_to_thing_group(thingName=name, thingGroupName=f"{name}-group")
    state = json.dumps({"state": {"reported": {"temperature": 20.50, "S": "text"}}})
    pair.client("iot-data", pair.primary).update_thing_shadow(thingName=name, payload=state)
    assert until(lambda: is_whole(pair, made) and joined(pair, f"{name}-group") == [name], SECONDS)
    return made


def joined(pair: Pair, group: str) -> list[str]:
    """The things of a group in the secondary; none if it is not there."""
    secondary = pair.client("iot", pair.secondary)
    try:
        return list(secondary.list_things_in_thing_group(thingGroupName=group)["things"])
    except secondary.exceptions.ResourceNotFoundException:
        return []


def removed(primary: Any, device: Device) -> None:
    """Delete a device with its certificate, its policy and its group, as a mistaken script would."""
    name, certificate = device.thing_name, device.identity.certificate_id
    (principal,) = primary.list_thing_principals(thingName=name)["principals"]
    primary.detach_thing_principal(thingName=name, principal=principal)
    primary.detach_policy(policyName=device.policy_name, target=principal)
    primary.update_certificate(certificateId=certificate, newStatus="INACTIVE")
    primary.delete_certificate(certificateId=certificate)
    primary.delete_thing(thingName=name)
    primary.delete_thing_group(thingGroupName=f"{name}-group")


def test_a_device_that_was_deleted_by_mistake_comes_back_whole(
    pair: Pair, primary: Any, device: Device, tmp_path: Path
) -> None:
    name = device.thing_name
    told = taken(pair, tmp_path / "before", state=tmp_path)
    assert told["region"] == pair.primary
    assert sorted(path.stem for path in (tmp_path / "before").glob("*.jsonl")) == FILES
    removed(primary, device)

    code, plan = restored(pair, tmp_path / "before", "--thing", name, state=tmp_path)
    assert code == 1
    assert {(one["kind"], one["step"]) for one in plan["plan"]} == {
        (kind, "create")
        for kind in ("certificate", "thing_group", "thing", "policy_attachment", "thing_principal", "group_membership")
    }
    with pytest.raises(primary.exceptions.ResourceNotFoundException):
        primary.describe_thing(thingName=name)

    code, done = restored(pair, tmp_path / "before", "--thing", name, "--apply", state=tmp_path)
    assert (code, done["done"], done["failed"]) == (0, 6, 0)
    assert primary.describe_thing(thingName=name)["attributes"] == {"site": "north"}

    # With the state of the snapshot before, nothing would be read again.
    taken(pair, tmp_path / "after", state=tmp_path / "anew")
    same, differing, missing = filecmp.cmpfiles(
        tmp_path / "before", tmp_path / "after", [f"{kind}.jsonl" for kind in FILES], shallow=False
    )
    assert (len(same), differing, missing) == (len(FILES), [], [])
    assert restored(pair, tmp_path / "before", state=tmp_path)[0] == 0


def test_a_snapshot_holds_pem_policy_and_shadow_and_no_key(pair: Pair, device: Device, tmp_path: Path) -> None:
    taken(pair, tmp_path / "s", state=tmp_path)

    name, identity = device.thing_name, device.identity
    (certificate,) = [
        one for one in lines(tmp_path / "s", "certificate") if one["certificate_id"] == identity.certificate_id
    ]
    assert certificate["pem"].split() == identity.certificate_pem.split()
    (policy,) = [one for one in lines(tmp_path / "s", "policy") if one["name"] == device.policy_name]
    assert policy["document"]["Statement"]
    (shadow,) = [line for line in (tmp_path / "s" / "shadow.jsonl").read_text().splitlines() if f'"{name}"' in line]
    assert '"temperature":20.5' in shadow
    for file in (tmp_path / "s").iterdir():
        assert "PRIVATE KEY" not in file.read_text()
    assert [one for one in lines(tmp_path / "s", "thing") if one["name"].startswith("iot-dr-probe-")] == []


def test_a_snapshot_of_one_region_is_no_change_for_the_other_once_it_has_crossed(
    pair: Pair, device: Device, tmp_path: Path
) -> None:
    taken(pair, tmp_path / "primary", "--of", "primary", "--shadows", "none", state=tmp_path)

    code, plan = restored(
        pair, tmp_path / "primary", "--into", "secondary", "--thing", device.thing_name, state=tmp_path
    )

    assert (code, plan["changes"]) == (0, 0)


def test_what_the_secondary_lost_comes_back_from_a_snapshot_of_the_primary(
    pair: Pair, secondary: Any, device: Device, tmp_path: Path
) -> None:
    taken(pair, tmp_path / "primary", "--shadows", "none", state=tmp_path)
    (principal,) = secondary.list_thing_principals(thingName=device.thing_name)["principals"]

    def brought_back() -> bool:
        secondary.detach_policy(policyName=device.policy_name, target=principal)
        code, done = restored(
            pair, tmp_path / "primary", "--into", "secondary", "--thing", device.thing_name, "--apply", state=tmp_path
        )
        assert code == 0
        return bool(done["done"] == 1)

    # A check that the new device still has may bring the policy back first.
    assert until(brought_back, SECONDS)
    attached = secondary.list_attached_policies(target=principal)["policies"]
    assert [policy["policyName"] for policy in attached] == [device.policy_name]


def test_a_shadow_comes_back_only_if_it_is_asked_for(pair: Pair, device: Device, tmp_path: Path) -> None:
    data, name = pair.client("iot-data", pair.primary), device.thing_name
    taken(pair, tmp_path / "s", state=tmp_path)
    data.update_thing_shadow(thingName=name, payload=json.dumps({"state": {"reported": {"new": 1, "S": None}}}))

    assert restored(pair, tmp_path / "s", "--thing", name, "--apply", state=tmp_path)[0] == 0
    assert "new" in json.loads(data.get_thing_shadow(thingName=name)["payload"].read())["state"]["reported"]

    code, plan = restored(pair, tmp_path / "s", "--thing", name, "--shadows", state=tmp_path)
    assert (code, plan["changes"]) == (1, 1)
    assert restored(pair, tmp_path / "s", "--thing", name, "--shadows", "--apply", state=tmp_path)[0] == 0
    state = json.loads(data.get_thing_shadow(thingName=name)["payload"].read())["state"]
    assert state == {"reported": {"temperature": 20.5, "S": "text"}}


def test_a_bucket_serves_as_well_as_a_folder(pair: Pair, primary: Any, device: Device, tmp_path: Path) -> None:
    bucket = f"iot-dr-primary-{pair.outputs['UuidS3Postfix']}"
    url = f"s3://{bucket}/snapshots/{device.thing_name}"
    taken(pair, url, "--shadows", "none", state=tmp_path)
    primary.update_thing(thingName=device.thing_name, attributePayload={"attributes": {"site": "south"}})

    code, done = restored(pair, url, "--thing", device.thing_name, "--apply", state=tmp_path)

    assert (code, done["done"]) == (0, 1)
    assert primary.describe_thing(thingName=device.thing_name)["attributes"] == {"site": "north"}


def test_what_is_no_whole_snapshot_is_refused_with_the_mend(pair: Pair, tmp_path: Path) -> None:
    result = iot_dr(pair, "restore", str(tmp_path / "nothing"), "--apply", "--state", str(tmp_path))

    assert (result.returncode, result.stdout) == (2, "")
    assert "holds no whole snapshot" in result.stderr
    assert "iot-dr snapshot" in result.stderr


def test_a_thing_that_the_snapshot_has_not_is_said(pair: Pair, device: Device, tmp_path: Path) -> None:
    taken(pair, tmp_path / "s", "--shadows", "none", state=tmp_path)

    result = iot_dr(pair, "restore", str(tmp_path / "s"), "--thing", "nobody", "--state", str(tmp_path))

    told = "error: the snapshot has no thing nobody; its thing.jsonl names all it has\n"
    assert (result.returncode, result.stderr) == (2, told)
