"""Corrections of functions, state machines and stream mappings."""

import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from lab.emulator import Emulator
from lab.waiting import until
from tests.e2e.corrections.making import Aws, make_function, make_role, zipped

pytestmark = pytest.mark.lab

FAILING = """
class RegionUnavailable(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if not event.get("ok"):
        raise RegionUnavailable("us-west-2 does not answer")
    return calls
"""


def caught_by_class(aws: Aws) -> str:
    """Run a state machine that retries and catches by the class of the function's error; what the execution ends as."""
    function = make_function(aws, FAILING)
    states, name = aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    retry = {
        "ErrorEquals": ["RegionUnavailable"],
        "IntervalSeconds": 1,
        "MaxAttempts": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 5,
        "JitterStrategy": "FULL",
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": False}},
        "Retry": [retry],
        "Catch": [{"ErrorEquals": ["RegionUnavailable"], "Next": "Caught"}],
        "End": True,
    }
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Try", "States": {"Try": task, "Caught": {"Type": "Pass", "End": True}}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def ended() -> str | None:
        status: str = states.describe_execution(executionArn=execution)["status"]
        return None if status == "RUNNING" else status

    return until(ended, 15) or "RUNNING"


def test_retry_and_catch_match_the_class_of_a_functions_error(corrected: Aws) -> None:
    assert caught_by_class(corrected) == "SUCCEEDED"


def test_the_emulator_matches_no_class_of_error(uncorrected: Aws) -> None:
    assert caught_by_class(uncorrected) == "FAILED"


def invoke(aws: Aws, function: str, event: dict[str, Any]) -> Any:
    return json.loads(aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))["Payload"].read())


def test_the_environment_lives_on_after_a_handlers_error(corrected: Aws) -> None:
    function = make_function(corrected, FAILING)
    assert invoke(corrected, function, {"ok": True}) == 1
    error = invoke(corrected, function, {})
    assert (error["errorType"], error["errorMessage"]) == ("RegionUnavailable", "us-west-2 does not answer")
    assert error["stackTrace"]
    assert invoke(corrected, function, {"ok": True}) == 3


def test_the_emulator_hides_the_class_and_ends_the_environment(uncorrected: Aws) -> None:
    function = make_function(uncorrected, FAILING)
    assert invoke(uncorrected, function, {"ok": True}) == 1
    assert invoke(uncorrected, function, {})["errorType"] == "Runtime.HandlerError"
    assert invoke(uncorrected, function, {"ok": True}) == 1


DYING = """
import os, signal

def handler(event, context):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_function_that_dies_is_an_exit_error(corrected: Aws) -> None:
    error = invoke(corrected, make_function(corrected, DYING), {})
    assert error["errorType"] == "Runtime.ExitError"


AT_WORK = """
import time
from pathlib import Path

def handler(event, context):
    Path(event["begun"]).touch()
    while not Path(event["may_end"]).exists():
        time.sleep(0.05)
    return "old"
