"""The sweep finds what no event told, refuses what looks like a half-read primary, and applies nothing itself."""

from dataclasses import replace

import pytest

from iot_dr.errors import RegionUnavailable, Throttled, UnsafePlan
from iot_dr.model.entities import CertificateStatus
from iot_dr.model.keys import RESERVED_PREFIX, Key, Kind, certificate_key, policy_key, thing_key, thing_type_key
from iot_dr.model.looks import Depth, Look
from iot_dr.model.outcomes import Outcome, State
from iot_dr.reconcile.safety import Limits
from iot_dr.services.sweep import Sweep
from tests.builders import REGIONS, a_certificate, a_device, a_policy, a_thing, a_thing_type, an_attachment
from tests.fakes import raising
from tests.world import World


def _in_sync(*names: str, slice_size: int = 200) -> World:
    """A world whose devices have all been replicated."""
    world = World(slice_size=slice_size)
    world.primary.put(a_thing_type("pump"), *(one for name in names for one in a_device(name, type_name="pump")))
    world.run_schedule()
    assert world.secondary.entities == world.wanted
    return world


def _drift(world: World) -> set[Key]:
    """What the next sweep has looked at beyond its round, whose turn is put off to its end."""
    for kind in Kind:
        world.ledger.move_cursor(kind, "~")
    swept = world.sweep.sweep()
    found = {look.key for look in world.workflow.take()}
    assert swept.drift == len(found)
    return found


def test_equal_registries_show_no_drift() -> None:
    assert _drift(_in_sync("pump-1", "pump-2")) == set()


def test_what_the_primary_has_alone_is_looked_at() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_thing("new"), a_thing_type("new"), a_policy("new"), a_certificate("new"))

    certificate = a_certificate("new").key
    assert _drift(world) == {thing_key("new"), thing_type_key("new"), policy_key("new"), certificate}


def test_a_revoked_certificate_is_looked_at() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("pump-1", CertificateStatus.REVOKED))

    assert _drift(world) == {a_certificate("pump-1").key}


def test_a_status_that_only_aws_sets_is_no_drift() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("pump-1", CertificateStatus.PENDING_TRANSFER))
    world.look(a_certificate("pump-1").key)

    assert _drift(world) == set()


def test_a_thing_that_differs_is_looked_at() -> None:
    world = _in_sync("pump-1")
    world.primary.put(replace(a_thing("pump-1", type_name="pump"), attributes={"site": "south"}))

    assert _drift(world) == {thing_key("pump-1")}


def test_what_replication_made_and_the_primary_lost_is_looked_at() -> None:
    world = _in_sync("pump-1", "pump-2")
    world.primary.remove(thing_key("pump-1"), certificate_key(a_certificate("pump-1").certificate_id))

    assert _drift(world) == {thing_key("pump-1"), a_certificate("pump-1").key}


def test_what_the_secondary_had_of_its_own_is_left_alone() -> None:
    world = _in_sync("pump-1")
    world.secondary.put(a_thing("local"), a_certificate("local"), a_policy("local"))

    assert _drift(world) == set()


def test_the_health_checkers_own_names_are_left_alone() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_thing(f"{RESERVED_PREFIX}1"), a_policy(f"{RESERVED_PREFIX}1"))
    world.secondary.put(a_thing(f"{RESERVED_PREFIX}1", {"of": "the secondary"}))

    assert _drift(world) == set()
    world.run_schedule()
    assert world.secondary.policy(f"{RESERVED_PREFIX}1") is None


def test_the_health_checkers_certificate_stays_in_its_region() -> None:
    world = _in_sync("pump-1")
    probe = f"{RESERVED_PREFIX}1"
    world.primary.put(*a_device(probe, policy=probe))

    assert _drift(world) == set()
    world.run_schedule()
    assert world.secondary.certificate(a_certificate(probe).certificate_id) is None


def test_a_plan_that_would_empty_the_secondary_starts_nothing() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(6)))
    world.primary.remove(*world.primary.entities)
    world.workflow.take()

    with pytest.raises(UnsafePlan):
        world.sweep.sweep()

    assert world.workflow.started == []


@pytest.mark.parametrize("side", ["primary", "secondary"])
@pytest.mark.parametrize(
    "listing", ["things", "thing_types", "certificates", "policy_names", "thing_group_names", "billing_group_names"]
)
@pytest.mark.parametrize("error", [RegionUnavailable("down"), Throttled("slow down")])
def test_a_list_that_cannot_be_read_to_its_end_starts_nothing(side: str, listing: str, error: Exception) -> None:
    world = _in_sync("pump-1")
    world.primary.remove(thing_key("pump-1"))
    world.calls.before = raising(error, on=[f"{side}.{listing}"])  # type: ignore[arg-type]  # looser than the type on purpose

    with pytest.raises(type(error)):
        world.sweep.sweep()

    assert world.workflow.started == []


