"""Evictions are paced by what AWS grants: slower where it refuses, and up to the set rate again when it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from iot_dr.aws.failover.connections import IotConnections
from iot_dr.aws.pacing import paced
from iot_dr.errors import Throttled
from iot_dr.runtime.commands.failover import END, eviction_budgets
from tests.failover_fakes import Time

RATE, GRANTED = 100.0, 40
REFUSING, WATCHED = 30, 90
"""Seconds for which AWS grants less than the rate, and for which it is looked at."""


class Body:
    """An answer's body."""

    def stream(self) -> Iterator[bytes]:
        yield b"{}"


class Server:
    """Answers in a test's time: grants so many calls in each second of the first, then all."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.granted, self.refused = Counter[int](), Counter[int]()

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        second = int(self._time.now)
        if second < REFUSING and self.granted[second] >= GRANTED:
            self.refused[second] += 1
            return AWSResponse(request.url, 429, {"x-amzn-errortype": "ThrottlingException"}, Body())
        self.granted[second] += 1
        return AWSResponse(request.url, 200, {}, Body())


@pytest.fixture(name="served", scope="module")
def ended_for_a_while() -> Server:
    time = Time()
    server = Server(time)
    data = boto3.client(
        "iot-data",
        region_name="us-west-2",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    data.meta.events.register("before-send.iot-data-plane", server.answer)
    budgets = eviction_budgets(RATE, time.stopwatch, time.pause)
    connections = IotConnections(None, paced(data, budgets))
    while time.now < WATCHED:
        try:
            connections.end("device")
        except Throttled:
            continue
    (use,) = budgets.uses()
    assert use.operation == END
    return server


def test_evictions_that_aws_throttles_slow_down_to_what_it_grants(served: Server) -> None:
    settled = range(10, REFUSING)

    assert served.refused[0] + served.refused[1] > 5
    assert sum(served.refused[second] for second in settled) < 0.15 * GRANTED * len(settled)
    assert sum(served.granted[second] for second in settled) > 0.6 * GRANTED * len(settled)


def test_evictions_are_as_fast_as_is_set_again_when_aws_grants_it(served: Server) -> None:
    last = [served.granted[second] for second in range(WATCHED - 10, WATCHED - 1)]

    assert min(last) >= 0.95 * RATE


def test_evictions_are_never_faster_than_is_set(served: Server) -> None:
    seconds = served.granted.keys() | served.refused.keys()

    assert max(served.granted[second] + served.refused[second] for second in seconds) <= 1.06 * RATE
