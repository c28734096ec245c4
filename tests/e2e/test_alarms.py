"""Every alarm of the launch can ring: what it watches is made to happen, and the alarm as it was launched says so.

Nobody waits for an alarm's minutes: what one period came to is worked out for as many as the alarm asks for, by
`lab/alarms.py`. Whether AWS measures what the lab measures is AWS's.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from iot_dr.aws.failover.control import KEY
from lab.counting import Call, Refusal
from lab.faults import injected
from lab.fleet import Fleet
from lab.pair import Pair
from lab.shadows import Shadows
from lab.waiting import until
from tests.e2e.observing import SECONDS, drop_kept_records, output, sweep, thing
from tests.e2e.ringing import Launched, resources
from tests.e2e.telling import item, store, thing_event

pytestmark = pytest.mark.row("O1")

LATE = 120_000
"""Milliseconds: older than what counts as late."""

AT_OTHER_PLACES = {
    "DeviceProvisioningAlarm": "test_just_in_time.py, where the primary has a provisioning template",
    "FailedRecordsAlarm": "test_replay.py, where the stream gives a record up",
    "PinnedWhileFailingAlarm": "test_failover_scenarios.py, where a Region is pinned while its own round trip fails",
    "ControlUnreadableAlarm": "test_failover_scenarios.py, where the control item is garbled",
    "FleetCertificateAlarm": "test_failover_scenarios.py, whose fleet has a name",
}
NOT_MADE_TO_HAPPEN = {
    "FailedShadowRecordsAlarm": "measured as those of FailedRecordsAlarm are; giving up takes half a minute",
    "DroppedRecordsAlarm": "only without the work bucket are records dropped; tests/e2e/corrections has that",
    "DroppedShadowRecordsAlarm": "the same",
    "WorkflowTimedOutAlarm": "the emulator ends no execution for its time",
}
"""Alarms that are only held to watch what there is, each with the reason."""


def invoke(pair: Pair, region: str, function: str, event: Any) -> None:
    """Call a function, whatever comes of it."""
    functions = pair.client("lambda", region)
    with suppress(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=function, Payload=json.dumps(event))


@pytest.fixture(scope="module")
def launched(pair: Pair) -> Launched:
    return Launched.of(pair)


def test_each_alarm_of_the_launch_is_made_to_ring_or_has_its_reason(launched: Launched) -> None:
    made = {title for titles in MADE.values() for title in titles}

    assert {title for _, title in launched.names} <= made | AT_OTHER_PLACES.keys() | NOT_MADE_TO_HAPPEN.keys()


def test_every_alarm_of_a_metric_of_aws_is_about_something_that_was_launched(pair: Pair, launched: Launched) -> None:
    for region in (pair.primary, pair.secondary):
        there = {one["PhysicalResourceId"].rpartition("/")[2] for one in resources(pair, region)}
        about = {title: launched.alarm(region, title) for place, title in launched.names if place == region}
        of_aws = {title for title, alarm in about.items() if alarm["Namespace"].startswith("AWS/")}
        lost = {title for title in of_aws if launched.watched(region, title).rpartition("/")[2] not in there}

        assert not lost
        assert of_aws


@contextmanager
def messages_that_nobody_takes(pair: Pair, launched: Launched) -> Iterator[None]:
    """A message in each queue of what could not be stored or handled; they are taken out again."""
    queues = [
        (pair.client("sqs", region), launched.watched(region, title))
        for region, title in launched.names
        if title in ("RuleErrorAlarm", "ManagementEventAlarm", "ShadowRuleErrorAlarm", "JitrAlarm")
    ]
    urls = [(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"]) for sqs, name in queues]
    for sqs, url in urls:
        sqs.send_message(QueueUrl=url, MessageBody="a message that nobody takes")
    try:
        yield
    finally:
        for sqs, url in urls:
            sqs.purge_queue(QueueUrl=url)


@contextmanager
def messages_that_cannot_be_read(pair: Pair, launched: Launched) -> Iterator[None]:
    """One in each queue of requests, which waits a moment before a worker sets it aside."""
    sqs = pair.client("sqs", pair.secondary)
    for title in ("BacklogAlarm", "BackgroundBacklogAlarm"):
        url = sqs.get_queue_url(QueueName=launched.watched(pair.secondary, title))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="garbled", DelaySeconds=2)
    try:
        yield
    finally:
        kept, count = output(pair, "LookDeadLetterQueueUrl"), "ApproximateNumberOfMessages"

        def set_aside() -> bool:
            answer = sqs.get_queue_attributes(QueueUrl=kept, AttributeNames=[count])
            return int(answer["Attributes"][count]) == 2

        assert until(set_aside, SECONDS)
        sqs.purge_queue(QueueUrl=kept)


@contextmanager
def records_that_cannot_be_read(pair: Pair, launched: Launched) -> Iterator[None]:
    """A record in a batch of each stream, of which nothing stays in the work bucket."""
    garbled = {"resource": {"S": "alarms-garbled"}, "event_id": {"S": "1"}, "payload": {"S": "no base64!"}}
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": "1", "Keys": {"resource": garbled["resource"]}, "NewImage": garbled},
    }
    for title in ("ReplicationBehindAlarm", "ShadowReplicationBehindAlarm"):
        invoke(pair, pair.secondary, launched.watched(pair.secondary, title), {"Records": [record]})
    yield
    drop_kept_records(pair, "alarms-garbled")


@contextmanager
def an_event_and_a_shadow_that_come_late(pair: Pair, _launched: Launched) -> Iterator[None]:
    """A shadow, and a thing's event of two minutes ago, which finds something to do."""
    name, secondary = f"alarms-{time.time_ns()}", pair.client("iot", pair.secondary)
    pair.client("iot").create_thing(thingName=name, attributePayload={"attributes": {"site": "north"}})
    Shadows(pair.client("iot-data")).update(name, {"reported": {"late": True}})
    assert until(lambda: thing(secondary, name), SECONDS)
    secondary.update_thing(thingName=name, attributePayload={"attributes": {"site": "drifted"}})
    late = {**thing_event(name, "UPDATED"), "timestamp": int(time.time() * 1000) - LATE}
    store(pair, [item(pair, late)])
    yield


