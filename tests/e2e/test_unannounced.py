"""What raises no event, and what a lost event was about, is found by the sweep: all of it by one round here."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.fleet import Device, Fleet, device_policy, make_identity
from lab.pair import Pair
from lab.quiet import untold
from lab.waiting import until
from tests.e2e.observing import (
    certificate_status,
    certificates_of,
    default_document,
    exists,
    is_whole,
    policies_of,
    policies_of_target,
    principal_types,
    stays,
    sweep_round,
    tags_of,
    thing,
)

PATIENCE = 60.0
"""A round checks all that the tests before have made."""

SETTLED = 5.0
"""Seconds after which a complete device is checked no more unless something tells of it."""

PROBE = "iot-dr-probe-"
MOST_VERSIONS = 5
FAMILIES = ("THING", "THING_TYPE", "THING_GROUP", "THING_GROUP_MEMBERSHIP")

DEVICES = (
    *("revoked", "deactivated"),
    *("second-certificate", "lost-certificate", "exclusive"),
    *("second-policy", "lost-policy", "edited-policy", "switched-policy", "crowded-policy", "deleted-policy"),
    *("tampered", "changed", "deleted", "joining", "leaving"),
)
GROUPS = ("joined", "left", "with-policy", "without-policy", "changed-group", "deleted-group")
BILLING_GROUPS = ("entered", "quit", "renamed", "dissolved")


@dataclass(frozen=True)
class Scene:
    """One fleet, whose resources are named by what becomes of them."""

    pair: Pair
    stem: str
    devices: dict[str, Device] = field(default_factory=dict)

    @property
    def primary(self) -> Any:
        """The primary Region's registry."""
        return self.pair.client("iot", self.pair.primary)

    @property
    def secondary(self) -> Any:
        """The secondary Region's registry."""
        return self.pair.client("iot", self.pair.secondary)

    def name(self, of: str) -> str:
        """The name of a thing, type or group."""
        return f"{self.stem}-{of}"

    def certificate(self, of: str) -> str:
        """The ID of a device's certificate."""
        return self.devices[of].identity.certificate_id

    def make_policy(self, of: str) -> str:
        """A policy of the primary."""
        document = device_policy(self.pair.primary, self.pair.account)
        self.primary.create_policy(policyName=self.name(of), policyDocument=document)
        return self.name(of)

    def provision(self, of: str) -> None:
        """A device of the primary with a policy of its own."""
        policy = self.name(f"{of}-policy")
        fleet = Fleet(self.primary, region=self.pair.primary, account=self.pair.account, policy_name=policy)
        fleet.prepare()
        self.devices[of] = fleet.provision(self.name(of), attributes={"site": "north"})

    def group_arn(self, of: str) -> str:
        """The ARN of a group of the primary."""
        return f"arn:aws:iot:{self.pair.primary}:{self.pair.account}:thinggroup/{self.name(of)}"

    def billing_group_of(self, of: str) -> str:
        """The billing group of a thing in the secondary."""
        return str(self.secondary.describe_thing(thingName=self.name(of)).get("billingGroupName", ""))


def edited(region: str, account: str, action: str = "iot:RetainPublish") -> dict[str, Any]:
    """The devices' policy with one more action allowed."""
    document: dict[str, Any] = json.loads(device_policy(region, account))
    document["Statement"][1]["Action"].append(action)
    return document


@pytest.fixture(scope="module")
def made(pair: Pair) -> Scene:
    """All of it made, crossed, and left alone by the product."""
    scene = Scene(pair, f"quiet-{time.time_ns()}")
    primary, name = scene.primary, scene.name
    for of in DEVICES:
        scene.provision(of)
    _make_inactive(scene, "reactivated")
    for of in GROUPS:
        primary.create_thing_group(thingGroupName=name(of))
    primary.add_thing_to_thing_group(thingGroupName=name("left"), thingName=name("leaving"))
    primary.attach_policy(policyName=scene.make_policy("group-policy"), target=scene.group_arn("without-policy"))
    primary.create_dynamic_thing_group(thingGroupName=name("dynamic"), queryString="attributes.site:north")
    primary.create_thing_type(thingTypeName=name("type"))
    for of in BILLING_GROUPS:
        primary.create_billing_group(billingGroupName=name(of))
        inside = {} if of == "entered" else {"billingGroupName": name(of)}
        primary.create_thing(thingName=name(f"payer-{of}"), **inside)
    crossed = time.monotonic()
    assert until(lambda: all(is_whole(pair, device) for device in scene.devices.values()), PATIENCE)
    for of in BILLING_GROUPS:
        assert until(lambda of=of: exists(scene.secondary, "describe_thing", thingName=name(f"payer-{of}")), PATIENCE)  # type: ignore[misc]  # bound now
    until(lambda: time.monotonic() - crossed > SETTLED, 2 * SETTLED)
    return scene


