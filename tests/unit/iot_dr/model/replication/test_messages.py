"""What waits in a queue: requests of one kind and time, few enough for one worker and small enough for the workflow."""

import json

import pytest

from iot_dr.errors import EventError
from iot_dr.model.registry.entities import Thing
from iot_dr.model.registry.keys import policy_key, thing_key
from iot_dr.model.replication.messages import (
    BUSY_PAUSES,
    LONGEST_DELAY,
    MESSAGE_BYTES,
    UNFINISHED_PAUSES,
    Delivery,
    Receipt,
    RequestMessage,
    merged,
    messages,
)
from iot_dr.model.replication.requests import REQUESTS_PER_BATCH, ReconcileRequest

NOW = 1_000_000


def _things(number: int, **fields: object) -> list[ReconcileRequest]:
    return [ReconcileRequest(thing_key(f"pump-{one}"), **fields) for one in range(number)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(1, [1]), (REQUESTS_PER_BATCH, [REQUESTS_PER_BATCH]), (REQUESTS_PER_BATCH + 1, [REQUESTS_PER_BATCH, 1])],
)
def test_requests_share_a_worker_up_to_a_bound(number: int, sizes: list[int]) -> None:
    requests = _things(number)

    sent = list(messages(requests))

    assert [len(message.requests) for message in sent] == sizes
    assert [request for message in sent for request in message.requests] == requests


def test_a_message_is_of_one_kind() -> None:
    keys = [key for n in range(40) for key in (thing_key(f"a-{n}"), policy_key(f"a-{n}"))]

    sent = list(messages([ReconcileRequest(key) for key in keys]))

    assert all(len({request.key.kind for request in message.requests}) == 1 for message in sent)
    assert {request.key for message in sent for request in message.requests} == set(keys)


def test_requests_due_at_the_same_second_come_together_and_none_comes_early() -> None:
    requests = [ReconcileRequest(thing_key(f"pump-{due}"), due=NOW + due) for due in (0, 400, 1000, 1001)]

    sent = {message.delay: len(message.requests) for message in messages(requests, NOW)}

    assert sent == {0: 1, 1: 2, 2: 1}


def test_what_is_due_after_the_longest_delay_of_sqs_comes_then_and_is_put_off_by_the_worker() -> None:
    (message,) = messages([ReconcileRequest(thing_key("pump"), due=NOW + 3_600_000)], NOW)

    assert message.delay == LONGEST_DELAY


def test_a_request_that_can_wait_keeps_none_waiting_that_cannot() -> None:
    requests = [ReconcileRequest(thing_key("a"), can_wait=True), ReconcileRequest(thing_key("b"))]

    assert [[request.key.name for request in message.requests] for message in messages(requests)] == [["a"], ["b"]]


