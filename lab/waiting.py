"""Waiting for what happens elsewhere: asks again with growing pauses, never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_FIRST_PAUSE = 0.05
_GROWS = 1.5
_LONGEST_PAUSE = 0.5
_OF_A_REQUEST = 4
"""How many times as long as a request took the pause after it is, at least: who waits leaves the machine to others."""
_LONGEST_OF_A_REQUEST = 2.0


def until(request: Callable[[], Answer], seconds: float, tick: Callable[[], None] | None = None) -> Answer:
    """The first true answer of `request`, or its last one when the time is over; `tick` is called between two
    requests.
    """
    asked = time.monotonic()
    deadline, pause = asked + seconds, _FIRST_PAUSE
    while not (answer := request()) and (now := time.monotonic()) < deadline:
        polite = min(_OF_A_REQUEST * (now - asked), _LONGEST_OF_A_REQUEST)
        threading.Event().wait(min(max(pause, polite), deadline - now))
        pause = min(pause * _GROWS, _LONGEST_PAUSE)
        if tick:
            tick()
        asked = time.monotonic()
    return answer
