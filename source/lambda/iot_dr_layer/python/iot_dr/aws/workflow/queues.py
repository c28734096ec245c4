"""The queues of requests: what events tell, what background work asks for, and what cannot be read.

A message stays until its requests were taken and what is to follow was sent, so nothing is lost between the two; it may
be handed out twice, and requests bear that.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from iot_dr.aws.errors import call
from iot_dr.errors import ConfigurationError, RegionUnavailable
from iot_dr.model.replication.messages import Delivery, RequestMessage, messages
from iot_dr.model.replication.requests import ReconcileRequest

REQUIRED_ACTIONS = frozenset({"sqs:SendMessage"})
"""What whoever asks for requests needs on the queue; SendMessageBatch has no right of its own."""

RUNNER_REQUIRED_ACTIONS = frozenset({"sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:SendMessage"})
"""What the function that takes messages from the queues needs beside what its mappings need."""

_MESSAGES = 10
_BATCH_BYTES = 250_000
"""SQS takes so many messages in one call, and 256 KiB of them in Regions that do not have the larger limit yet.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


class SqsRequestQueues:
    """`ports.RequestQueues` over an `sqs` client; whoever asks only for requests that events tell of needs the one
    URL.
    """

    def __init__(self, client: Any, url: str, background_url: str = "", dead_letters_url: str = "") -> None:
        self._client = client
        self._url = url
        self._background_url = background_url
        self._dead_letters_url = dead_letters_url

    def start(self, requests: Sequence[ReconcileRequest], *, background: bool = False) -> None:
        """Queue the requests, in as few messages as take them.

        Raises:
            RegionUnavailable: some were not taken.
        """
        self.send(messages(requests, background=background))

    def send(self, messages: Iterable[RequestMessage]) -> None:
        """Send messages, each to its queue.

        Raises:
            RegionUnavailable: some were not taken.
        """
        by_url: dict[str, list[RequestMessage]] = {}
        for message in messages:
            by_url.setdefault(self._url_of(message), []).append(message)
        for url, of_queue in by_url.items():
            for entries in _batches(of_queue):
                answer = call(self._client.send_message_batch, QueueUrl=url, Entries=entries)
                if failed := answer.get("Failed"):
                    raise RegionUnavailable(f"SQS did not take {len(failed)} of {len(entries)}: {failed[0]['Code']}")

    def waiting(self) -> int:
        """Return roughly how many messages of events could be taken now and wait for a free worker."""
        name = "ApproximateNumberOfMessages"
        answer = call(self._client.get_queue_attributes, QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def set_aside(self, body: str) -> None:
        """Keep a message that cannot be read in the dead-letter queue."""
        call(self._client.send_message, QueueUrl=self._dead_letters_url, MessageBody=body)

    def show_again(self, delivery: Delivery) -> None:
        """Have messages that were not handled come again after their pause, long before they would by themselves."""
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt.handle, "VisibilityTimeout": delivery.pause}
            for number, receipt in enumerate(delivery.receipts)
        ]
        call(self._client.change_message_visibility_batch, QueueUrl=self._url_of(delivery.message), Entries=entries)

    def _url_of(self, message: RequestMessage) -> str:
        if not message.background:
            return self._url
        if not self._background_url:
            raise ConfigurationError("no queue of background work is named")
        return self._background_url


def _batches(messages: Iterable[RequestMessage]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for message in messages:
        body = message.body()
        if batch and (len(batch) == _MESSAGES or size + len(body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({"Id": str(len(batch)), "MessageBody": body, "DelaySeconds": message.delay})
        size += len(body)
    if batch:
        yield batch
