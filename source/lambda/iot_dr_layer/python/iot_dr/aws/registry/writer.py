"""Writes one Region's registry through the IoT control plane; every method may be repeated.

Versions that were read guard what is updated or deleted (`expectedVersion`), so an old state is never put back. The
calls themselves stand by kind in `thing_writes`, `group_writes`, `certificate_writes` and `policy_writes`.
"""

from __future__ import annotations

from typing import Any

from iot_dr.aws.registry import certificate_writes, group_writes, policy_writes, thing_writes
from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import certificate_target

REQUIRED_ACTIONS = (
    certificate_writes.REQUIRED_ACTIONS
    | group_writes.REQUIRED_ACTIONS
    | policy_writes.REQUIRED_ACTIONS
    | thing_writes.REQUIRED_ACTIONS
)
"""What the replication worker may do in the secondary Region."""


class IotRegistryWriter:
    """`ports.RegistryWriter` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self._client = client
        self._region = region
        self._account = account

    def create(self, change: Create) -> None:
        """Make what the plan says is missing.

        Raises:
            Conflict: it exists by now, with other values.
            NotReadyYet: something it points to is missing.
        """
        client = self._client
        match change.desired:
            case ThingType() as thing_type:
                thing_writes.create_thing_type(client, thing_type)
            case BillingGroup() as billing_group:
                group_writes.create_billing_group(client, billing_group)
            case Policy() as policy:
                policy_writes.create_policy(client, policy)
            case Certificate() as certificate:
                certificate_writes.register(client, certificate)
            case ThingGroup() as group:
                group_writes.create_thing_group(client, group)
            case Thing() as thing:
                thing_writes.create_thing(client, thing)
            case PolicyAttachment(target=target) as attachment:
                policy_writes.attach(client, attachment, self._arn(target))
            case ThingPrincipal(certificate_id=certificate_id) as principal:
                certificate_writes.attach(client, principal, self._arn(certificate_target(certificate_id)))
            case GroupMembership() as membership:
                group_writes.add_member(client, membership)

    def update(self, change: Update) -> None:
        """Bring what is there to the desired values.

        Raises:
            Conflict: it was changed since it was read.
        """
        client = self._client
        match change.desired, change.actual:
            case ThingType() as thing_type, ThingType() as found_type:
                thing_writes.update_thing_type(client, thing_type, found_type)
            case BillingGroup() as billing_group, BillingGroup() as found_billing:
                group_writes.update_billing_group(client, billing_group, found_billing)
            case Policy() as policy, Policy():
                policy_writes.put_policy_version(client, policy)
            case Certificate() as certificate, Certificate():
                certificate_writes.set_status(client, certificate)
            case ThingGroup() as group, ThingGroup() as found_group:
                group_writes.update_thing_group(client, group, found_group)
            case Thing() as thing, Thing() as found:
                thing_writes.update_thing(client, thing, found)
            case ThingPrincipal(certificate_id=certificate_id) as principal, ThingPrincipal():
                certificate_writes.attach_anew(client, principal, self._arn(certificate_target(certificate_id)))
            case _:
                raise InvalidResource(f"{change.key} has no field that could be updated")

    def delete(self, change: Delete) -> None:
        """Remove it; already gone is success.

        Raises:
            Conflict: it was changed since it was read, or something new hangs on it.
            NotReadyYet: AWS's waiting time after a deprecation has not passed.
        """
        client = self._client
        match change.actual:
            case ThingType() as thing_type:
                thing_writes.delete_thing_type(client, thing_type)
            case BillingGroup() as billing_group:
                group_writes.delete_billing_group(client, billing_group)
            case Policy() as policy:
                policy_writes.delete_policy(client, policy)
            case Certificate() as certificate:
                certificate_writes.delete_certificate(client, certificate)
            case ThingGroup() as group:
                group_writes.delete_thing_group(client, group)
            case Thing() as thing:
                thing_writes.delete_thing(client, thing)
            case PolicyAttachment(target=target) as attachment:
                policy_writes.detach(client, attachment, self._arn(target))
            case ThingPrincipal(certificate_id=certificate_id) as principal:
                certificate_writes.detach(client, principal, self._arn(certificate_target(certificate_id)))
            case GroupMembership() as membership:
                group_writes.remove_member(client, membership)

    def _arn(self, resource: str) -> str:
        return iot_arn(resource, self._region, self._account)
