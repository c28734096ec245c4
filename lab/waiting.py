"""Waiting for what happens elsewhere: asks again with growing pauses, never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5


def until(request: Callable[[], Answer], seconds: float, tick: Callable[[], None] | None = None) -> Answer:
    """The first true answer of `request`, or its last one when the time is over; `tick` is called between two
    requests.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while not (answer := request()) and time.monotonic() < deadline:
        threading.Event().wait(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        if tick:
            tick()
    return answer
