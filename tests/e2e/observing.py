"""What tests check on the launched pair, by a customer's calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from iot_dr.aws.events.failed_records import PREFIXES
from iot_dr.aws.ledger.updates import HELD
from iot_dr.model.failover.fence import HELD_BACK
from iot_dr.model.registry.keys import Key, shadow_key
from lab.counting import Call, Refusal
from lab.faults import injected
from lab.fleet import Device, Identity
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until

SECONDS = 30.0
"""What the slowest of these takes at worst on a busy machine; each usually takes a fraction of a second."""

ROUND_KINDS = ("thing", "policy", "certificate", "thing_group", "billing_group")
"""What the sweep's round comes to, as the ledger names the round's places."""

Ledger = Callable[[str], dict[str, Any]]
"""Reads the ledger's item of a resource; empty if there is none."""


def output(pair: Pair, key: str) -> str:
    """An output of the secondary Region's stack."""
    stack = f"IoTDRSecondary{pair.outputs['StackPostfix']}"
    (found,) = pair.client("cloudformation", pair.secondary).describe_stacks(StackName=stack)["Stacks"]
    return str(next(entry["OutputValue"] for entry in found["Outputs"] if entry["OutputKey"] == key))


def resource_of(pair: Pair, logical_id: str) -> str:
    """The physical ID of a resource of the secondary Region's stack."""
    return pair.physical_id(logical_id)


def ledger_of(pair: Pair) -> Ledger:
    """The ledger of the launched product."""
    table = output(pair, "LedgerTableName")
    client = pair.client("dynamodb", pair.secondary)

    def read(resource: str) -> dict[str, Any]:
        item = client.get_item(TableName=table, Key={"resource": {"S": resource}}, ConsistentRead=True).get("Item", {})
        known = {field: next(iter(value.values())) for field, value in item.items()}
        # Of what is gone no more is kept than when it was seen so.
        return {} if "expires" in known and "state" not in known else known

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


def principal_types(iot: Any, name: str) -> list[str]:
    """How a thing's principals are attached, exclusively or not."""
    try:
        listed = iot.list_thing_principals_v2(thingName=name)["thingPrincipalObjects"]
    except iot.exceptions.ResourceNotFoundException:
        return []
    return [str(one["thingPrincipalType"]) for one in listed]


def default_document(iot: Any, policy: str) -> Any:
    """A policy's default document; None if there is no such policy."""
    try:
        return json.loads(iot.get_policy(policyName=policy)["policyDocument"])
    except iot.exceptions.ResourceNotFoundException:
        return None


def policies_of(pair: Pair, identity: Identity) -> set[str]:
    """Names of a certificate's policies in the secondary."""
    return policies_of_target(pair, f"cert/{identity.certificate_id}")


def tags_of(pair: Pair, region: str, resource: str) -> dict[str, str]:
    """The tags of a Region's resource; the last field of its ARN names it."""
    arn = f"arn:aws:iot:{region}:{pair.account}:{resource}"
    listed = pair.client("iot", region).list_tags_for_resource(resourceArn=arn)["tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


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


def sweep_round(pair: Pair) -> None:
    """Call it as often as the round takes to come to every resource once."""
    ledger = ledger_of(pair)

    def under_way() -> bool:
        return any(ledger(f"cursor#{kind}").get("position") for kind in ROUND_KINDS)

    begun = under_way()
    sweep(pair)
    while under_way():
        sweep(pair)
    if begun:
        sweep_round(pair)


def stays(request: Callable[[], object], seconds: float = 1.5) -> bool:
    """Whether something holds now and for some time on."""
    return not until(lambda: not request(), seconds)


CONFIRMING = {"ListThingPrincipalsV2", "ListAttachedPolicies", "SendMessageBatch", "StartSyncExecution"}
"""What only asks again, for minutes, whether a thing without a certificate has one by now."""


def await_quiet(pair: Pair, still: float = 4.0) -> None:
    """Return when the product has been silent for longer than a pause of its workflow."""
    last: list[tuple[int, float]] = [(-1, time.monotonic())]

    def quiet() -> bool:
        calls = sum(number for call, number in pair.proxy.counts().items() if call.operation not in CONFIRMING)
        if calls != last[0][0]:
            last[0] = (calls, time.monotonic())
        return time.monotonic() - last[0][1] > still

    until(quiet, 300)


def await_empty_queues(pair: Pair) -> None:
    """Return when no request waits for a worker or is with one; what is to be checked later may stay."""
    sqs = pair.client("sqs", pair.secondary)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def empty() -> bool:
        urls = (resource_of(pair, queue) for queue in ("LookQueue", "BackgroundQueue"))
        found = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in urls]
        return not any(int(number) for attributes in found for number in attributes.values())

    until(empty, 120)