@contextmanager
def a_request_that_failed_for_good(pair: Pair, _launched: Launched) -> Iterator[None]:
    """What the workflow has recorded of it; its item of the ledger goes again."""
    resource = {"kind": "thing", "name": f"alarms-failed-{time.time_ns()}"}
    event = {"looks": [resource], "error": {"Error": "TerminalError", "Cause": "a test"}}
    invoke(pair, pair.secondary, pair.physical_id("RecordFailureFunction"), event)
    yield
    pair.client("dynamodb", pair.secondary).delete_item(
        TableName=output(pair, "LedgerTableName"), Key={"resource": {"S": f"thing#{resource['name']}"}}
    )


@contextmanager
def an_execution_that_fails(pair: Pair, launched: Launched) -> Iterator[None]:
    """One whose input the workflow does not know."""
    machine = launched.watched(pair.secondary, "WorkflowFailedAlarm")
    pair.client("stepfunctions", pair.secondary).start_execution(stateMachineArn=machine, input="{}")
    yield


@contextmanager
def a_sweep_that_finds_a_stale_certificate_and_one_that_fails(pair: Pair, launched: Launched) -> Iterator[None]:
    """A certificate that crossed, and has another status by the time when the sweep comes."""
    name = f"alarms-stale-{time.time_ns()}"
    fleet = Fleet(pair.client("iot"), region=pair.primary, account=pair.account, policy_name=f"{name}-policy")
    fleet.prepare()
    identity = fleet.provision(name).identity
    secondary = pair.client("iot", pair.secondary)

    def crossed() -> bool:
        with suppress(secondary.exceptions.ResourceNotFoundException):
            return bool(secondary.describe_certificate(certificateId=identity.certificate_id))
        return False

    assert until(crossed, SECONDS)

    def no_status(call: Call) -> Refusal | None:
        told = call.operation == "UpdateCertificate" and call.region == pair.secondary
        return Refusal(400, "ThrottlingException", "Rate exceeded") if told else None

    # A check that the new device still has may come before the sweep. A sweep that found nothing would quiet the alarm.
    with injected(pair.proxy, no_status):
        pair.client("iot").update_certificate(certificateId=identity.certificate_id, newStatus="INACTIVE")
        assert sweep(pair)["stale"]
    invoke(pair, pair.secondary, launched.watched(pair.secondary, "SweepFailedAlarm"), {"delete_share": "much"})
    yield


