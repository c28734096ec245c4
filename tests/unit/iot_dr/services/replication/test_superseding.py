"""A request is left out only if a reading that began after its event has taken in as much as it would."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    policy_key,
    thing_group_key,
    thing_key,
)
from iot_dr.model.replication.outcomes import LastRead, Outcome, State
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.services.replication.superseding import BACKLOG, MARGIN, last_reads, without_superseded
from tests.fakes import FakeClock, InMemoryLedger

PUMP = ReconcileRequest(thing_key("pump"), depth=Depth.OWN)


def left(request: ReconcileRequest, ledger: InMemoryLedger, clock: FakeClock) -> bool:
    return without_superseded([request], last_reads([request], ledger, clock())) == (request,)


def a_late(request: ReconcileRequest, clock: FakeClock) -> ReconcileRequest:
    """Return a request for an event of now, handed out when it is late."""
    late = replace(request, occurred_at=clock())
    clock.advance(2 * BACKLOG / 1000)
    return late


def read_after(
    ledger: InMemoryLedger, request: ReconcileRequest, milliseconds: int, *, whole: bool = True, **fields: object
) -> None:
    at = request.occurred_at + milliseconds
    outcome = Outcome(request.key, State.IN_SYNC, "", at=at, read_at=at, whole=whole)
    ledger.record(replace(outcome, **fields))  # type: ignore[arg-type]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger()


@pytest.mark.parametrize("whole", [False, True])
def test_a_late_request_is_left_out_if_its_change_was_seen_by_another(
    clock: FakeClock, ledger: InMemoryLedger, whole: bool
) -> None:
    request = a_late(PUMP, clock)
    read_after(ledger, request, 2 * MARGIN, whole=whole)

    assert not left(request, ledger, clock)


@pytest.mark.parametrize("milliseconds", [-5000, MARGIN])
def test_a_reading_before_the_change_or_too_near_to_it_proves_nothing(
    clock: FakeClock, ledger: InMemoryLedger, milliseconds: int
) -> None:
    request = a_late(PUMP, clock)
    read_after(ledger, request, milliseconds)

    assert left(request, ledger, clock)


@pytest.mark.parametrize("wanted", list(Depth))
@pytest.mark.parametrize("read", list(Depth))
@pytest.mark.parametrize("key", [PUMP.key, billing_group_key("mill"), thing_group_key("hall"), certificate_key("a1")])
def test_what_hangs_on_a_resource_is_left_out_only_if_it_was_read_too(
    clock: FakeClock, ledger: InMemoryLedger, key: Key, wanted: Depth, read: Depth
) -> None:
    request, other = a_late(ReconcileRequest(key, depth=wanted), clock), ReconcileRequest(key, depth=read)
    read_after(ledger, request, 2 * MARGIN, whole=other.whole, attached=other.attached)

    as_much = tuple(Depth).index(read) >= tuple(Depth).index(wanted)
    assert left(request, ledger, clock) is not as_much


def test_a_reading_beside_another_writer_hides_no_request(clock: FakeClock, ledger: InMemoryLedger) -> None:
    request = a_late(PUMP, clock)
    mark = ledger.begin([request.key], request.occurred_at)
    read_after(ledger, request, 2 * MARGIN)
    beside = left(request, ledger, clock)
    ledger.end(mark, [request.key], request.occurred_at + 3 * MARGIN)

    assert beside
    assert left(request, ledger, clock)

    read_after(ledger, request, 4 * MARGIN)
    assert not left(request, ledger, clock)


def test_what_was_noted_to_wait_by_another_keeps_no_request(clock: FakeClock, ledger: InMemoryLedger) -> None:
    request = a_late(PUMP, clock)
    read_after(ledger, request, 2 * MARGIN)
    ledger.revisit([request.key], request.occurred_at + 3 * MARGIN)

    assert not left(request, ledger, clock)


def test_a_later_reading_of_less_does_not_hide_one_of_everything(clock: FakeClock, ledger: InMemoryLedger) -> None:
    request = a_late(replace(PUMP, depth=Depth.EVERYTHING), clock)
    read_after(ledger, request, 2 * MARGIN)
    read_after(ledger, request, 3 * MARGIN, whole=False, attached=False)

    assert not left(request, ledger, clock)


def test_what_was_seen_to_be_gone_is_not_checked_once_more(clock: FakeClock, ledger: InMemoryLedger) -> None:
    request = a_late(replace(PUMP, depth=Depth.EVERYTHING), clock)
    read_after(ledger, request, 2 * MARGIN, state=State.ABSENT)

    assert not left(request, ledger, clock)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(replace(PUMP, created=True, depth=Depth.ATTACHMENTS), id="a new thing waits for attachments"),
        pytest.param(replace(PUMP, checks=1), id="a second request"),
        pytest.param(replace(PUMP, tries=1), id="one that met a fault"),
    ],
)
def test_what_no_event_alone_asked_for_is_always_taken(
    clock: FakeClock, ledger: InMemoryLedger, asked: ReconcileRequest
) -> None:
    late = a_late(asked, clock)
    read_after(ledger, late, 2 * MARGIN)

    assert left(late, ledger, clock)


def test_what_the_schedule_or_an_operator_asks_for_is_always_taken(clock: FakeClock, ledger: InMemoryLedger) -> None:
    ledger.record(Outcome(PUMP.key, State.IN_SYNC, "", at=clock(), read_at=clock()))

    assert left(PUMP, ledger, clock)


def a_noted(clock: FakeClock) -> ReconcileRequest:
    """Return a request that checks once more, noted now, and let it become due."""
    noted = ReconcileRequest(PUMP.key, checks=1, noted_at=clock())
    clock.advance(2)
    return noted


@pytest.mark.parametrize(
    ("milliseconds", "fields", "is_left"),
    [
        pytest.param(MARGIN + 1, {}, False, id="a later one of everything"),
        pytest.param(MARGIN, {}, True, id="one too near to the note"),
        pytest.param(MARGIN + 1, {"whole": False}, True, id="one of less"),
    ],
)
def test_what_checks_once_more_is_left_out_if_another_has_found_out_meanwhile(
    clock: FakeClock, ledger: InMemoryLedger, milliseconds: int, fields: Mapping[str, bool], is_left: bool
) -> None:
    request = a_noted(clock)
    read_after(ledger, replace(request, occurred_at=request.noted_at), milliseconds, **fields)

    assert left(request, ledger, clock) is is_left


def test_what_checks_once_more_is_taken_while_the_last_reading_is_in_doubt(
    clock: FakeClock, ledger: InMemoryLedger
) -> None:
    request = a_noted(clock)
    ledger.begin([request.key], request.noted_at)
    read_after(ledger, replace(request, occurred_at=request.noted_at), 2 * MARGIN)

    assert left(request, ledger, clock)


@pytest.mark.parametrize("key", [policy_key("pumps"), group_membership_key("site", "pump")])
def test_kinds_without_depth_are_read_whole_each_time(clock: FakeClock, ledger: InMemoryLedger, key: Key) -> None:
    request = a_late(ReconcileRequest(key, created=True, depth=Depth.ATTACHMENTS), clock)
    read_after(ledger, request, 2 * MARGIN)

    assert not left(request, ledger, clock)


def test_while_nothing_is_late_the_ledger_is_not_asked(clock: FakeClock) -> None:
    class Unasked(InMemoryLedger):
        def last_reads(self, keys: Collection[Key]) -> Mapping[Key, LastRead]:
            raise AssertionError(f"asked for {keys}")

    assert left(replace(PUMP, occurred_at=clock()), Unasked(), clock)
