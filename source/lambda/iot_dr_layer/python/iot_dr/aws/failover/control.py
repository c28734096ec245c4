"""The control item, in the registry's global table, by the replica of one Region.

A drill has an item of its own beside it, by which health checks answer for its name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from iot_dr.aws.errors import call
from iot_dr.aws.ledger.updates import ItemUpdate
from iot_dr.errors import InvalidResource
from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.regions import RegionPair

READ_REQUIRED_ACTIONS = frozenset({"dynamodb:GetItem"})
"""What reading it needs on the registry's global table."""

REQUIRED_ACTIONS = READ_REQUIRED_ACTIONS | {"dynamodb:UpdateItem"}
"""What reading and writing it needs there."""

CANARY_REQUIRED_ACTIONS = REQUIRED_ACTIONS | {"dynamodb:DeleteItem"}
"""What a drill's own item needs there."""

RESOURCE, EVENT_ID = "iot-dr#control", "control"
"""The item's key. No thing has such a name, so no event shares its partition."""

CANARY = "iot-dr#canary"
"""The same of a drill. It is another partition: functions have rights to partitions, and streams are filtered so."""


def key_of(resource: str) -> dict[str, Any]:
    """Return the key of an item."""
    return {"resource": {"S": resource}, "event_id": {"S": EVENT_ID}}


KEY = key_of(RESOURCE)

ABOVE = "attribute_not_exists(#epoch) OR #epoch < :epoch"
"""The condition by which an order, or a fence that follows it, is written over an older one alone."""

_OLD, _AUTOMATIC = "serving", "automatic"
_KNOWN = ("leader", "mode", "epoch", "replication", "at", "by", "why", _OLD)
_UNWELL = "unwell"
"""What only a drill's item may have: in the fleet's it would be a slip of the pen."""


class DynamoDbControlStore:
    """`ports.ControlStore` over a `dynamodb` client of one Region."""

    _replaced: tuple[str, ...] = (_OLD,)
    """What an order takes away if it does not set it."""

    def __init__(self, client: Any, table: str, regions: RegionPair) -> None:
        self._client, self._table, self._regions = client, table, regions
        self._key = KEY

    def control(self) -> Control:
        """Return what is in force now.

        Raises:
            InvalidResource: the item has something that is not known, which may be a slip of the pen for what is;
                nothing may be guessed then.
        """
        answer = call(self._client.get_item, TableName=self._table, Key=self._key, ConsistentRead=True)
        return control_of(answer.get("Item", {}), self._table, self._regions)

    def order(self, control: Control) -> None:
        """Write an order, if its epoch is above the one that stands in this replica; the old form goes with it.

        Raises:
            Conflict: the replica knows this epoch or a higher one.
        """
        facts = {
            "leader": control.leader,
            "mode": str(control.mode),
            "epoch": control.epoch,
            "replication": str(control.replication),
            "at": control.at,
            "by": control.by,
            "why": control.why,
        }
        facts |= {_UNWELL: control.unwell} if control.unwell else {}
        update = ItemUpdate(facts=facts, removed=self._replaced).where(ABOVE)
        call(self._client.update_item, TableName=self._table, Key=self._key, **update)


class DynamoDbCanaryControl(DynamoDbControlStore):
    """`ports.CanaryControl` over a `dynamodb` client of one Region: a drill's own item."""

    _replaced = (_UNWELL,)

    def __init__(self, client: Any, table: str, regions: RegionPair) -> None:
        super().__init__(client, table, regions)
        self._key = key_of(CANARY)

    def forget(self) -> None:
        """Take the item away; that there is none is success."""
        call(self._client.delete_item, TableName=self._table, Key=self._key)


def control_of(item: Mapping[str, Any], table: str, regions: RegionPair) -> Control:
    """Return what an item of DynamoDB says; an empty one is that the primary leads by itself.

    Raises:
        InvalidResource: with what would be right.
    """
    try:
        return _control({name: TypeDeserializer().deserialize(value) for name, value in item.items()}, regions)
    except (KeyError, TypeError, ValueError) as error:
        leaders = f"{regions.primary} or {regions.secondary}"
        raise InvalidResource(
            f"the control item of table {table} is garbled: {error}; besides its key it may have "
            f'"leader", which is {leaders}, "mode", which is {" or ".join(Mode)}, "epoch", a number, "replication", '
            f'which is {" or ".join(ReplicationState)}, "at", a number, and "by" and "why", which are texts; or, of '
            f'before, "serving", which is {_AUTOMATIC} or {leaders}'
        ) from error


def _control(item: Mapping[str, Any], regions: RegionPair) -> Control:
    of_drill = {_UNWELL} if item.get("resource") == CANARY else set[str]()
    if unknown := sorted(item.keys() - {*_KNOWN, *KEY} - of_drill):
        raise ValueError(", ".join(unknown))
    replication = ReplicationState(item.get("replication", ReplicationState.ACTIVE))
    if "leader" not in item:
        return _of_before(str(item.get(_OLD, _AUTOMATIC)), replication, regions)
    return Control(
        leader=_one_of(item["leader"], regions, "leader"),
        mode=Mode(item.get("mode", Mode.AUTOMATIC)),
        epoch=int(item.get("epoch", 0)),
        replication=replication,
        at=int(item.get("at", 0)),
        by=_text(item.get("by", "")),
        why=_text(item.get("why", "")),
        unwell=_one_of(item[_UNWELL], regions, _UNWELL) if _UNWELL in item else "",
    )


def _of_before(serving: str, replication: ReplicationState, regions: RegionPair) -> Control:
    """Read the form that says which Region serves: one that is named is pinned."""
    if serving == _AUTOMATIC:
        return Control(regions.primary, replication=replication)
    return Control(_one_of(serving, regions, _OLD), Mode.PINNED, replication=replication, why=f"{_OLD} = {serving}")


def _one_of(region: object, regions: RegionPair, name: str) -> str:
    if region not in (regions.primary, regions.secondary):
        raise ValueError(f'"{name}" = "{region}"')
    return str(region)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value} is no text")
    return value
