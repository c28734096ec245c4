"""The device's loop: it sends what it measures, looks where the fleet's name points, and moves when that changes."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from .events import (
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
from .fleet_name import NotTold
from .moving import Course, Draw, Pace, hinted, looked, went
from .outbox import Message, Outbox

STOP_SECONDS = 5.0
"""How long a device that is told to stop waits for the acknowledgement of what it has sent."""


class Connection(Protocol):
    """A connection that reconnects by itself, and puts what happens to it into the queue of events."""

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Ask for these topics; `Subscribed` or `NotSubscribed` follows."""
        ...

    def publish(self, message: Message) -> None:
        """Send with QoS 1; `Acknowledged` or `NotAcknowledged` follows, or the connection ends."""
        ...

    def close(self) -> None:
        """Disconnect and return when it is done."""
        ...


@dataclass(frozen=True)
class Topics:
    """What the device subscribes to.

    Attributes:
        commands: messages for this device.
        hint: one topic of the whole fleet; a message there asks every device to connect again. None for no hints.
    """

    commands: str
    hint: str | None

    def all(self) -> tuple[str, ...]:
        """Return what there is to subscribe to."""
        return (self.commands,) if self.hint is None else (self.commands, self.hint)


class Tell(Protocol):
    """Tells an operator what the device does."""

    def __call__(self, event: str, **values: Any) -> None:
        """Tell one thing."""
        ...


@dataclass(frozen=True)
class Habits:
    """What one device does, whichever Region it is in.

    Attributes:
        host: what it connects to; None for the target that the fleet's name points to.
        every: seconds from one message to the next.
    """

    host: str | None
    topics: Topics
    pace: Pace
    every: float


@dataclass(frozen=True)
class Surroundings:
    """What the device needs from outside.

    Attributes:
        connect: begins to connect and returns at once; its arguments are the connection's number and a host.
        look: returns where the fleet's name points, or raises NotTold.
        measure: returns the values of the next message.
    """

    connect: Callable[[int, str], Connection]
    look: Callable[[], str]
    measure: Callable[[], Mapping[str, Any]]
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    draw: Draw = random.uniform


class Device:
    """One device; all its state is changed by the loop alone, so there is nothing to lock."""

    def __init__(self, habits: Habits, outside: Surroundings, outbox: Outbox) -> None:
        self._habits, self._outside, self._outbox = habits, outside, outbox
        self._tell, self._clock = outside.tell, outside.clock
        self._connection: Connection | None = None
        self._number = 0
        self._connected = self._subscribing = self._ready = False
        self._course = Course(look_at=self._clock())
        self._measure_at = self._clock()
        self._stop_at = math.inf

    def run(self, events: SimpleQueue[Event]) -> int:
        """Run until told to stop; return the number of messages that the server has not acknowledged."""
        while not self.stopped():
            self.due()
            try:
                self.handle(events.get(timeout=max(0.0, self.next_at() - self._clock())))
            except Empty:
                continue
        if self._connection is not None:
            self._connection.close()
        return len(self._outbox)

    def stopped(self) -> bool:
        """Whether it was told to stop, and has nothing left to wait for."""
        return self._stopping and (not len(self._outbox) or self._clock() >= self._stop_at)

    def next_at(self) -> float:
        """When the device has something to do, if nothing happens before."""
        if self._stopping:
            return self._stop_at
        move_at = math.inf if self._course.move_at is None else self._course.move_at
        return min(self._course.look_at, self._measure_at, move_at)

    def due(self) -> None:
        """Do what it is time for; a device that stops does nothing new."""
        now = self._clock()
        if self._stopping:
            return
        if now >= self._course.look_at:
            self._look()
        if self._connection is None:
            self._go()
        elif self._course.move_at is not None and now >= self._course.move_at:
            self._move()
        if now >= self._measure_at:
            self._measure_at = now + self._habits.every
            self._outbox.add(self._outside.measure())
            self._subscribe()  # again, if the server did not answer
            self._send()

    @property
    def _stopping(self) -> bool:
        return self._stop_at < math.inf

    def handle(self, event: Event) -> None:
        """Take notice of what happened."""
        if isinstance(event, (Connected, Disconnected, Subscribed, NotSubscribed, NotAcknowledged)):
            if event.connection == self._number:  # what a connection says that was left does not count
                self._handle_connection(event)
        elif isinstance(event, Acknowledged):
            self._outbox.acknowledged(event.sequence)
            self._tell("acknowledged", sequence=event.sequence)
        elif isinstance(event, Received):
            self._handle_message(event)
        elif isinstance(event, Stop):
            self._stop_at = self._clock() + STOP_SECONDS

    def _handle_connection(
        self, event: Connected | Disconnected | Subscribed | NotSubscribed | NotAcknowledged
    ) -> None:
        if isinstance(event, Connected):
            self._connected = True
            self._subscribe()
            self._look()  # the SDK has resolved the name just now, so this says best where the device is
            self._course = went(self._course)
            self._tell("connected", target=self._course.went_to)
        elif isinstance(event, Disconnected):
            self._disconnected()
            self._tell("disconnected", why=event.why)
        elif isinstance(event, Subscribed):
            self._subscribing, self._ready = False, True
            self._tell("subscribed", refused=list(event.refused))
            self._send()
        elif isinstance(event, NotSubscribed):
            self._subscribing = False
            self._tell("not subscribed", why=event.why)
        else:
            self._outbox.send_again(event.sequence)
            self._tell("not acknowledged", sequence=event.sequence, why=event.why)

    def _handle_message(self, message: Received) -> None:
        if message.topic != self._habits.topics.hint:
            self._tell("received", topic=message.topic, text=message.payload.decode(errors="replace"))
        elif not message.retained:  # a retained hint would send away every device that comes
            self._course = hinted(self._course, self._clock(), self._habits.pace, self._outside.draw)
            self._tell("hinted", move_at=self._course.move_at)

    def _look(self) -> None:
        """Ask DNS, and plan a move if the answer is another one."""
        before = self._course.points_to
        try:
            answer = self._outside.look()
        except NotTold as error:
            answer = None
            self._tell("not told", why=str(error))
        self._course = looked(self._course, answer, self._clock(), self._habits.pace, self._outside.draw)
        if self._course.points_to != before:
            self._tell("points to", target=self._course.points_to)

    def _move(self) -> None:
        self._look()
        if self._course.move_at is None:
            return  # the name points again to where the device is
        self._tell("moving", to=self._course.points_to, hinted=self._course.hinted)
        if self._connection is not None:
            self._connection.close()
        self._disconnected()
        self._go()

    def _go(self) -> None:
        """Connect to where the name points."""
        host = self._habits.host or self._course.points_to
        if host is not None:
            self._course = went(self._course)
            self._number += 1
            self._connection = self._outside.connect(self._number, host)

    def _disconnected(self) -> None:
        self._connected = self._subscribing = self._ready = False
        self._outbox.disconnected()

    def _subscribe(self) -> None:
        if self._connected and self._connection and not self._subscribing and not self._ready:
            self._subscribing = True
            self._connection.subscribe(self._habits.topics.all())

    def _send(self) -> None:
        """Send what waits, but never before the subscriptions: an answer to a message would be missed."""
        if self._ready and self._connection:
            for message in self._outbox.to_send():
                self._connection.publish(message)
