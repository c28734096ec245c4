"""What is believed of things, types, groups and policies where AWS's pages say nothing."""

from __future__ import annotations

import json

from tests.real_account.account import Account, refusal
from tests.real_account.doubts import Doubt, Finding, confirmed, found, unknown
from tests.real_account.made import Kind, Made

READINGS = 20


def has_one_billing_group(account: Account) -> Finding:
    """Put a thing into a second billing group."""
    iot, thing = account.iot(account.primary), account.thing(account.primary)
    first, second = account.billing_group(account.primary), account.billing_group(account.primary)
    iot.add_thing_to_billing_group(billingGroupName=first, thingName=thing)
    code = refusal(lambda: iot.add_thing_to_billing_group(billingGroupName=second, thingName=thing))
    has = iot.describe_thing(thingName=thing).get("billingGroupName", "none")
    seen = f"{code or 'accepted'}; it is then in the {'first' if has == first else 'second' if has == second else has}"
    return found(bool(code) and has == first, seen)


def forgets_its_billing_group(account: Account) -> Finding:
    """Delete the billing group of a thing, and ask the thing for it."""
    iot, thing = account.iot(account.primary), account.thing(account.primary)
    group = account.billing_group(account.primary)
    iot.add_thing_to_billing_group(billingGroupName=group, thingName=thing)
    if code := refusal(lambda: iot.delete_billing_group(billingGroupName=group)):
        return unknown(f"a group that has a thing is not deleted: {code}")
    told = iot.describe_thing(thingName=thing).get("billingGroupName")
    return found(not told, f"the thing tells {told or 'none'}")


def refuses_its_deprecated_type(account: Account) -> Finding:
    """Name the type that a thing has in an update, once the type is deprecated."""
    iot, kind = account.iot(account.primary), account.thing_type(account.primary)
    thing = account.thing(account.primary, thingTypeName=kind)
    iot.deprecate_thing_type(thingTypeName=kind)
    code = refusal(lambda: iot.update_thing(thingName=thing, thingTypeName=kind))
    return found(bool(code), code or "accepted")


def refuses_a_long_policy(account: Account) -> Finding:
    """Make a policy of more than 2,048 characters."""
    topic = account.arn(account.primary, f"topic/{'x' * 2048}")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Publish", "Resource": topic}]}
    code = refusal(lambda: account.policy(account.primary, document))
    return found(code == "MalformedPolicyException", code or f"{len(json.dumps(document))} characters are accepted")


def names_a_missing_parent(account: Account) -> Finding:
    """Make a group below a parent that is not there."""
    child, parent = account.name(), account.name()
    account.journal.note(Made(Kind.THING_GROUP, account.primary, child))
    code = refusal(
        lambda: account.iot(account.primary).create_thing_group(thingGroupName=child, parentGroupName=parent)
    )
    return found(code in {"InvalidRequestException", "ResourceNotFoundException"}, code or "accepted")


def reads_late(account: Account) -> Finding:
    """Update a thing again and again, and read its version right after."""
    iot, thing = account.iot(account.primary), account.thing(account.primary)
    late = 0
    for number in range(READINGS):
        iot.update_thing(thingName=thing, attributePayload={"attributes": {"n": str(number)}})
        late += iot.describe_thing(thingName=thing)["attributes"].get("n") != str(number)
    seen = f"{late} of {READINGS} readings were older than the answer before"
    return confirmed(seen) if late else unknown(seen)


DOUBTS = (
    Doubt(
        "thing-has-one-billing-group",
        "A thing that has a billing group is refused by another one, not moved.",
        "AddThingToBillingGroup with a second group, DescribeThing",
        "Replication takes the thing out of the old group first; that step would be needless, not wrong.",
        has_one_billing_group,
        20,
    ),
    Doubt(
        "thing-forgets-its-billing-group",
        "A thing whose billing group is deleted tells none.",
        "DeleteBillingGroup of a thing's group, DescribeThing",
        "The two Regions would differ in a group that is gone, until the thing gets another one.",
        forgets_its_billing_group,
        15,
    ),
    Doubt(
        "thing-keeps-its-deprecated-type",
        "UpdateThing that names the deprecated type which the thing has already is refused.",
        "DeprecateThingType, UpdateThing with the same `thingTypeName`",
        "Nothing: the product names the type only if it changes.",
        refuses_its_deprecated_type,
        20,
    ),
    Doubt(
        "policy-too-long",
        "A policy of more than 2,048 characters is refused with MalformedPolicyException.",
        "CreatePolicy with a longer document",
        "The policy is `failed` with AWS's own words; `doctor` and `verify` name it before.",
        refuses_a_long_policy,
        6,
    ),
    Doubt(
        "group-without-its-parent",
        "CreateThingGroup below a missing parent is refused, as a bad request or because something is not found.",
        "CreateThingGroup with a `parentGroupName` that does not exist",
        "Under another error's name the group is `failed`, and tried again; if AWS accepts it, it has no parent.",
        names_a_missing_parent,
        6,
    ),
    Doubt(
        "thing-is-read-late",
        "DescribeThing may answer with a state older than the last answer of UpdateThing.",
        f"UpdateThing, DescribeThing at once, {READINGS} times",
        "Nothing: an older version than the event's is read again.",
        reads_late,
        50,
    ),
)