"""


def answered_after_an_update(aws: Aws, folder: Path) -> Any:
    """Update a function while it is at work; what the one who had asked before is told, and who asks then."""
    function, client, begun, may_end = make_function(aws, AT_WORK), aws.client("lambda"), folder / "1", folder / "2"
    event = {"begun": str(begun), "may_end": str(may_end)}
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(invoke, aws, function, event)
        assert until(begun.exists, 10)
        client.update_function_code(FunctionName=function, ZipFile=zipped(AT_WORK.replace("old", "new")))
        client.get_waiter("function_updated_v2").wait(FunctionName=function)
        may_end.touch()
        return first.result(), invoke(aws, function, event)


def test_an_invocation_goes_on_when_its_function_is_updated(corrected: Aws, tmp_path: Path) -> None:
    assert answered_after_an_update(corrected, tmp_path) == ("old", "new")


def test_the_emulator_ends_what_an_updated_function_does(uncorrected: Aws, tmp_path: Path) -> None:
    first, then = answered_after_an_update(uncorrected, tmp_path)

    assert first["errorMessage"]
    assert then == "new"


def test_the_emulator_takes_a_death_for_the_handlers_error(uncorrected: Aws) -> None:
    assert invoke(uncorrected, make_function(uncorrected, DYING), {})["errorType"] == "Runtime.HandlerError"


def error_of_a_task_without_room(aws: Aws) -> str:
    """Return what a task fails with whose function may not run at all."""
    function = make_function(aws, FAILING)
    aws.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    states = aws.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": True}},
        "End": True,
    }
    machine = states.create_state_machine(
        name=f"machine-{uuid.uuid4().hex[:8]}",
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Once", "States": {"Once": task}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = until(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED", 10)
    assert ended
    return str(states.describe_execution(executionArn=execution).get("error"))


def test_a_task_whose_function_has_no_room_fails_by_its_own_name(corrected: Aws) -> None:
    assert error_of_a_task_without_room(corrected) == "Lambda.TooManyRequestsException"


def test_the_emulator_alone_does_not_tell_that_a_function_has_no_room(uncorrected: Aws) -> None:
    assert error_of_a_task_without_room(uncorrected) == "Lambda.Unknown"


def shortest_execution(aws: Aws) -> float:
    """Run a synchronous execution of one state some times; the seconds that the quickest took."""
    # The lab has one host for every service; an operation's own has no address here.
    config = Config(inject_host_prefix=False)
    states = aws.emulator.client("stepfunctions", config=config)
    machine = states.create_state_machine(
        name=f"machine-{uuid.uuid4().hex[:8]}",
        type="EXPRESS",
        roleArn=make_role(aws, "states"),
        definition=json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}),
    )["stateMachineArn"]

    def seconds() -> float:
        begun = time.monotonic()
        states.start_sync_execution(stateMachineArn=machine)
        return time.monotonic() - begun

    return min(seconds() for _ in range(8))


def test_a_synchronous_execution_begins_at_once(corrected: Aws) -> None:
    assert shortest_execution(corrected) < 0.15


def test_the_emulator_has_a_synchronous_execution_wait_before_its_first_state(uncorrected: Aws) -> None:
    assert shortest_execution(uncorrected) >= 0.15


def calls_after_a_stop(aws: Aws) -> int:
    """Stop an execution that waits between two calls of a function; how many calls of it there were in the end."""
    function = make_function(aws, FAILING)
    states, name = aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"ok": True}},
    }
    each = {
        "StartAt": "Once",
        "States": {
            "Once": {**task, "Next": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Again"},
            "Again": {**task, "End": True},
        },
    }
    mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "End": True}
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}),
        definition=json.dumps({"StartAt": "Each", "States": {"Each": mapped}}),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"items": [1]}')["executionArn"]

    def happened(event: str) -> int:
        events = states.get_execution_history(executionArn=execution)["events"]
        return sum(one["type"] == event for one in events)

    assert until(lambda: happened("TaskSucceeded"), 10)
    states.stop_execution(executionArn=execution)
    until(lambda: happened("TaskSucceeded") > 1, 3)
    return happened("TaskSucceeded")


def test_a_stopped_execution_calls_nothing_more(corrected: Aws) -> None:
    assert calls_after_a_stop(corrected) == 1


def test_the_emulator_lets_a_stopped_execution_run_to_its_end(uncorrected: Aws) -> None:
    assert calls_after_a_stop(uncorrected) == 2


def map_run(aws: Aws, language: str = "JSONPath", **fields: Any) -> dict[str, Any]:
    """Run a Distributed Map over an inventory of five items, and return its execution; `bucket` holds its files."""
    s3, states, name = aws.client("s3"), aws.client("stepfunctions"), f"machine-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="items.jsonl", Body="\n".join(json.dumps({"n": n}) for n in range(5)))
    jsonata = language == "JSONata"
    place = {"Bucket": name, "Key": "{% $states.input.key %}" if jsonata else "items.jsonl"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments" if jsonata else "Parameters": place,
    }
    each = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Done",
        "States": {"Done": {"Type": "Pass", "End": True}},
    }
    if fields.pop("writes", False):
        where = {"Bucket": name, "Prefix": "results"}
        fields["ResultWriter"] = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": where}
    state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": each, "End": True, **fields}
    machine = states.create_state_machine(
        name=name,
        roleArn=make_role(aws, "states"),
        definition=json.dumps({"QueryLanguage": language, "StartAt": "All", "States": {"All": state}}),
    )["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input='{"key": "items.jsonl", "at_once": 2}')["executionArn"]
    assert until(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING", 10)
    execution: dict[str, Any] = states.describe_execution(executionArn=arn)
    runs = states.list_map_runs(executionArn=arn)["mapRuns"]
    return execution | {
        "bucket": name,
        "runs": [states.describe_map_run(mapRunArn=one["mapRunArn"]) for one in runs],
    }


def test_a_distributed_map_hands_its_items_over_in_batches_and_counts_items(corrected: Aws) -> None:
    execution = map_run(corrected, ItemBatcher={"MaxItemsPerBatch": 2})

    assert [len(batch["Items"]) for batch in json.loads(execution["output"])] == [2, 2, 1]
    (run,) = execution["runs"]
    assert (run["executionCounts"]["succeeded"], run["itemCounts"]["succeeded"]) == (3, 5)
    assert run["itemCounts"]["total"] == 5


def test_the_emulator_hands_every_item_over_by_itself(uncorrected: Aws) -> None:
    execution = map_run(uncorrected, ItemBatcher={"MaxItemsPerBatch": 2})

    assert json.loads(execution["output"]) == [{"n": n} for n in range(5)]


def test_a_distributed_map_writes_its_results_to_a_bucket(corrected: Aws) -> None:
    execution = map_run(corrected, writes=True)

    where, s3 = json.loads(execution["output"])["ResultWriterDetails"], corrected.client("s3")
    manifest = json.loads(s3.get_object(Bucket=where["Bucket"], Key=where["Key"])["Body"].read())
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    results = json.loads(s3.get_object(Bucket=where["Bucket"], Key=file["Key"])["Body"].read())
    assert sorted(json.loads(one["Input"])["n"] for one in results) == list(range(5))
    assert {one["Status"] for one in results} == {"SUCCEEDED"}


def test_the_emulator_writes_no_results(uncorrected: Aws) -> None:
    execution = map_run(uncorrected, writes=True)

    found = uncorrected.client("s3").list_objects_v2(Bucket=execution["bucket"])
    assert [one["Key"] for one in found["Contents"]] == ["items.jsonl"]


JSONATA = {"MaxConcurrency": "{% $states.input.at_once %}", "Output": "{% $count($states.result) %}"}


def test_a_distributed_map_understands_jsonata(corrected: Aws) -> None:
    execution = map_run(corrected, "JSONata", **JSONATA)

    assert (execution["status"], execution["output"]) == ("SUCCEEDED", "5")
    assert [run["maxConcurrency"] for run in execution["runs"]] == [2]


def test_the_emulator_takes_jsonata_of_a_distributed_map_for_plain_text(uncorrected: Aws) -> None:
    assert map_run(uncorrected, "JSONata", **JSONATA)["status"] == "FAILED"


SLOW = """
import os, time

