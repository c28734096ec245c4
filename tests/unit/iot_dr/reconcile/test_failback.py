"""Failback's rules: every combination of base, leader and old primary, for every kind, against the table as written."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from iot_dr.model.failback.plan import (
    Decision,
    FailbackChoices,
    FailbackVerdict,
    LastEqual,
    Party,
    PlannedRow,
    Resolution,
)
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import (
    BillingGroup,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
)
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.registry.kinds import RELATIONS
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.reconcile.failback import NO_DELETES, UNRESOLVED, decide, resolve, stays_different

ACTIVE, INACTIVE, REVOKED = CertificateStatus.ACTIVE, CertificateStatus.INACTIVE, CertificateStatus.REVOKED
SHADOW = shadow_key("pump")

STATES: dict[Kind, tuple[Entity, ...]] = {
    Kind.THING_TYPE: tuple(ThingType("pump", text) for text in "abc"),
    Kind.BILLING_GROUP: tuple(BillingGroup("plant", text) for text in "abc"),
    Kind.POLICY: tuple(Policy("pumps", f'{{"Id":"{text}"}}') for text in "abc"),
    Kind.CERTIFICATE: tuple(Certificate("c1", status) for status in (ACTIVE, INACTIVE, REVOKED)),
    Kind.THING_GROUP: tuple(ThingGroup("site", text) for text in "abc"),
    Kind.THING: tuple(Thing("pump", {"state": text}) for text in "abc"),
    Kind.SHADOW: tuple(Shadow(SHADOW, {"reported": {"state": text}}) for text in "abc"),
}
"""Of each kind that can change: as it was, as it may be in the leader, and as it may be in the old primary."""

RELATED: dict[Kind, Entity] = {
    Kind.POLICY_ATTACHMENT: PolicyAttachment("pumps", "cert/c1"),
    Kind.THING_PRINCIPAL: ThingPrincipal("pump", "c1"),
    Kind.GROUP_MEMBERSHIP: GroupMembership("site", "pump"),
}

HERE = ("none", "unchanged", "changed", "changed alike", "unreadable")
BASES = ("none", "noted", "known without a digest")

TABLE: dict[tuple[str, str, str], FailbackVerdict] = {
    ("none", "unchanged", "none"): FailbackVerdict.CREATE_OLD,
    ("none", "none", "unchanged"): FailbackVerdict.CREATE_LEADER,
    ("noted", "none", "unchanged"): FailbackVerdict.DELETE_OLD,
    ("noted", "none", "changed"): FailbackVerdict.CONFLICT,
    ("noted", "unchanged", "none"): FailbackVerdict.CONFLICT,
    ("noted", "changed", "none"): FailbackVerdict.CONFLICT,
    ("noted", "changed", "unchanged"): FailbackVerdict.UPDATE_OLD,
    ("noted", "unchanged", "changed"): FailbackVerdict.UPDATE_LEADER,
    ("noted", "changed", "changed"): FailbackVerdict.CONFLICT,
}
"""The rows of the page, with what the base, the leader and the old primary are."""


def _held(kind: Kind, here: str, *, leader: bool) -> Entity | None:
    was, in_leader, in_old = STATES[kind]
    found = {"none": None, "unchanged": was, "changed": in_leader if leader else in_old, "changed alike": in_leader}
    return found[here]


def _base(kind: Kind, base: str) -> LastEqual:
    return LastEqual(base != "none", digest_of(STATES[kind][0]) if base == "noted" else "")


def _expected(kind: Kind, base: str, leader: str, old: str) -> FailbackVerdict:  # noqa: PLR0911  # a row each
    """Say it once more, otherwise than the product does."""
    if "unreadable" in (leader, old):
        return FailbackVerdict.UNDECIDED
    held = _held(kind, leader, leader=True), _held(kind, old, leader=False)
    if held[0] == held[1]:
        return FailbackVerdict.NOTHING
    if kind is Kind.CERTIFICATE and None not in held:
        strict = [ACTIVE, INACTIVE, REVOKED]
        both = [strict.index(one.status) for one in held if isinstance(one, Certificate)]
        return FailbackVerdict.UPDATE_OLD if both[0] > both[1] else FailbackVerdict.UPDATE_LEADER
    if kind is Kind.SHADOW and base != "none" and held[0] is None:
        return FailbackVerdict.DELETE_OLD
    if kind is Kind.SHADOW and base != "none" and held[1] is None:
        return FailbackVerdict.CREATE_OLD
    if kind is Kind.SHADOW and None not in held:
        untouched = base == "noted" and leader == "unchanged"
        return FailbackVerdict.UPDATE_LEADER if untouched else FailbackVerdict.UPDATE_OLD
    if base == "none" and None in held:
        return FailbackVerdict.CREATE_LEADER if held[0] is None else FailbackVerdict.CREATE_OLD
    if base != "noted":
        return FailbackVerdict.CONFLICT
    seen = tuple("changed" if one == "changed alike" else one for one in (leader, old))
    return TABLE[base, seen[0], seen[1]]


COMBINATIONS = [(kind, *rest) for kind in STATES for rest in product(BASES, HERE, HERE)]


def _decided(kind: Kind, base: str, leader: str, old: str) -> Decision:
    here = [None if one == "unreadable" else _held(kind, one, leader=at) for one, at in ((leader, True), (old, False))]
    why = "it does not answer" if "unreadable" in (leader, old) else ""
    key = next(iter(STATES[kind])).key
    return decide(key, _base(kind, base), here[0], here[1], unreadable=why)


def test_every_combination_of_every_kind_is_as_the_table_says() -> None:
    wrong = [one for one in COMBINATIONS if _decided(*one).verdict is not _expected(*one)]

    assert len(COMBINATIONS) == 7 * 3 * 5 * 5
    assert wrong == []


def test_all_kinds_are_in_the_table() -> None:
    assert STATES.keys() | RELATED.keys() == set(Kind) - {Kind.THING_SHADOWS}


@pytest.mark.parametrize("row", TABLE)
@pytest.mark.parametrize("kind", [kind for kind in STATES if kind not in (Kind.CERTIFICATE, Kind.SHADOW)])
def test_the_rows_of_the_page_hold_for_every_kind(kind: Kind, row: tuple[str, str, str]) -> None:
    assert _decided(kind, *row).verdict is TABLE[row]


@pytest.mark.parametrize(
    ("kind", "base", "leader", "old", "why"),
    [
        (Kind.THING, "none", "unchanged", "none", "new in the leader"),
        (Kind.SHADOW, "noted", "unchanged", "none", "gone in the old primary; a shadow goes back whole"),
        (Kind.THING, "noted", "unchanged", "none", "the leader has it, and it was deleted in the old primary"),
        (Kind.THING, "none", "none", "unchanged", "made in the old primary; it never crossed"),
        (Kind.THING, "noted", "none", "unchanged", "deleted in the leader"),
        (Kind.THING, "noted", "none", "changed", "deleted in the leader, and changed in the old primary"),
        (
            Kind.THING,
            "known without a digest",
            "none",
            "changed",
            "deleted in the leader, and perhaps changed in the old primary: its last state was not noted",
        ),
        (Kind.CERTIFICATE, "noted", "changed", "changed", "the stricter status of both counts"),
        (Kind.THING, "noted", "changed", "changed", "attributes differs, and both Regions have changed it"),
        (Kind.THING, "noted", "changed", "unchanged", "attributes was changed in the leader"),
        (Kind.THING, "noted", "unchanged", "changed", "attributes was changed late in the old primary"),
        (
            Kind.THING,
            "known without a digest",
            "changed",
            "changed",
            "attributes differs, and the state before was not noted",
        ),
        (Kind.SHADOW, "noted", "changed", "changed", "written in the leader; a shadow goes back whole"),
        (
            Kind.SHADOW,
            "noted",
            "unchanged",
            "changed",
            "written late in the old primary, and untouched in the leader",
        ),
        (Kind.THING, "noted", "unreadable", "changed", "it does not answer"),
    ],
)
def test_whatever_is_done_says_why(kind: Kind, base: str, leader: str, old: str, why: str) -> None:
    assert _decided(kind, base, leader, old).reason == why


def test_all_fields_that_differ_are_named() -> None:
    leader, old = Thing("pump", {"a": "1"}, type_name="pump"), Thing("pump")

    assert decide(leader.key, LastEqual(True), leader, old).reason.startswith("attributes, type_name differs")


def test_an_attachment_that_nobody_noted_says_that_it_may_have_come_or_gone() -> None:
    one = RELATED[Kind.THING_PRINCIPAL]

    why = "attached late in the old primary, or detached in the leader: not noted which"
    assert decide(one.key, LastEqual(ends_known=True), None, one) == Decision(FailbackVerdict.CONFLICT, why)


@pytest.mark.parametrize("kind", RELATIONS)
@pytest.mark.parametrize(
    ("known", "leader", "old", "ends_known", "verdict"),
    [
        (False, True, False, False, FailbackVerdict.CREATE_OLD),
        (False, True, False, True, FailbackVerdict.CREATE_OLD),
        (False, False, True, False, FailbackVerdict.CREATE_LEADER),
        (False, False, True, True, FailbackVerdict.CONFLICT),
        (True, False, True, True, FailbackVerdict.DELETE_OLD),
        (True, True, False, True, FailbackVerdict.CONFLICT),
        (True, True, True, True, FailbackVerdict.NOTHING),
        (False, False, False, False, FailbackVerdict.NOTHING),
    ],
)
def test_a_relations_base_is_that_the_ledger_knows_it(
    kind: Kind, known: bool, leader: bool, old: bool, ends_known: bool, verdict: FailbackVerdict
) -> None:
    one = RELATED[kind]
    found = decide(one.key, LastEqual(known, ends_known=ends_known), one if leader else None, one if old else None)

    assert found.verdict is verdict


@pytest.mark.parametrize("begun", [True, False])
def test_what_replication_was_about_to_make_and_the_leader_has_was_deleted_in_the_old_primary(begun: bool) -> None:
    made = Certificate("c1", ACTIVE)
    found = decide(made.key, LastEqual(begun=begun), made, None)

    assert found.verdict is (FailbackVerdict.CONFLICT if begun else FailbackVerdict.CREATE_OLD)


@pytest.mark.parametrize("begun", [True, False])
def test_what_replication_was_about_to_make_and_the_leader_lacks_was_perhaps_deleted_there(begun: bool) -> None:
    made = Certificate("c1", ACTIVE)

    found = decide(made.key, LastEqual(begun=begun), None, made)

    assert found.verdict is (FailbackVerdict.CONFLICT if begun else FailbackVerdict.CREATE_LEADER)


def test_a_principal_that_is_exclusive_in_one_region_alone_is_a_conflict_unless_one_side_is_as_it_was() -> None:
    shared, exclusive = ThingPrincipal("pump", "c1"), ThingPrincipal("pump", "c1", exclusive=True)

    assert decide(shared.key, LastEqual(known=True), exclusive, shared).verdict is FailbackVerdict.CONFLICT
    noted = LastEqual(True, digest_of(shared))
    assert decide(shared.key, noted, exclusive, shared).verdict is FailbackVerdict.UPDATE_OLD


@pytest.mark.parametrize(
    ("version", "noted", "verdict"),
    [
        (8, 7, FailbackVerdict.UPDATE_OLD),
        (2, 1, FailbackVerdict.UPDATE_OLD),
        (7, 7, FailbackVerdict.UPDATE_LEADER),
        # The index of things may be behind, and of some shadows no version is noted.
        (6, 7, FailbackVerdict.UPDATE_LEADER),
        (8, 0, FailbackVerdict.UPDATE_LEADER),
    ],
)
def test_a_device_that_came_back_to_the_state_of_before_has_written_in_the_leader(
    version: int, noted: int, verdict: FailbackVerdict
) -> None:
    leader, old = Shadow(SHADOW, {"reported": {"on": True}}, version), Shadow(SHADOW, {"reported": {"on": False}}, 3)

    assert decide(SHADOW, LastEqual(True, digest_of(leader), version=noted), leader, old).verdict is verdict


def a_row(verdict: FailbackVerdict, leader: Entity | None = None, old: Entity | None = None) -> PlannedRow:
    one = leader or old
    assert one is not None
    return PlannedRow(one.key, Decision(verdict, "why"), leader, old, old)


THING, LATE = Thing("pump", {"state": "b"}), Thing("pump", {"state": "c"})
AWAKE, ASLEEP, BARRED = Certificate("c1", ACTIVE), Certificate("c1", INACTIVE), Certificate("c1", REVOKED)
INTO_OLD, INTO_LEADER = frozenset({Party.OLD}), frozenset({Party.LEADER})
NEITHER, BOTH = FailbackChoices(), INTO_OLD | INTO_LEADER
DELETES, LEADER_WINS, OLD_WINS = (
    FailbackChoices(with_deletes=True),
    FailbackChoices(Party.LEADER),
    FailbackChoices(Party.OLD),
)


@pytest.mark.parametrize(
    ("row", "choices", "expected"),
    [
        (a_row(FailbackVerdict.CREATE_OLD, THING), NEITHER, Resolution(THING, INTO_OLD)),
        (a_row(FailbackVerdict.UPDATE_OLD, THING, LATE), NEITHER, Resolution(THING, INTO_OLD)),
        (a_row(FailbackVerdict.CREATE_LEADER, None, LATE), NEITHER, Resolution(LATE, INTO_LEADER)),
        (a_row(FailbackVerdict.UPDATE_LEADER, THING, LATE), NEITHER, Resolution(LATE, INTO_LEADER)),
        (a_row(FailbackVerdict.DELETE_OLD, None, LATE), NEITHER, Resolution(left=NO_DELETES)),
        (a_row(FailbackVerdict.DELETE_OLD, None, LATE), DELETES, Resolution(None, INTO_OLD)),
        (a_row(FailbackVerdict.DELETE_OLD, None, AWAKE), NEITHER, Resolution(ASLEEP, INTO_OLD, NO_DELETES)),
        (a_row(FailbackVerdict.DELETE_OLD, None, ASLEEP), NEITHER, Resolution(left=NO_DELETES)),
        (a_row(FailbackVerdict.DELETE_OLD, None, BARRED), NEITHER, Resolution(left=NO_DELETES)),
        (a_row(FailbackVerdict.DELETE_OLD, None, AWAKE), DELETES, Resolution(None, INTO_OLD)),
        (a_row(FailbackVerdict.CONFLICT, THING, LATE), NEITHER, Resolution(left=UNRESOLVED)),
        (a_row(FailbackVerdict.CONFLICT, THING, LATE), DELETES, Resolution(left=UNRESOLVED)),
        (a_row(FailbackVerdict.CONFLICT, THING, LATE), LEADER_WINS, Resolution(THING, INTO_OLD)),
        (a_row(FailbackVerdict.CONFLICT, THING, LATE), OLD_WINS, Resolution(LATE, INTO_LEADER)),
        (a_row(FailbackVerdict.CONFLICT, THING), LEADER_WINS, Resolution(THING, INTO_OLD)),
        (a_row(FailbackVerdict.CONFLICT, THING), OLD_WINS, Resolution(left=NO_DELETES)),
        (
            a_row(FailbackVerdict.CONFLICT, THING),
            FailbackChoices(Party.OLD, with_deletes=True),
            Resolution(None, INTO_LEADER),
        ),
        (a_row(FailbackVerdict.CONFLICT, None, LATE), LEADER_WINS, Resolution(left=NO_DELETES)),
        (
            a_row(FailbackVerdict.CONFLICT, None, LATE),
            FailbackChoices(Party.LEADER, with_deletes=True),
            Resolution(None, INTO_OLD),
        ),
        (a_row(FailbackVerdict.CONFLICT, None, LATE), OLD_WINS, Resolution(LATE, INTO_LEADER)),
        (a_row(FailbackVerdict.CONFLICT, None, AWAKE), LEADER_WINS, Resolution(ASLEEP, INTO_OLD, NO_DELETES)),
        (a_row(FailbackVerdict.CONFLICT, AWAKE), LEADER_WINS, Resolution(ASLEEP, BOTH)),
        (a_row(FailbackVerdict.CONFLICT, ASLEEP), LEADER_WINS, Resolution(ASLEEP, INTO_OLD)),
        (a_row(FailbackVerdict.CONFLICT, AWAKE), OLD_WINS, Resolution(ASLEEP, INTO_LEADER, NO_DELETES)),
        (a_row(FailbackVerdict.CONFLICT, AWAKE), NEITHER, Resolution(left=UNRESOLVED)),
        (a_row(FailbackVerdict.UNDECIDED, THING), LEADER_WINS, Resolution(left="why")),
        (a_row(FailbackVerdict.NOTHING, THING, THING), LEADER_WINS, Resolution()),
    ],
)
def test_what_is_written_where_follows_from_the_verdict_and_the_operators_words(
    row: PlannedRow, choices: FailbackChoices, expected: Resolution
) -> None:
    assert resolve(row, choices) == expected
    assert stays_different(row, choices) is bool(expected.left)


@pytest.mark.parametrize(("leader", "old"), list(product((ACTIVE, INACTIVE, REVOKED), repeat=2)))
@pytest.mark.parametrize("choices", [NEITHER, DELETES, LEADER_WINS, OLD_WINS])
def test_no_certificate_lets_in_more_than_the_stricter_of_both_statuses(
    leader: CertificateStatus, old: CertificateStatus, choices: FailbackChoices
) -> None:
    ours, theirs = Certificate("c1", leader), Certificate("c1", old)
    strict = [ACTIVE, INACTIVE, REVOKED]
    for base in (LastEqual(), LastEqual(True, digest_of(ours)), LastEqual(True, digest_of(theirs))):
        row = PlannedRow(ours.key, decide(ours.key, base, ours, theirs), ours, theirs, theirs)
        found = resolve(row, choices)
        if leader is old:
            assert found == Resolution()
        else:
            assert found.final == replace(ours, status=max(leader, old, key=strict.index))


def test_nothing_is_decided_between_two_sides_without_a_word_of_the_operator() -> None:
    for kind, base, leader, old in COMBINATIONS:
        decision = _decided(kind, base, leader, old)
        if decision.verdict in (FailbackVerdict.CONFLICT, FailbackVerdict.UNDECIDED):
            held = [
                None if one == "unreadable" else _held(kind, one, leader=at)
                for one, at in ((leader, True), (old, False))
            ]
            row = PlannedRow(STATES[kind][0].key, decision, held[0], held[1], held[1])
            assert resolve(row, DELETES).into == frozenset()


@pytest.mark.parametrize("old", [{"team": "red"}, {}])
def test_tags_that_differ_are_a_conflict_since_nobody_noted_what_they_were(old: dict[str, str]) -> None:
    leader, there = ThingGroup("site", tags={"team": "blue"}), ThingGroup("site", tags=old)

    decision = decide(leader.key, LastEqual(known=True, digest=digest_of(leader)), leader, there)

    assert decision == Decision(FailbackVerdict.CONFLICT, "tags differ, and the state before is not noted")


def test_tags_that_one_region_did_not_tell_change_no_verdict() -> None:
    leader, there = ThingGroup("site", "new", tags={"team": "blue"}), ThingGroup("site")
    base = LastEqual(known=True, digest=digest_of(there))

    assert decide(leader.key, base, leader, there).verdict is FailbackVerdict.UPDATE_OLD
    assert decide(leader.key, base, replace(there, tags={"a": "b"}), there).verdict is FailbackVerdict.NOTHING
