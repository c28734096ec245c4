"""Corrections of the registry: versions, searches, rights and certificates."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.emulator import PRIMARY_REGION
from lab.fleet import Fleet, make_identity
from tests.e2e.corrections.making import ACCOUNT, Aws, make_user, refused, register, unique

pytestmark = pytest.mark.lab


def stale_update(aws: Aws) -> None:
    iot, name = aws.client("iot"), f"thing-{uuid.uuid4().hex[:8]}"
    iot.create_thing(thingName=name)
    iot.update_thing(thingName=name, attributePayload={"attributes": {"a": "1"}}, expectedVersion=1)
    iot.update_thing(thingName=name, attributePayload={"attributes": {"a": "2"}}, expectedVersion=1)


def test_a_stale_expected_version_is_refused(corrected: Aws) -> None:
    with pytest.raises(corrected.client("iot").exceptions.VersionConflictException):
        stale_update(corrected)


def test_the_emulator_ignores_a_stale_expected_version(uncorrected: Aws) -> None:
    stale_update(uncorrected)


def search_as_user_with_rights_on_the_index(aws: Aws) -> None:
    resource = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}:index/AWS_Things"
    user = make_user(aws, {"Effect": "Allow", "Action": "iot:SearchIndex", "Resource": resource})
    aws.client("iot", **user).search_index(queryString="thingName:a*")


def test_a_search_needs_rights_on_its_index(corrected: Aws) -> None:
    corrected.client("iot").update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})

    search_as_user_with_rights_on_the_index(corrected)


def test_the_emulator_wants_rights_on_something_else_for_a_search(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        search_as_user_with_rights_on_the_index(uncorrected)


def with_shadows_indexed(aws: Aws, *names: str) -> Any:
    """A client of a Region that indexes classic shadows, and named ones of these names."""
    iot = aws.client("iot")
    chosen = {"namedShadowIndexingMode": "ON", "filter": {"namedShadowNames": list(names)}} if names else {}
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY_AND_SHADOW", **chosen})
    return iot


def thing_with_shadows(aws: Aws) -> str:
    """A thing with a classic shadow, which has been updated twice, and the named ones `config` and `state`."""
    iot, data, name = aws.client("iot"), aws.client("iot-data"), f"thing-{uuid.uuid4().hex[:8]}"
    iot.create_thing(thingName=name)
    for interval in (1, 2):
        state = {"desired": {"interval": interval}, "reported": {"tags": ["a"], "parts": [{"n": 1}], "on": True}}
        data.update_thing_shadow(thingName=name, payload=json.dumps({"state": state}))
    for shadow in ("config", "state"):
        payload = json.dumps({"state": {"reported": {"of": shadow}}})
        data.update_thing_shadow(thingName=name, shadowName=shadow, payload=payload)
    return name


def shown_shadows(iot: Any, query: str, name: str) -> dict[str, Any]:
    """What a search shows of a thing's shadows, without their metadata."""
    found = [one for one in pages_of_search(iot, query) if one["thingName"] == name]
    assert len(found) == 1
    shown: dict[str, Any] = json.loads(found[0].get("shadow", "{}"))
    for shadow in (shown, *shown.get("name", {}).values()):
        shadow.pop("metadata", None)
    return shown


def pages_of_search(iot: Any, query: str, size: int = 100) -> Iterator[dict[str, Any]]:
    page = iot.search_index(queryString=query, maxResults=size)
    yield from page["things"]
    while page.get("nextToken"):
        page = iot.search_index(queryString=query, maxResults=size, nextToken=page["nextToken"])
        yield from page["things"]


@pytest.mark.parametrize("query", ["thingName:*", "thingName:{name}"])
def test_a_search_shows_what_is_indexed_of_classic_and_named_shadows(corrected: Aws, query: str) -> None:
    iot, name = with_shadows_indexed(corrected, "config", "other"), thing_with_shadows(corrected)

    assert shown_shadows(iot, query.format(name=name), name) == {
        "desired": {"interval": 2},
        "reported": {"tags": ["a"], "on": True},
        "hasDelta": True,
        "version": 2,
        "name": {"config": {"reported": {"of": "config"}, "hasDelta": False, "version": 1}},
    }
    corrected.client("iot-data").delete_thing_shadow(thingName=name)
    assert set(shown_shadows(iot, query.format(name=name), name)) == {"name"}
    with_shadows_indexed(corrected)
    assert shown_shadows(iot, query.format(name=name), name) == {}


