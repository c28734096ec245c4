"""What is read again of the primary before it is written, and in how few calls."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iot_dr.errors import RegionUnavailable
from iot_dr.model.registry.entities import Entity, GroupMembership, PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import Kind
from iot_dr.model.registry.read_calls import ReadCall
from iot_dr.services.reading import rereading
from iot_dr.services.reading.rereading import RegistrySourceReader
from tests.builders import a_certificate, a_certificate_id, a_device, a_group, a_policy, a_thing, an_attachment
from tests.fakes import Calls, FakeClock, InMemoryRegistry, once, raising

BY_CERTIFICATE = {
    Kind.POLICY_ATTACHMENT: ReadCall.POLICIES_OF_CERTIFICATE,
    Kind.THING_PRINCIPAL: ReadCall.THINGS_OF_CERTIFICATE,
}
BY_OTHER_END = {
    Kind.POLICY_ATTACHMENT: ReadCall.TARGETS_OF_POLICY,
    Kind.THING_PRINCIPAL: ReadCall.CERTIFICATES_OF_THING,
}


class Primary:
    """A primary whose calls are seen, of which a comparison has read by one end or the other."""

    def __init__(self, asked: dict[Kind, ReadCall] | None = None, *, at_most: int = 250) -> None:
        self.clock, self.calls = FakeClock(), Calls()
        self.registry = InMemoryRegistry(self.clock)
        self.reader = self.calls.through("primary", self.registry)

        def few_targets(policy: str) -> frozenset[str] | None:
            targets = self.reader.targets_of(policy)
            return targets if len(targets) <= at_most else None

        self.rereading = RegistrySourceReader(
            self.reader,
            self.clock,
            few_targets=few_targets if asked else None,
            asked_by=asked.__getitem__ if asked else None,
        )

    def read(self, *entities: Entity, since: int = 0) -> list[Entity | None]:
        return [self.rereading.now(one.key, since) for one in entities]


def several(number: int = 3) -> list[Entity]:
    """A certificate with some policies."""
    names = [f"own-{one}" for one in range(number)]
    return [a_certificate(), *map(a_policy, names), *(an_attachment(name) for name in names)]


@pytest.mark.parametrize("asked", [None, BY_CERTIFICATE, BY_OTHER_END])
def test_every_kind_is_read_as_it_is_and_what_is_gone_is_none(asked: dict[Kind, ReadCall] | None) -> None:
    primary = Primary(asked)
    everything = (*a_device(), a_group("site"), GroupMembership("site", "pump-17"))
    primary.registry.put(*everything)
    assert primary.read(*everything) == [primary.registry.with_tags[one.key] for one in everything]

    primary.registry.remove(*(one.key for one in everything))

    assert primary.read(*everything, since=primary.clock()) == [None] * len(everything)


def test_the_policies_of_a_certificate_share_one_list() -> None:
    primary = Primary(BY_OTHER_END)
    *around, first, second, third = several()
    primary.registry.put(*around, first, third)

    assert primary.read(first, second, third) == [first, None, third]
    assert primary.calls.made == ["primary.policies_of"]


def test_a_list_that_was_asked_for_before_the_mark_stood_is_asked_for_again() -> None:
    primary = Primary(BY_OTHER_END)
    *around, first, second = several(2)
    primary.registry.put(*around, first, second)
    primary.read(first)
    marked_at = primary.clock()
    primary.registry.remove(second.key)

    assert primary.read(second, since=marked_at) == [None]


@pytest.mark.parametrize(
    ("asked", "number", "calls"),
    [
        (BY_CERTIFICATE, 1, ["targets_of"]),
        (BY_CERTIFICATE, 3, ["targets_of", "policies_of"]),
        (BY_OTHER_END, 1, ["policies_of"]),
        (None, 1, ["policies_of"]),
    ],
)
def test_a_policy_is_asked_for_first_where_certificates_have_been(
    asked: dict[Kind, ReadCall] | None, number: int, calls: list[str]
) -> None:
    primary = Primary(asked)
    entities = several(number)
    primary.registry.put(*entities)

    primary.read(*entities[-number:])

    assert [call.partition(".")[2] for call in primary.calls.made] == calls


def test_a_policy_that_many_share_is_asked_for_its_targets_once() -> None:
    primary = Primary(BY_CERTIFICATE, at_most=1)
    devices = [a_device(name) for name in ("a", "b", "c")]
    primary.registry.put(*(one for device in devices for one in device))
    attachments = [device[3] for device in devices]

    found = [primary.read(one, since=primary.clock()) for one in attachments]

    assert found == [[one] for one in attachments]
    assert primary.calls.made.count("primary.targets_of") == 1
    assert primary.calls.made.count("primary.policies_of") == 3


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        (BY_CERTIFICATE, ["principals_of_thing", "things_of_certificate"]),
        (BY_OTHER_END, ["things_of_certificate"]),
        (None, ["principals_of_thing", "things_of_certificate"]),
    ],
)
def test_the_things_of_a_certificate_share_a_list_from_the_second_on(
    asked: dict[Kind, ReadCall] | None, calls: list[str]
) -> None:
    primary = Primary(asked)
    things = [a_thing(name) for name in ("a", "b", "c")]
    principals = [ThingPrincipal(one.name, a_certificate_id("pump-17")) for one in things]
    primary.registry.put(a_certificate(), *things, *principals)

    assert primary.read(*principals) == principals
    assert [call.partition(".")[2] for call in primary.calls.made] == calls


def test_the_certificates_of_a_thing_share_a_list() -> None:
    primary = Primary(BY_CERTIFICATE)
    certificates = [a_certificate(name) for name in ("a", "b")]
    principals = [ThingPrincipal("pump-17", one.certificate_id) for one in certificates]
    primary.registry.put(a_thing(), *certificates, *principals)

    assert primary.read(*principals) == principals
    assert primary.calls.made == ["primary.principals_of_thing"]


def test_whoever_wants_what_another_thread_asks_for_waits_for_its_answer() -> None:
    primary = Primary(BY_OTHER_END)
    *around, first, second = several(2)
    primary.registry.put(*around, first, second)
    asking, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asking.set()
        assert go_on.wait(30)

    primary.calls.before = once("primary.policies_of", hold)

    with ThreadPoolExecutor(2) as executor:
        one = executor.submit(primary.read, first)
        assert asking.wait(30)
        other = executor.submit(primary.read, second)
        go_on.set()

        assert (one.result(), other.result()) == ([first], [second])
    assert primary.calls.made == ["primary.policies_of"]


def test_an_error_is_no_answer() -> None:
    primary = Primary(BY_OTHER_END)
    *around, first = several(1)
    primary.registry.put(*around, first)
    primary.calls.before = raising(RegionUnavailable("away"), at=(1,))
    with pytest.raises(RegionUnavailable):
        primary.read(first)

    assert primary.read(first) == [first]


def test_no_more_answers_are_remembered_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rereading, "REMEMBERED", 2)
    primary = Primary(BY_OTHER_END)
    attachments = [PolicyAttachment("pumps", f"cert/{name}") for name in ("a", "b", "c")]
    primary.read(*attachments)

    primary.read(attachments[2], attachments[1], attachments[0])

    assert primary.calls.made.count("primary.policies_of") == 4
