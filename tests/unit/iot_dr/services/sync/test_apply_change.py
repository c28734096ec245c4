from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.errors import Conflict, InvalidResource, RegionUnavailable, Throttled, WriteRefused
from iot_dr.model.registry.changes import Create, Delete, Update
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    Entity,
    GroupMembership,
    PolicyAttachment,
    Thing,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Key, thing_key
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import State
from iot_dr.reconcile.dependencies import needs
from iot_dr.reconcile.translate import translate
from iot_dr.services.reading.rereading import RegistrySourceReader
from iot_dr.services.sync.apply_change import ROUNDS, ChangeApplier
from iot_dr.services.sync.marking import USABLE, Marking
from tests.builders import (
    PRIMARY,
    REGIONS,
    SECONDARY,
    a_certificate,
    a_device,
    a_document,
    a_group,
    a_policy,
    a_thing,
    a_thing_type,
    iot_arn,
)
from tests.fakes import Calls, FakeClock, FixedWriteGate, InMemoryLedger, InMemoryRegistry, Killed, once, raising
from tests.world import ANY_SHARE, World

MEMBERSHIP = GroupMembership("site", "pump-17")


INACTIVE, ACTIVE, REVOKED = CertificateStatus.INACTIVE, CertificateStatus.ACTIVE, CertificateStatus.REVOKED


