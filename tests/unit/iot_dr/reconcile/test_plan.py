"""One test for each row of the truth table in `reconcile/plan.py`."""

from dataclasses import replace

import pytest

from iot_dr.model.changes import Create, Delete, Skip, Update
from iot_dr.model.entities import Certificate, CertificateStatus, Entity, Policy, ThingType
from iot_dr.model.keys import thing_key
from iot_dr.reconcile.modes import Mode
from iot_dr.reconcile.plan import deletable, differing_fields, plan
from tests.builders import a_certificate, a_policy, a_snapshot, a_thing, a_thing_type

THING = a_thing("pump-17", {"site": "north"})
CHANGED = replace(THING, attributes={"site": "south"})
NOWHERE = a_snapshot(absent=[THING.key])
ANY_MODE = pytest.mark.parametrize("mode", Mode)


@ANY_MODE
def test_what_is_missing_in_the_secondary_is_created_in_every_mode(mode: Mode) -> None:
    changes = tuple(plan(a_snapshot(THING), NOWHERE, mode=mode))

    assert changes == (Create(THING, "missing in the secondary"),)


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.UPSERT])
def test_what_differs_is_updated(mode: Mode) -> None:
    changes = tuple(plan(a_snapshot(CHANGED), a_snapshot(THING), mode=mode))

    assert changes == (Update(CHANGED, THING, "attributes differs"),)


def test_what_differs_is_left_alone_when_only_creating() -> None:
    changes = tuple(plan(a_snapshot(CHANGED), a_snapshot(THING), mode=Mode.CREATE_ONLY))

    assert changes == (Skip(THING.key, "different, but the mode is create_only"),)


@ANY_MODE
def test_what_is_the_same_needs_no_change(mode: Mode) -> None:
    assert not tuple(plan(a_snapshot(THING), a_snapshot(replace(THING, version=9)), owned={THING.key}, mode=mode))


def test_what_replication_made_and_the_primary_has_no_more_is_deleted() -> None:
    changes = tuple(plan(NOWHERE, a_snapshot(THING), owned={THING.key}))

    assert changes == (Delete(THING, "absent in the primary"),)


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.CREATE_ONLY])
def test_nothing_is_deleted_in_any_mode_but_mirror(mode: Mode) -> None:
    changes = tuple(plan(NOWHERE, a_snapshot(THING), owned={THING.key}, mode=mode))

    assert changes == (Skip(THING.key, f"absent in the primary, but the mode is {mode}"),)


@ANY_MODE
def test_what_replication_did_not_make_is_never_deleted(mode: Mode) -> None:
    changes = tuple(plan(NOWHERE, a_snapshot(THING), owned={thing_key("another")}, mode=mode))

    assert changes == (Skip(THING.key, "absent in the primary, but replication did not create it"),)


@ANY_MODE
def test_what_is_nowhere_needs_no_change(mode: Mode) -> None:
    assert not tuple(plan(NOWHERE, NOWHERE, owned={THING.key}, mode=mode))


@ANY_MODE
@pytest.mark.parametrize("actual", [a_snapshot(THING), NOWHERE, a_snapshot(CHANGED)], ids=["there", "absent", "other"])
def test_what_the_primary_could_not_read_is_left_alone_and_never_deleted(mode: Mode, actual: object) -> None:
    desired = a_snapshot(unreadable={THING.key: "AccessDenied"})

    changes = tuple(plan(desired, actual, owned={THING.key}, mode=mode))  # type: ignore[arg-type]

    assert changes == (Skip(THING.key, "primary unreadable: AccessDenied"),)


@ANY_MODE
@pytest.mark.parametrize("desired", [a_snapshot(THING), NOWHERE], ids=["there", "absent"])
def test_what_the_secondary_could_not_read_is_left_alone(mode: Mode, desired: object) -> None:
    actual = a_snapshot(unreadable={THING.key: "Throttled"})

    changes = tuple(plan(desired, actual, owned={THING.key}, mode=mode))  # type: ignore[arg-type]

    assert changes == (Skip(THING.key, "secondary unreadable: Throttled"),)


def test_what_was_not_looked_at_in_the_primary_is_not_absent_there() -> None:
    changes = tuple(plan(a_snapshot(), a_snapshot(THING), owned={THING.key}))

    assert changes == (Skip(THING.key, "primary unreadable: not read"),)


def test_what_was_not_looked_at_in_the_secondary_is_not_created_there() -> None:
    changes = tuple(plan(a_snapshot(THING), a_snapshot()))

    assert changes == (Skip(THING.key, "secondary unreadable: not read"),)


def test_a_type_is_deprecated_but_its_immutable_fields_stay() -> None:
    wanted, found = a_thing_type(deprecated=True), replace(a_thing_type(), description="another")

    changes = tuple(plan(a_snapshot(wanted), a_snapshot(found)))

    assert changes == (Update(replace(found, deprecated=True), found, "deprecation differs"),)


def test_a_type_that_differs_in_what_aws_cannot_change_is_shown_and_left() -> None:
    wanted, found = a_thing_type(), ThingType("pump", "another")

    changes = tuple(plan(a_snapshot(wanted), a_snapshot(found)))

    assert changes == (Skip(wanted.key, "AWS lets nothing of a thing type change but its deprecation"),)


@pytest.mark.parametrize(
    ("wanted", "found", "reason"),
    [
        (a_certificate(status=CertificateStatus.REVOKED), a_certificate(), "status differs"),
        (a_policy(document='{"a":1}'), a_policy(), "document differs"),
        (a_thing(type_name="pump"), a_thing(attributes={"a": "b"}), "attributes, type_name differs"),
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
