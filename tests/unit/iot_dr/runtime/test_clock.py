"""The machine's clock tells epoch milliseconds, as registry events do."""

import time

from iot_dr.runtime.clock import now


def test_the_clock_tells_epoch_milliseconds() -> None:
    before = int(time.time() * 1000)

    assert before <= now() <= int(time.time() * 1000) + 1