class Applying:
    """An applier between two registries, whose calls are seen."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.primary, self.secondary = InMemoryRegistry(self.clock), InMemoryRegistry(self.clock)
        self.ledger, self.calls = InMemoryLedger(), Calls()
        secondary = self.calls.through("secondary", self.secondary)
        ledger = self.calls.through("ledger", self.ledger)
        self.gate = FixedWriteGate()
        self.marks = Marking(ledger, self.gate, self.clock)
        self.applier = ChangeApplier(
            direction=REGIONS,
            source=RegistrySourceReader(self.calls.through("primary", self.primary), self.clock),
            target=secondary,
            writer=secondary,
            marks=self.marks,
        )


@pytest.fixture
def applying() -> Applying:
    return Applying()


def test_what_is_made_is_read_once_more_in_the_primary_alone_under_a_mark(applying: Applying) -> None:
    applying.primary.put(a_thing())

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.calls.made == [
        "ledger.begin",
        "primary.thing",
        "secondary.create",
        "ledger.note_applied",
        "ledger.end",
    ]
    assert applying.ledger.owned([thing_key("pump-17")])


@pytest.mark.parametrize("gone", [*a_device(), MEMBERSHIP], ids=lambda gone: gone.key.kind)
def test_what_the_primary_has_no_more_is_not_made_and_not_owned(applying: Applying, gone: Entity) -> None:
    everything = (*a_device(), a_group("site"), MEMBERSHIP)
    applying.primary.put(*everything)
    applying.secondary.put(*(one for one in everything if gone.key not in (one.key, *needs(one))))
    applying.marks.begin([Create(gone, "")])
    applying.primary.remove(gone.key)
    applying.clock.advance(30)

    applying.applier.apply(Create(gone, ""))

    assert gone.key not in applying.secondary.entities
    assert "secondary.create" not in applying.calls.made
    assert not applying.ledger.owned([gone.key])


def test_what_another_made_that_the_primary_has_no_more_is_left_to_its_owner(applying: Applying) -> None:
    applying.secondary.put(a_thing())
    mark = applying.ledger.begin([thing_key("pump-17")], applying.clock())
    applying.ledger.end(mark, mark.keys, applying.clock())

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.secondary.entities[thing_key("pump-17")] == a_thing()
    assert applying.ledger.owned([thing_key("pump-17")])


def test_what_is_gone_from_the_secondary_by_now_is_made_and_owned(applying: Applying) -> None:
    applying.primary.put(a_policy())

    applying.applier.apply(Update(a_policy(), a_policy(document="read long ago"), ""))

    assert applying.secondary.entities[a_policy().key] == translate(a_policy(), REGIONS)
    assert applying.ledger.owned([a_policy().key])


def test_each_relation_of_one_end_is_read_after_its_own_mark(applying: Applying) -> None:
    _, certificate, _, attachment, _ = a_device()
    assert isinstance(attachment, PolicyAttachment)
    policies = a_policy("first"), a_policy("second")
    attachments = [replace(attachment, policy=one.name) for one in policies]
    for registry in (applying.primary, applying.secondary):
        registry.put(certificate, *policies)
    applying.primary.put(*attachments)
    applying.applier.apply(Create(attachments[0], ""))
    applying.primary.remove(attachments[1].key)

    applying.applier.apply(Create(attachments[1], ""))

    assert attachments[0].key in applying.secondary.entities
    assert attachments[1].key not in applying.secondary.entities


def test_a_relation_is_made_as_the_primary_has_it_now(applying: Applying) -> None:
    *device, principal = a_device()
    assert isinstance(principal, ThingPrincipal)
    applying.primary.put(*device, replace(principal, exclusive=True))
    applying.secondary.put(*device)

    applying.applier.apply(Create(principal, ""))

    assert applying.secondary.entities[principal.key] == replace(principal, exclusive=True)


@pytest.mark.parametrize(
    ("change", "checked"),
    [
        (a_device()[1], a_certificate().key),
        (a_device()[3], a_certificate().key),
        (a_device()[4], thing_key("pump-17")),
        (a_device()[4], a_certificate().key),
        (MEMBERSHIP, MEMBERSHIP.key),
        (MEMBERSHIP, thing_key("pump-17")),
    ],
)
def test_whoever_requests_between_reading_and_writing_has_it_checked_again(change: Entity, checked: Key) -> None:
    world = World(limits=ANY_SHARE)
    everything = (*a_device(), a_group("site"), MEMBERSHIP)
    world.primary.put(*everything)
    world.secondary.put(*(one for one in everything if change.key not in (one.key, *needs(one))))
    calls = Calls()

    def meanwhile() -> None:
        world.primary.remove(change.key)
        world.check(checked)

    calls.before = once("writer.create", meanwhile)
    applier = ChangeApplier(
        direction=REGIONS,
        source=RegistrySourceReader(world.primary, world.clock),
        target=world.secondary,
        writer=calls.through("writer", world.secondary),
        marks=Marking(world.ledger, world.gate, world.clock),
    )

    applier.apply(Create(change, ""))

    assert change.key in world.secondary.entities
    world.clock.advance(MARK_LIFETIME / 1000)
    assert checked in set(world.ledger.due(world.clock()))
    world.run_schedule()
    assert change.key not in world.secondary.entities


WRITES = frozenset({"secondary.create", "secondary.update", "secondary.delete"})


def test_a_gate_that_closes_after_the_mark_keeps_back_the_write(applying: Applying) -> None:
    applying.primary.put(a_thing())

    def close() -> None:
        applying.gate.reason = "held back"

    applying.calls.after = once("ledger.begin", close)

    with pytest.raises(WriteRefused):
        applying.applier.apply(Create(a_thing(), ""))

    assert WRITES.isdisjoint(applying.calls.made)


def test_what_a_version_guards_is_not_written_either_where_the_gate_refuses(applying: Applying) -> None:
    group = a_group("site")
    applying.primary.put(replace(group, description="new"))
    applying.secondary.put(group)
    applying.gate.reason = "held back"

    with pytest.raises(WriteRefused):
        applying.applier.apply(Update(replace(group, description="new"), group, ""))

    assert applying.calls.to("ledger") == []
    assert WRITES.isdisjoint(applying.calls.made)


def test_no_type_takes_things_again_where_the_gate_closes_after_the_mark(applying: Applying) -> None:
    applying.secondary.put(a_thing_type(deprecated=True))

    def close() -> None:
        applying.gate.reason = "held back"

    applying.calls.after = once("ledger.begin", close)

    with pytest.raises(WriteRefused):
        applying.applier.take_back(a_thing_type(deprecated=True))

    assert WRITES.isdisjoint(applying.calls.made)


def test_who_reads_for_so_long_that_the_mark_may_run_out_marks_and_reads_again(applying: Applying) -> None:
    applying.primary.put(a_thing())

    def meanwhile() -> None:
        applying.clock.advance(USABLE / 1000 + 1)
        applying.primary.remove(thing_key("pump-17"))

    applying.calls.after = once("primary.thing", meanwhile)

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.calls.made.count("ledger.begin") == 2
    assert thing_key("pump-17") not in applying.secondary.entities


def test_what_was_written_after_its_mark_ran_out_is_compared_once_more(applying: Applying) -> None:
    applying.primary.put(a_thing())

    def meanwhile() -> None:
        applying.clock.advance(MARK_LIFETIME / 1000)
        applying.primary.remove(thing_key("pump-17"))

    applying.calls.before = once("secondary.create", meanwhile)

    applying.applier.apply(Create(a_thing(), ""))

    assert thing_key("pump-17") not in applying.secondary.entities
    assert not applying.ledger.owned([thing_key("pump-17")])


def test_nothing_is_made_whose_ownership_cannot_be_noted(applying: Applying) -> None:
    applying.primary.put(a_thing())
    applying.calls.before = raising(Conflict("the replication notes it too"), on=("ledger.begin",))

    with pytest.raises(Conflict):
        applying.applier.apply(Create(a_thing(), ""))

    assert not applying.secondary.entities


def test_a_mark_is_made_again_while_another_worker_notes_the_same(applying: Applying) -> None:
    applying.primary.put(a_thing())
    conflicts = [Conflict("another worker")] * 2

    def refuse(name: str, _number: int) -> None:
        if name == "ledger.begin" and conflicts:
            raise conflicts.pop()

    applying.calls.before = refuse

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.calls.made.count("ledger.begin") == 3
    assert applying.ledger.owned([thing_key("pump-17")])
    assert thing_key("pump-17") in applying.secondary.entities


def test_a_mark_that_cannot_be_taken_off_runs_out_and_fails_nothing(applying: Applying) -> None:
    applying.primary.put(a_thing())
    applying.calls.before = raising(RegionUnavailable("gone"), on=("ledger.end",))

    applying.applier.apply(Create(a_thing(), ""))

    assert thing_key("pump-17") in applying.secondary.entities
    assert not list(applying.ledger.due(applying.clock() + MARK_LIFETIME))


@pytest.mark.parametrize("error", [RegionUnavailable("answer lost"), Killed()])
def test_who_does_not_know_whether_it_was_written_leaves_the_mark(
    applying: Applying, error: RegionUnavailable | Killed
) -> None:
    applying.primary.put(a_thing())
    applying.calls.after = raising(error, on=("secondary.create",))

    with pytest.raises(type(error)):
        applying.applier.apply(Create(a_thing(), ""))

    assert applying.ledger.marked(thing_key("pump-17"))
    assert applying.ledger.owned([thing_key("pump-17")])


@pytest.mark.parametrize(
    ("old", "new", "newest"),
    [
        [a_policy(document=a_document(action=f"iot:{name}")) for name in ("Connect", "Publish", "Receive")],
        [a_certificate(status=status) for status in (INACTIVE, ACTIVE, REVOKED)],
        [a_thing_type(deprecated=one) for one in (False, True, False)],
        [Thing("pump-17", billing_group=name) for name in ("", "mill", "mine")],
        [ThingPrincipal("pump-17", a_certificate().certificate_id, exclusive=one) for one in (False, True, False)],
    ],
)
def test_what_another_worker_wrote_anew_meanwhile_is_not_overwritten_for_good(
    old: Entity, new: Entity, newest: Entity, applying: Applying
) -> None:
    around = (BillingGroup("mill"), BillingGroup("mine"), a_thing(), a_certificate())
    for registry in (applying.primary, applying.secondary):
        registry.put(*around, translate(old, REGIONS) if registry is applying.secondary else old)
    applying.primary.put(new)

    def meanwhile() -> None:
        applying.primary.put(newest)
        applying.secondary.put(translate(newest, REGIONS))

    applying.calls.before = once("secondary.update", meanwhile)

    applying.applier.apply(Update(new, old, ""))

    assert applying.secondary.entities[old.key] == translate(newest, REGIONS)


def test_an_update_that_a_version_guards_costs_no_mark_and_no_reading_afterwards(applying: Applying) -> None:
    applying.primary.put(a_thing(attributes={"site": "north"}))
    applying.secondary.put(a_thing())

    applying.applier.apply(Update(a_thing(attributes={"site": "north"}), a_thing(), ""))

    assert applying.calls.made == ["secondary.thing", "primary.thing", "secondary.update", "ledger.note_applied"]


def test_what_comes_back_in_the_primary_while_it_is_deleted_comes_back(applying: Applying) -> None:
    *device, attachment, _ = a_device()
    applying.primary.put(*device)
    applying.secondary.put(*device, attachment)
    applying.ledger.begin([attachment.key], 1)
    applying.calls.before = once("secondary.delete", lambda: applying.primary.put(attachment))

    applying.applier.apply(Delete(attachment, ""))

    assert attachment.key in applying.secondary.entities
    assert applying.ledger.owned([attachment.key])


def test_ownership_that_another_notes_while_it_is_deleted_is_not_forgotten(applying: Applying) -> None:
    thing = a_thing()
    applying.secondary.put(thing)
    applying.ledger.begin([thing.key], 1)

    def note_and_end() -> None:
        mark = applying.ledger.begin([thing.key], applying.clock())
        applying.ledger.end(mark, mark.keys, applying.clock())

    applying.calls.before = once("secondary.delete", note_and_end)
    found = applying.secondary.thing("pump-17")
    assert found is not None

    applying.applier.apply(Delete(found, ""))

    assert applying.ledger.owned([thing.key])


def test_what_cannot_be_moved_to_the_secondary_is_refused_and_not_taken_for_equal(applying: Applying) -> None:
    applying.secondary.put(a_policy())
    applying.primary.put(a_policy(document="no document"))

    with pytest.raises(InvalidResource):
        applying.applier.apply(Update(a_policy(document="read long ago"), a_policy(), ""))


@pytest.mark.parametrize("there", [True, False])
def test_a_policy_that_is_too_long_for_the_secondary_is_told_with_its_length(applying: Applying, there: bool) -> None:
    long = a_policy(document=a_document(iot_arn("topic/" + "x" * 3000)))
    applying.primary.longest_policy = 4000  # as if its Region had a name that much shorter
    applying.primary.put(long)
    if there:
        applying.secondary.put(a_policy())
    change = Update(long, a_policy(), "") if there else Create(long, "")

    with pytest.raises(InvalidResource, match=r"it would have 3\d{3} characters"):
        applying.applier.apply(change)


def test_a_type_that_is_taken_back_is_marked(applying: Applying) -> None:
    deprecated = a_thing_type(deprecated=True)
    applying.secondary.put(deprecated)

    applying.applier.take_back(deprecated)

    assert applying.secondary.entities[deprecated.key] == a_thing_type()
    assert applying.calls.made == ["ledger.begin", "secondary.update", "ledger.end"]


def test_a_certificate_is_read_with_its_pem_and_its_status_just_before_it_is_registered(applying: Applying) -> None:
    applying.primary.put(a_certificate(status=CertificateStatus.REVOKED))

    applying.applier.apply(Create(replace(a_certificate(), pem=""), ""))

    assert applying.secondary.certificate(a_certificate().certificate_id) == a_certificate(
        status=CertificateStatus.REVOKED
    )


def test_a_policy_is_read_and_moved_to_the_secondary_just_before_it_is_made(applying: Applying) -> None:
    applying.primary.put(a_policy())

    applying.applier.apply(Create(a_policy(document=""), ""))

    moved = a_document(iot_arn("client/*", SECONDARY))
    assert PRIMARY not in moved
    assert applying.secondary.policy("pumps") == a_policy(document=moved)


def test_what_is_gone_from_the_primary_by_now_is_not_made(applying: Applying) -> None:
    applying.applier.apply(Create(replace(a_certificate(), pem=""), ""))

    assert not applying.secondary.entities


def test_what_somebody_else_made_alike_is_done(applying: Applying) -> None:
    applying.primary.put(a_policy(), a_certificate())
    change = Create(a_certificate(), "")
    applying.applier.apply(change)

    applying.applier.apply(change)

    assert applying.calls.to("secondary").count("secondary.create") == 2


def test_what_somebody_else_made_otherwise_is_brought_to_the_primarys_state(applying: Applying) -> None:
    applying.primary.put(a_thing(attributes={"site": "north"}))
    applying.secondary.put(a_thing(attributes={"site": "south"}))

    applying.applier.apply(Create(a_thing(attributes={"site": "north"}), ""))

    assert applying.secondary.thing("pump-17") == a_thing(attributes={"site": "north"})


def test_an_update_is_compared_anew_so_that_no_old_state_is_written(applying: Applying) -> None:
    applying.primary.put(a_thing(attributes={"site": "west"}))
    applying.secondary.put(a_thing(attributes={"site": "south"}))
    read_long_ago = Update(a_thing(attributes={"site": "north"}), a_thing(attributes={"site": "south"}), "")

    applying.applier.apply(read_long_ago)

    assert applying.secondary.thing("pump-17") == a_thing(attributes={"site": "west"})


def test_an_update_that_meets_a_newer_version_reads_again(applying: Applying) -> None:
    applying.primary.put(a_thing(attributes={"site": "north"}))
    applying.secondary.put(a_thing(attributes={"site": "south"}))
    applying.calls.before = once(
        "secondary.update", lambda: applying.secondary.put(a_thing(attributes={"site": "east"}))
    )

    applying.applier.apply(Update(a_thing(), a_thing(), ""))

    assert applying.secondary.thing("pump-17") == a_thing(attributes={"site": "north"})


def test_what_keeps_changing_is_given_up(applying: Applying) -> None:
    applying.primary.put(a_thing(attributes={"site": "north"}))
    applying.secondary.put(a_thing(attributes={"site": "south"}))
    applying.calls.before = raising(Conflict("again"), on=("secondary.update",))

    with pytest.raises(Conflict):
        applying.applier.apply(Update(a_thing(), a_thing(), ""))

    assert applying.calls.made.count("secondary.update") == ROUNDS


def test_a_deletion_is_made_only_if_the_primary_still_lacks_it(applying: Applying) -> None:
    applying.secondary.put(a_thing())
    applying.ledger.begin([thing_key("pump-17")], 1)
    found = applying.secondary.thing("pump-17")
    assert found is not None
    applying.primary.put(a_thing())
    applying.applier.apply(Delete(found, ""))
    assert applying.secondary.thing("pump-17") is not None

    applying.primary.remove(thing_key("pump-17"))
    applying.applier.apply(Delete(found, ""))

    assert applying.secondary.thing("pump-17") is None
    assert not applying.ledger.owned([thing_key("pump-17")])


def test_throttling_is_waited_out_by_the_budget_and_then_tried_again(applying: Applying) -> None:
    applying.primary.put(a_thing())
    failures = [Throttled("slowly"), Throttled("slowly")]

    def refuse(name: str, _number: int) -> None:
        if name == "secondary.create" and failures:
            raise failures.pop()

    applying.calls.before = refuse

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.secondary.thing("pump-17") is not None
    assert applying.calls.to("primary") == ["primary.thing"]


@pytest.mark.parametrize("refused", [a_thing(), a_thing_type(deprecated=True)])
def test_what_aws_refuses_for_good_is_refused_once_and_told(applying: Applying, refused: Entity) -> None:
    applying.primary.put(refused)
    applying.calls.before = raising(InvalidResource("not today"), on=("secondary.create",))

    with pytest.raises(InvalidResource, match="not today"):
        applying.applier.apply(Create(refused, ""))

    assert applying.calls.made.count("secondary.create") == 1


def test_a_thing_that_is_made_is_in_sync_with_the_version_that_was_read(applying: Applying) -> None:
    applying.primary.put(a_thing(), a_thing(attributes={"site": "north"}))

    applying.applier.apply(Create(a_thing(), ""))

    outcome = applying.ledger.outcome(thing_key("pump-17"))
    assert outcome is not None
    assert (outcome.state, outcome.partial) == (State.IN_SYNC, True)
    assert applying.ledger.source_version(thing_key("pump-17")) == ("id-1", 2)


def test_a_failure_is_told_of_what_it_hangs_on_and_tried_again_by_the_schedule(applying: Applying) -> None:
    *_, attachment, principal = a_device()

    applying.applier.note_failure(principal.key, InvalidResource("not today"))
    applying.applier.note_failure(attachment.key, RegionUnavailable("gone"))

    thing = applying.ledger.outcome(thing_key("pump-17"))
    certificate = applying.ledger.outcome(a_certificate().key)
    assert thing is not None
    assert certificate is not None
    assert (thing.state, thing.again) == (State.FAILED, True)
    assert (certificate.state, certificate.again) == (State.PENDING, True)