def handler(event, context):
    time.sleep(0.2)
    return os.getpid()
"""


def environments_of_a_burst(aws: Aws) -> int:
    """How many environments twelve invocations at once get, once the first is warm."""
    function = make_function(aws, SLOW)
    invoke(aws, function, {})
    with ThreadPoolExecutor(12) as pool:
        return len(set(pool.map(lambda _: invoke(aws, function, {}), range(12))))


def test_a_burst_waits_for_environments_instead_of_starting_a_crowd(corrected: Aws) -> None:
    assert environments_of_a_burst(corrected) <= 2 * (os.cpu_count() or 2)


def test_the_emulator_starts_an_environment_for_every_invocation_of_a_burst(uncorrected: Aws) -> None:
    assert environments_of_a_burst(uncorrected) > 2 * (os.cpu_count() or 2)


READER = """
import boto3, os
table = boto3.resource("dynamodb").Table("TABLE")

def handler(event, context):
    failures = []
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["k"]["S"]
        table.update_item(
            Key={"k": key}, UpdateExpression="ADD tries :one", ExpressionAttributeValues={":one": 1},
        )
        if key.startswith("bad"):
            MODE
            break
    return {"batchItemFailures": failures}
"""

RAISE = "raise ValueError(key)"

REPORT = 'failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})'


class Stream:
    """A table whose stream feeds a function that notes in another table what it got."""

    def __init__(self, aws: Aws, mode: str, **settings: Any) -> None:
        self.dynamodb, self.s3 = aws.client("dynamodb"), aws.client("s3")
        self.source, self.seen, self.bucket = (
            f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("source", "seen", "failed")
        )
        self.s3.create_bucket(Bucket=self.bucket)
        for name in (self.source, self.seen):
            self.dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
        function = make_function(
            aws,
            READER.replace("TABLE", self.seen).replace("MODE", mode),
            {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*"},
        )
        self.mapping = aws.client("lambda").create_event_source_mapping(
            EventSourceArn=self.dynamodb.describe_table(TableName=self.source)["Table"]["LatestStreamArn"],
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{self.bucket}"}},
            Enabled=False,
            **settings,
        )["UUID"]
        self.functions = aws.client("lambda")

    def feed(self, *keys: str) -> None:
        """Write the items first and enable the mapping then, so that they come as one batch."""
        for key in keys:
            self.dynamodb.put_item(TableName=self.source, Item={"k": {"S": key}})
        self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=True)

    def tries(self) -> dict[str, int]:
        items = self.dynamodb.scan(TableName=self.seen)["Items"]
        return {item["k"]["S"]: int(item["tries"]["N"]) for item in items}

    def failed(self) -> list[dict[str, Any]]:
        objects = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [
            json.loads(self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()) for entry in objects
        ]

    def close(self) -> None:
        self.functions.delete_event_source_mapping(UUID=self.mapping)


def failed_keys(record: dict[str, Any]) -> list[str]:
    return [entry["dynamodb"]["Keys"]["k"]["S"] for entry in json.loads(record["payload"])["Records"]]


def test_a_record_that_keeps_failing_is_kept_in_the_failure_destination_and_the_rest_goes_on(corrected: Aws) -> None:
    stream = Stream(corrected, RAISE, MaximumRetryAttempts=2, BisectBatchOnFunctionError=True, BatchSize=10)
    stream.feed("a", "b", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["bad"]]
    assert failed[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failed[0]["DDBStreamBatchInfo"]["batchSize"] == 1
    assert until(lambda: "c" in stream.tries(), 5)
    stream.close()


def test_without_bisecting_the_whole_batch_is_given_up_after_its_retries(corrected: Aws) -> None:
    stream = Stream(corrected, RAISE, MaximumRetryAttempts=1, BatchSize=10)
    stream.feed("a", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["a", "bad", "c"]]
    assert stream.tries() == {"a": 2, "bad": 2}
    stream.close()


def test_item_failures_are_tried_again_from_the_failed_record_on(corrected: Aws) -> None:
    stream = Stream(
        corrected,
        REPORT,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BatchSize=10,
    )
    stream.feed("a", "b", "bad", "c")
    failed = until(stream.failed, 10)
    assert [failed_keys(record) for record in failed] == [["bad"]]
    assert until(lambda: "c" in stream.tries(), 5)
    assert (stream.tries()["a"], stream.tries()["b"]) == (1, 1)
    stream.close()


def test_the_emulator_loses_reported_item_failures(uncorrected: Aws) -> None:
    stream = Stream(
        uncorrected, REPORT, MaximumRetryAttempts=1, FunctionResponseTypes=["ReportBatchItemFailures"], BatchSize=10
    )
    stream.feed("a", "bad", "c")
    assert until(lambda: "bad" in stream.tries(), 10)
    assert not until(lambda: stream.failed() or stream.tries()["bad"] > 1, 2)
    stream.close()


def test_the_emulator_retries_a_failing_batch_beyond_every_limit(uncorrected: Aws) -> None:
    stream = Stream(uncorrected, RAISE, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, BatchSize=10)
    stream.feed("bad", "c")
    assert until(lambda: stream.tries().get("bad", 0) > 1, 10)
    assert stream.failed() == []
    stream.close()


def test_a_shard_is_read_as_often_as_is_asked_for_and_no_more(tmp_path: Path) -> None:
    with Emulator(tmp_path, environ={"LAB_STREAM_READS_A_SECOND": "0.5"}) as emulator:
        stream = Stream(Aws(emulator), RAISE, BatchSize=10)
        stream.feed("a")
        assert until(lambda: "a" in stream.tries(), 10)
        seen = time.monotonic()
        stream.feed("b")
        assert until(lambda: "b" in stream.tries(), 10)
        assert time.monotonic() - seen > 1
        stream.close()


SLEEPER = """
import boto3, time

def handler(event, context):
    time.sleep(3)
    return {}
"""


def other_stream_waits_for_a_slow_function(aws: Aws) -> bool:
    slow, quick = Stream(aws, RAISE, BatchSize=10), Stream(aws, RAISE, BatchSize=10)
    aws.client("lambda").update_event_source_mapping(UUID=slow.mapping, FunctionName=make_function(aws, SLEEPER))
    slow.feed("a")
    quick.feed("b")
    waited = not until(lambda: "b" in quick.tries(), 2)
    slow.close()
    quick.close()
    return waited


def test_a_slow_function_keeps_no_other_mapping_waiting(corrected: Aws) -> None:
    assert not other_stream_waits_for_a_slow_function(corrected)


def test_the_emulator_serves_one_mapping_after_the_other(uncorrected: Aws) -> None:
    assert other_stream_waits_for_a_slow_function(uncorrected)
