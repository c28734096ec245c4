"""How the error queue is read, against the SDK's stub: nothing is lost and nothing stays hidden."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from iot_dr.aws.events.error_queue import HIDDEN_SECONDS, SqsErrorQueue
from iot_dr.errors import AccessDenied, ConfigurationError, RegionUnavailable
from iot_dr.model.events.dead_letters import Message

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/errors"


class Queue:
    """The queue and what its stub expects."""

    def __init__(self) -> None:
        client = boto3.client("sqs", region_name="us-east-1")
        self.stub = Stubber(client)
        self.queue = SqsErrorQueue(client, URL)

    def hands_out(self, *numbers: int) -> None:
        messages = [{"MessageId": f"m-{one}", "ReceiptHandle": f"r-{one}", "Body": f"body {one}"} for one in numbers]
        self.stub.add_response(
            "receive_message",
            {"Messages": messages} if messages else {},
            {
                "QueueUrl": URL,
                "MaxNumberOfMessages": 10,
                "VisibilityTimeout": HIDDEN_SECONDS,
                "WaitTimeSeconds": 2,
            },
        )

    def expects_deletion(self, *numbers: int, failed: tuple[int, ...] = ()) -> None:
        failures = [{"Id": str(one), "SenderFault": False, "Code": "InternalError"} for one in failed]
        entries = [{"Id": str(position), "ReceiptHandle": f"r-{one}"} for position, one in enumerate(numbers)]
        self.stub.add_response(
            "delete_message_batch",
            {"Successful": [], "Failed": failures},
            {"QueueUrl": URL, "Entries": entries},
        )

    def expects_showing(self, *numbers: int) -> None:
        entries = [
            {"Id": str(position), "ReceiptHandle": f"r-{one}", "VisibilityTimeout": 0}
            for position, one in enumerate(numbers)
        ]
        self.stub.add_response(
            "change_message_visibility_batch",
            {"Successful": [], "Failed": []},
            {"QueueUrl": URL, "Entries": entries},
        )


@pytest.fixture
def aws() -> Iterator[Queue]:
    made = Queue()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def message(number: int) -> Message:
    return Message(f"m-{number}", f"r-{number}", f"body {number}")


def read_all(queue: SqsErrorQueue) -> list[tuple[Message, ...]]:
    with queue.reading() as batches:
        return list(batches)


def test_every_message_is_handed_out_and_what_is_not_deleted_is_shown_again(aws: Queue) -> None:
    aws.hands_out(1, 2)
    aws.hands_out(3)
    aws.hands_out()
    aws.expects_showing(1, 2, 3)

    assert read_all(aws.queue) == [(message(1), message(2)), (message(3),)]


def test_what_was_deleted_is_not_shown_again(aws: Queue) -> None:
    aws.hands_out(1, 2)
    aws.expects_deletion(1)
    aws.hands_out()
    aws.expects_showing(2)

    with aws.queue.reading() as batches:
        for batch in batches:
            aws.queue.delete(batch[:1])


def test_a_message_that_comes_twice_is_handed_out_once_and_the_reading_ends(aws: Queue) -> None:
    aws.hands_out(1)
    aws.hands_out(1)
    aws.expects_showing(1)

    assert read_all(aws.queue) == [(message(1),)]


def test_messages_are_shown_again_when_the_reader_fails(aws: Queue) -> None:
    aws.hands_out(1)
    aws.expects_showing(1)

    def fail() -> None:
        with aws.queue.reading() as batches:
            next(batches)
            raise AccessDenied("the table")

    with pytest.raises(AccessDenied):
        fail()


def test_more_than_ten_are_deleted_and_shown_again_in_several_calls(aws: Queue) -> None:
    numbers = tuple(range(12))
    aws.hands_out(*numbers[:10])
    aws.hands_out(*numbers[10:])
    aws.hands_out()
    aws.expects_showing(*numbers[:10])
    aws.expects_showing(*numbers[10:])
    aws.expects_deletion(*numbers[:10])
    aws.expects_deletion(*numbers[10:])

    read_all(aws.queue)
    aws.queue.delete([message(one) for one in numbers])


def test_nothing_is_deleted_without_a_call(aws: Queue) -> None:
    aws.queue.delete([])


def test_what_sqs_did_not_delete_is_an_error_and_is_shown_again(aws: Queue) -> None:
    aws.hands_out(1)
    aws.expects_deletion(1, failed=(0,))
    aws.expects_showing(1)

    with pytest.raises(RegionUnavailable, match="did not delete 1 replayed"), aws.queue.reading() as batches:
        aws.queue.delete(next(batches))


def test_the_number_of_waiting_messages_is_roughly_known(aws: Queue) -> None:
    name = "ApproximateNumberOfMessages"
    aws.stub.add_response(
        "get_queue_attributes", {"Attributes": {name: "7"}}, {"QueueUrl": URL, "AttributeNames": [name]}
    )

    assert aws.queue.waiting() == 7


@pytest.mark.parametrize(
    ("code", "kind", "mend"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", ConfigurationError, "RULE_ERROR_QUEUE_URL must be the output"),
        ("AccessDenied", AccessDenied, "AccessDenied"),
    ],
)
def test_a_queue_that_cannot_be_read_is_explained(aws: Queue, code: str, kind: type[Exception], mend: str) -> None:
    aws.stub.add_client_error("get_queue_attributes", code)

    with pytest.raises(kind, match=mend):
        aws.queue.waiting()
