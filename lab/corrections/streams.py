"""How Lambda reads a DynamoDB stream: retries, bisecting, partial batches, failure destination."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import _request_account_id, _request_region
from ministack.services import cloudwatch, dynamodb, lambda_svc, s3

from . import correction, settings
from .patching import replace

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_UNLIMITED = -1


@dataclass
class _Segment:
    """Records that are handed over together, and how often that failed."""

    records: list[Any]
    failures: int = 0


@dataclass
class _Shard:
    """What one mapping still has to hand over of its last batch; nothing newer is read before that is done."""

    segments: list[_Segment] = field(default_factory=list)
    not_before: float = 0.0
    next_position: int = 0
    next_read: float = 0.0
    reader: threading.Lock = field(default_factory=threading.Lock)


_shards: dict[str, _Shard] = {}


@correction("https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-errors.html")
def stream_mapping_error_handling() -> None:
    """Retry limit, bisecting, item failures and failure destination keep one bad record from stopping a shard.

    Each mapping reads by itself, so that none waits for another's function. AWS documents "a base rate of 4 times per
    second" for a shard; LAB_STREAM_READS_A_SECOND=4 keeps to it, which shows what a batch coalesces there.
    """
    replace(lambda_svc._poll_dynamodb_streams, _poll_dynamodb_streams)


def unread() -> Iterator[Any]:
    """Yield the new images that mappings have not handed over to their end, those of a batch under way included."""
    for account, region, mapping in lambda_svc._iter_all_esms():
        account_token, region_token = _request_account_id.set(account), _request_region.set(region)
        try:
            table_name = _table_of(mapping)
            if table_name is None:
                continue
            horizon, end = dynamodb.stream_start_position(table_name), dynamodb.stream_end_position(table_name)
            start = horizon if mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON" else end
            position = max(lambda_svc._dynamodb_stream_positions.get(mapping["UUID"], start), horizon)
            records = dynamodb.stream_records_since(table_name, position, end - position)
            for record in lambda_svc._apply_filter_criteria(records, mapping):
                yield record["dynamodb"].get("NewImage") or {}
        finally:
            _request_account_id.reset(account_token)
            _request_region.reset(region_token)


def _poll_dynamodb_streams() -> bool:
    """Have each enabled mapping hand over what it has to; True when any of them began to."""
    began = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        shard = _shards.setdefault(mapping["UUID"], _Shard())
        if shard.not_before > time.monotonic() or not shard.reader.acquire(blocking=False):
            continue
        account_token, region_token = _request_account_id.set(account), _request_region.set(region)
        try:
            ready = _ready(mapping, shard)
        finally:
            _request_account_id.reset(account_token)
            _request_region.reset(region_token)
        if ready:
            threading.Thread(target=_serve, args=(account, region, mapping, shard), daemon=True).start()
            began = True
        else:
            shard.reader.release()
    return began


def _ready(mapping: dict[str, Any], shard: _Shard) -> bool:
    """Read the next batch, if the last one is done; True when there is something to hand over or to step past."""
    table_name = _table_of(mapping)
    if table_name is None or not mapping.get("Enabled", True) or _function_of(mapping) is None:
        return False
    return bool(shard.segments) or _read(mapping, table_name, shard)


def _serve(account: str, region: str, mapping: dict[str, Any], shard: _Shard) -> None:
    """Hand over until nothing is left or it has to rest, then have the emulator's own loop check again."""
    _request_account_id.set(account)
    _request_region.set(region)
    try:
        while True:
            function = _function_of(mapping)
            if shard.segments and function is not None:
                _hand_over(mapping, function, shard)
            if not shard.segments:
                with lambda_svc._dynamodb_stream_positions_lock:
                    lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = shard.next_position
            if shard.not_before > time.monotonic() or not _ready(mapping, shard):
                return
    finally:
        shard.reader.release()
        lambda_svc.esm_wake.set()


def _function_of(mapping: dict[str, Any]) -> dict[str, Any] | None:
    function: dict[str, Any] | None
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    return function