def test_messages_are_bounded_in_size_and_a_request_too_big_goes_without_what_its_event_carried() -> None:
    big = [
        ReconcileRequest(thing_key(f"p-{n}"), carried=Thing(f"p-{n}", {"site": "x" * (MESSAGE_BYTES // 3)}))
        for n in range(4)
    ]
    huge = ReconcileRequest(thing_key("huge"), carried=Thing("huge", {"site": "x" * MESSAGE_BYTES}))

    sent = list(messages([*big, huge]))

    assert all(len(message.body()) < 256 * 1024 for message in sent)
    requests = {request.key.name: request for message in sent for request in message.requests}
    assert {name for name, request in requests.items() if request.carried is None} == {"huge"}
    assert requests.keys() == {"huge", *(f"p-{n}" for n in range(4))}


def test_a_message_reads_back_as_it_was_sent() -> None:
    (message,) = messages([ReconcileRequest(thing_key("pump"), occurred_at=1, created=True, tries=2, can_wait=True)])

    assert RequestMessage.read(message.body(), background=False) == message


def test_kind_and_name_are_all_that_an_operator_must_send() -> None:
    message = RequestMessage.read('{"looks": [{"kind": "thing", "name": "pump-17"}]}', background=False)

    assert message.requests == (ReconcileRequest(thing_key("pump-17")),)


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        "{}",
        '{"looks": []}',
        '{"looks": ["pump"]}',
        '{"looks": [{"kind": "job", "name": "x"}]}',
        '{"looks": [{"kind": "thing", "name": "x", "tries": "many"}]}',
        '{"looks": [{"kind": "thing", "name": "x"}], "returned": "often"}',
        '{"looks": [{"kind": "thing", "name": "x", "carried": {}}]}',
    ],
)
def test_what_cannot_be_read_says_so(body: str) -> None:
    with pytest.raises(EventError):
        RequestMessage.read(body, background=False)


def test_the_pauses_before_a_busy_aws_is_tried_again_grow_and_differ() -> None:
    sent = list(messages(_things(100 * REQUESTS_PER_BATCH)))

    longest = []
    for _ in range(len(BUSY_PAUSES) + 2):
        sent = [message.put_off() for message in sent]
        delays = {message.delay for message in sent}
        assert min(delays) >= 1
        assert len(delays) > 1
        longest.append(max(delays))

    assert longest == sorted(longest)
    assert longest[-1] <= BUSY_PAUSES[-1]
    assert json.loads(sent[0].body())["returned"] == len(BUSY_PAUSES) + 2


def _handed_out(*messages_: RequestMessage, receives: int = 1) -> list[Delivery]:
    return [Delivery(one, (Receipt(f"m-{number}", f"r-{number}"),), receives) for number, one in enumerate(messages_)]


def _ids(delivery: Delivery) -> list[str]:
    return [receipt.message_id for receipt in delivery.receipts]


def test_what_was_not_handled_comes_again_later_each_time_and_not_all_at_once() -> None:
    requests = _things(50)
    longest = []
    for receives in range(1, len(UNFINISHED_PAUSES) + 3):
        pauses = {
            one.pause for one in _handed_out(*(RequestMessage((request,)) for request in requests), receives=receives)
        }
        assert min(pauses) >= 1
        assert len(pauses) > 1
        longest.append(max(pauses))

    assert longest == sorted(longest)
    assert longest[-1] <= UNFINISHED_PAUSES[-1]


def test_small_messages_of_one_kind_are_taken_together_up_to_what_a_worker_takes() -> None:
    small = [RequestMessage((request,)) for request in _things(REQUESTS_PER_BATCH + 2)]
    other = RequestMessage((ReconcileRequest(policy_key("p")),))

    taken = merged(_handed_out(small[0], other, *small[1:]))

    assert [len(one.message.requests) for one in taken] == [REQUESTS_PER_BATCH, 1, 2]
    assert sorted(name for one in taken for name in _ids(one)) == sorted(
        f"m-{n}" for n in range(REQUESTS_PER_BATCH + 3)
    )


def test_messages_of_several_events_of_one_resource_become_one_request_and_all_are_done_with_it() -> None:
    events = [RequestMessage((ReconcileRequest(thing_key("pump-17"), at),)) for at in (1, 2, 3)]

    (taken,) = merged(_handed_out(*events))

    assert taken.message.requests == (ReconcileRequest(thing_key("pump-17"), 3),)
    assert len(_ids(taken)) == 3


def test_what_a_worker_may_have_failed_of_is_taken_alone() -> None:
    good, tried = (
        RequestMessage((ReconcileRequest(thing_key("good")),)),
        RequestMessage((ReconcileRequest(thing_key("tried"), tries=1),)),
    )

    assert len(merged(_handed_out(good, tried, good))) == 2
    assert len(merged(_handed_out(good, good, receives=2))) == 2


def test_what_can_wait_is_not_taken_with_what_cannot() -> None:
    waits = RequestMessage((ReconcileRequest(thing_key("a"), can_wait=True),))

    assert len(merged(_handed_out(waits, RequestMessage((ReconcileRequest(thing_key("b")),))))) == 2


def test_messages_taken_together_stay_small_enough_for_the_workflow() -> None:
    big = [
        ReconcileRequest(thing_key(f"p-{n}"), carried=Thing(f"p-{n}", {"site": "x" * (MESSAGE_BYTES // 2)}))
        for n in range(2)
    ]

    assert len(merged(_handed_out(*(RequestMessage((request,)) for request in big)))) == 2