def _make_inactive(scene: Scene, of: str) -> None:
    identity, primary, name = make_identity(of), scene.primary, scene.name(of)
    arn = primary.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="INACTIVE")
    primary.attach_policy(policyName=scene.make_policy(f"{of}-policy"), target=arn["certificateArn"])
    primary.create_thing(thingName=name)
    primary.attach_thing_principal(thingName=name, principal=arn["certificateArn"])
    scene.devices[of] = Device(name, arn["certificateArn"], scene.name(f"{of}-policy"), identity)


@pytest.fixture(scope="module")
def swept(made: Scene) -> Scene:
    """All of it changed without a word, and one round of the sweep."""
    before = certificate_status(made.secondary, made.devices["reactivated"].identity)
    assert before == "INACTIVE"
    with untold(made.pair, *FAMILIES):
        for change in (_change_certificates, _change_policies, _change_things, _change_groups, _change_billing_groups):
            change(made)
        _change_tags(made)
    sweep_round(made.pair)
    return made


def _change_certificates(scene: Scene) -> None:
    primary = scene.primary
    for of, status in (("revoked", "REVOKED"), ("deactivated", "INACTIVE"), ("reactivated", "ACTIVE")):
        primary.update_certificate(certificateId=scene.certificate(of), newStatus=status)
    identity = make_identity(scene.name("another"))
    scene.devices["another"] = Device("", "", "", identity)
    arn = primary.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")
    primary.attach_policy(policyName=scene.name("second-certificate-policy"), target=arn["certificateArn"])
    primary.attach_thing_principal(thingName=scene.name("second-certificate"), principal=arn["certificateArn"])
    lost, exclusive = scene.devices["lost-certificate"], scene.devices["exclusive"]
    for device in (lost, exclusive):
        primary.detach_thing_principal(thingName=device.thing_name, principal=device.certificate_arn)
    primary.attach_thing_principal(
        thingName=exclusive.thing_name, principal=exclusive.certificate_arn, thingPrincipalType="EXCLUSIVE_THING"
    )


def _change_policies(scene: Scene) -> None:
    primary, pair = scene.primary, scene.pair
    second = scene.make_policy("another-policy")
    primary.attach_policy(policyName=second, target=scene.devices["second-policy"].certificate_arn)
    for of in ("lost-policy", "deleted-policy"):
        primary.detach_policy(policyName=scene.name(f"{of}-policy"), target=scene.devices[of].certificate_arn)
    primary.delete_policy(policyName=scene.name("deleted-policy-policy"))
    for of in ("edited-policy", "switched-policy", "crowded-policy"):
        document = json.dumps(edited(pair.primary, pair.account))
        primary.create_policy_version(policyName=scene.name(f"{of}-policy"), policyDocument=document, setAsDefault=True)
    switched = scene.name("switched-policy-policy")
    other = json.dumps(edited(pair.primary, pair.account, "iot:GetThingShadow"))
    primary.create_policy_version(policyName=switched, policyDocument=other, setAsDefault=True)
    primary.set_default_policy_version(policyName=switched, policyVersionId="2")
    for number in range(1, MOST_VERSIONS):
        document = json.dumps(edited(pair.secondary, pair.account, f"iot:Version{number}"))
        scene.secondary.create_policy_version(policyName=scene.name("crowded-policy-policy"), policyDocument=document)
    foreign = device_policy(pair.secondary, pair.account)
    scene.secondary.create_policy(policyName=scene.name("foreign-policy"), policyDocument=foreign)
    primary.attach_policy(policyName=second, target=scene.group_arn("with-policy"))
    primary.detach_policy(policyName=scene.name("group-policy"), target=scene.group_arn("without-policy"))


def _change_things(scene: Scene) -> None:
    primary, name = scene.primary, scene.name
    tampered = {"attributes": {"site": "tampered"}}
    scene.secondary.update_thing(thingName=name("tampered"), attributePayload=tampered)
    primary.update_thing(thingName=name("changed"), attributePayload={"attributes": {"site": "south"}})
    device = scene.devices["deleted"]
    primary.detach_thing_principal(thingName=device.thing_name, principal=device.certificate_arn)
    primary.delete_thing(thingName=device.thing_name)
    primary.create_thing(thingName=name("created"), attributePayload={"attributes": {"site": "west"}})
    primary.deprecate_thing_type(thingTypeName=name("type"))


