from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied, InvalidResource, IotDrError, RegionUnavailable
from iot_dr.model.registry.keys import Key, policy_key, thing_key
from iot_dr.model.replication.ledger_items import LedgerItem
from iot_dr.model.replication.outcomes import State
from iot_dr.services.status.status import (
    NOT_CHECKED,
    OLDEST,
    UNKNOWN,
    Group,
    ResourceStatus,
    backlog,
    kind_of_reason,
    listed,
    standing,
)

THING = thing_key("pump-17")


@dataclass
class Ledger:
    """A ledger in memory."""

    items: dict[Key, LedgerItem] = field(default_factory=dict)

    def item(self, key: Key) -> LedgerItem | None:
        return self.items.get(key)

    def waiting(self) -> Iterator[LedgerItem]:
        return (item for item in self.items.values() if item.next_attempt is not None and item.state is not State.HELD)

    def held(self) -> Iterator[LedgerItem]:
        return (item for item in self.items.values() if item.state is State.HELD)

    def note(self, *items: LedgerItem) -> Ledger:
        self.items.update((item.key, item) for item in items)
        return self


def waiting(name: str, reason: str = "", *, state: State = State.FAILED, since: int | None = None) -> LedgerItem:
    return LedgerItem(thing_key(name), state, reason, since=since, next_attempt=1)


def certificates(_thing: str) -> tuple[str, ...]:
    return ("abc", "def")


def unasked(_thing: str) -> tuple[str, ...]:
    pytest.fail("asked the registry")


@pytest.mark.parametrize(
    ("states", "names"),
    [
        ((), ["one", "two", "three"]),
        ((State.FAILED,), ["one"]),
        ((State.HELD,), ["three"]),
        ((State.PENDING,), ["two"]),
    ],
)
def test_all_that_waits_is_listed_or_what_has_a_state(states: tuple[State, ...], names: list[str]) -> None:
    ledger = Ledger().note(
        waiting("one"), waiting("two", state=State.PENDING), LedgerItem(thing_key("three"), State.HELD, "it leads")
    )

    assert [item.key.name for item in listed(ledger, states)] == names


def test_a_device_in_sync_is_told_with_its_certificates() -> None:
    item = LedgerItem(THING, State.IN_SYNC, since=5)

    found = standing(THING, Ledger().note(item), certificates)

    assert found == ResourceStatus(THING, item, ("abc", "def"))
    assert (found.in_sync, found.state, found.reason) == (True, "in_sync", "")


@pytest.mark.parametrize("state", [state for state in State if state is not State.IN_SYNC])
def test_every_other_state_is_not_in_sync_and_keeps_its_reason(state: State) -> None:
    found = standing(THING, Ledger().note(LedgerItem(THING, state, "why")), certificates)

    assert (found.in_sync, found.state, found.reason) == (False, str(state), "why")


def test_a_device_that_the_ledger_does_not_know_is_unknown_and_the_registry_is_not_asked() -> None:
    found = standing(THING, Ledger(), unasked)

    assert (found.in_sync, found.state, found.reason, found.certificates) == (False, "unknown", UNKNOWN, None)


def test_what_was_copied_along_with_another_says_that_it_was_not_checked() -> None:
    found = standing(THING, Ledger().note(LedgerItem(THING, None, owned=True)), certificates)

    assert (found.in_sync, found.state, found.reason) == (False, "unknown", NOT_CHECKED)


def test_only_things_have_certificates() -> None:
    key = policy_key("pumps")

    assert standing(key, Ledger().note(LedgerItem(key, State.IN_SYNC)), unasked).in_sync


@pytest.mark.parametrize("error", [AccessDenied("no right"), RegionUnavailable("no answer")])
def test_certificates_that_cannot_be_read_do_not_hide_what_the_ledger_says(error: IotDrError) -> None:
    def refuse(_thing: str) -> tuple[str, ...]:
        raise error

    found = standing(THING, Ledger().note(LedgerItem(THING, State.IN_SYNC)), refuse)

    assert (found.in_sync, found.certificates, found.unreadable) == (True, None, str(error))


def test_any_other_error_is_not_hidden() -> None:
    def refuse(_thing: str) -> tuple[str, ...]:
        raise InvalidResource("no such name")

    with pytest.raises(InvalidResource):
        standing(THING, Ledger().note(LedgerItem(THING, State.IN_SYNC)), refuse)


def test_nothing_waits_in_a_ledger_in_sync() -> None:
    found = backlog(Ledger().note(LedgerItem(THING, State.IN_SYNC)))

    assert (found.total, found.groups, found.oldest) == (0, (), ())


def test_what_waits_is_counted_by_state_and_kind_of_reason_most_first() -> None:
    ledger = Ledger().note(
        waiting("a", "InvalidResource: thing type x7 is deprecated"),
        waiting("b", "InvalidResource: thing type x8 is deprecated"),
        waiting("c", "no certificate yet", state=State.PENDING),
        waiting("d", "no certificate yet", state=State.PENDING),
        waiting("e", "no certificate yet", state=State.PENDING),
    )

    found = backlog(ledger)

    assert found.total == 5
    assert found.groups == (
        Group("pending", "no certificate yet", 3),
        Group("failed", "InvalidResource: thing type … is deprecated", 2),
    )


def test_what_has_waited_longest_is_told_first_and_not_all_of_it() -> None:
    ledger = Ledger().note(*(waiting(f"p-{since:02}", since=since) for since in range(40, 0, -1)))

    oldest = backlog(ledger).oldest

    assert [item.since for item in oldest] == list(range(1, OLDEST + 1))


def test_what_has_waited_longest_is_told_first_however_lately_it_was_tried() -> None:
    long, short = (
        LedgerItem(thing_key(name), State.FAILED, since=since, checked_at=checked_at, next_attempt=1)
        for name, since, checked_at in (("long", 1, 9), ("short", 5, 6))
    )

    assert backlog(Ledger().note(short, long)).oldest == (long, short)


def test_without_since_the_last_request_tells_the_age() -> None:
    older = LedgerItem(thing_key("older"), State.FAILED, checked_at=1, next_attempt=1)

    assert [item.key.name for item in backlog(Ledger().note(waiting("new", since=2), older)).oldest] == ["older", "new"]


def test_the_count_is_told_while_it_goes() -> None:
    told: list[int] = []

    backlog(Ledger().note(waiting("a"), waiting("b")), told.append)

    assert told == [1, 2]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("", ""),
        ("no certificate with a policy is attached yet", "no certificate with a policy is attached yet"),
        (
            "TerminalError: An error occurred (InvalidRequestException) when calling the CreateThing operation: a-7",
            "InvalidRequestException of CreateThing",
        ),
        ("thing#a: somebody else made it", "… somebody else made it"),
        ("Conflict: certificate arn:aws:iot:us-west-2:1:cert/abc changed", "Conflict: certificate … changed"),
    ],
)
def test_reasons_of_one_kind_are_told_without_names_and_numbers(reason: str, kind: str) -> None:
    assert kind_of_reason(reason) == kind


def test_what_is_held_is_counted_as_the_rest_is_and_by_itself() -> None:
    found = backlog(Ledger().note(waiting("a"), waiting("b", "us-west-2 leads", state=State.HELD)))

    assert (found.total, found.held) == (2, 1)
    assert {group.state for group in found.groups} == {"failed", "held"}
