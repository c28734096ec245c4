"""What waits in a queue: looks of one kind and time, few enough for one worker and small enough for the workflow."""

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
    LookMessage,
    Receipt,
    merged,
    messages,
)
from iot_dr.model.replication.requests import LOOKS_PER_BATCH, Look

NOW = 1_000_000


def _things(number: int, **fields: object) -> list[Look]:
    return [Look(thing_key(f"pump-{one}"), **fields) for one in range(number)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "sizes"), [(1, [1]), (LOOKS_PER_BATCH, [LOOKS_PER_BATCH]), (LOOKS_PER_BATCH + 1, [LOOKS_PER_BATCH, 1])]
)
def test_looks_share_a_worker_up_to_a_bound(number: int, sizes: list[int]) -> None:
    looks = _things(number)

    sent = list(messages(looks))

    assert [len(message.looks) for message in sent] == sizes
    assert [look for message in sent for look in message.looks] == looks


def test_a_message_is_of_one_kind() -> None:
    keys = [key for n in range(40) for key in (thing_key(f"a-{n}"), policy_key(f"a-{n}"))]

    sent = list(messages([Look(key) for key in keys]))

    assert all(len({look.key.kind for look in message.looks}) == 1 for message in sent)
    assert {look.key for message in sent for look in message.looks} == set(keys)


def test_looks_due_at_the_same_second_come_together_and_none_comes_early() -> None:
    looks = [Look(thing_key(f"pump-{due}"), due=NOW + due) for due in (0, 400, 1000, 1001)]

    sent = {message.delay: len(message.looks) for message in messages(looks, NOW)}

    assert sent == {0: 1, 1: 2, 2: 1}


def test_what_is_due_after_the_longest_delay_of_sqs_comes_then_and_is_put_off_by_the_worker() -> None:
    (message,) = messages([Look(thing_key("pump"), due=NOW + 3_600_000)], NOW)

    assert message.delay == LONGEST_DELAY


def test_a_look_that_can_wait_keeps_none_waiting_that_cannot() -> None:
    looks = [Look(thing_key("a"), can_wait=True), Look(thing_key("b"))]

    assert [[look.key.name for look in message.looks] for message in messages(looks)] == [["a"], ["b"]]


def test_messages_are_bounded_in_size_and_a_look_too_big_goes_without_what_its_event_carried() -> None:
    big = [Look(thing_key(f"p-{n}"), carried=Thing(f"p-{n}", {"site": "x" * (MESSAGE_BYTES // 3)})) for n in range(4)]
    huge = Look(thing_key("huge"), carried=Thing("huge", {"site": "x" * MESSAGE_BYTES}))

    sent = list(messages([*big, huge]))

    assert all(len(message.body()) < 256 * 1024 for message in sent)
    looks = {look.key.name: look for message in sent for look in message.looks}
    assert {name for name, look in looks.items() if look.carried is None} == {"huge"}
    assert looks.keys() == {"huge", *(f"p-{n}" for n in range(4))}


def test_a_message_reads_back_as_it_was_sent() -> None:
    (message,) = messages([Look(thing_key("pump"), occurred_at=1, created=True, tries=2, can_wait=True)])

    assert LookMessage.read(message.body(), background=False) == message


def test_kind_and_name_are_all_that_an_operator_must_send() -> None:
    message = LookMessage.read('{"looks": [{"kind": "thing", "name": "pump-17"}]}', background=False)

    assert message.looks == (Look(thing_key("pump-17")),)


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
        LookMessage.read(body, background=False)


def test_the_pauses_before_a_busy_aws_is_tried_again_grow_and_differ() -> None:
    sent = list(messages(_things(100 * LOOKS_PER_BATCH)))

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


def _handed_out(*messages_: LookMessage, receives: int = 1) -> list[Delivery]:
    return [Delivery(one, (Receipt(f"m-{number}", f"r-{number}"),), receives) for number, one in enumerate(messages_)]


def _ids(delivery: Delivery) -> list[str]:
    return [receipt.message_id for receipt in delivery.receipts]


def test_what_was_not_handled_comes_again_later_each_time_and_not_all_at_once() -> None:
    looks = _things(50)
    longest = []
    for receives in range(1, len(UNFINISHED_PAUSES) + 3):
        pauses = {one.pause for one in _handed_out(*(LookMessage((look,)) for look in looks), receives=receives)}
        assert min(pauses) >= 1
        assert len(pauses) > 1
        longest.append(max(pauses))

    assert longest == sorted(longest)
    assert longest[-1] <= UNFINISHED_PAUSES[-1]


def test_small_messages_of_one_kind_are_taken_together_up_to_what_a_worker_takes() -> None:
    small = [LookMessage((look,)) for look in _things(LOOKS_PER_BATCH + 2)]
    other = LookMessage((Look(policy_key("p")),))

    taken = merged(_handed_out(small[0], other, *small[1:]))

    assert [len(one.message.looks) for one in taken] == [LOOKS_PER_BATCH, 1, 2]
    assert sorted(name for one in taken for name in _ids(one)) == sorted(f"m-{n}" for n in range(LOOKS_PER_BATCH + 3))


def test_what_a_worker_may_have_failed_of_is_taken_alone() -> None:
    good, tried = LookMessage((Look(thing_key("good")),)), LookMessage((Look(thing_key("tried"), tries=1),))

    assert len(merged(_handed_out(good, tried, good))) == 2
    assert len(merged(_handed_out(good, good, receives=2))) == 2


def test_what_can_wait_is_not_taken_with_what_cannot() -> None:
    waits = LookMessage((Look(thing_key("a"), can_wait=True),))

    assert len(merged(_handed_out(waits, LookMessage((Look(thing_key("b")),))))) == 2


def test_messages_taken_together_stay_small_enough_for_the_workflow() -> None:
    big = [Look(thing_key(f"p-{n}"), carried=Thing(f"p-{n}", {"site": "x" * (MESSAGE_BYTES // 2)})) for n in range(2)]

    assert len(merged(_handed_out(*(LookMessage((look,)) for look in big)))) == 2