@contextmanager
def control_items_that_differ(pair: Pair, _launched: Launched) -> Iterator[None]:
    """The primary's says what it said before the replicas were apart; then it is as it was."""
    table = f"IoTDRGlobalTable{pair.outputs['StackPostfix']}"
    pair.replicas.pause()
    try:
        pinned = {**KEY, "serving": {"S": pair.primary}}
        pair.client("dynamodb", pair.primary).put_item(TableName=table, Item=pinned)
        sweep(pair, "retry")
        pair.client("dynamodb", pair.primary).delete_item(TableName=table, Key=KEY)
    finally:
        pair.replicas.heal()
        for region in (pair.primary, pair.secondary):
            pair.client("dynamodb", region).delete_item(TableName=table, Key=KEY)
    yield


def ask_as_strangers(pair: Pair, launched: Launched, region: str, since: float) -> bool:
    """Ask for what the API does not have, once more than its alarm allows of a minute; whether it rings."""
    title = "HealthStrangersAlarm"
    host = f"{launched.watched(region, title)}.execute-api.localhost:{pair.emulator.port}"
    with closing(http.client.HTTPConnection("127.0.0.1", pair.emulator.port, timeout=10)) as connection:
        for _ in range(int(launched.alarm(region, title)["Threshold"]) + 1):
            connection.request("GET", "/wp-login.php", headers={"Host": host})
            connection.getresponse().read()
    return launched.rings(region, title, since)


@contextmanager
def a_checker_that_strangers_ask_and_that_fails(pair: Pair, launched: Launched) -> Iterator[None]:
    """Requests for what is not there, an event that is none, and no room to run in."""
    since, region = time.time(), pair.secondary
    # Again, because a minute may end between the requests.
    assert until(lambda: ask_as_strangers(pair, launched, region, since), SECONDS)
    function, functions = launched.watched(region, "HealthFailedAlarm"), pair.client("lambda", region)
    invoke(pair, region, function, ["no request"])
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        invoke(pair, region, function, {})
    finally:
        functions.delete_function_concurrency(FunctionName=function)
    yield


Cause = Callable[[Pair, Launched], Any]
MADE: dict[Cause, tuple[str, ...]] = {
    messages_that_nobody_takes: ("RuleErrorAlarm", "ManagementEventAlarm", "ShadowRuleErrorAlarm", "JitrAlarm"),
    messages_that_cannot_be_read: ("BacklogAlarm", "BackgroundBacklogAlarm", "UnreadableLooksAlarm"),
    records_that_cannot_be_read: ("UnreadableRecordsAlarm", "UnreadableShadowRecordsAlarm"),
    an_event_and_a_shadow_that_come_late: ("ReplicationBehindAlarm", "ShadowReplicationBehindAlarm", "LagAlarm"),
    a_request_that_failed_for_good: ("FailedAlarm",),
    an_execution_that_fails: ("WorkflowFailedAlarm",),
    a_sweep_that_finds_a_stale_certificate_and_one_that_fails: ("StaleCertificatesAlarm", "SweepFailedAlarm"),
    control_items_that_differ: ("ControlUnequalAlarm",),
    a_checker_that_strangers_ask_and_that_fails: (
        "HealthStrangersAlarm",
        "HealthFailedAlarm",
        "HealthThrottledAlarm",
    ),
}


@pytest.mark.parametrize("cause", MADE, ids=lambda cause: cause.__name__)
def test_what_an_alarm_watches_makes_it_ring(pair: Pair, launched: Launched, cause: Cause) -> None:
    since = time.time()

    def silent() -> list[tuple[str, str]]:
        # Where both Regions have an alarm, the secondary's.
        places = {title: region for region, title in launched.names if title in MADE[cause]}
        return [(region, title) for title, region in places.items() if not launched.rings(region, title, since)]

    with cause(pair, launched):
        assert until(lambda: not silent(), SECONDS), silent()
