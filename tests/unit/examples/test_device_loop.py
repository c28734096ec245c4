"""The device's loop with a clock, a name server and connections that are made up: what it does, and in which order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import pytest

from examples.device.device import Device, Habits, Surroundings, Topics
from examples.device.events import (
    Acknowledged,
    Connected,
    Disconnected,
    Event,
    NotAcknowledged,
    NotSubscribed,
    Received,
    Stop,
    Subscribed,
)
from examples.device.fleet_name import NotTold
from examples.device.moving import Pace
from examples.device.outbox import Message, Outbox

NAME, EAST, WEST = "iot.example.com", "east.example", "west.example"
COMMANDS, HINT = "devices/pump-17/commands", "iot-dr/hint"


@dataclass
class FakeConnection:
    number: int
    host: str
    subscribed: list[tuple[str, ...]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    closed: bool = False

    def subscribe(self, topics: tuple[str, ...]) -> None:
        self.subscribed.append(topics)

    def publish(self, message: Message) -> None:
        self.sent.append(int(json.loads(message.payload)["sequence"]))

    def close(self) -> None:
        self.closed = True


class Trial:
    """A device in made-up surroundings; time passes when the trial says so."""

    def __init__(self, host: str | None = NAME, within: float = 10.0, hint: str | None = HINT) -> None:
        self.now = 1000.0
        self.answer: str | None = EAST
        self.connections: list[FakeConnection] = []
        self.told: list[dict[str, Any]] = []
        self.outbox = Outbox("pump-17", "run-1")
        habits = Habits(host, Topics(COMMANDS, hint), Pace(look_every=30, within=within), every=1.0)
        outside = Surroundings(
            connect=self._connect,
            look=self._look,
            measure=dict,
            tell=self._tell,
            clock=lambda: self.now,
            draw=lambda low, high: (low + high) / 2,
        )
        self.device = Device(habits, outside, self.outbox)

    def _connect(self, number: int, host: str) -> FakeConnection:
        self.connections.append(FakeConnection(number, host))
        return self.connections[-1]

    def _look(self) -> str:
        if self.answer is None:
            raise NotTold("no answer")
        return self.answer

    def _tell(self, event: str, **values: Any) -> None:
        self.told.append({"event": event, **values})

    @property
    def last(self) -> FakeConnection:
        return self.connections[-1]

    def happens(self, *events: Event) -> None:
        for event in events:
            self.device.handle(event)

    def passes(self, seconds: float) -> None:
        """Let time pass as the loop does: from one thing that is due to the next."""
        end = self.now + seconds
        while (following := self.device.next_at()) <= end:
            self.now = max(self.now, following)
            self.device.due()
        self.now = end

    def served(self) -> FakeConnection:
        """Let the newest connection be accepted and its subscriptions granted."""
        self.happens(Connected(self.last.number), Subscribed(self.last.number))
        return self.last

    def events(self) -> list[str]:
        return [told["event"] for told in self.told]


@pytest.fixture
def trial() -> Trial:
    """A device that is served in the east."""
    trial = Trial()
    trial.passes(0)
    trial.served()
    return trial


def test_a_device_connects_to_the_name_and_to_no_regions_endpoint(trial: Trial) -> None:
    assert [connection.host for connection in trial.connections] == [NAME]


def test_it_subscribes_when_it_is_connected_and_publishes_when_that_is_granted() -> None:
    trial = Trial()
    trial.passes(2)
    assert trial.last.subscribed == []

    trial.happens(Connected(1))
    assert trial.last.subscribed == [(COMMANDS, HINT)]
    trial.passes(2)
    assert trial.last.sent == []

    trial.happens(Subscribed(1))
    assert trial.last.sent == [1, 2, 3, 4, 5]
    assert trial.last.subscribed == [(COMMANDS, HINT)]


def test_a_refused_subscription_is_told_and_keeps_nothing_from_being_sent() -> None:
    trial = Trial()
    trial.passes(0)
    trial.happens(Connected(1), Subscribed(1, refused=(HINT,)))

    assert trial.last.sent == [1]
    assert trial.told[-1] == {"event": "subscribed", "refused": [HINT]}


def test_a_subscription_without_an_answer_is_tried_again_before_anything_is_sent() -> None:
    trial = Trial()
    trial.passes(0)
    trial.happens(Connected(1), NotSubscribed(1, "no answer"))
    assert len(trial.last.subscribed) == 1

    trial.passes(1)

    assert len(trial.last.subscribed) == 2
    assert trial.last.sent == []


def test_it_leaves_a_connection_that_works_when_the_name_points_elsewhere(trial: Trial) -> None:
    east = trial.last
    trial.answer = WEST
    trial.passes(30)
    assert not east.closed

    trial.passes(5)

    assert east.closed
    assert [connection.number for connection in trial.connections] == [1, 2]
    assert trial.last.host == NAME


def test_it_goes_back_when_the_name_points_back(trial: Trial) -> None:
    trial.answer = WEST
    trial.passes(40)
    trial.served()
    trial.answer = EAST
    trial.passes(40)
    trial.served()

    assert len(trial.connections) == 3
    assert [told["target"] for told in trial.told if told["event"] == "connected"] == [EAST, WEST, EAST]


def test_it_does_not_move_when_the_name_points_back_at_the_last_moment(trial: Trial) -> None:
    trial.answer = WEST
    trial.passes(30)
    trial.answer = EAST
    trial.passes(6)

    assert len(trial.connections) == 1
    assert not trial.last.closed


def test_it_stays_connected_while_dns_does_not_answer_and_says_so(trial: Trial) -> None:
    trial.answer = None
    trial.passes(200)

    assert len(trial.connections) == 1
    assert "not told" in trial.events()


def test_what_was_not_acknowledged_in_the_old_region_is_sent_again_in_the_new_one(trial: Trial) -> None:
    trial.passes(2)
    trial.happens(Acknowledged(1), Acknowledged(3))
    trial.answer = WEST
    trial.passes(38)
    west = trial.served()

    assert west.sent[:3] == [2, 4, 5]
    assert sorted({*west.sent, 1, 3}) == list(range(1, west.sent[-1] + 1))


def test_an_acknowledgement_of_a_connection_that_was_left_still_counts(trial: Trial) -> None:
    trial.answer = WEST
    trial.passes(36)
    trial.happens(Acknowledged(1))

    assert 1 not in trial.served().sent


def test_what_a_connection_says_that_was_left_does_not_count(trial: Trial) -> None:
    trial.answer = WEST
    trial.passes(36)
    west = trial.served()
    sent = list(west.sent)

    trial.happens(Disconnected(1, "closed"), NotAcknowledged(1, 1, "closed"), Subscribed(1), NotSubscribed(1, "x"))
    trial.happens(Connected(1))
    trial.passes(1)

    assert west.sent == [*sent, sent[-1] + 1]
    assert len(west.subscribed) == 1


def test_after_a_reconnection_it_subscribes_again_and_sends_again_what_was_not_acknowledged(trial: Trial) -> None:
    trial.passes(2)
    trial.happens(Acknowledged(2), Disconnected(1, "hung up"))
    trial.passes(1)
    trial.happens(Connected(1))
    assert trial.last.sent == [1, 2, 3]

    trial.happens(Subscribed(1))

    assert trial.last.sent == [1, 2, 3, 1, 3, 4]
    assert len(trial.last.subscribed) == 2


def test_a_device_whose_connection_came_back_elsewhere_does_not_move_again(trial: Trial) -> None:
    trial.happens(Disconnected(1, "hung up"))
    trial.answer = WEST
    trial.happens(Connected(1), Subscribed(1))
    trial.passes(100)

    assert len(trial.connections) == 1
    assert trial.told[-2] == {"event": "connected", "target": WEST}


def test_a_device_that_finds_no_server_moves_at_once_when_no_time_is_set() -> None:
    trial = Trial(within=0)
    trial.passes(0)
    trial.happens(Disconnected(1, "cannot connect"))
    trial.answer = WEST
    trial.passes(31)

    assert [connection.closed for connection in trial.connections] == [True, False]


def test_a_message_that_the_server_refused_is_sent_again_with_the_next_one(trial: Trial) -> None:
    trial.happens(NotAcknowledged(1, 1, "refused"))
    assert trial.last.sent == [1]

    trial.passes(1)

    assert trial.last.sent == [1, 1, 2]


def test_a_hint_moves_it_within_the_time_of_the_fleet_though_its_name_server_is_behind(trial: Trial) -> None:
    trial.happens(Received(HINT, b""))
    trial.passes(4)
    assert len(trial.connections) == 1

    trial.passes(2)

    assert len(trial.connections) == 2
    assert {"event": "moving", "to": EAST, "hinted": True} in trial.told


def test_a_retained_hint_moves_nobody(trial: Trial) -> None:
    trial.happens(Received(HINT, b"", retained=True))
    trial.passes(100)

    assert len(trial.connections) == 1


def test_a_device_without_hints_subscribes_to_its_commands_alone() -> None:
    trial = Trial(hint=None)
    trial.passes(0)

    assert trial.served().subscribed == [(COMMANDS,)]


def test_a_command_is_told_and_moves_nobody(trial: Trial) -> None:
    trial.happens(Received(COMMANDS, b"open"))
    trial.passes(20)

    assert {"event": "received", "topic": COMMANDS, "text": "open"} in trial.told
    assert len(trial.connections) == 1


def test_without_a_custom_domain_it_connects_to_the_target_and_follows_it() -> None:
    trial = Trial(host=None)
    trial.answer = None
    trial.passes(5)
    assert trial.connections == []

    trial.answer = EAST
    trial.passes(30)
    trial.served()
    trial.answer = WEST
    trial.passes(40)

    assert [connection.host for connection in trial.connections] == [EAST, WEST]


def test_a_device_whose_first_look_had_no_answer_still_connects_to_the_name_and_follows_it_later() -> None:
    trial = Trial()
    trial.answer = None
    trial.passes(0)
    trial.served()
    trial.answer = EAST
    trial.passes(40)
    trial.served()
    trial.answer = WEST
    trial.passes(40)

    assert [connection.host for connection in trial.connections] == [NAME, NAME, NAME]


def test_a_device_that_is_told_to_stop_waits_for_what_it_has_sent(trial: Trial) -> None:
    trial.happens(Stop())
    trial.passes(3)
    assert not trial.device.stopped()

    trial.happens(Acknowledged(1))

    assert trial.device.stopped()
    assert trial.last.sent == [1]


def test_a_device_that_stops_neither_measures_nor_moves_any_more(trial: Trial) -> None:
    trial.answer = WEST
    trial.happens(Received(HINT, b""), Stop())
    trial.now += 100
    trial.device.due()

    assert trial.last.sent == [1]
    assert len(trial.connections) == 1


def test_a_device_that_stops_waits_no_longer_than_its_time(trial: Trial) -> None:
    trial.happens(Stop())
    trial.now += 5

    assert trial.device.stopped()


def test_the_loop_ends_closes_its_connection_and_tells_how_much_is_not_acknowledged(trial: Trial) -> None:
    events: SimpleQueue[Event] = SimpleQueue()
    for event in (Stop(), Acknowledged(1)):
        events.put(event)

    assert trial.device.run(events) == 0
    assert trial.last.closed
