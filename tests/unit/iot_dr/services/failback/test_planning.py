"""A failback's plan over two Regions in memory: the table, with what the ledger really noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from iot_dr.files.failback_plan import SqliteFailbackPlan
from iot_dr.model.failback.plan import FailbackVerdict
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    GroupMembership,
    Policy,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import (
    Kind,
    certificate_key,
    policy_key,
    shadow_key,
    thing_group_key,
    thing_key,
    thing_principal_key,
)
from iot_dr.reconcile.translate import translate
from iot_dr.services.failback.lead_back import NotAgreed
from iot_dr.services.failback.planning import Planning, in_leader_form
from tests.builders import (
    REGIONS,
    SECONDARY,
    a_certificate,
    a_certificate_id,
    a_device,
    a_document,
    a_group,
    a_policy,
    a_thing,
    an_attachment,
    iot_arn,
)
from tests.failback_world import FailbackWorld

ON, OFF = {"reported": {"on": True}}, {"reported": {"on": False}}


@pytest.fixture
def world(tmp_path: Path) -> FailbackWorld:
    """Devices that have crossed, after a failover."""
    found = FailbackWorld(tmp_path)
    shadows = {shadow_key(name): ON for name in ("pump-1", "pump-2", "pump-3", "pump-4")}
    things = [one for name in ("pump-1", "pump-2", "pump-3", "pump-4") for one in a_device(name)]
    found.cross(*things, a_group("site"), BillingGroup("plant", "all"), shadows=shadows)  # type: ignore[arg-type]  # documents
    found.fail_over()
    return found


def test_where_nothing_changed_there_is_nothing_to_do(world: FailbackWorld) -> None:
    assert world.plan() == {}


def test_a_plan_changes_nothing(world: FailbackWorld) -> None:
    world.leader.put(a_thing("new"))
    world.old.put(a_thing("pump-1", {"site": "south"}))

    world.plan()

    assert world.writes() == []


def test_without_a_failover_there_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(NotAgreed, match="does not lead"):
        FailbackWorld(tmp_path).plan()


def test_every_class_of_the_table_is_found(world: FailbackWorld) -> None:
    world.leader.put(*a_device("born-there")[1:], a_thing("pump-1", {"site": "south"}))
    world.old.put(*a_device("born-late"), a_thing("pump-2", {"site": "late"}))
    world.leader.put(a_thing("pump-3", {"site": "south"}))
    world.old.put(a_thing("pump-3", {"site": "late"}))
    world.leader.remove(thing_key("pump-4"))

    assert world.plan() == {
        **_device("born-there", FailbackVerdict.CREATE_OLD),
        **_device("born-late", FailbackVerdict.CREATE_LEADER),
        "thing#pump-1": "update_old",
        "thing#pump-2": "update_leader",
        "thing#pump-3": "conflict",
        "thing#pump-4": "delete_old",
        f"thing_principal#pump-4#{a_certificate_id('pump-4')}": "delete_old",
        "shadow#pump-4": "delete_old",
    }


def _device(name: str, verdict: FailbackVerdict) -> dict[str, str]:
    keys = (a_certificate(name).key, thing_key(name), an_attachment(of=name).key)
    return {str(key): str(verdict) for key in (*keys, thing_principal_key(name, a_certificate_id(name)))}


def test_other_kinds_have_their_base_too(world: FailbackWorld) -> None:
    policy = translate(a_policy("pumps", a_document(iot_arn("client/new"))), REGIONS)
    world.leader.put(policy, BillingGroup("plant", "more"), GroupMembership("site", "pump-1"))
    world.old.put(a_group("site", attributes={"late": "1"}))

    assert world.plan() == {
        "policy#pumps": "update_old",
        "billing_group#plant": "update_old",
        "group_membership#site#pump-1": "create_old",
        "thing_group#site": "update_leader",
    }


def test_a_policy_that_names_the_leaders_region_is_no_difference(world: FailbackWorld) -> None:
    assert world.leader.policy("pumps") != world.old.policy("pumps")
    assert "policy#pumps" not in world.plan()


def test_what_was_made_in_the_old_primary_and_deleted_in_both_is_nothing(world: FailbackWorld) -> None:
    for region in (world.leader, world.old):
        region.remove(thing_key("pump-1"))

    assert world.plan() == {}


def test_what_was_deleted_late_in_the_old_primary_is_a_conflict(world: FailbackWorld) -> None:
    world.old.remove(thing_key("pump-1"), certificate_key(a_certificate_id("pump-1")))

    found = world.plan()

    assert found.pop("shadow#pump-1") == "create_old"
    assert set(found.values()) == {"conflict"}
    assert {"thing#pump-1", f"certificate#{a_certificate_id('pump-1')}"} <= found.keys()


@pytest.mark.parametrize(
    ("leader", "old", "verdict"),
    [
        (CertificateStatus.REVOKED, CertificateStatus.ACTIVE, "update_old"),
        (CertificateStatus.ACTIVE, CertificateStatus.INACTIVE, "update_leader"),
        (CertificateStatus.INACTIVE, CertificateStatus.REVOKED, "update_leader"),
    ],
)
def test_of_a_certificate_the_stricter_status_counts(
    world: FailbackWorld, leader: CertificateStatus, old: CertificateStatus, verdict: str
) -> None:
    world.leader.put(a_certificate("pump-1", leader))
    world.old.put(a_certificate("pump-1", old))

    assert world.plan() == {f"certificate#{a_certificate_id('pump-1')}": verdict}


def test_shadows_go_back_whole_unless_nobody_touched_them_in_the_leader(world: FailbackWorld) -> None:
    world.secondary.put(shadow_key("pump-1"), OFF)  # type: ignore[arg-type]  # a document
    world.primary.put(shadow_key("pump-2"), OFF)  # type: ignore[arg-type]  # a document
    world.secondary.put(shadow_key("pump-3"), {"reported": {"n": 1}})  # type: ignore[dict-item]  # a document
    world.primary.put(shadow_key("pump-3"), {"reported": {"n": 2}})  # type: ignore[dict-item]  # a document
    world.secondary.remove(shadow_key("pump-4"))
    world.secondary.put(shadow_key("pump-1", "config"), ON)  # type: ignore[arg-type]  # a document

    assert world.plan() == {
        "shadow#pump-1": "update_old",
        "shadow#pump-1#config": "create_old",
        "shadow#pump-2": "update_leader",
        "shadow#pump-3": "update_old",
        "shadow#pump-4": "delete_old",
    }


def test_what_was_noted_without_its_state_is_a_conflict(world: FailbackWorld) -> None:
    world.forget_digest(thing_key("pump-1"))
    world.leader.put(a_thing("pump-1", {"site": "south"}))

    assert world.plan() == {"thing#pump-1": "conflict"}


def test_an_attachment_of_known_ends_that_the_leader_lacks_is_no_new_one(world: FailbackWorld) -> None:
    world.forget(an_attachment(of="pump-1").key)
    world.leader.remove(an_attachment(of="pump-1").key)

    assert world.plan() == {str(an_attachment(of="pump-1").key): "conflict"}


def test_what_cannot_be_read_is_undecided(world: FailbackWorld) -> None:
    world.old.put(Policy("odd", "[]"))

    found = world.plan()

    assert found["policy#odd"] == "undecided"


def test_certificates_that_register_with_their_devices_are_left_to_them(world: FailbackWorld, tmp_path: Path) -> None:
    world.old.put(*a_device("waits"))
    with world.opened() as failback, SqliteFailbackPlan(tmp_path / "jitr.sqlite") as plan:
        failback.make_plan()
        planning = failback.planning
        Planning(planning.comparison, planning.direction, planning.bases, just_in_time=True).make(plan)

        assert [row.key for kind in Kind for row in plan.rows(kind)] == [thing_key("waits")]


def test_the_ledger_is_asked_about_what_differs_and_nothing_else(world: FailbackWorld) -> None:
    for number in range(150):
        world.leader.put(Thing(f"new-{number:03}"))

    assert len(world.plan()) == 150
    assert world.calls.made.count("bases.bases") == 2


def test_a_certificate_that_waits_for_its_activation_stands_for_an_inactive_one() -> None:
    waits = a_certificate("pump-1", CertificateStatus.PENDING_ACTIVATION)

    assert in_leader_form(waits, SECONDARY) == a_certificate("pump-1", CertificateStatus.INACTIVE)
    assert in_leader_form(ThingPrincipal("a", "b"), SECONDARY) == ThingPrincipal("a", "b")


def test_keys_of_all_kinds_are_asked_for(world: FailbackWorld) -> None:
    keys = (policy_key("pumps"), thing_group_key("site"), thing_key("pump-1"))
    with world.opened() as failback:
        assert all(base.known and base.digest for base in failback.bases.bases(keys).values())
