"""Failover's rules: properties A to G over every combination of items, APIs and probes, and what is filled in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from iot_dr.model.failover.control import Control, Mode, ReplicationState
from iot_dr.model.failover.fence import HELD_BACK, OPEN, Fence, FenceRole, Leadership
from iot_dr.model.registry.changes import Action, Create, Delete, Plan, Skip, Update
from iot_dr.model.registry.entities import CertificateStatus
from iot_dr.reconcile.failover import (
    Endpoint,
    HealthAnswer,
    answered,
    drains_other,
    fill_in,
    health_answer,
    is_stricter,
    next_epoch,
    standing,
)
from tests.builders import a_certificate, a_device, a_group, a_policy, a_thing, a_thing_type

P, S = "us-east-1", "us-west-2"
ITEMS = [Control(leader, mode, epoch) for mode in (Mode.AUTOMATIC, Mode.PINNED) for leader, epoch in ((P, 1), (S, 2))]
BOTH = (True, False)
AUTOMATIC_P, AUTOMATIC_S, PINNED_P, PINNED_S = ITEMS


def _all() -> Iterator[tuple[Endpoint, Endpoint]]:
    for known_in_p, known_in_s, p_up, s_up, p_probe, s_probe in product(ITEMS, ITEMS, BOTH, BOTH, BOTH, BOTH):
        yield Endpoint(P, known_in_p, p_up, p_probe), Endpoint(S, known_in_s, s_up, s_probe)


COMBINATIONS = list(_all())


def _with(known_in_p: Control | None = None, known_in_s: Control | None = None) -> list[tuple[Endpoint, Endpoint]]:
    found = [(p, s) for p, s in COMBINATIONS if known_in_p in (None, p.control) and known_in_s in (None, s.control)]
    assert found
    return found


def test_there_are_256_combinations() -> None:
    assert len(set(COMBINATIONS)) == 256


def test_a_the_secondary_pins_itself_by_its_own_word_whatever_the_primary_says() -> None:
    for p, s in _with(known_in_s=PINNED_S):
        if s.answers:
            assert answered(p, s) == S, (p, s)


def test_b_a_pinned_primary_stays() -> None:
    for p, s in _with(PINNED_P, PINNED_P):
        assert answered(p, s) == P, (p, s)


def test_c_by_itself_the_primary_is_answered_while_it_is_well() -> None:
    for p, s in _with(AUTOMATIC_P, AUTOMATIC_P):
        if p.answers and p.probe:
            assert answered(p, s) == P, (p, s)


def test_d_by_itself_the_one_that_is_well_is_answered_in_either_direction() -> None:
    for leader in (AUTOMATIC_P, AUTOMATIC_S):
        for p, s in _with(leader, leader):
            p_well, s_well = p.answers and p.probe, s.answers and s.probe
            if p_well != s_well:
                assert answered(p, s) == (P if p_well else S), (p, s)


def test_e_a_pinned_secondary_whose_api_is_dead_falls_back_to_the_primary() -> None:
    for p, s in _with(PINNED_S, PINNED_S):
        assert answered(p, s) == (S if s.answers else P), (p, s)


def test_f_a_primary_that_comes_back_with_a_stale_item_is_not_answered_while_the_secondary_is_well() -> None:
    for p, s in _with(AUTOMATIC_P, AUTOMATIC_S):
        if s.answers and s.probe:
            assert answered(p, s) == S, (p, s)


def test_g_a_pin_that_the_primary_alone_knows_holds_too() -> None:
    for p, s in _with(known_in_p=PINNED_S):
        if s.healthy:
            assert answered(p, s) == S, (p, s)
    for p, s in _with(PINNED_P, AUTOMATIC_P):
        if p.answers:
            assert answered(p, s) == P, (p, s)


def test_if_nobody_is_well_the_primary_is_answered() -> None:
    for p, s in COMBINATIONS:
        if not p.healthy and not s.healthy:
            assert answered(p, s) == P, (p, s)


@pytest.mark.parametrize("mode", [Mode.PINNED, Mode.MOVING])
def test_an_order_is_answered_whatever_the_probe_says(mode: Mode) -> None:
    order = Control(S, mode, 2)

    assert (health_answer(S, order), health_answer(P, order)) == (HealthAnswer.PINNED, HealthAnswer.DRAINED)
    assert [drains_other(region, order, probe=False) for region in (S, P)] == [True, False]


@pytest.mark.parametrize("probe", BOTH)
def test_without_an_order_each_answers_by_its_probe_and_the_leader_drains_the_other_while_it_is_well(
    probe: bool,
) -> None:
    assert health_answer(P, AUTOMATIC_S) is health_answer(S, AUTOMATIC_S) is HealthAnswer.PROBE
    assert drains_other(S, AUTOMATIC_S, probe=probe) is probe
    assert not drains_other(P, AUTOMATIC_S, probe=probe)


def test_two_regions_that_cannot_see_each_other_never_give_the_same_number() -> None:
    known = range(50)

    given = [{next_epoch(one, in_primary=in_primary) for one in known} for in_primary in (True, False)]

    assert given[0].isdisjoint(given[1])


@pytest.mark.parametrize(("in_primary", "given"), [(True, [1, 3, 3, 5]), (False, [2, 2, 4, 4])])
def test_the_next_number_is_the_least_of_a_regions_own_above_all_that_are_known(
    in_primary: bool, given: list[int]
) -> None:
    assert [next_epoch(known, in_primary=in_primary) for known in range(4)] == given


# What may be written


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("role", FenceRole)
@pytest.mark.parametrize("leader", [P, S])
@pytest.mark.parametrize("replication", ReplicationState)
def test_a_region_may_be_overwritten_only_if_fence_and_order_agree_that_it_follows(
    mode: Mode, role: FenceRole, leader: str, replication: ReplicationState
) -> None:
    control, fence = Control(leader, mode, 2, replication, why="ordered"), Fence(role, 2, why="fenced")

    found = standing(S, Leadership(control, fence))

    if replication is ReplicationState.SUSPENDED:
        assert found.closed == f"{HELD_BACK}: replication is suspended"
    elif leader == S or role is FenceRole.LEADS:
        why = "fenced" if role is FenceRole.LEADS else "ordered"
        assert found.leads == f"{HELD_BACK}: {S} leads ({why})"
    else:
        assert found == OPEN


def test_what_is_held_back_without_a_reason_says_so() -> None:
    found = standing(S, Leadership(Control(S, Mode.PINNED, 2), Fence(FenceRole.FOLLOWS, 1)))

    assert found.leads == f"{HELD_BACK}: {S} leads (no reason is noted)"


STATUSES = {CertificateStatus.ACTIVE: 0, CertificateStatus.INACTIVE: 1, CertificateStatus.REVOKED: 2}


@pytest.mark.parametrize(("wanted", "found"), list(product(CertificateStatus, CertificateStatus)))
def test_a_status_is_stricter_only_among_those_that_can_be_set(
    wanted: CertificateStatus, found: CertificateStatus
) -> None:
    settable = wanted in STATUSES and found in STATUSES

    assert is_stricter(wanted, found) == (settable and STATUSES[wanted] > STATUSES[found])


NEW = a_thing("new")
HELD: list[Action] = [
    Update(a_thing("pump", attributes={"site": "south"}), a_thing("pump"), ""),
    Update(a_certificate(status=CertificateStatus.ACTIVE), a_certificate(status=CertificateStatus.INACTIVE), ""),
    Update(a_policy(document='{"Version":"2012-10-17","Statement":[]}'), a_policy(), ""),
    Delete(a_thing("pump"), ""),
    Delete(a_certificate(), ""),
]


@pytest.mark.parametrize("change", HELD, ids=lambda one: f"{type(one).__name__} {one.key}")
def test_nothing_that_is_there_is_changed_or_deleted_where_the_target_leads(change: Action) -> None:
    filled = fill_in(Plan((change, Create(NEW, ""))), ())

    assert filled.held == (change,)
    assert filled.plan.changes == (Create(NEW, ""),)


def test_what_the_ledger_knew_is_not_made_again_and_what_needs_it_waits_too() -> None:
    kind = a_thing_type("pump")
    plan = Plan((Create(kind, ""), Create(a_thing("new", type_name="pump"), "")))

    assert fill_in(plan, ()).held == ()
    assert fill_in(plan, {kind.key}).held == plan.actions


def test_a_group_whose_parent_was_taken_away_is_not_made() -> None:
    plan = Plan((Create(a_group("floor"), ""), Create(a_group("room", parent="floor"), "")))

    assert fill_in(plan, {a_group("floor").key}).held == plan.actions


def test_a_whole_new_device_is_filled_in() -> None:
    plan = Plan(tuple(Create(one, "") for one in a_device("new")))

    assert fill_in(plan, ()) == fill_in(plan, {a_thing("other").key})
    assert fill_in(plan, ()).plan == plan


def test_differences_that_stay_are_not_held() -> None:
    skip = Skip(a_thing("pump").key, "it is not replication's")

    assert fill_in(Plan((skip,)), ()).plan.changes == (skip,)


@pytest.mark.parametrize("wanted", [CertificateStatus.INACTIVE, CertificateStatus.REVOKED])
def test_a_revocation_crosses_into_the_leader(wanted: CertificateStatus) -> None:
    change = Update(a_certificate(status=wanted), a_certificate(status=CertificateStatus.ACTIVE), "")

    assert fill_in(Plan((change,)), ()).held == ()


@pytest.mark.parametrize("leader", [P, S])
def test_a_drill_can_have_one_region_fail_as_if_it_were_ill(leader: str) -> None:
    unwell = Control(leader, unwell=P)

    assert (health_answer(P, unwell), health_answer(S, unwell)) == (HealthAnswer.UNWELL, HealthAnswer.PROBE)
    assert not drains_other(P, unwell, probe=True)
    assert drains_other(S, unwell, probe=True) is (leader == S)
    assert answered(Endpoint(P, unwell, True, True), Endpoint(S, unwell, True, True)) == S


def test_an_order_ends_what_a_drill_has_a_region_say() -> None:
    assert health_answer(P, Control(P, Mode.PINNED, unwell=P)) is HealthAnswer.PINNED
    assert drains_other(P, Control(P, Mode.PINNED, unwell=P), probe=False)