def test_the_emulator_shows_of_shadows_no_version_and_none_that_has_a_name(uncorrected: Aws) -> None:
    iot, name = with_shadows_indexed(uncorrected, "config"), thing_with_shadows(uncorrected)

    assert set(shown_shadows(iot, "thingName:*", name)) == {"desired", "reported"}


def test_a_search_of_all_things_comes_in_pages_and_takes_no_old_place(corrected: Aws) -> None:
    iot = with_shadows_indexed(corrected)
    made = {thing_with_shadows(corrected) for _ in range(3)}

    found = [one["thingName"] for one in pages_of_search(iot, "thingName:*", size=2)]

    assert made <= set(found)
    assert len(found) == len(set(found))
    stale = base64.urlsafe_b64encode(b"lab place in a search: 99999").decode()
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.search_index(queryString="thingName:*", nextToken=stale)


def attach_as_user_with_rights_on_certificates(aws: Aws) -> None:
    """What the service authorization reference asks for: AttachPolicy on the certificate, ListTargets on the policy."""
    root, policy = aws.client("iot"), f"policy-{uuid.uuid4().hex[:8]}"
    certificate = root.register_certificate_without_ca(
        certificatePem=make_identity("x").certificate_pem, status="ACTIVE"
    )["certificateArn"]
    root.create_policy(policyName=policy, policyDocument='{"Version":"2012-10-17","Statement":[]}')
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    user = make_user(
        aws,
        {"Effect": "Allow", "Action": ["iot:AttachPolicy", "iot:DetachPolicy"], "Resource": f"{arn}:cert/*"},
        {"Effect": "Allow", "Action": "iot:ListTargetsForPolicy", "Resource": f"{arn}:policy/*"},
    )
    iot = aws.client("iot", **user)
    iot.attach_policy(policyName=policy, target=certificate)
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == [certificate]
    iot.detach_policy(policyName=policy, target=certificate)


def test_policy_attachment_is_authorized_on_the_certificate(corrected: Aws) -> None:
    attach_as_user_with_rights_on_certificates(corrected)


def test_the_emulator_authorizes_policy_attachment_on_everything(uncorrected: Aws) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        attach_as_user_with_rights_on_certificates(uncorrected)


def test_the_emulator_refuses_deletes_that_aws_refuses(uncorrected: Aws) -> None:
    """No correction: it behaves as AWS here, and the product relies on it."""
    iot, fleet = uncorrected.client("iot"), Fleet(uncorrected.client("iot"), region=PRIMARY_REGION, account=ACCOUNT)
    fleet.prepare()
    device = fleet.provision(f"thing-{uuid.uuid4().hex[:8]}")
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.delete_thing(thingName=device.thing_name)
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy(policyName=fleet.policy_name)
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_certificate(certificateId=device.identity.certificate_id)
    iot.update_certificate(certificateId=device.identity.certificate_id, newStatus="INACTIVE")
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_certificate(certificateId=device.identity.certificate_id)
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.delete_thing(thingName=device.thing_name, expectedVersion=99)


def test_lists_tell_how_a_certificate_is_attached(corrected: Aws) -> None:
    iot, (alone, shared), things = (
        corrected.client("iot"),
        [register(corrected.client("iot")) for _ in "12"],
        ["a", "b"],
    )
    things = [unique(name) for name in things]
    for name in things:
        iot.create_thing(thingName=name)
        iot.attach_thing_principal(thingName=name, principal=shared)
    iot.attach_thing_principal(thingName=things[0], principal=alone, thingPrincipalType="EXCLUSIVE_THING")
    assert iot.list_thing_principals_v2(thingName=things[0])["thingPrincipalObjects"] == [
        {"principal": shared, "thingPrincipalType": "NON_EXCLUSIVE_THING"},
        {"principal": alone, "thingPrincipalType": "EXCLUSIVE_THING"},
    ]
    assert iot.list_thing_principals_v2(thingName=things[0], thingPrincipalType="EXCLUSIVE_THING")[
        "thingPrincipalObjects"
    ] == [{"principal": alone, "thingPrincipalType": "EXCLUSIVE_THING"}]
    assert iot.list_principal_things_v2(principal=shared)["principalThingObjects"] == [
        {"thingName": name, "thingPrincipalType": "NON_EXCLUSIVE_THING"} for name in things
    ]
    iot.detach_thing_principal(thingName=things[0], principal=alone)
    assert iot.list_principal_things_v2(principal=alone)["principalThingObjects"] == []
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.list_thing_principals_v2(thingName=unique("absent"))