def _change_groups(scene: Scene) -> None:
    primary, name = scene.primary, scene.name
    primary.create_thing_group(thingGroupName=name("child"), parentGroupName=name("joined"))
    primary.add_thing_to_thing_group(thingGroupName=name("joined"), thingName=name("joining"))
    primary.remove_thing_from_thing_group(thingGroupName=name("left"), thingName=name("leaving"))
    primary.update_thing_group(
        thingGroupName=name("changed-group"), thingGroupProperties={"thingGroupDescription": "changed"}
    )
    primary.delete_thing_group(thingGroupName=name("deleted-group"))
    primary.update_dynamic_thing_group(
        thingGroupName=name("dynamic"), thingGroupProperties={}, queryString="attributes.site:south"
    )


def _change_billing_groups(scene: Scene) -> None:
    primary, name = scene.primary, scene.name
    primary.add_thing_to_billing_group(billingGroupName=name("entered"), thingName=name("payer-entered"))
    primary.remove_thing_from_billing_group(billingGroupName=name("quit"), thingName=name("payer-quit"))
    described = {"billingGroupDescription": "described"}
    primary.update_billing_group(billingGroupName=name("renamed"), billingGroupProperties=described)
    primary.remove_thing_from_billing_group(billingGroupName=name("dissolved"), thingName=name("payer-dissolved"))
    primary.delete_billing_group(billingGroupName=name("dissolved"))


TAGGED = ("thingtype/{}-type", "billinggroup/{}-quit", "policy/{}-tampered-policy", "thinggroup/{}-changed-group")


def _change_tags(scene: Scene) -> None:
    for resource in TAGGED:
        arn = f"arn:aws:iot:{{}}:{scene.pair.account}:{resource.format(scene.stem)}"
        tags = [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "1"}]
        scene.primary.tag_resource(resourceArn=arn.format(scene.pair.primary), tags=tags)
        # Replication made the copy, so nobody's tag stays there.
        stray = [{"Key": "stray", "Value": "yes"}, {"Key": "team", "Value": "blue"}]
        scene.secondary.tag_resource(resourceArn=arn.format(scene.pair.secondary), tags=stray)


@pytest.mark.row("R13")
@pytest.mark.parametrize("resource", TAGGED)
def test_tags_become_those_of_the_primary(swept: Scene, resource: str) -> None:
    wanted = {"team": "red", "cost": "1"}

    assert until(lambda: tags_of(swept.pair, swept.pair.secondary, resource.format(swept.stem)) == wanted, PATIENCE)


@pytest.mark.row("R5")
@pytest.mark.parametrize(
    ("of", "status"), [("revoked", "REVOKED"), ("deactivated", "INACTIVE"), ("reactivated", "ACTIVE")]
)
def test_a_status_changed_later_follows(swept: Scene, of: str, status: str) -> None:
    identity = swept.devices[of].identity

    assert until(lambda: certificate_status(swept.secondary, identity) == status, PATIENCE)


@pytest.mark.row("R4")
def test_a_certificate_attached_long_after_its_thing_follows(swept: Scene) -> None:
    wanted = {swept.certificate("second-certificate"), swept.certificate("another")}

    assert until(lambda: certificates_of(swept.secondary, swept.name("second-certificate")) == wanted, PATIENCE)
    assert policies_of(swept.pair, swept.devices["another"].identity) == {swept.name("second-certificate-policy")}


@pytest.mark.row("R4")
def test_a_detached_certificate_is_detached_and_kept(swept: Scene) -> None:
    assert until(lambda: certificates_of(swept.secondary, swept.name("lost-certificate")) == set(), PATIENCE)
    assert certificate_status(swept.secondary, swept.devices["lost-certificate"].identity) == "ACTIVE"


@pytest.mark.row("R11")
def test_a_certificate_attached_anew_as_exclusive_is_exclusive(swept: Scene) -> None:
    thing_name = swept.name("exclusive")

    assert until(lambda: principal_types(swept.secondary, thing_name) == ["EXCLUSIVE_THING"], PATIENCE)


@pytest.mark.row("R6")
def test_a_policy_attached_later_follows(swept: Scene) -> None:
    wanted = {swept.name("second-policy-policy"), swept.name("another-policy")}

    assert until(lambda: policies_of(swept.pair, swept.devices["second-policy"].identity) == wanted, PATIENCE)


@pytest.mark.row("R6")
def test_a_detached_policy_is_detached_and_kept(swept: Scene) -> None:
    assert until(lambda: policies_of(swept.pair, swept.devices["lost-policy"].identity) == set(), PATIENCE)
    assert exists(swept.secondary, "get_policy", policyName=swept.name("lost-policy-policy"))


@pytest.mark.row("R6")
def test_a_deleted_policy_is_deleted_if_replication_made_it(swept: Scene) -> None:
    policy = swept.name("deleted-policy-policy")

    assert until(lambda: not exists(swept.secondary, "get_policy", policyName=policy), PATIENCE)
    assert exists(swept.secondary, "get_policy", policyName=swept.name("foreign-policy"))


