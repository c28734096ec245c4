"""A new device is checked with growing pauses until what hangs on it has stood still."""

import pytest

from iot_dr.model.registry.entities import GroupMembership, PolicyAttachment, ThingPrincipal
from iot_dr.model.registry.keys import Key, certificate_target, policy_key, thing_group_target, thing_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import ReconcileRequest
from iot_dr.services.replication.settling import (
    NO_CERTIFICATE,
    NO_POLICY_IN_SOURCE_EITHER,
    NONE_IN_SOURCE_EITHER,
    PAUSES,
    Attachments,
    Settling,
    attachments,
    complete,
    fingerprint,
    lacks_own_policy,
    pause,
    policies_by_groups,
    standing,
)
from tests.builders import a_device, a_dynamic_group, a_group, a_policy, a_snapshot, a_thing
from tests.fakes import Calls, InMemoryRegistry

THING = thing_key("pump-17")
SETTLING = Settling(complete=3, incomplete=60)
COMPLETE = {"certificate": ["policy"]}


def _pause(
    seen: Attachments, seconds_still: float, *, checks: int = 0, key: Key = THING, created: bool = True, beside: int = 1
) -> int:
    request = ReconcileRequest(key, occurred_at=1_000_000, created=created, checks=checks, changed_at=1_000_000)
    return pause(request, seen, 1_000_000 + int(seconds_still * 1000), SETTLING, beside)


@pytest.mark.parametrize(("seconds", "wanted"), [(0, 3), (2.9, 3), (3, 0), (100, 0)])
def test_a_complete_device_is_checked_again_until_it_stood_still(seconds: float, wanted: int) -> None:
    assert _pause(COMPLETE, seconds) == wanted


@pytest.mark.parametrize("seen", [{}, {"certificate": []}, {"one": ["policy"], "two": []}])
def test_an_incomplete_device_is_waited_for_longer(seen: Attachments) -> None:
    assert _pause(seen, 59.9)
    assert not _pause(seen, 60)


def test_what_never_stands_still_is_left_to_the_sweep_before_the_workflow_ends() -> None:
    restless = ReconcileRequest(THING, occurred_at=1_000_000, created=True, checks=9, changed_at=1_239_000)

    assert pause(restless, COMPLETE, 1_239_999, SETTLING) == 3
    assert pause(restless, COMPLETE, 1_240_000, SETTLING) == 0


def test_pauses_grow_and_then_stay() -> None:
    pauses = [_pause({}, 0, checks=checks) for checks in range(len(PAUSES) + 3)]

    assert pauses == sorted(pauses)
    assert pauses[0] == 1
    assert pauses[-1] == PAUSES[-1]


def test_many_that_wait_beside_each_other_are_checked_more_rarely_after_a_first_quick_request() -> None:
    def requests_until_settled(beside: int) -> list[int]:
        seconds, at = 0, list[int]()
        while wait := _pause({}, seconds, checks=len(at), beside=beside):
            seconds += wait
            at.append(seconds)
        return at

    alone, many = requests_until_settled(1), requests_until_settled(10)

    assert many[0] == alone[0] == 1
    assert len(many) < len(alone) / 2
    assert many[-1] < 60 + PAUSES[-1]
    assert _pause(COMPLETE, 0, beside=10) == SETTLING.complete


def test_what_is_not_new_is_left_to_the_sweep() -> None:
    assert _pause({}, 0, created=False) == 0


def test_only_things_are_waited_for() -> None:
    assert _pause({}, 0, key=policy_key("pumps")) == 0


def test_the_waits_for_an_incomplete_device_fit_into_an_express_workflow() -> None:
    seconds, checks = 0, 0
    while wait := _pause({}, seconds, checks=checks):
        seconds, checks = seconds + wait, checks + 1

    assert 60 <= seconds < 300


def test_attachments_are_those_of_the_thing_alone() -> None:
    mine, others = a_device("pump-17"), a_device("pump-18")
    snapshot = a_snapshot(*mine, *others[1:])

    (certificate,) = [entity.certificate_id for entity in mine if isinstance(entity, ThingPrincipal)]

    assert attachments(snapshot, THING) == {certificate: ["pumps"]}


def test_a_certificate_without_policy_is_seen_too() -> None:
    assert attachments(
        a_snapshot(ThingPrincipal("pump-17", "c"), PolicyAttachment("p", certificate_target("d"))), THING
    ) == {"c": []}


def test_a_policy_of_a_group_counts_for_every_certificate_but_makes_up_for_none() -> None:
    assert complete({"one": [], "two": ["p"]}, {"fleet"})
    assert not complete({}, {"fleet"})


@pytest.mark.parametrize(
    ("seen", "wanted"), [({}, False), ({"c": []}, True), ({"c": ["p"]}, False), ({"c": ["p"], "d": []}, True)]
)
def test_groups_matter_only_to_a_certificate_without_policy_of_its_own(seen: Attachments, wanted: bool) -> None:
    assert lacks_own_policy(seen) is wanted