def attachments_refused(aws: Aws) -> tuple[bool, bool, bool]:
    """Exclusively beside another thing; beside an exclusive thing; after that one let go."""
    iot, first, second = aws.client("iot"), unique("first"), unique("second")
    shared, alone = register(iot), register(iot)
    for name in (first, second):
        iot.create_thing(thingName=name)

    def attach(thing: str, principal: str, **how: str) -> bool:
        code = "InvalidRequestException"
        return refused(code, iot.attach_thing_principal, thingName=thing, principal=principal, **how)

    attach(first, shared)
    attach(first, alone, thingPrincipalType="EXCLUSIVE_THING")
    beside = attach(second, shared, thingPrincipalType="EXCLUSIVE_THING")
    beside_exclusive = attach(second, alone)
    iot.detach_thing_principal(thingName=first, principal=alone)
    return beside, beside_exclusive, attach(second, alone, thingPrincipalType="EXCLUSIVE_THING")


def test_an_exclusive_certificate_has_one_thing(corrected: Aws) -> None:
    assert attachments_refused(corrected) == (True, True, False)


def test_the_emulator_knows_no_exclusive_certificates(uncorrected: Aws) -> None:
    assert attachments_refused(uncorrected) == (False, False, False)
    iot = uncorrected.client("iot")
    assert refused("InvalidRequestException", iot.list_principal_things_v2, principal=register(iot))


def calls_allowed_by_name(aws: Aws) -> list[bool]:
    """Calls of a user whose rights name a billing group, a dynamic group, a thing and certificates."""
    root, name = aws.client("iot"), unique("named")
    root.create_thing(thingName=name)
    certificate = register(root)
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    resources = [f"{arn}:{kind}/{name}" for kind in ("billinggroup", "thinggroup", "thing")]
    rights = {"Effect": "Allow", "Action": "iot:*", "Resource": [*resources, certificate]}
    iot = aws.client("iot", **make_user(aws, rights))
    other = {"thingName": name, "billingGroupName": unique("other")}

    def allowed(call: Callable[..., Any], **parameters: Any) -> bool:
        try:
            call(**parameters)
        except ClientError as error:
            return error.response["Error"]["Code"] != "AccessDeniedException"
        return True

    return [
        allowed(iot.create_billing_group, billingGroupName=name),
        allowed(iot.add_thing_to_billing_group, thingName=name, billingGroupName=name),
        allowed(iot.add_thing_to_billing_group, **other),
        allowed(iot.delete_dynamic_thing_group, thingGroupName=name),
        allowed(iot.list_principal_things, principal=certificate),
        allowed(iot.list_principal_things_v2, principal=certificate),
        allowed(iot.delete_billing_group, billingGroupName=other["billingGroupName"]),
        allowed(iot.create_thing, thingName=name, billingGroupName=name),
        allowed(iot.create_thing, **other),
    ]


def test_groups_and_principals_are_authorized_by_name(corrected: Aws) -> None:
    assert calls_allowed_by_name(corrected) == [True, True, False, True, True, True, False, True, False]


def test_the_emulator_authorizes_them_on_everything(uncorrected: Aws) -> None:
    assert calls_allowed_by_name(uncorrected) == [False] * 7 + [True] * 2


def attachments_allowed_to_one_thing(aws: Aws) -> list[bool]:
    """Attachments by a user who may attach any certificate to one thing, by certificate and by iot:thingArn."""
    root, mine, other = aws.client("iot"), unique("mine"), unique("other")
    for name in (mine, other):
        root.create_thing(thingName=name)
    arn = f"arn:aws:iot:{PRIMARY_REGION}:{ACCOUNT}"
    rights = {
        "Effect": "Allow",
        "Action": ["iot:AttachThingPrincipal", "iot:DetachThingPrincipal"],
        "Resource": f"{arn}:cert/*",
        "Condition": {"ArnEquals": {"iot:thingArn": f"{arn}:thing/{mine}"}},
    }
    iot, code, certificate = aws.client("iot", **make_user(aws, rights)), "AccessDeniedException", register(root)
    return [
        not refused(code, call, thingName=name, principal=certificate)
        for name in (mine, other)
        for call in (iot.attach_thing_principal, iot.detach_thing_principal)
    ]


def test_a_certificate_is_attached_to_a_thing_with_rights_on_the_certificate(corrected: Aws) -> None:
    assert attachments_allowed_to_one_thing(corrected) == [True, True, False, False]


def test_the_emulator_asks_for_rights_on_the_thing_instead(uncorrected: Aws) -> None:
    assert attachments_allowed_to_one_thing(uncorrected) == [False] * 4