@pytest.mark.row("R6")
@pytest.mark.parametrize("of", ["edited-policy", "switched-policy", "crowded-policy"])
def test_the_default_version_follows_whatever_versions_the_secondary_has(swept: Scene, of: str) -> None:
    wanted = edited(swept.pair.secondary, swept.pair.account)

    assert until(lambda: default_document(swept.secondary, swept.name(f"{of}-policy")) == wanted, PATIENCE)


@pytest.mark.row("R7")
def test_policies_attached_to_a_group_and_detached_follow(swept: Scene) -> None:
    def policies(of: str) -> set[str]:
        return policies_of_target(swept.pair, f"thinggroup/{swept.name(of)}")

    assert until(lambda: policies("with-policy") == {swept.name("another-policy")}, PATIENCE)
    assert until(lambda: policies("without-policy") == set(), PATIENCE)
    wanted = json.loads(device_policy(swept.pair.secondary, swept.pair.account))
    assert default_document(swept.secondary, swept.name("another-policy")) == wanted


@pytest.mark.row("C1", "R1", "R2", "R3")
def test_things_whose_events_were_lost_follow(swept: Scene) -> None:
    def attributes(of: str) -> dict[str, str] | None:
        found = thing(swept.secondary, swept.name(of))
        return found and found[0]

    assert until(lambda: attributes("tampered") == {"site": "north"}, PATIENCE)
    assert until(lambda: attributes("changed") == {"site": "south"}, PATIENCE)
    assert until(lambda: attributes("created") == {"site": "west"}, PATIENCE)
    assert until(lambda: attributes("deleted") is None, PATIENCE)
    assert certificate_status(swept.secondary, swept.devices["deleted"].identity) == "ACTIVE"


@pytest.mark.row("C1", "R8")
def test_a_type_whose_event_was_lost_follows(swept: Scene) -> None:
    def deprecated() -> bool:
        found = swept.secondary.describe_thing_type(thingTypeName=swept.name("type"))
        return bool(found["thingTypeMetadata"]["deprecated"])

    assert until(deprecated, PATIENCE)


@pytest.mark.row("C1", "R9", "R10")
def test_groups_and_memberships_whose_events_were_lost_follow(swept: Scene) -> None:
    name = swept.name

    def described(of: str) -> dict[str, Any]:
        found: dict[str, Any] = swept.secondary.describe_thing_group(thingGroupName=name(of))
        return found

    def groups_of(of: str) -> set[str]:
        listed = swept.secondary.list_thing_groups_for_thing(thingName=name(of))["thingGroups"]
        return {entry["groupName"] for entry in listed} - {name("dynamic")}

    assert until(lambda: exists(swept.secondary, "describe_thing_group", thingGroupName=name("child")), PATIENCE)
    assert described("child")["thingGroupMetadata"]["parentGroupName"] == name("joined")
    assert until(
        lambda: described("changed-group")["thingGroupProperties"].get("thingGroupDescription") == "changed", PATIENCE
    )
    gone = name("deleted-group")
    assert until(lambda: not exists(swept.secondary, "describe_thing_group", thingGroupName=gone), PATIENCE)
    assert until(lambda: described("dynamic")["queryString"] == "attributes.site:south", PATIENCE)
    assert until(lambda: groups_of("joining") == {name("joined")}, PATIENCE)
    assert until(lambda: groups_of("leaving") == set(), PATIENCE)


@pytest.mark.row("R10")
def test_billing_groups_changed_left_and_entered_follow(swept: Scene) -> None:
    secondary, name = swept.secondary, swept.name

    def description() -> str:
        found = secondary.describe_billing_group(billingGroupName=name("renamed"))
        return str(found["billingGroupProperties"].get("billingGroupDescription", ""))

    assert until(lambda: swept.billing_group_of("payer-entered") == name("entered"), PATIENCE)
    assert until(lambda: swept.billing_group_of("payer-quit") == "", PATIENCE)
    assert until(lambda: description() == "described", PATIENCE)
    gone = name("dissolved")
    assert until(lambda: not exists(secondary, "describe_billing_group", billingGroupName=gone), PATIENCE)


@pytest.mark.row("C1")
def test_a_whole_round_leaves_the_health_checkers_own_alone(swept: Scene) -> None:
    secondary = swept.secondary
    (probe,) = (one["thingName"] for one in secondary.list_things()["things"] if one["thingName"].startswith(PROBE))

    assert until(lambda: thing(secondary, swept.name("created")), PATIENCE)  # the round's requests are under way

    (principal,) = secondary.list_thing_principals(thingName=probe)["principals"]
    assert stays(lambda: secondary.list_targets_for_policy(policyName=probe)["targets"] == [principal])
