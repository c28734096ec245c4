"""What the server has not acknowledged is sent again, and its number shows which messages came twice."""

import json

from hypothesis import given
from hypothesis import strategies as st

from examples.device.outbox import Outbox


def outbox(keep: int = 1000) -> Outbox:
    return Outbox("pump-17", "run-1", keep)


def numbers(box: Outbox) -> list[int]:
    return [message.sequence for message in box.to_send()]


def filled(box: Outbox, messages: int) -> Outbox:
    for _ in range(messages):
        box.add({"temperature": 21.5})
    return box


def test_a_message_holds_device_run_number_and_what_was_measured() -> None:
    message = outbox().add({"temperature": 21.5})

    assert json.loads(message.payload) == {"device": "pump-17", "run": "run-1", "sequence": 1, "temperature": 21.5}


def test_messages_are_sent_once_over_a_connection_in_their_order() -> None:
    box = filled(outbox(), 3)

    assert numbers(box) == [1, 2, 3]
    assert numbers(box) == []


def test_what_was_not_acknowledged_is_sent_again_over_the_next_connection_before_what_is_new() -> None:
    box = filled(outbox(), 3)
    numbers(box)
    box.acknowledged(2)
    box.disconnected()
    filled(box, 1)

    assert numbers(box) == [1, 3, 4]


def test_a_message_that_is_sent_again_has_the_same_bytes() -> None:
    box = filled(outbox(), 1)
    (first,) = box.to_send()
    box.disconnected()
    (again,) = box.to_send()

    assert again == first


def test_one_message_that_the_server_refused_is_sent_again_over_the_same_connection() -> None:
    box = filled(outbox(), 2)
    numbers(box)
    box.send_again(2)

    assert numbers(box) == [2]


def test_an_acknowledgement_that_comes_twice_or_late_changes_nothing() -> None:
    box = filled(outbox(), 2)
    numbers(box)
    box.acknowledged(1)
    box.disconnected()
    box.acknowledged(1)
    box.send_again(1)

    assert numbers(box) == [2]
    assert len(box) == 1


def test_the_oldest_goes_when_more_would_wait_than_are_kept_and_is_counted() -> None:
    box = filled(outbox(keep=2), 5)

    assert numbers(box) == [4, 5]
    assert box.dropped == 3


@given(st.lists(st.sampled_from(["add", "send", "acknowledge oldest", "acknowledge newest", "disconnect"])))
def test_every_message_is_acknowledged_or_sent_over_the_last_connection(steps: list[str]) -> None:
    box, arrived, over_this = outbox(), set[int](), list[int]()
    made = 0
    for step in steps:
        if step == "add":
            box.add({})
            made += 1
        elif step == "send":
            over_this += numbers(box)
        elif step == "disconnect":
            box.disconnected()
            over_this = []
        elif over_this:
            sequence = over_this[0 if step.endswith("oldest") else -1]
            box.acknowledged(sequence)
            arrived.add(sequence)

    over_this += numbers(box)

    assert arrived | set(over_this) == set(range(1, made + 1))
    assert len(over_this) == len(set(over_this))
    assert len(box) == made - len(arrived)
