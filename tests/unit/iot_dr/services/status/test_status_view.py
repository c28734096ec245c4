"""The whole at a glance: each part is told by itself, and the ledger is what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, IotDrError, RegionUnavailable
from iot_dr.model.failover.control import Control
from iot_dr.model.failover.fence import Fence, Leadership
from iot_dr.model.failover.names import FleetDomain, NameAnswer, NameAnswers
from iot_dr.model.launch.launched_stacks import LaunchedStack, StackResource
from iot_dr.model.registry.keys import Key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.status.status_parts import Drift, Lag, StreamAge, Unread
from iot_dr.services.status.status_view import NO_LAUNCH, NO_NAME, Sources, status_view
from tests.fakes import FakeClock

STACK = LaunchedStack(
    "us-west-2",
    "IoTDRSecondary1",
    "CREATE_COMPLETE",
    outputs={
        "JitrDeadLetterQueueUrl": "jitr",
        "LookQueueUrl": "looks",
        "BackgroundQueueUrl": "background",
        "LedgerTableName": "ledger",
    },
    resources=(
        StackResource("StartReplicationFunction", "AWS::Lambda::Function", "start-1"),
        StackResource("SweepRegistryFunction", "AWS::Lambda::Function", "sweep-1"),
    ),
)
LAG = Lag("thing", 1, 2.0, 3.0, 4.0, 5, 6.0, 7.0)


class Ledger:
    """A ledger in which nothing waits, or which cannot be read."""

    def __init__(self, error: IotDrError | None = None) -> None:
        self._error = error

    def item(self, key: Key) -> LedgerItem | None:
        return None

    def waiting(self) -> Iterator[LedgerItem]:
        if self._error:
            raise self._error
        return iter(())

    def held(self) -> Iterator[LedgerItem]:
        return iter(())


class Metrics:
    """Metrics, or why there are none."""

    def __init__(self, error: IotDrError | None = None) -> None:
        self._error = error

    def lags(self, now: int) -> Sequence[Lag]:
        if self._error:
            raise self._error
        return (LAG,)

    def stream_ages(self, functions: Mapping[str, str], now: int) -> Sequence[StreamAge]:
        assert set(functions.values()) <= {"start-1"}
        if self._error:
            raise self._error
        return tuple(StreamAge(title, 5.0) for title in functions)


def failing(error: IotDrError) -> Any:
    def read(*_: object) -> Any:
        raise error

    return read


WELL = Sources(
    ledger=Ledger(),
    drift=lambda: Drift(1, 0),
    leadership=lambda: Leadership(Control("us-east-1"), Fence()),
    stacks=lambda: (STACK,),
    metrics=Metrics(),
    waiting=lambda region, url: {("us-west-2", "jitr"): 4, ("us-west-2", "looks"): 7, ("us-west-2", "background"): 8}[
        region, url
    ],
)


def test_every_part_is_told() -> None:
    found = status_view(WELL, FakeClock())

    assert found.backlog.total == 0
    assert found.leadership == Leadership(Control("us-east-1"), Fence())
    assert found.stacks == (STACK,)
    assert found.lags == (LAG,)
    assert found.streams == (StreamAge("StartReplicationFunction", 5.0),)
    assert found.requests == {"LookQueue": 7, "BackgroundQueue": 8}
    assert found.queues == {"JitrDeadLetterQueue": 4}
    assert found.drift == Drift(1, 0)


@pytest.mark.parametrize(
    ("changed", "unread"),
    [
        ({"leadership": failing(AccessDenied("no right"))}, {"leadership"}),
        ({"names": failing(AccessDenied("no right"))}, {"names"}),
        ({"metrics": Metrics(AccessDenied("no right"))}, {"lags", "streams"}),
        ({"drift": failing(ConfigurationError("no right"))}, {"drift"}),
        ({"waiting": failing(AccessDenied("no right"))}, {"requests", "queues"}),
        ({"records": failing(AccessDenied("no right"))}, {"records"}),
        ({"stacks": failing(AccessDenied("no right"))}, {"stacks", "requests", "queues"}),
    ],
)
def test_a_part_that_cannot_be_read_says_why_and_spoils_no_other(changed: dict[str, Any], unread: set[str]) -> None:
    found = status_view(replace(WELL, **changed), FakeClock())

    parts = ("leadership", "stacks", "lags", "streams", "requests", "queues", "records", "drift", "names")
    assert {part for part in parts if getattr(found, part) == Unread("no right")} == unread


def test_stream_records_that_are_kept_are_counted_as_replay_and_doctor_count_them() -> None:
    assert status_view(replace(WELL, records=lambda: 3), FakeClock()).records == 3


def test_a_launch_of_which_there_is_no_stack_is_no_launch() -> None:
    with pytest.raises(ConfigurationError, match="there is no stack of this launch in either Region; see that STACK_P"):
        status_view(replace(WELL, stacks=lambda: ()), FakeClock())


def test_without_a_launch_what_belongs_to_it_says_so() -> None:
    found = status_view(replace(WELL, leadership=None, stacks=None), FakeClock())

    assert (found.leadership, found.stacks, found.queues) == (NO_LAUNCH, NO_LAUNCH, NO_LAUNCH)
    assert found.lags == (LAG,)


def test_a_ledger_that_cannot_be_read_is_no_answer_at_all() -> None:
    with pytest.raises(RegionUnavailable):
        status_view(replace(WELL, ledger=Ledger(RegionUnavailable("gone"))), FakeClock())


def test_a_fleets_name_is_told_with_its_domains() -> None:
    names, domain = NameAnswers({"ns-1": NameAnswer("endpoint", 30)}), FleetDomain("fleet", enabled=True)
    named = replace(
        WELL,
        names=lambda: names,
        domains={"us-east-1": lambda: domain, "us-west-2": failing(AccessDenied("no right"))},
    )

    found = status_view(named, FakeClock())

    assert found.names == names
    assert found.domains == {"us-east-1": domain, "us-west-2": Unread("no right")}


def test_a_fleet_without_a_name_says_so() -> None:
    found = status_view(WELL, FakeClock())

    assert (found.names, found.domains) == (NO_NAME, {})
