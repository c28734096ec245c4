"""What tests look at on the launched pair, by a customer's calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from lab.fleet import Device, Identity
from lab.pair import Pair
from lab.waiting import until

SECONDS = 15.0
"""What the slowest of these takes at worst on a busy machine; each usually takes a fraction of a second."""

Ledger = Callable[[str], dict[str, Any]]
"""Reads the ledger's item of a resource; empty if there is none."""


def output(pair: Pair, key: str) -> str:
    """An output of the secondary Region's stack."""
    stack = f"IoTDRSecondary{pair.outputs['StackPostfix']}"
    (found,) = pair.client("cloudformation", pair.secondary).describe_stacks(StackName=stack)["Stacks"]
    return str(next(entry["OutputValue"] for entry in found["Outputs"] if entry["OutputKey"] == key))


def ledger_of(pair: Pair) -> Ledger:
    """The ledger of the launched product."""
    table = output(pair, "LedgerTableName")
    client = pair.client("dynamodb", pair.secondary)

    def read(resource: str) -> dict[str, Any]:
        item = client.get_item(TableName=table, Key={"resource": {"S": resource}}, ConsistentRead=True).get("Item", {})
        return {field: next(iter(value.values())) for field, value in item.items()}

    return read


def thing(iot: Any, name: str) -> tuple[dict[str, str], str] | None:
    """A thing's attributes and type; None if there is none."""
    try:
        found = iot.describe_thing(thingName=name)
    except iot.exceptions.ResourceNotFoundException:
        return None
    return found.get("attributes") or {}, found.get("thingTypeName") or ""


def certificate_status(iot: Any, identity: Identity) -> str | None:
    """A certificate's status; None if there is none."""
    try:
        answer = iot.describe_certificate(certificateId=identity.certificate_id)
    except iot.exceptions.ResourceNotFoundException:
        return None
    return str(answer["certificateDescription"]["status"])


def certificates_of(iot: Any, name: str) -> set[str]:
    """IDs of a thing's certificates."""
    try:
        principals = iot.list_thing_principals(thingName=name)["principals"]
    except iot.exceptions.ResourceNotFoundException:
        return set()
    return {principal.rpartition("/")[2] for principal in principals}


def policies_of(pair: Pair, identity: Identity) -> set[str]:
    """Names of a certificate's policies in the secondary."""
    return policies_of_target(pair, f"cert/{identity.certificate_id}")


def policies_of_target(pair: Pair, target: str) -> set[str]:
    """Names of the policies attached to a certificate or group in the secondary."""
    arn = f"arn:aws:iot:{pair.secondary}:{pair.account}:{target}"
    attached = pair.client("iot", pair.secondary).list_attached_policies(target=arn)["policies"]
    return {policy["policyName"] for policy in attached}


def is_whole(pair: Pair, device: Device) -> bool:
    """Whether the secondary has a device with all that belongs to it."""
    secondary = pair.client("iot", pair.secondary)
    return (
        thing(secondary, device.thing_name) == (dict(device.attributes), device.thing_type or "")
        and certificates_of(secondary, device.thing_name) == {device.identity.certificate_id}
        and policies_of(pair, device.identity) == {device.policy_name}
    )


def exists(iot: Any, operation: str, **parameters: str) -> bool:
    """Whether a describing call finds something."""
    try:
        return bool(getattr(iot, operation)(**parameters))
    except iot.exceptions.ResourceNotFoundException:
        return False


def sweep(pair: Pair, task: str = "sweep") -> dict[str, Any]:
    """Call the function that the schedule calls."""
    result = try_sweep(pair, task)
    assert "errorType" not in result, result
    return result


def try_sweep(pair: Pair, task: str = "sweep") -> dict[str, Any]:
    """Call it as the schedule does, for which a failure means that it comes again."""
    answer = pair.client("lambda", pair.secondary).invoke(
        FunctionName=output(pair, "SweepRegistryFunctionName"), Payload=json.dumps({"task": task})
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def await_quiet(pair: Pair, still: float = 4.0) -> None:
    """Return when the product has been silent for longer than a pause of its workflow."""
    last: list[tuple[int, float]] = [(-1, time.monotonic())]

    def quiet() -> bool:
        calls = sum(pair.proxy.counts().values())
        if calls != last[0][0]:
            last[0] = (calls, time.monotonic())
        return time.monotonic() - last[0][1] > still

    until(quiet, 300)


def make_due(pair: Pair) -> int:
    """Let the time of every next attempt have come; return how many wait."""
    client, table = pair.client("dynamodb", pair.secondary), output(pair, "LedgerTableName")
    waiting = [
        item
        for page in client.get_paginator("query").paginate(
            TableName=table,
            IndexName="by_state",
            KeyConditionExpression="retry_state = :waiting",
            ExpressionAttributeValues={":waiting": {"S": "waiting"}},
        )
        for item in page["Items"]
    ]
    for item in waiting:
        client.update_item(
            TableName=table,
            Key={"resource": item["resource"]},
            UpdateExpression="SET next_attempt = :now",
            ConditionExpression="attribute_exists(retry_state)",
            ExpressionAttributeValues={":now": {"N": "0"}},
        )
    return len(waiting)


def kept_records(pair: Pair) -> str:
    """What the work bucket holds of records that could not be read or handled, as text."""
    s3, bucket = pair.client("s3", pair.secondary), output(pair, "WorkBucketName")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return "".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)
