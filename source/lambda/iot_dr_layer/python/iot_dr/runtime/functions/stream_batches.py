"""Reads a batch of a table's stream: its events, and what of it Lambda is to hand in again.

What no repetition would make readable is kept aside, so that it holds up nothing behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from iot_dr.aws.clients import client
from iot_dr.aws.events.unreadable_records import UnreadableRecords
from iot_dr.errors import EventError
from iot_dr.observability.logs import Logger
from iot_dr.observability.metrics import ReplicationMetrics

Event = TypeVar("Event")


@dataclass(frozen=True)
class StreamBatch(Generic[Event]):
    """Events by the sequence numbers of their records, and the numbers of those that could not even be kept aside."""

    events: Mapping[str, Event]
    failed: tuple[str, ...]

    def answer(self, also: Iterable[str] = ()) -> dict[str, Any]:
        """Return what Lambda is told: records to hand in again, from the first of them on.

        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        """
        return {"batchItemFailures": [{"itemIdentifier": number} for number in (*self.failed, *also)]}


@dataclass(frozen=True)
class StreamReader(Generic[Event]):
    """Reads batches with a decoder, which raises `EventError`; the bucket keeps what it cannot read."""

    decode: Callable[[Mapping[str, Any]], Event]
    bucket: str
    log: Logger
    metrics: ReplicationMetrics

    def read(self, invocation: Mapping[str, Any]) -> StreamBatch[Event]:
        """Read a batch, and count what of it is unreadable."""
        processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
        with processor(invocation["Records"], handler=self._event):
            processed = processor.process()
        read = [(record, event) for status, event, record in processed if status == "success"]
        unreadable = sum(event is None for _, event in read)
        if unreadable:
            # By itself: the alarm's metric has no dimension but the function.
            self.metrics.count("Unreadable", unreadable)
            self.metrics.flush()
        return StreamBatch(
            events={record["dynamodb"]["SequenceNumber"]: event for record, event in read if event is not None},
            failed=tuple(str(failure["itemIdentifier"]) for failure in processor.response()["batchItemFailures"]),
        )

    def _event(self, record: DynamoDBRecord) -> Event | None:
        stream = record.dynamodb
        item = dict(stream.new_image) if stream and stream.new_image else {}
        try:
            return self.decode(item)
        except EventError as error:
            facts = {"resource": item.get("resource"), "event_id": item.get("event_id"), "reason": str(error)}
            # The reason is the whole story; a traceback of the decoder adds nothing to it.
            self.log.error("event cannot be read; the work bucket keeps it", extra=facts)  # noqa: TRY400  # see above
            # A client for this alone: it is needed almost never, and making it takes as long as a batch.
            # The stack made this bucket and its role names it: asking whose it is would be one more call that can fail.
            UnreadableRecords(client("s3", own_buckets=False), self.bucket).keep(record.raw_event, str(error))
            return None