def _table_of(mapping: dict[str, Any]) -> str | None:
    """The table whose current stream the mapping reads, if that is a stream of this account and Region."""
    arn = mapping.get("EventSourceArn", "")
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "dynamodb" or "/stream/" not in parts[5]:
        return None
    if (parts[4], parts[3]) != (lambda_svc.get_account_id(), lambda_svc.get_region()):
        return None
    name = parts[5].split("/")[1]
    table = dynamodb._tables.get(name)
    return name if table and table.get("LatestStreamArn") == arn else None


def _read(mapping: dict[str, Any], table_name: str, shard: _Shard) -> bool:
    """Read the next batch; True when there was one, even if the filter left nothing of it."""
    early = shard.next_read - time.monotonic()
    if early > 0:
        _wake_after(early)
        return False
    horizon, end = dynamodb.stream_start_position(table_name), dynamodb.stream_end_position(table_name)
    with lambda_svc._dynamodb_stream_positions_lock:
        start = horizon if mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON" else end
        position = max(lambda_svc._dynamodb_stream_positions.get(mapping["UUID"], start), horizon)
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position
    batch = dynamodb.stream_records_since(table_name, position, int(mapping.get("BatchSize", 100)))
    if not batch:
        return False
    if rate := settings.stream_reads_a_second():
        shard.next_read = time.monotonic() + 1 / rate
    shard.next_position = position + len(batch)
    kept = lambda_svc._apply_filter_criteria(batch, mapping)
    shard.segments = [_Segment(kept)] if kept else []
    return True


def _hand_over(mapping: dict[str, Any], function: dict[str, Any], shard: _Shard) -> None:
    """Invoke the function with the first segment and put back what failed of it."""
    segment = shard.segments.pop(0)
    written = segment.records[-1]["dynamodb"].get("ApproximateCreationDateTime", time.time())
    age = {"FunctionName": mapping["FunctionName"]}
    cloudwatch.record_metric("AWS/Lambda", "IteratorAge", 1000 * (time.time() - float(written)), "Milliseconds", age)
    result = lambda_svc._execute_function(function, {"Records": segment.records})
    remaining = _remaining(mapping, segment, result)
    if not remaining:
        mapping["LastProcessingResult"] = "OK"
        shard.not_before = 0.0
        return
    mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    lambda_svc.logger.warning(
        "stream mapping %s: %d of %d records failed: %s\n%s",
        mapping["UUID"],
        len(remaining),
        len(segment.records),
        result.get("body"),
        result.get("log", ""),
    )
    shard.segments[:0] = _next_tries(
        mapping, function, _Segment(remaining, segment.failures), result, len(segment.records)
    )
    pause = min(_FIRST_PAUSE * 2 ** min(segment.failures, 8), _LONGEST_PAUSE)
    shard.not_before = time.monotonic() + pause if shard.segments else 0.0
    _wake_after(pause)


def _wake_after(seconds: float) -> None:
    """Have the emulator's own loop check again then; it may rest longer by itself."""
    wake = threading.Timer(seconds, lambda_svc.esm_wake.set)
    wake.daemon = True
    wake.start()


def _remaining(mapping: dict[str, Any], segment: _Segment, result: dict[str, Any]) -> list[Any]:
    """The records to try again: all, none, or those from the lowest failed sequence number on."""
    if result.get("error"):
        return segment.records
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return []
    body = result.get("body")
    if isinstance(body, str | bytes):
        body = json.loads(body or "null")
    failures = (body or {}).get("batchItemFailures") or []
    numbers = [str(record["dynamodb"]["SequenceNumber"]) for record in segment.records]
    try:
        return (
            segment.records[min(numbers.index(str(failure["itemIdentifier"])) for failure in failures) :]
            if failures
            else []
        )
    except (ValueError, KeyError, TypeError):
        return segment.records  # an identifier that is empty or not of this batch fails the whole batch