def test_the_groups_of_a_thing_and_those_above_them_give_it_policies() -> None:
    registry = InMemoryRegistry()
    registry.put(a_thing(), a_group("site"), a_group("room", "site"), a_group("other"), a_dynamic_group("hot"))
    registry.put(*(a_policy(name) for name in ("of-site", "of-room", "of-other")))
    registry.put(*(PolicyAttachment(f"of-{group}", thing_group_target(group)) for group in ("site", "room", "other")))
    registry.put(GroupMembership("room", "pump-17"))
    registry.found_by_query["hot"] = {"pump-17"}

    assert policies_by_groups(registry, "pump-17") == {"of-site", "of-room"}
    assert policies_by_groups(registry, "unknown") == frozenset()


def test_no_policies_are_asked_for_where_a_thing_is_in_no_group() -> None:
    registry, calls = InMemoryRegistry(), Calls()
    registry.put(a_thing())

    policies_by_groups(calls.through("primary", registry), "pump-17")

    assert calls.made == ["primary.groups_of_thing"]


def test_a_device_with_rights_by_a_group_is_waited_for_no_longer_than_a_complete_one() -> None:
    request = ReconcileRequest(THING, occurred_at=1_000_000, created=True, checks=1, changed_at=1_000_000)

    assert pause(request, {"c": []}, 1_003_000, SETTLING, by_groups={"fleet"}) == 0
    assert standing(request, {"c": []}, 1_000_001, SETTLING, {"fleet"}) == (State.IN_SYNC, "", False)


INCOMPLETE = (
    pytest.param({}, NONE_IN_SOURCE_EITHER, id="no certificate"),
    pytest.param({"one": ["policy"], "two": []}, NO_POLICY_IN_SOURCE_EITHER, id="no policy"),
)


@pytest.mark.parametrize(("seen", "reason"), INCOMPLETE)
def test_an_incomplete_device_is_pending_until_it_stood_still_and_then_in_sync_with_its_reason(
    seen: Attachments, reason: str
) -> None:
    request = ReconcileRequest(THING, occurred_at=1_000_000, created=True, changed_at=1_020_000)

    assert standing(request, seen, 1_079_999, SETTLING) == (State.PENDING, NO_CERTIFICATE, True)
    assert standing(request, seen, 1_080_000, SETTLING) == (State.IN_SYNC, reason, True)


@pytest.mark.parametrize("seconds_still", [0, 30, 59, 60, 61])
def test_a_device_that_stood_still_is_waiting_only_as_long_as_it_is_pending(seconds_still: int) -> None:
    request = ReconcileRequest(THING, occurred_at=1_000_000, created=True, checks=3, changed_at=1_000_000)
    now = 1_000_000 + seconds_still * 1000

    pending = standing(request, {}, now, SETTLING)[0] is State.PENDING

    assert pending is bool(pause(request, {}, now, SETTLING))


def test_a_restless_device_is_pending_no_longer_than_the_workflow_waits_for_it() -> None:
    restless = ReconcileRequest(THING, occurred_at=1_000_000, created=True, checks=9, changed_at=1_239_000)

    assert standing(restless, {}, 1_239_999, SETTLING)[0] is State.PENDING
    assert standing(restless, {}, 1_240_000, SETTLING)[0] is State.IN_SYNC


def test_the_schedules_check_an_incomplete_device_awaits_nothing_and_comes_again() -> None:
    assert standing(ReconcileRequest(THING, created=True), {}, 1_000_000, SETTLING) == (
        State.IN_SYNC,
        NONE_IN_SOURCE_EITHER,
        True,
    )


@pytest.mark.parametrize("asked", [ReconcileRequest(THING), ReconcileRequest(policy_key("pumps"), created=True)])
def test_what_is_not_a_new_thing_is_in_sync_with_nothing_to_say(asked: ReconcileRequest) -> None:
    assert standing(asked, {}, 1_000_000, SETTLING) == (State.IN_SYNC, "", False)


@pytest.mark.parametrize(
    ("seen", "wanted"), [({}, False), ({"c": []}, False), ({"c": ["p"]}, True), ({"c": ["p"], "d": []}, False)]
)
def test_a_device_is_complete_when_each_of_its_certificates_has_a_policy(seen: Attachments, wanted: bool) -> None:
    assert complete(seen) is wanted


def test_a_fingerprint_changes_with_the_attachments_and_with_nothing_else() -> None:
    assert fingerprint({"a": ["p", "q"], "b": []}) == fingerprint({"b": (), "a": frozenset({"q", "p"})})
    different: list[Attachments] = [{}, {"a": []}, {"a": ["p"]}, {"a": ["q"]}, {"a": ["p", "q"]}, {"b": ["p"]}]
    assert len({fingerprint(seen) for seen in different}) == len(different)