def test_so_many_deletions_can_be_allowed_in_words() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(6)))
    world.primary.remove(*world.primary.entities)

    swept = world.sweep.sweep(Limits(deletes=1.0))

    assert swept.drift == len({look.key for look in world.workflow.started}) > 10


def test_of_many_differences_no_more_are_looked_at_in_one_sweep_than_stated() -> None:
    world = World(at_most=3, slice_size=1)
    world.primary.put(*(a_thing(f"pump-{n}") for n in range(7)))

    left = []
    for _ in range(3):
        left.append(world.sweep.sweep().left)
        world.run_workflow()

    assert left == [4, 1, 0]
    assert world.secondary.entities == world.wanted


def test_a_difference_that_stays_does_not_keep_the_others_waiting() -> None:
    world = World(at_most=1)
    world.primary.put(a_thing("a-fails-always"), a_thing("b-waits"))

    looked_at = []
    for _ in range(2):
        world.sweep.sweep()
        looked_at.append(world.workflow.take()[0].key.name)

    assert looked_at == ["a-fails-always", "b-waits"]


def test_a_round_looks_at_everything_whole_one_slice_after_the_other() -> None:
    world = _in_sync(*(f"pump-{n}" for n in range(5)), slice_size=2)
    for kind in Kind:
        world.ledger.move_cursor(kind, "")

    turns = []
    for _ in range(3):
        assert world.sweep.sweep().drift == 0
        turns.append([look.key for look in world.workflow.take() if look.key.kind is Kind.THING])
        assert all(look.depth is Depth.EVERYTHING for look in world.workflow.started)

    assert [len(turn) for turn in turns] == [2, 2, 1]
    assert [key.name for turn in turns for key in turn] == [f"pump-{n}" for n in range(5)]


def test_after_its_end_a_round_begins_anew() -> None:
    world = _in_sync("pump-1", "pump-2", "pump-3", slice_size=2)
    for kind in Kind:
        world.ledger.move_cursor(kind, "")

    turns = [world.sweep.sweep().round for _ in range(4)]

    assert turns[0] == turns[2]
    assert turns[1] == turns[3]


def test_a_document_that_changed_without_event_is_found_by_the_round() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_policy("pumps", '{"Statement":[]}'))

    world.run_schedule()

    assert world.secondary.entities == world.wanted


def test_a_policy_attached_to_a_certificate_without_thing_is_found_by_the_round() -> None:
    world = _in_sync("pump-1")
    world.primary.put(a_certificate("loose"))
    world.run_schedule()
    world.primary.put(an_attachment("pumps", "loose"))

    world.run_schedule()

    assert world.secondary.entities == world.wanted


def test_what_differs_does_not_have_its_turn_in_the_round_too() -> None:
    world = _in_sync("pump-1")
    world.primary.put(replace(a_thing("pump-1", type_name="pump"), attributes={}))

    world.sweep.sweep()

    keys = [look.key for look in world.workflow.take()]
    assert len(keys) == len(set(keys))
    assert thing_key("pump-1") in keys


def test_empty_registries_are_swept_too() -> None:
    world = World()

    swept = world.sweep.sweep()

    assert (swept.drift, swept.round) == (0, 0)
    assert world.workflow.started == []


def test_what_failed_is_retried_when_its_time_has_come() -> None:
    world = World()
    key = thing_key("pump-17")
    world.ledger.record(Outcome(key, State.FAILED, "AccessDenied", at=world.clock(), again=True))

    assert world.sweep.retry() == 0
    world.clock.advance(61)
    assert world.sweep.retry() == 1

    assert world.workflow.take() == [Look(key, created=True)]


def test_with_a_thing_go_its_shadows_whichever_region_lacks_the_thing() -> None:
    world = _in_sync("pump-1", "gone")
    world.sweep = Sweep(
        primary=world.primary,
        secondary=world.secondary,
        regions=REGIONS,
        ledger=world.ledger,
        workflow=world.workflow,
        clock=world.clock,
        shadows=True,
    )
    world.primary.put(a_thing("new"))
    world.primary.remove(thing_key("gone"))

    world.sweep.sweep()

    shadows = [look.key.name for look in world.workflow.take() if look.key.kind is Kind.THING_SHADOWS]
    assert sorted(shadows) == ["gone", "new", "pump-1"]