def _next_tries(
    mapping: dict[str, Any], function: dict[str, Any], failed: _Segment, result: dict[str, Any], tried: int
) -> list[_Segment]:
    """Halve the batch where asked for, which is no retry; else count one, and give up beyond the limit or age."""
    bisect = mapping.get("BisectBatchOnFunctionError") in (True, "true")
    reported = not result.get("error")
    if bisect and reported and len(failed.records) < tried:
        return [failed]  # the batch was cut at the failed record
    if bisect and len(failed.records) > 1:
        middle = len(failed.records) // 2
        return [_Segment(failed.records[:middle], failed.failures), _Segment(failed.records[middle:], failed.failures)]
    failed.failures += 1
    limit = int(mapping.get("MaximumRetryAttempts", _UNLIMITED))
    if _expired(mapping, failed.records):
        _give_up(mapping, function, failed, "MaximumRecordAgeExceeded", result)
        return []
    if limit != _UNLIMITED and failed.failures > limit:
        _give_up(mapping, function, failed, "RetryAttemptsExhausted", result)
        return []
    return [failed]


def _expired(mapping: dict[str, Any], records: list[Any]) -> bool:
    age = int(mapping.get("MaximumRecordAgeInSeconds", _UNLIMITED))
    oldest = min(float(record["dynamodb"].get("ApproximateCreationDateTime", time.time())) for record in records)
    return age != _UNLIMITED and time.time() - oldest > age


def _give_up(
    mapping: dict[str, Any], function: dict[str, Any], failed: _Segment, condition: str, result: dict[str, Any]
) -> None:
    """Send the invocation record to the failure destination; only S3 gets the records themselves with it."""
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if not destination:
        _count(mapping, "DroppedEventCount", failed)
        return
    record = _invocation_record(mapping, function, failed, condition, result)
    service = destination.split(":")[2]
    if service == "s3":
        record["payload"] = json.dumps({"Records": failed.records})
        now = time.gmtime()
        key = (
            f"aws/lambda/{mapping['UUID']}/{record['DDBStreamBatchInfo']['shardId']}/"
            f"{time.strftime('%Y/%m/%d/%Y-%m-%dT%H.%M.%S', now)}-{uuid.uuid4()}"
        )
        bucket = destination.rpartition(":")[2]
        status = s3._put_object(bucket, key, json.dumps(record).encode(), {"content-type": "application/json"})[0]
        if status >= 300:
            lambda_svc.logger.error("failure destination %s refused the record: %s", destination, status)
            _count(mapping, "DroppedEventCount", failed)
            return
    elif service in ("sqs", "sns"):
        lambda_svc._send_ddb_stream_failure_record(
            mapping, function, failed.records, mapping["EventSourceArn"], result, condition
        )
    _count(mapping, "OnFailureDestinationDeliveredEventCount", failed)


def _count(mapping: dict[str, Any], metric: str, failed: _Segment) -> None:
    """Measure what became of records that were given up."""
    dimensions = {"EventSourceMappingUUID": mapping["UUID"]}
    cloudwatch.record_metric("AWS/Lambda", metric, len(failed.records), "Count", dimensions)


def _invocation_record(
    mapping: dict[str, Any], function: dict[str, Any], failed: _Segment, condition: str, result: dict[str, Any]
) -> dict[str, Any]:
    def iso(seconds: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    first, last = failed.records[0]["dynamodb"], failed.records[-1]["dynamodb"]
    config = function.get("config") or function
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": config.get("FunctionArn", ""),
            "condition": condition,
            "approximateInvokeCount": failed.failures,
        },
        "version": "1.0",
        "timestamp": iso(time.time()),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": str(first["SequenceNumber"]),
            "endSequenceNumber": str(last["SequenceNumber"]),
            "approximateArrivalOfFirstRecord": iso(float(first.get("ApproximateCreationDateTime", time.time()))),
            "approximateArrivalOfLastRecord": iso(float(last.get("ApproximateCreationDateTime", time.time()))),
            "batchSize": len(failed.records),
            "streamArn": mapping["EventSourceArn"],
        },
    }
    if result.get("error"):
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    return record