def make_due(pair: Pair) -> int:
    """Let the time of every next attempt have come; return how many wait."""
    client, table = pair.client("dynamodb", pair.secondary), output(pair, "LedgerTableName")
    waiting = [
        item
        for state in ("waiting", "look_again")
        for page in client.get_paginator("query").paginate(
            TableName=table,
            IndexName="by_state",
            KeyConditionExpression="retry_state = :state",
            ExpressionAttributeValues={":state": {"S": state}},
        )
        for item in page["Items"]
    ]
    for item in waiting:
        # What has come right since it was asked for does not wait any more.
        with suppress(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName=table,
                Key={"resource": item["resource"]},
                UpdateExpression="SET next_attempt = :now",
                ConditionExpression="attribute_exists(retry_state)",
                ExpressionAttributeValues={":now": {"N": "0"}},
            )
    return len(waiting)


def converges(pair: Pair, done: Callable[[], bool], *tasks: str, seconds: float = 90.0) -> bool:
    """Whether something comes to be: by itself, or after what the schedule does in its time, which is let come."""
    for _ in range(4):
        if until(done, seconds / 5):
            return True
        make_due(pair)
        for task in tasks or ("retry",):
            try_sweep(pair, task)
    return until(done, seconds / 5)


def forget_held(pair: Pair) -> None:
    """Take away, in both Regions and from the ledger, every shadow that waits because a device wrote its copy."""
    client, table = pair.client("dynamodb", pair.secondary), output(pair, "LedgerTableName")
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(#resource, :shadow) AND (retry_state = :held OR begins_with(#reason, :back))",
        ExpressionAttributeNames={"#resource": "resource", "#reason": "reason"},
        ExpressionAttributeValues={":shadow": {"S": "shadow#"}, ":held": {"S": HELD}, ":back": {"S": HELD_BACK}},
    )
    for item in [item for page in pages for item in page["Items"]]:
        key = Key.parse(item["resource"]["S"])
        forget_shadow(pair, key.name, key.other)


def forget_shadow(pair: Pair, thing: str, name: str) -> None:
    """Take a shadow away, in both Regions and from the ledger."""
    data = pair.client("iot-data")
    for region in (pair.primary, pair.secondary):
        with suppress(data.exceptions.ResourceNotFoundException):
            Shadows(pair.client("iot-data", region)).delete(thing, name)
    key = {"resource": {"S": str(shadow_key(thing, name))}}
    pair.client("dynamodb", pair.secondary).delete_item(TableName=output(pair, "LedgerTableName"), Key=key)


def stored_events(pair: Pair, table: str, thing: str) -> list[dict[str, Any]]:
    """Return what the secondary's replica of a table holds of a thing's events; the table is named without postfix."""
    answer = pair.client("dynamodb", pair.secondary).query(
        TableName=f"{table}{pair.outputs['StackPostfix']}",
        KeyConditionExpression="#resource = :name",
        ExpressionAttributeNames={"#resource": "resource"},
        ExpressionAttributeValues={":name": {"S": thing}},
    )
    items: list[dict[str, Any]] = answer["Items"]
    return items


NOT_TODAY = Refusal(400, "InvalidRequestException", "not today")
TOO_FAST = Refusal(400, "ThrottlingException", "Rate exceeded")


@contextmanager
def refusing_things(pair: Pair, refusal: Refusal = NOT_TODAY) -> Iterator[None]:
    """Have the secondary refuse to create things; what is `TOO_FAST` holds up who has one to make."""

    def refuse(call: Call) -> Refusal | None:
        return refusal if call.operation == "CreateThing" and call.region == pair.secondary else None

    with injected(pair.proxy, refuse):
        yield


def changes_logged(pair: Pair, name: str) -> set[str]:
    """What the worker's log says that it changed of the resources with this name."""
    logs, group = pair.client("logs", pair.secondary), resource_of(pair, "ReplicateResourceLogGroup")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = (event["message"] for page in pages for event in page["events"] if name in event["message"])
    records = (json.loads(line) for text in lines for line in text.splitlines() if line.startswith("{"))
    return {change for record in records for change in record.get("changes", []) if name in change}


def kept_records(pair: Pair) -> str:
    """What the work bucket holds of records that could not be read or handled, as text."""
    return "".join(text for _, text in _kept(pair))


def drop_kept_records(pair: Pair, name: str = "") -> None:
    """Delete from the work bucket what was kept of records and tells of this name, or all that was."""
    for key, text in _kept(pair):
        if key.startswith(PREFIXES) and name in text:
            pair.client("s3", pair.secondary).delete_object(Bucket=output(pair, "WorkBucketName"), Key=key)


def _kept(pair: Pair) -> Iterator[tuple[str, str]]:
    s3, bucket = pair.client("s3", pair.secondary), output(pair, "WorkBucketName")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for key in [entry["Key"] for page in pages for entry in page.get("Contents", [])]:
        yield key, s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
