"""The queue of what the topic rules could not store, read without losing a message.

A message that was handed out is hidden from other readers for a while. What is deleted is gone; everything else is
shown again at once when the reading ends, and by itself should the reader die.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from iot_dr.aws import errors
from iot_dr.errors import ConfigurationError, RegionUnavailable
from iot_dr.model.events.dead_letters import Message

REQUIRED_ACTIONS = frozenset(
    {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
)
"""What the operator needs on the queue."""

HIDDEN_SECONDS = 900
"""How long a message stays hidden: longer than a reading takes, short enough for who was cut off."""

_BATCH = 10
"""The most that SQS hands out, deletes or shows again at once."""
_LONG_POLL_SECONDS = 2
"""A long poll asks all servers of the queue, so that an empty answer means an empty queue."""

_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"})


class SqsErrorQueue:
    """A standard queue over an `sqs` client of its Region; `told_by` are the variable and the output with its URL."""

    def __init__(
        self, client: Any, url: str, told_by: tuple[str, str] = ("RULE_ERROR_QUEUE_URL", "RuleErrorQueueUrl")
    ) -> None:
        self._client = client
        self._url = url
        self._told_by = told_by
        self._held: dict[str, str] = {}

    def waiting(self) -> int:
        """Return roughly how many messages there are.

        Raises:
            ConfigurationError: there is no such queue.
        """
        name = "ApproximateNumberOfMessages"
        answer = self._call(self._client.get_queue_attributes, AttributeNames=[name])
        return int(answer["Attributes"][name])

    @contextmanager
    def reading(self) -> Iterator[Iterator[tuple[Message, ...]]]:
        """Hand out every message once, in batches; at the end what was not deleted is shown again.

        Raises:
            ConfigurationError: there is no such queue.
        """
        try:
            yield self._batches()
        finally:
            self._release()

    def _batches(self) -> Iterator[tuple[Message, ...]]:
        seen: set[str] = set()
        while True:
            answer = self._call(
                self._client.receive_message,
                MaxNumberOfMessages=_BATCH,
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=_LONG_POLL_SECONDS,
            )
            batch = [Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in answer.get("Messages", ())]
            self._held.update((one.message_id, one.receipt) for one in batch)
            # A standard queue may hand a message out twice, and what was hidden long ago comes again.
            fresh = tuple(one for one in batch if one.message_id not in seen)
            if not fresh:
                return
            seen.update(one.message_id for one in fresh)
            yield fresh

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were handed out.

        Raises:
            RegionUnavailable: SQS kept some.
        """
        for first in range(0, len(messages), _BATCH):
            batch = messages[first : first + _BATCH]
            entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(batch)]
            answer = self._call(self._client.delete_message_batch, Entries=entries)
            if answer.get("Failed"):
                raise RegionUnavailable(f"SQS did not delete {len(answer['Failed'])} replayed messages; run it again")
            for one in batch:
                self._held.pop(one.message_id, None)

    def _release(self) -> None:
        receipts, self._held = list(self._held.values()), {}
        for first in range(0, len(receipts), _BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[first : first + _BATCH])
            ]
            # One that cannot be shown again now shows by itself when its time is over.
            self._call(self._client.change_message_visibility_batch, Entries=entries)

    def _call(self, operation: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
        with errors.converted():
            try:
                answer: dict[str, Any] = operation(QueueUrl=self._url, **parameters)
            except ClientError as error:
                if errors.code_of(error) not in _NO_QUEUE:
                    raise
                variable, output = self._told_by
                raise ConfigurationError(
                    f"there is no queue {self._url}; {variable} must be the output {output} of the stack "
                    "IoTDRPrimary<postfix>, as toolsrc has it"
                ) from error
        return answer
