"""Writes one Region's registry through the IoT control plane; every write may be repeated.

Versions that were read guard what is updated or deleted (`expectedVersion`), so an old state is never put back. The
calls themselves stand by kind in `thing_writes`, `group_writes`, `certificate_writes` and `policy_writes`, those of
tags in `tag_writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_dr.aws.registry import certificate_writes, group_writes, policy_writes, tag_writes, thing_writes
from iot_dr.errors import InvalidResource
from iot_dr.model.registry.arns import iot_arn
from iot_dr.model.registry.changes import Action, Create, Delete, Update
from iot_dr.model.registry.entities import (
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Kind, certificate_target
from iot_dr.model.registry.kinds import resource_of
from iot_dr.model.registry.tagging import with_tags

REQUIRED_ACTIONS = (
    certificate_writes.REQUIRED_ACTIONS
    | group_writes.REQUIRED_ACTIONS
    | policy_writes.REQUIRED_ACTIONS
    | tag_writes.REQUIRED_ACTIONS
    | thing_writes.REQUIRED_ACTIONS
)
"""What the replication worker may do in the secondary Region."""


class IotRegistryWriter:
    """`ports.RegistryWriter` over an `iot` client of one Region."""

    def __init__(self, client: Any, region: str, account: str) -> None:
        self.client = client
        self._region = region
        self._account = account

    def write(self, change: Action) -> None:
        """Make a change; what is gone already is deleted with success.

        Raises:
            Conflict: it exists by now with other values, was changed since it was read, or something new hangs on it.
            NotReadyYet: something it points to is missing, or AWS's waiting time after a deprecation has not passed.
        """
        writes = WRITES[change.key.kind]
        match change:
            case Create():
                writes.create(self, change.desired)
            case Update() if writes.update:
                writes.update(self, change.desired, change.actual)
            case Update():
                raise InvalidResource(f"{change.key} has no field that could be updated")
            case Delete():
                writes.delete(self, change.actual)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource of this Region."""
        return iot_arn(resource, self._region, self._account)


@dataclass(frozen=True)
class _Writes:
    """How one of a kind is written; without `update` it has no field that could change."""

    create: Callable[[IotRegistryWriter, Any], None]
    delete: Callable[[IotRegistryWriter, Any], None]
    update: Callable[[IotRegistryWriter, Any, Any], None] | None = None


def _put(update: Callable[[Any, Any, Any], None]) -> Callable[[IotRegistryWriter, Any, Any], None]:
    """Return what updates one of a kind that has tags; those take calls of their own, which alone are made for them."""

    def put(writer: IotRegistryWriter, one: Any, found: Any) -> None:
        if with_tags(one, None) != with_tags(found, None):
            update(writer.client, one, found)
        tag_writes.put_tags(writer.client, writer.arn(resource_of(one.key)), one, found)

    return put


def _certificate_arn(writer: IotRegistryWriter, principal: ThingPrincipal) -> str:
    return writer.arn(certificate_target(principal.certificate_id))


WRITES: Mapping[Kind, _Writes] = {
    Kind.THING_TYPE: _Writes(
        lambda to, one: thing_writes.create_thing_type(to.client, one),
        lambda to, one: thing_writes.delete_thing_type(to.client, one),
        _put(thing_writes.update_thing_type),
    ),
    Kind.BILLING_GROUP: _Writes(
        lambda to, one: group_writes.create_billing_group(to.client, one),
        lambda to, one: group_writes.delete_billing_group(to.client, one),
        _put(group_writes.update_billing_group),
    ),
    Kind.POLICY: _Writes(
        lambda to, one: policy_writes.create_policy(to.client, one),
        lambda to, one: policy_writes.delete_policy(to.client, one),
        _put(lambda client, one, _: policy_writes.put_policy_version(client, one)),
    ),
    Kind.CERTIFICATE: _Writes(
        lambda to, one: certificate_writes.register(to.client, one),
        lambda to, one: certificate_writes.delete_certificate(to.client, one),
        lambda to, one, _: certificate_writes.set_status(to.client, one),
    ),
    Kind.THING_GROUP: _Writes(
        lambda to, one: group_writes.create_thing_group(to.client, one),
        lambda to, one: group_writes.delete_thing_group(to.client, one),
        _put(group_writes.update_thing_group),
    ),
    Kind.THING: _Writes(
        lambda to, one: thing_writes.create_thing(to.client, one),
        lambda to, one: thing_writes.delete_thing(to.client, one),
        lambda to, one, found: thing_writes.update_thing(to.client, one, found),
    ),
    Kind.POLICY_ATTACHMENT: _Writes(
        lambda to, one: policy_writes.attach(to.client, one, to.arn(one.target)),
        lambda to, one: policy_writes.detach(to.client, one, to.arn(one.target)),
    ),
    Kind.THING_PRINCIPAL: _Writes(
        lambda to, one: certificate_writes.attach(to.client, one, _certificate_arn(to, one)),
        lambda to, one: certificate_writes.detach(to.client, one, _certificate_arn(to, one)),
        lambda to, one, _: certificate_writes.attach_anew(to.client, one, _certificate_arn(to, one)),
    ),
    Kind.GROUP_MEMBERSHIP: _Writes(
        lambda to, one: group_writes.add_member(to.client, one),
        lambda to, one: group_writes.remove_member(to.client, one),
    ),
}
