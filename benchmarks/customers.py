"""Customers who change a registry at random: shared types, groups, policies and certificates, made, changed, deleted.

Names come from pools of fixed size, so that what one makes another changes at the same moment, deletes, and makes anew
under the same name. A change that is refused because somebody else was there first is none, and counts for nothing.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lab.fleet import Identity, device_policy, make_identity

REFUSALS = frozenset(
    {
        "CertificateStateException",
        "ConflictException",
        "ConflictingResourceUpdateException",
        "DeleteConflictException",
        "InvalidRequestException",
        "LimitExceededException",
        "ResourceAlreadyExistsException",
        "ResourceNotFoundException",
        "VersionConflictException",
        "VersionsLimitExceededException",
    }
)
"""What AWS answers to a customer who knows less than another has done meanwhile."""

ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"


@dataclass(frozen=True)
class Pools:
    """The names that customers share, and the devices' identities."""

    things: Sequence[str]
    types: Sequence[str]
    groups: Sequence[str]
    billing_groups: Sequence[str]
    policies: Sequence[str]
    identities: Sequence[Identity]


def make_pools(prefix: str, things: int) -> Pools:
    """Return pools for that many things, with what such a fleet shares; names begin with the prefix."""

    def names(what: str, number: int) -> list[str]:
        return [f"{prefix}-{what}-{each}" for each in range(number)]

    return Pools(
        things=names("thing", things),
        types=names("type", 5),
        groups=names("group", 12),
        billing_groups=names("billing", 4),
        policies=names("policy", 16),
        identities=[make_identity(name) for name in names("key", things)],
    )


