"""One test for each row of the truth table in `reconcile/plan.py`."""

from dataclasses import replace

import pytest

from iot_dr.model.registry.changes import Change, Create, Delete, Skip, Snapshot, Update
from iot_dr.model.registry.entities import (
    SETTABLE_STATUSES,
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    PropagatingAttribute,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, shadow_key, thing_group_target, thing_key
from iot_dr.model.shadows.shadow import Shadow
from iot_dr.reconcile.plan import deletable, differing_fields, plan
from tests.builders import (
    a_certificate,
    a_certificate_id,
    a_device,
    a_document,
    a_dynamic_group,
    a_group,
    a_policy,
    a_snapshot,
    a_thing,
    a_thing_type,
    an_attachment,
    iot_arn,
)

THING = a_thing("pump-17", {"site": "north"})
CHANGED = replace(THING, attributes={"site": "south"})
NOWHERE = a_snapshot(absent=[THING.key])


def test_what_is_missing_in_the_secondary_is_created() -> None:
    changes = tuple(plan(a_snapshot(THING), NOWHERE))

    assert changes == (Create(THING, "missing in the secondary"),)


def test_what_differs_is_updated() -> None:
    changes = tuple(plan(a_snapshot(CHANGED), a_snapshot(THING)))

    assert changes == (Update(CHANGED, THING, "attributes differ"),)


def test_what_is_the_same_needs_no_change() -> None:
    assert not tuple(plan(a_snapshot(THING), a_snapshot(replace(THING, version=9)), owned={THING.key}))


def test_what_replication_made_and_the_primary_has_no_more_is_deleted() -> None:
    changes = tuple(plan(NOWHERE, a_snapshot(THING), owned={THING.key}))

    assert changes == (Delete(THING, "absent in the primary"),)


def test_what_replication_did_not_make_is_never_deleted() -> None:
    changes = tuple(plan(NOWHERE, a_snapshot(THING), owned={thing_key("another")}))

    assert changes == (Skip(THING.key, "absent in the primary, but replication did not create it"),)


def _gone_but_for(stays: Entity, *found: Entity) -> tuple[Change, ...]:
    """Plan for what the primary has no more, of which replication created all but one relation."""
    absent = a_snapshot(absent=[entity.key for entity in (*found, stays)])
    return tuple(plan(absent, a_snapshot(*found, stays), owned={entity.key for entity in found}))


def _kept(key: Key, *by: Entity) -> Skip:
    held = ", ".join(str(one.key) for one in by)
    reason = f"absent in the primary, but {held} keeps it, which replication did not create: detach it"
    return Skip(key, reason)


def test_a_policy_stays_as_long_as_an_attachment_that_replication_did_not_create() -> None:
    ours, theirs = an_attachment(of="pump-17"), an_attachment(of="test")

    changes = _gone_but_for(theirs, a_policy(), ours)

    left = Skip(theirs.key, "absent in the primary, but replication did not create it")
    assert set(changes) == {Delete(ours, "absent in the primary"), left, _kept(a_policy().key, theirs)}


def test_all_that_keeps_a_resource_is_named() -> None:
    theirs = an_attachment(of="a"), an_attachment(of="b")
    absent = a_snapshot(absent=[a_policy().key, *(one.key for one in theirs)])

    changes = tuple(plan(absent, a_snapshot(a_policy(), *theirs), owned={a_policy().key}))

    assert _kept(a_policy().key, *sorted(theirs, key=lambda one: one.key)) in changes


def test_a_thing_stays_as_long_as_a_certificate_that_replication_did_not_attach() -> None:
    theirs = ThingPrincipal("pump-17", a_certificate_id("test"))

    assert _kept(THING.key, theirs) in _gone_but_for(theirs, THING)


@pytest.mark.parametrize("status", CertificateStatus)
@pytest.mark.parametrize("theirs", [an_attachment(), ThingPrincipal("test", a_certificate_id("pump-17"))])
def test_a_certificate_that_has_to_stay_connects_no_device(status: CertificateStatus, theirs: Entity) -> None:
    found = a_certificate(status=status)

    changes = _gone_but_for(theirs, found)

    inactive = Update(replace(found, status=CertificateStatus.INACTIVE), found, "absent in the primary")
    assert _kept(found.key, theirs) in changes
    assert [change for change in changes if not isinstance(change, Skip)] == (
        [inactive] if status is CertificateStatus.ACTIVE else []
    )


@pytest.mark.parametrize(
    "theirs", [PolicyAttachment("pumps", thing_group_target("site")), GroupMembership("site", "pump-17")]
)
def test_a_group_goes_with_what_is_attached_to_it_and_its_members(theirs: Entity) -> None:
    assert Delete(a_group("site"), "absent in the primary") in _gone_but_for(theirs, a_group("site"))


def test_what_nothing_of_others_is_attached_to_goes() -> None:
    elsewhere = an_attachment("another", "test")

    assert Delete(a_policy(), "absent in the primary") in _gone_but_for(elsewhere, a_policy())


def test_what_is_nowhere_needs_no_change() -> None:
    assert not tuple(plan(NOWHERE, NOWHERE, owned={THING.key}))


@pytest.mark.parametrize("actual", [a_snapshot(THING), NOWHERE, a_snapshot(CHANGED)], ids=["there", "absent", "other"])
def test_what_the_primary_could_not_read_is_left_alone_and_never_deleted(actual: object) -> None:
    desired = a_snapshot(unreadable={THING.key: "AccessDenied"})

    changes = tuple(plan(desired, actual, owned={THING.key}))  # type: ignore[arg-type]  # looser than the type on purpose

    assert changes == (Skip(THING.key, "primary unreadable: AccessDenied"),)


@pytest.mark.parametrize("desired", [a_snapshot(THING), NOWHERE], ids=["there", "absent"])
def test_what_the_secondary_could_not_read_is_left_alone(desired: object) -> None:
    actual = a_snapshot(unreadable={THING.key: "Throttled"})

    changes = tuple(plan(desired, actual, owned={THING.key}))  # type: ignore[arg-type]  # looser than the type on purpose

    assert changes == (Skip(THING.key, "secondary unreadable: Throttled"),)


def test_what_was_not_checked_in_the_primary_is_not_absent_there() -> None:
    changes = tuple(plan(a_snapshot(), a_snapshot(THING), owned={THING.key}))

    assert changes == (Skip(THING.key, "primary unreadable: not read"),)


def test_what_was_not_checked_in_the_secondary_is_not_created_there() -> None:
    changes = tuple(plan(a_snapshot(THING), a_snapshot()))

    assert changes == (Skip(THING.key, "secondary unreadable: not read"),)


# What AWS lets nobody change

SITE = a_group("site", "north")
ANEW = [
    (a_group("site", "south"), SITE, "parent, ancestors"),
    (a_group("site"), SITE, "parent, ancestors"),
    (replace(SITE, ancestors=("top", "north")), SITE, "ancestors"),
    (a_dynamic_group("site"), a_group("site"), "description, query, query_version, index_name"),
    (a_thing_type(), replace(a_thing_type(), description="another"), "description"),
    (a_thing_type(), replace(a_thing_type(), searchable_attributes=()), "searchable_attributes"),
]


def differ(fields: str) -> str:
    return "differ" if "," in fields or fields.endswith("attributes") else "differs"


@pytest.mark.parametrize(("wanted", "found", "fields"), ANEW)
def test_what_was_made_anew_in_the_primary_goes_if_replication_made_it(
    wanted: Entity, found: Entity, fields: str
) -> None:
    changes = tuple(plan(a_snapshot(wanted), a_snapshot(found), owned={found.key}))

    reason = f"{fields} {differ(fields)}, which AWS lets nobody change: it was created again in the primary"
    assert changes == (Delete(found, reason),)


@pytest.mark.parametrize(("wanted", "found", "fields"), ANEW)
def test_what_replication_did_not_make_is_shown_and_left(wanted: Entity, found: Entity, fields: str) -> None:
    changes = tuple(plan(a_snapshot(wanted), a_snapshot(found)))

    reason = f"{fields} {differ(fields)}, which AWS lets nobody change, and replication did not create it"
    assert changes == (Skip(wanted.key, reason),)


@pytest.mark.parametrize(("wanted", "found", "fields"), ANEW)
def test_the_owner_of_what_was_made_anew_is_asked_for(wanted: Entity, found: Entity, fields: str) -> None:
    assert deletable(a_snapshot(wanted), a_snapshot(found)) == {found.key}
    assert deletable(a_snapshot(wanted), a_snapshot(wanted)) == frozenset()


def test_what_of_a_group_or_type_can_change_is_updated() -> None:
    type_ = replace(a_thing_type(), propagating_attributes=(PropagatingAttribute("k", "thingAttribute", "site"),))
    group = replace(SITE, description="another", attributes={"a": "b"})

    assert tuple(plan(a_snapshot(type_), a_snapshot(a_thing_type()))) == (
        Update(type_, a_thing_type(), "propagating_attributes differ"),
    )
    assert tuple(plan(a_snapshot(group), a_snapshot(SITE))) == (Update(group, SITE, "description, attributes differ"),)


# Statuses that AWS alone sets

OF_AWS = sorted(set(CertificateStatus) - SETTABLE_STATUSES)


@pytest.mark.parametrize("status", OF_AWS)
def test_a_certificate_that_keeps_its_device_out_by_aws_own_status_is_not_made_inactive(
    status: CertificateStatus,
) -> None:
    wanted, found = a_certificate(status=CertificateStatus.INACTIVE), a_certificate(status=status)

    assert not tuple(plan(a_snapshot(wanted), a_snapshot(found)))


@pytest.mark.parametrize("status", OF_AWS)
@pytest.mark.parametrize("wanted", [CertificateStatus.ACTIVE, CertificateStatus.REVOKED])
def test_a_certificate_that_aws_holds_back_is_let_in_or_revoked(
    wanted: CertificateStatus, status: CertificateStatus
) -> None:
    (change,) = plan(a_snapshot(a_certificate(status=wanted)), a_snapshot(a_certificate(status=status)))

    assert change.reason == "status differs"


@pytest.mark.parametrize("status", [CertificateStatus.ACTIVE, CertificateStatus.REVOKED])
def test_a_certificate_is_made_inactive_like_the_primarys(status: CertificateStatus) -> None:
    wanted = a_certificate(status=CertificateStatus.INACTIVE)

    (change,) = plan(a_snapshot(wanted), a_snapshot(a_certificate(status=status)))

    assert change.reason == "status differs"


# Deprecated types

DEVICE = a_device()
PUMP, DEPRECATED = a_thing_type(), a_thing_type(deprecated=True)
TYPED = a_thing(type_name="pump")


def test_a_deprecated_type_is_made_first_and_deprecated_after_the_things() -> None:
    changes = tuple(plan(a_snapshot(DEPRECATED, TYPED), a_snapshot(absent=[PUMP.key, TYPED.key])))

    assert changes == (
        Create(PUMP, "missing in the secondary"),
        Create(TYPED, "missing in the secondary"),
        Update(DEPRECATED, PUMP, "deprecated in the primary"),
    )


UNTYPED, OTHERWISE = replace(TYPED, type_name=""), replace(TYPED, attributes={"a": "b"})


@pytest.mark.parametrize(
    ("actual", "change"),
    [
        (a_snapshot(DEPRECATED, absent=[TYPED.key]), Create(TYPED, "missing in the secondary")),
        (a_snapshot(DEPRECATED, UNTYPED), Update(TYPED, UNTYPED, "type_name differs")),
    ],
)
def test_a_deprecated_type_is_taken_back_while_a_thing_enters_it(actual: Snapshot, change: Change) -> None:
    assert tuple(plan(a_snapshot(DEPRECATED, TYPED), actual)) == (
        Update(PUMP, DEPRECATED, "a thing is to be made in it"),
        change,
        Update(DEPRECATED, PUMP, "deprecated in the primary"),
    )


@pytest.mark.parametrize(
    ("thing", "found"), [(OTHERWISE, TYPED), (UNTYPED, TYPED), (a_thing(type_name="valve"), TYPED)]
)
def test_a_deprecated_type_stays_so_when_no_thing_enters_it(thing: Thing, found: Thing) -> None:
    (change,) = plan(a_snapshot(DEPRECATED, thing), a_snapshot(DEPRECATED, found))

    assert change.key == thing.key


def test_a_type_that_is_not_deprecated_needs_no_taking_back() -> None:
    changes = tuple(plan(a_snapshot(PUMP, TYPED), a_snapshot(PUMP, absent=[TYPED.key])))

    assert changes == (Create(TYPED, "missing in the secondary"),)


def test_a_type_whose_deprecation_ends_is_taken_back_once() -> None:
    changes = tuple(plan(a_snapshot(PUMP, TYPED), a_snapshot(DEPRECATED, absent=[TYPED.key])))

    assert changes == (Update(PUMP, DEPRECATED, "deprecated differs"), Create(TYPED, "missing in the secondary"))


def test_a_deprecated_type_that_differs_besides_is_taken_back_all_the_same() -> None:
    found = replace(DEPRECATED, propagating_attributes=(PropagatingAttribute("k", "thingAttribute", "site"),))
    usable = replace(found, deprecated=False)

    assert tuple(plan(a_snapshot(DEPRECATED, TYPED), a_snapshot(found, absent=[TYPED.key]))) == (
        Update(usable, found, "a thing is to be made in it"),
        Create(TYPED, "missing in the secondary"),
        Update(DEPRECATED, usable, "propagating_attributes differ"),
    )


def test_no_thing_is_made_in_a_type_that_goes() -> None:
    found = replace(PUMP, description="another")

    (change,) = plan(a_snapshot(PUMP, TYPED), a_snapshot(found, absent=[TYPED.key]), owned={PUMP.key})
    (entering,) = plan(a_snapshot(PUMP, TYPED), a_snapshot(found, UNTYPED), owned={PUMP.key})

    assert isinstance(change, Delete)
    assert isinstance(entering, Delete)


def test_no_group_is_made_under_one_that_goes() -> None:
    child, other = a_group("room", "site"), a_group("other")

    made, gone = plan(
        a_snapshot(a_group("site", "south"), child, other),
        a_snapshot(SITE, absent=[child.key, other.key]),
        owned={SITE.key},
    )

    assert made == Create(other, "missing in the secondary")
    assert isinstance(gone, Delete)


def test_nothing_hangs_on_what_goes_or_is_not_made_yet() -> None:
    child, inside = a_group("room", "site"), GroupMembership("room", "pump-17")
    on_group = PolicyAttachment("pumps", thing_group_target("site"))
    waiting = (child, inside, on_group)

    (change,) = plan(
        a_snapshot(a_group("site", "south"), *waiting),
        a_snapshot(SITE, absent=[entity.key for entity in waiting]),
        owned={SITE.key},
    )

    assert isinstance(change, Delete)


def test_nothing_hangs_on_a_thing_that_waits_for_its_type() -> None:
    found = replace(PUMP, description="another")
    site, inside, principal = a_group("site"), GroupMembership("site", "pump-17"), DEVICE[4]
    waiting = (TYPED, inside, principal)

    (change,) = plan(
        a_snapshot(PUMP, site, a_certificate(), *waiting),
        a_snapshot(found, site, a_certificate(), absent=[entity.key for entity in waiting]),
        owned={PUMP.key},
    )

    assert isinstance(change, Delete)


@pytest.mark.parametrize("gone", DEVICE[:3])
def test_what_was_attached_while_its_end_was_found_gone_is_left_to_the_next_reading(gone: Entity) -> None:
    changes = plan(
        a_snapshot(*(entity for entity in DEVICE if entity != gone), absent=[gone.key]),
        a_snapshot(*DEVICE[:3], absent=[entity.key for entity in DEVICE[3:]]),
        owned={gone.key},
    )

    assert [change.key for change in changes.deletes] == [gone.key]
    ends = {DEVICE[3].key: DEVICE[:2], DEVICE[4].key: DEVICE[1:3]}
    assert {change.key for change in changes.creates} == {key for key, both in ends.items() if gone not in both}


# Reasons


@pytest.mark.parametrize(
    ("wanted", "found", "reason"),
    [
        (a_certificate(status=CertificateStatus.REVOKED), a_certificate(), "status differs"),
        (a_policy(document='{"a":1}'), a_policy(), "document differs"),
        (a_thing(type_name="pump"), a_thing(attributes={"a": "b"}), "attributes, type_name differ"),
    ],
)
def test_the_reason_names_what_differs_and_none_of_its_content(wanted: Entity, found: Entity, reason: str) -> None:
    (update,) = plan(a_snapshot(wanted), a_snapshot(found))

    assert update.reason == reason


def test_fields_that_take_no_part_in_comparing_are_never_named() -> None:
    assert differing_fields(Policy("a", "{}", "1"), Policy("a", "{}", "2")) == ()
    assert differing_fields(Certificate("a", CertificateStatus.ACTIVE, "x"), a_certificate("y")) == ("certificate_id",)


def test_only_what_the_primary_lacks_and_the_secondary_has_asks_for_its_owner() -> None:
    desired = a_snapshot(a_thing("both"), absent=[thing_key("gone"), thing_key("nowhere")])
    actual = a_snapshot(a_thing("both"), a_thing("gone"), a_thing("unread"), absent=[thing_key("nowhere")])

    assert deletable(desired, actual) == {thing_key("gone")}


# A policy that is too long for the secondary


def a_long_policy(characters: int, name: str = "pumps") -> Policy:
    document = a_document(iot_arn("topic/"))
    return a_policy(name, document.replace("topic/", "topic/" + "x" * (characters - len(document))))


def test_the_longest_policy_is_made() -> None:
    policy = a_long_policy(2048)

    assert [*plan(a_snapshot(policy), a_snapshot(absent=[policy.key]))] == [Create(policy, "missing in the secondary")]


def test_a_policy_that_both_regions_hold_is_no_difference_however_long() -> None:
    assert tuple(plan(a_snapshot(a_long_policy(2049)), a_snapshot(a_long_policy(2049)))) == ()


def test_white_space_makes_no_policy_too_long() -> None:
    policy = a_policy(document=a_document(iot_arn("topic/" + " " * 3000)))

    assert plan(a_snapshot(policy), a_snapshot(absent=[policy.key])).creates


def test_of_a_device_whose_policy_is_too_long_all_else_is_made() -> None:
    _, certificate, thing, attachment, principal = a_device()
    policy = a_long_policy(2049)
    device = (policy, certificate, thing, attachment, principal)

    made = plan(a_snapshot(*device), a_snapshot(absent=[one.key for one in device]))

    assert {change.key for change in made.creates} == {certificate.key, thing.key, principal.key}
    assert {skip.key: skip.reason for skip in made.skips} == {
        policy.key: "it would have 2049 characters in the secondary, of which AWS admits 2048: shorten it",
        attachment.key: f"needs {policy.key}, which is too long for the secondary",
    }


def test_a_policy_that_grew_too_long_keeps_its_old_document_and_is_attached() -> None:
    policy, attachment = a_long_policy(2049), an_attachment()
    desired = a_snapshot(policy, a_certificate(), attachment)

    made = plan(desired, a_snapshot(a_policy(), a_certificate(), absent=[attachment.key]))

    assert [change.key for change in made.actions] == [attachment.key]
    assert [skip.key for skip in made.skips] == [policy.key]


RED, BLUE = a_group(tags={"team": "red"}), a_group(tags={"team": "blue"})


def test_tags_that_differ_are_updated_whoever_made_the_copy() -> None:
    assert tuple(plan(a_snapshot(RED), a_snapshot(BLUE))) == (Update(RED, BLUE, "tags differ"),)


@pytest.mark.parametrize("unread", [(a_group(), BLUE), (BLUE, a_group())])
def test_tags_that_were_not_read_on_both_sides_are_no_difference(unread: tuple[Entity, Entity]) -> None:
    assert not tuple(plan(a_snapshot(unread[0]), a_snapshot(unread[1])))


def test_an_update_of_something_else_leaves_tags_alone_that_were_not_read() -> None:
    wanted, found = a_group(attributes={"a": "b"}), a_group(tags={"team": "blue"})

    (change,) = plan(a_snapshot(wanted), a_snapshot(found))

    assert change == Update(wanted, a_group(), "attributes differ")


def test_tags_that_only_the_secondary_has_stay_if_somebody_else_made_it() -> None:
    found = a_group(tags={"team": "red", "shift": "late", "local": "yes"})

    stays = "tags of the secondary alone stay, unless replication created the resource: local, shift"
    assert tuple(plan(a_snapshot(RED), a_snapshot(found))) == (Skip(RED.key, stays),)


def test_nothing_of_a_shadow_is_fixed() -> None:
    key = shadow_key("pump-17")
    wanted, found = Shadow(key, {"reported": {"on": True}}), Shadow(key, {"reported": {"on": False}})

    assert [type(one) for one in plan(a_snapshot(wanted), a_snapshot(found))] == [Update]


def test_a_resource_is_made_with_its_tags() -> None:
    assert tuple(plan(a_snapshot(RED), a_snapshot(absent=[RED.key]))) == (Create(RED, "missing in the secondary"),)


def test_tags_that_only_the_secondary_has_go_if_replication_made_the_copy() -> None:
    found = a_group(tags={"team": "red", "local": "yes"})

    assert tuple(plan(a_snapshot(RED), a_snapshot(found), owned={RED.key})) == (Update(RED, found, "tags differ"),)
    assert deletable(a_snapshot(RED), a_snapshot(found)) == {RED.key}


def test_the_other_tags_of_a_copy_that_replication_did_not_make_are_put_right() -> None:
    found = a_group(tags={"team": "blue", "local": "yes"})

    (change,) = plan(a_snapshot(RED), a_snapshot(found))

    assert change == Update(a_group(tags={"team": "red", "local": "yes"}), found, "tags differ")