class Customer:
    """One who changes a Region's registry; what is drawn follows from the seed alone, what is refused does not."""

    def __init__(self, iot: Any, pools: Pools, *, region: str, account: str, seed: str) -> None:
        self.changes = 0
        self._iot = iot
        self._pools = pools
        self._region = region
        self._account = account
        self._random = random.Random(seed)

    def change(self) -> None:
        """Do one thing that customers do, which may be several calls; `changes` counts those that succeeded."""
        ways = self.ways()
        (way,) = self._random.choices(list(ways), weights=list(ways.values()))
        way()

    def ways(self) -> Mapping[Callable[[], None], int]:
        """Return what a customer does, and how often each comes."""
        return {
            self._provision: 24,
            self._change_attributes: 16,
            self._retire: 8,
            self._join: 8,
            self._leave: 5,
            self._attach_certificate: 5,
            self._detach_certificate: 5,
            self._attach_policy: 5,
            self._detach_policy: 5,
            self._change_status: 5,
            self._change_type: 4,
            self._change_document: 4,
            self._bill: 3,
            self._delete_certificate: 3,
            self._replace_policy: 3,
            self._replace_group: 3,
            self._describe_group: 2,
            self._unbill: 2,
            self._change_billing_group: 2,
            self._deprecate: 2,
        }

    def _did(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Make a call that changes something; None if it was refused."""
        try:
            answer: dict[str, Any] = getattr(self._iot, operation)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            return None
        self.changes += 1
        return answer

    def _asked(self, operation: str, member: str, **parameters: Any) -> list[Any]:
        """Make a call that lists; empty if what it asks about is gone."""
        try:
            return list(getattr(self._iot, operation)(**parameters)[member])
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            return []

    # Things

    def _provision(self) -> None:
        number = self._random.randrange(len(self._pools.things))
        policy, kind, group = (self._one(names) for names in self._shared())
        self._make_policy(policy)
        self._did("create_thing_type", thingTypeName=kind, thingTypeProperties={"searchableAttributes": ["site"]})
        certificate = self._register(number)
        self._did("attach_policy", policyName=policy, target=certificate)
        thing = self._pools.things[number]
        self._did("create_thing", thingName=thing, thingTypeName=kind, attributePayload=self._attributes())
        self._did("attach_thing_principal", thingName=thing, principal=certificate)
        self._make_group(group)
        self._did("add_thing_to_thing_group", thingGroupName=group, thingName=thing)

    def _change_attributes(self) -> None:
        self._did("update_thing", thingName=self._thing(), attributePayload=self._attributes())

    def _change_type(self) -> None:
        thing, kind = self._thing(), self._one(self._pools.types)
        if self._random.random() < 0.3:
            self._did("update_thing", thingName=thing, removeThingType=True)
        else:
            self._did("update_thing", thingName=thing, thingTypeName=kind)

    def _retire(self) -> None:
        thing = self._thing()
        for principal in self._asked("list_thing_principals", "principals", thingName=thing):
            self._did("detach_thing_principal", thingName=thing, principal=principal)
        self._did("delete_thing", thingName=thing)

    def _join(self) -> None:
        group = self._one(self._pools.groups)
        self._make_group(group)
        self._did("add_thing_to_thing_group", thingGroupName=group, thingName=self._thing())

    def _leave(self) -> None:
        thing = self._thing()
        for group in self._asked("list_thing_groups_for_thing", "thingGroups", thingName=thing)[:1]:
            self._did("remove_thing_from_thing_group", thingGroupName=group["groupName"], thingName=thing)

    def _bill(self) -> None:
        group = self._one(self._pools.billing_groups)
        self._did("create_billing_group", billingGroupName=group)
        self._did("add_thing_to_billing_group", billingGroupName=group, thingName=self._thing())

    def _unbill(self) -> None:
        group, thing = self._one(self._pools.billing_groups), self._thing()
        self._did("remove_thing_from_billing_group", billingGroupName=group, thingName=thing)

    # Certificates

    def _attach_certificate(self) -> None:
        certificate = self._register(self._number())
        self._did("attach_thing_principal", thingName=self._thing(), principal=certificate)

    def _detach_certificate(self) -> None:
        thing = self._thing()
        for principal in self._asked("list_thing_principals", "principals", thingName=thing)[:1]:
            self._did("detach_thing_principal", thingName=thing, principal=principal)

    def _change_status(self) -> None:
        status = INACTIVE if self._random.random() < 0.5 else ACTIVE
        self._did("update_certificate", certificateId=self._certificate_id(self._number()), newStatus=status)

    def _delete_certificate(self) -> None:
        certificate_id = self._certificate_id(self._number())
        arn = self._arn(f"cert/{certificate_id}")
        for policy in self._asked("list_attached_policies", "policies", target=arn):
            self._did("detach_policy", policyName=policy["policyName"], target=arn)
        for thing in self._asked("list_principal_things", "things", principal=arn):
            self._did("detach_thing_principal", thingName=thing, principal=arn)
        self._did("update_certificate", certificateId=certificate_id, newStatus=INACTIVE)
        self._did("delete_certificate", certificateId=certificate_id)

    # Policies

    def _attach_policy(self) -> None:
        policy = self._one(self._pools.policies)
        self._make_policy(policy)
        self._did("attach_policy", policyName=policy, target=self._target())

    def _detach_policy(self) -> None:
        target = self._target()
        for policy in self._asked("list_attached_policies", "policies", target=target)[:1]:
            self._did("detach_policy", policyName=policy["policyName"], target=target)

    def _change_document(self) -> None:
        policy = self._one(self._pools.policies)
        versions = self._asked("list_policy_versions", "policyVersions", policyName=policy)
        others = sorted(int(each["versionId"]) for each in versions if not each["isDefaultVersion"])
        if len(versions) >= 5 and others:
            self._did("delete_policy_version", policyName=policy, policyVersionId=str(others[0]))
        self._did("create_policy_version", policyName=policy, policyDocument=self._document(), setAsDefault=True)

    def _replace_policy(self) -> None:
        """Take a policy off all that have it, delete it, and sometimes make it anew and give it back."""
        policy = self._one(self._pools.policies)
        targets = self._asked("list_targets_for_policy", "targets", policyName=policy)
        for target in targets:
            self._did("detach_policy", policyName=policy, target=target)
        for version in self._asked("list_policy_versions", "policyVersions", policyName=policy):
            if not version["isDefaultVersion"]:
                self._did("delete_policy_version", policyName=policy, policyVersionId=version["versionId"])
        self._did("delete_policy", policyName=policy)
        if self._random.random() < 0.7:
            self._make_policy(policy)
            for target in targets:
                self._did("attach_policy", policyName=policy, target=target)

    # Groups and types

    def _replace_group(self) -> None:
        """Delete a group and make it anew, perhaps below another parent, with the same things in it."""
        group = self._one(self._pools.groups)
        things = self._asked("list_things_in_thing_group", "things", thingGroupName=group)
        self._did("delete_thing_group", thingGroupName=group)
        if self._random.random() < 0.7:
            self._make_group(group)
            for thing in things:
                self._did("add_thing_to_thing_group", thingGroupName=group, thingName=thing)

    def _describe_group(self) -> None:
        properties = {"thingGroupDescription": self._word(), "attributePayload": self._attributes()}
        group = self._one(self._pools.groups)
        self._did("update_thing_group", thingGroupName=group, thingGroupProperties=properties)

    def _change_billing_group(self) -> None:
        group = self._one(self._pools.billing_groups)
        if self._random.random() < 0.3:
            self._did("delete_billing_group", billingGroupName=group)
            return
        properties = {"billingGroupDescription": self._word()}
        self._did("update_billing_group", billingGroupName=group, billingGroupProperties=properties)

    def _deprecate(self) -> None:
        """Deprecate a type or take that back; only a deprecated one can be deleted, after five minutes on AWS."""
        kind = self._one(self._pools.types)
        undo = self._random.random() < 0.6
        self._did("deprecate_thing_type", thingTypeName=kind, undoDeprecate=undo)
        self._did("delete_thing_type", thingTypeName=kind)

    # What is drawn

    def _make_policy(self, name: str) -> None:
        self._did("create_policy", policyName=name, policyDocument=self._document())

    def _make_group(self, name: str) -> None:
        """Make a group; the first quarter of the pool may be parents, the others may have one of them."""
        roots = self._pools.groups[: len(self._pools.groups) // 4]
        parent = self._one(roots)
        below = {} if name in roots or self._random.random() < 0.4 else {"parentGroupName": parent}
        if below:
            self._did("create_thing_group", thingGroupName=parent)
        self._did("create_thing_group", thingGroupName=name, **below)

    def _register(self, number: int) -> str:
        """Register a certificate, if it is not, and return its ARN."""
        pem = self._pools.identities[number].certificate_pem
        self._did("register_certificate_without_ca", certificatePem=pem, status=ACTIVE)
        return self._arn(f"cert/{self._certificate_id(number)}")

    def _shared(self) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        return self._pools.policies, self._pools.types, self._pools.groups

    def _target(self) -> str:
        if self._random.random() < 0.3:
            return self._arn(f"thinggroup/{self._one(self._pools.groups)}")
        return self._arn(f"cert/{self._certificate_id(self._number())}")

    def _attributes(self) -> dict[str, Any]:
        return {"attributes": {"site": self._word(), "serial": str(self._random.randrange(1000))}}

    def _document(self) -> str:
        document = json.loads(device_policy(self._region, self._account))
        resource = self._arn(f"topic/{self._word()}/{self._random.randrange(1000)}")
        document["Statement"].append({"Effect": "Allow", "Action": "iot:Publish", "Resource": resource})
        return json.dumps(document)

    def _arn(self, resource: str) -> str:
        return f"arn:aws:iot:{self._region}:{self._account}:{resource}"

    def _certificate_id(self, number: int) -> str:
        return self._pools.identities[number].certificate_id

    def _thing(self) -> str:
        return self._one(self._pools.things)

    def _number(self) -> int:
        return self._random.randrange(len(self._pools.identities))

    def _word(self) -> str:
        return self._random.choice(("north", "south", "east", "west", "hall-1", "hall-2"))

    def _one(self, names: Sequence[str]) -> str:
        return self._random.choice(names)


def keep_changing(customer: Customer, until: float, rate: float | None, stop: threading.Event) -> None:
    """Change until this time (monotonic) or until told to stop, at so many calls a second, or as fast as it goes."""
    begun = time.monotonic()
    while not stop.is_set() and time.monotonic() < until:
        customer.change()
        if rate is not None:
            stop.wait(max(0.0, begun + customer.changes / rate - time.monotonic()))
