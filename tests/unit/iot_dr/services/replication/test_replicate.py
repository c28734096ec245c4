"""One check a resource: what is read, what is written, and what happens when something comes between."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied, Conflict, IotDrError, NotReadyYet, RegionUnavailable, Throttled
from iot_dr.model.registry.changes import Delete
from iot_dr.model.registry.digests import digest_of
from iot_dr.model.registry.entities import CertificateStatus, Policy, PolicyAttachment, ThingPrincipal, ThingType
from iot_dr.model.registry.keys import (
    Key,
    certificate_key,
    certificate_target,
    policy_key,
    thing_key,
    thing_principal_key,
    thing_type_key,
)
from iot_dr.model.replication.marks import MARK_LIFETIME
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.services.replication.replicate import ReplicationResult
from iot_dr.services.replication.settling import NO_CERTIFICATE
from tests.builders import (
    a_certificate,
    a_certificate_id,
    a_device,
    a_document,
    a_policy,
    a_thing,
    a_thing_type,
    an_attachment,
    iot_arn,
)
from tests.fakes import Between, Killed, once, raising
from tests.world import World

THING = thing_key("pump-17")
CERTIFICATE_ID = a_certificate_id("pump-17")


def _with_device(type_name: str = "") -> World:
    """A world whose primary has a complete device, which is about to be checked for the first time."""
    world = World()
    world.primary.put(
        *a_device(type_name=type_name) if not type_name else (a_thing_type(), *a_device(type_name="pump"))
    )
    return world


def _replicated() -> World:
    """A world whose device is in both Regions."""
    world = _with_device()
    _new(world)
    world.calls.made.clear()
    return world


def _new(world: World, key: Key = THING) -> ReplicationResult:
    """Check as the first event of a new resource asks for it."""
    return world.check(key, created=True, depth=Depth.ATTACHMENTS, occurred_at=world.clock(), event_id="e-1")


# A new device


def test_a_complete_new_device_is_made_with_all_that_hangs_on_it() -> None:
    world = _with_device()

    result = _new(world)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.IN_SYNC
    assert world.ledger.outcome(THING) == result.outcome


def test_a_complete_new_device_costs_eight_reads_five_writes_and_two_calls_of_the_ledger() -> None:
    world = _with_device()

    _new(world)

    assert Counter(world.calls.to("primary", "secondary")) == {
        "primary.thing": 1,
        "secondary.thing": 1,
        "primary.principals_of_thing": 1,
        "primary.certificate": 1,
        "secondary.certificate": 1,
        "primary.policies_of": 1,
        "primary.policy": 1,
        "secondary.policy": 1,
    }
    assert world.calls.to("writer") == ["writer.create"] * 5
    assert world.calls.to("ledger") == ["ledger.begin", "ledger.record"]


def test_its_settle_request_costs_two_reads() -> None:
    world = _with_device()
    first = _new(world)
    world.calls.made.clear()
    world.clock.advance(first.pause)

    second = world.replication.replicate(first.next_request)

    assert world.calls.made == ["primary.principals_of_thing", "primary.policies_of"]
    assert second.pause == 0


def test_the_lag_is_the_time_from_the_event_to_the_device_being_there() -> None:
    world = _with_device()
    happened = world.clock()
    world.clock.advance(0.7)

    outcome = world.check(THING, created=True, occurred_at=happened).outcome

    assert outcome.lag == outcome.at - happened
    assert outcome.lag >= 700


def test_a_request_without_event_or_without_change_has_no_lag() -> None:
    world = _with_device()

    assert world.check(THING).outcome.lag is None
    assert world.check(THING, occurred_at=world.clock()).outcome.lag is None


def test_a_device_with_a_type_that_is_not_there_yet_is_read_again_with_its_type() -> None:
    world = _with_device(type_name="pump")

    result = _new(world)

    assert world.secondary.entities == world.wanted
    assert world.calls.made.count("primary.thing") == 2
    assert thing_type_key("pump") in {change.key for change in result.plan.actions}


def test_a_type_that_is_there_is_not_read() -> None:
    world = _with_device(type_name="pump")
    world.check(thing_type_key("pump"))
    world.calls.made.clear()

    _new(world)

    assert world.secondary.entities == world.wanted
    assert not [call for call in world.calls.made if call.endswith("thing_type")]


def test_what_is_missing_even_after_another_reading_is_left_to_the_workflows_retry() -> None:
    world = _with_device()
    world.calls.before = raising(NotReadyYet("the certificate is not there"), on=["writer.create"])

    with pytest.raises(NotReadyYet):
        _new(world)

    assert world.calls.made.count("primary.thing") == 2


def test_policies_reach_the_secondary_with_their_arns_moved() -> None:
    world = _with_device()
    world.primary.put(a_policy(document=a_document(iot_arn("client/us-east-1"))))

    _new(world)

    policy = world.secondary.policy("pumps")
    assert policy is not None
    assert policy.document == a_document(iot_arn("client/us-east-1", "us-west-2"))


# Settling


def test_a_certificate_attached_later_is_found_by_a_later_request(world: World) -> None:
    world.primary.put(a_thing())
    first = _new(world)
    world.clock.advance(first.pause)
    world.primary.put(*a_device())

    second = world.replication.replicate(first.next_request)

    assert first.pause == 1
    assert world.secondary.entities == world.wanted
    assert second.pause == 3


def test_a_certificate_attached_two_seconds_after_its_thing_is_there_within_three_seconds(world: World) -> None:
    world.primary.put(a_thing())
    made = world.clock()
    result, attached = _new(world), False
    while not attached or (result.pause and world.secondary.entities != world.wanted):
        world.clock.advance(result.pause)
        if not attached and world.clock() >= made + 2000:
            world.primary.put(*a_device())
            attached = True
        result = world.replication.replicate(result.next_request)

    assert world.secondary.entities == world.wanted
    assert world.clock() - (made + 2000) < 3000


def test_a_policy_attached_later_is_found_by_a_later_request(world: World) -> None:
    *device, attachment, _ = a_device()
    world.primary.put(*device, ThingPrincipal("pump-17", CERTIFICATE_ID))
    first = _new(world)
    world.primary.put(attachment)
    world.clock.advance(first.pause)

    world.replication.replicate(first.next_request)

    assert world.secondary.entities == world.wanted


def test_a_device_that_never_gets_a_certificate_is_left_to_the_schedule(world: World) -> None:
    world.primary.put(a_thing())
    result, requests = _new(world), 1
    while result.pause:
        world.clock.advance(result.pause)
        result, requests = world.replication.replicate(result.next_request), requests + 1

    assert (result.outcome.again, result.outcome.reason) == (True, NO_CERTIFICATE)
    assert requests < 12
    world.clock.advance(121)
    assert list(world.ledger.due(world.clock())) == [THING]


def test_a_device_that_waits_for_its_certificate_is_pending_from_the_first_request(world: World) -> None:
    world.primary.put(a_thing())

    result = _new(world)

    assert (result.outcome.state, result.outcome.reason) == (State.PENDING, NO_CERTIFICATE)
    assert world.ledger.notes[THING].next_attempt is not None


@pytest.mark.parametrize("depth", list(Depth))
def test_an_outcome_says_how_much_was_read(depth: Depth) -> None:
    world = _with_device()
    _new(world)

    outcome = world.check(THING, depth=depth).outcome

    assert (outcome.attached, outcome.whole) == (depth is not Depth.OWN, depth is Depth.EVERYTHING)


def test_an_update_of_a_device_that_waits_for_its_certificate_leaves_it_waiting(world: World) -> None:
    world.primary.put(a_thing())
    _new(world)
    world.primary.put(a_thing(attributes={"site": "south"}))

    result = world.check(THING, depth=Depth.OWN)

    assert world.secondary.entities == world.wanted
    assert result.outcome.partial
    assert world.ledger.notes[THING].next_attempt is not None


def test_a_device_that_gets_its_certificate_at_last_leaves_the_schedule(world: World) -> None:
    world.primary.put(a_thing())
    world.check(THING, created=True)
    assert world.ledger.notes[THING].next_attempt is not None
    world.primary.put(*a_device())

    world.check(THING, created=True)

    assert world.secondary.entities == world.wanted
    assert world.ledger.notes[THING].next_attempt is None


def test_the_change_of_a_device_starts_its_rest_anew() -> None:
    world = _with_device()
    first = _new(world)
    world.clock.advance(first.pause)
    world.primary.put(a_certificate("second"), ThingPrincipal("pump-17", a_certificate_id("second")))

    second = world.replication.replicate(first.next_request)

    assert second.pause > 0
    assert second.next_request.fingerprint != first.next_request.fingerprint
    assert second.outcome.lag is None


# Changes and deletions


def test_an_update_of_a_thing_reads_two_things_and_writes_one() -> None:
    world = _replicated()
    world.primary.put(a_thing(attributes={"site": "south"}))

    world.check(THING, depth=Depth.OWN)

    assert world.calls.made == ["secondary.thing", "primary.thing", "ledger.begin", "writer.update", "ledger.record"]
    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("status", [CertificateStatus.REVOKED, CertificateStatus.INACTIVE])
def test_a_certificates_status_follows(status: CertificateStatus) -> None:
    world = _replicated()
    world.primary.put(a_certificate(status=status))

    world.check(certificate_key(CERTIFICATE_ID))

    assert world.secondary.entities == world.wanted


def test_a_thing_deleted_in_the_primary_is_deleted_in_the_secondary() -> None:
    world = _replicated()
    world.primary.remove(THING)

    result = world.check(THING)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.ABSENT
    assert THING not in world.ledger.remembered


def test_a_device_deleted_with_its_certificate_and_policy_is_deleted_whole() -> None:
    world = _replicated()
    world.primary.remove(*world.primary.entities)

    world.check(THING)

    assert world.secondary.entities == {}
    assert not world.ledger.remembered


def test_a_thing_deleted_and_made_anew_ends_as_the_primary_is() -> None:
    world = _replicated()
    world.primary.remove(THING)
    world.primary.put(a_thing(attributes={"made": "anew"}))

    world.check(THING)

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("call", ["ledger.owned", "writer.delete"])
def test_a_thing_made_anew_between_reading_and_deleting_is_there_in_the_end(call: str) -> None:
    world = _replicated()
    world.primary.remove(THING)
    world.calls.before = once(call, lambda: world.primary.put(a_thing(attributes={"made": "anew"})))

    result = world.check(THING)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.IN_SYNC
    assert world.ledger.owned([THING]) == {THING}


def test_a_detached_certificate_is_detached_and_kept_as_the_primary_keeps_it() -> None:
    world = _replicated()
    world.primary.remove(ThingPrincipal("pump-17", CERTIFICATE_ID).key)

    world.check(THING)

    assert world.secondary.entities == world.wanted
    assert world.secondary.certificate(CERTIFICATE_ID) is not None


def test_a_thing_type_is_deleted_when_aws_lets_it(world: World) -> None:
    world.primary.put(a_thing_type())
    world.check(thing_type_key("pump"))
    world.primary.remove(thing_type_key("pump"))

    with pytest.raises(NotReadyYet):
        world.check(thing_type_key("pump"))
    world.clock.advance(301)
    world.check(thing_type_key("pump"))

    assert world.secondary.entities == {}


def test_what_aws_refused_to_delete_leaves_nothing_in_the_ledger_as_soon_as_it_is_deleted(world: World) -> None:
    world.primary.put(a_thing_type())
    world.check(thing_type_key("pump"))
    world.primary.remove(thing_type_key("pump"))
    for _ in range(3):
        world.clock.advance(95)
        with pytest.raises(NotReadyYet):
            world.check(thing_type_key("pump"))

    world.clock.advance(120)
    world.check(thing_type_key("pump"))

    assert world.ledger.outcome(thing_type_key("pump")) is None
    assert not list(world.ledger.due(world.clock() + 10 * MARK_LIFETIME))


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_that_fails_takes_its_mark_off_where_aws_has_answered(answered: bool) -> None:
    world = _replicated()
    world.primary.put(a_certificate(status=CertificateStatus.INACTIVE))
    error = Throttled("slow down") if answered else RegionUnavailable("no answer")
    world.calls.before = raising(error, on=["writer.update"])

    with pytest.raises(type(error)):
        world.check(certificate_key(CERTIFICATE_ID))

    assert bool(list(world.ledger.due(world.clock() + 10 * MARK_LIFETIME))) is not answered


def test_a_mark_stays_on_what_aws_did_not_answer_though_it_refused_another_write_of_the_request() -> None:
    world = _replicated()
    certificate = certificate_key(CERTIFICATE_ID)
    attachments = [PolicyAttachment(name, certificate_target(CERTIFICATE_ID)) for name in ("one", "two")]
    for name in ("one", "two"):
        world.primary.put(a_policy(name))
    for attachment in attachments:
        world.primary.put(attachment)
    world.check(certificate)
    for attachment in attachments:
        world.primary.remove(attachment.key)
    answers: list[IotDrError] = [Throttled("slow down"), RegionUnavailable("no answer")]

    def refuse(name: str, _number: int) -> None:
        if name == "writer.delete":
            raise answers.pop(0)

    world.calls.before = refuse
    world.clock.advance(600)
    with pytest.raises(Throttled):
        world.check(certificate)

    assert not answers
    assert attachments[1].key in set(world.ledger.due(world.clock() + 10 * MARK_LIFETIME))


def test_what_was_to_be_made_stays_marked_for_it_may_have_been_made_after_all() -> None:
    world = _with_device()
    world.calls.before = raising(Throttled("slow down"), on=["writer.create"])

    with pytest.raises(Throttled):
        _new(world)

    assert THING in set(world.ledger.due(world.clock() + 10 * MARK_LIFETIME))


def test_what_aws_cannot_change_is_recorded_as_unsupported_with_its_reason(world: World) -> None:
    world.secondary.put(ThingType("pump", "another"))
    world.primary.put(a_thing_type())

    outcome = world.check(thing_type_key("pump")).outcome

    assert outcome.state is State.UNSUPPORTED
    assert outcome.reason == (
        "thing_type#pump: description, searchable_attributes differ, which AWS lets nobody change, "
        "and replication did not create it"
    )


# Ownership


def test_what_replication_did_not_make_is_never_deleted(world: World) -> None:
    world.secondary.put(*a_device())

    result = world.check(THING)

    assert world.secondary.entities.keys() == {entity.key for entity in a_device()}
    assert result.outcome.state is State.UNSUPPORTED
    assert not world.calls.to("writer")


def test_a_policy_that_others_attached_in_the_secondary_is_unsupported_until_they_detach_it() -> None:
    world = _replicated()
    world.secondary.put(a_certificate("test"), an_attachment(of="test"))
    world.primary.remove(*world.primary.entities)

    outcome = world.check(policy_key("pumps")).outcome

    assert (outcome.state, outcome.again) == (State.UNSUPPORTED, False)
    assert str(an_attachment(of="test").key) in outcome.reason
    assert world.secondary.policies_of(certificate_target(CERTIFICATE_ID)) == frozenset()

    world.secondary.remove(an_attachment(of="test").key)
    assert world.check(policy_key("pumps")).outcome.state is State.ABSENT
    assert world.secondary.policy("pumps") is None


def test_a_certificate_that_others_gave_a_policy_connects_no_device_after_the_primary_deleted_it() -> None:
    world = _replicated()
    world.secondary.put(a_policy("test"), an_attachment("test"))
    world.primary.remove(*world.primary.entities)

    outcome = world.check(certificate_key(CERTIFICATE_ID)).outcome

    assert outcome.state is State.UNSUPPORTED
    assert world.secondary.certificate(CERTIFICATE_ID) == a_certificate(status=CertificateStatus.INACTIVE)


def test_what_the_secondary_had_before_stays_when_the_primary_deletes_its_own(world: World) -> None:
    world.secondary.put(a_thing())
    world.primary.put(a_thing())
    world.check(THING)
    world.primary.remove(THING)

    world.check(THING)

    assert world.secondary.thing("pump-17") is not None


def test_what_will_be_made_is_noted_as_owned_before_it_is_made() -> None:
    world = _with_device()

    _new(world)

    assert world.calls.made.index("ledger.begin") < world.calls.made.index("writer.create")
    assert world.ledger.owned(world.wanted.keys()) == world.wanted.keys()


def test_a_note_made_anew_by_another_worker_is_kept() -> None:
    world = _replicated()
    world.primary.remove(THING)
    world.calls.before = once("ledger.forget", lambda: world.ledger.begin([THING], world.clock()))

    world.check(THING)

    assert world.ledger.owned([THING]) == {THING}


def test_a_note_that_another_worker_made_and_ended_after_the_last_reading_is_kept() -> None:
    certificate = certificate_key(CERTIFICATE_ID)

    def checked(after: Callable[[World], Between]) -> World:
        world = _replicated()
        world.primary.remove(THING, certificate)
        world.calls.after = after(world)
        world.check(THING)
        return world

    last_reading = checked(lambda world: world.calls.after).calls.made.index("ledger.forget")

    def noting(world: World) -> Between:
        def note(_name: str, number: int) -> None:
            if number == last_reading:
                mark = world.ledger.begin([certificate], world.clock())
                world.ledger.end(mark, mark.keys, world.clock())
                world.clock.advance(60)

        return note

    world = checked(noting)

    assert certificate not in world.secondary.entities
    assert world.ledger.owned([certificate]) == {certificate}


def test_what_changes_while_it_is_read_is_not_noted_as_read() -> None:
    world = _replicated()
    began = world.clock()
    world.calls.before = once("primary.thing", lambda: world.clock.advance(60))

    result = world.check(THING)

    assert began < result.outcome.read_at < began + 60_000


def test_a_certificate_that_goes_after_it_was_detached_is_noticed_in_a_minute_though_no_event_tells() -> None:
    world, certificate = _replicated(), certificate_key(CERTIFICATE_ID)
    world.primary.remove(thing_principal_key("pump-17", CERTIFICATE_ID))
    world.check(THING)
    assert certificate in world.secondary.entities
    world.primary.remove(certificate)

    world.clock.advance(61)
    world.retry.start()
    world.run_workflow()

    assert certificate not in world.wanted
    assert world.secondary.entities == world.wanted


def test_what_goes_with_its_thing_leaves_no_note() -> None:
    world = _replicated()
    world.primary.remove(*world.primary.entities)

    world.check(THING)

    assert not list(world.ledger.due(10**15))


# Conflicts


def test_what_somebody_else_changed_in_between_is_read_again() -> None:
    world = _replicated()
    world.primary.put(a_thing(attributes={"site": "south"}))
    world.calls.before = once("writer.update", lambda: world.secondary.put(a_thing(attributes={"site": "elsewhere"})))

    world.check(THING)

    assert world.secondary.entities == world.wanted
    assert world.calls.made.count("writer.update") == 2


def test_what_another_worker_made_in_between_is_no_failure() -> None:
    world = _with_device()
    world.calls.before = once("writer.create", lambda: world.secondary.put(Policy("pumps", a_document())))

    _new(world)

    assert world.secondary.entities == world.wanted


def test_what_keeps_changing_is_left_to_the_workflows_retry() -> None:
    world = _with_device()
    world.calls.before = raising(Conflict("changed"), on=["writer.create"])

    with pytest.raises(Conflict, match="kept changing while it was checked: changed"):
        _new(world)


# Faults and deaths


@pytest.mark.parametrize("error", [RegionUnavailable("down"), Throttled("slow down"), AccessDenied("no")])
def test_a_primary_that_cannot_be_read_deletes_nothing(error: IotDrError) -> None:
    for number in range(1, 12):
        world = _replicated()
        world.primary.remove(THING)
        world.calls.before = _failing_reads_of_the_primary(error, number)
        before = dict(world.secondary.entities)

        try:
            world.check(THING)
        except type(error):
            assert not world.calls.to("writer") or world.secondary.entities == world.wanted
            continue
        assert world.secondary.entities in (before, world.wanted)


def _failing_reads_of_the_primary(error: IotDrError, first: int) -> Between:
    def fault(name: str, number: int) -> None:
        if name.startswith("primary.") and number >= first:
            raise error

    return fault


def test_a_primary_of_which_nothing_can_be_read_is_no_reason_to_write_anything() -> None:
    world = _replicated()
    world.calls.before = _failing_reads_of_the_primary(RegionUnavailable("down"), 1)

    with pytest.raises(RegionUnavailable):
        world.check(THING)

    assert not world.calls.to("writer", "ledger")


def _stories() -> dict[str, tuple[World, Key]]:
    made, changed, deleted, anew = _with_device(), _replicated(), _replicated(), _replicated()
    typed = _with_device(type_name="pump")
    changed.primary.put(
        a_thing(attributes={"site": "south"}),
        a_certificate(status=CertificateStatus.INACTIVE),
        a_policy(document=a_document(iot_arn("topic/a"))),
        a_policy("second"),
        an_attachment("second"),
    )
    deleted.primary.remove(*deleted.primary.entities)
    anew.primary.remove(*anew.primary.entities)
    anew.primary.put(a_thing(attributes={"made": "anew"}), a_certificate("second"))
    anew.primary.put(ThingPrincipal("pump-17", a_certificate_id("second")))
    return {
        "made": (made, THING),
        "made with its type": (typed, THING),
        "changed": (changed, THING),
        "deleted": (deleted, THING),
        "made anew": (anew, THING),
    }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("story", _stories())
def test_a_worker_that_dies_between_any_two_calls_is_made_good_by_the_next(story: str, moment: str) -> None:
    number = 0
    while True:
        number += 1
        world, key = _stories()[story]
        made_by_one_request = key in world.primary.entities and story != "made anew"
        world.calls.made.clear()
        setattr(world.calls, moment, raising(Killed(), at=[number]))
        try:
            world.check(key, created=True)
        except Killed:
            world.check(key, created=True)
            if not made_by_one_request:
                # With its thing gone, nothing leads from a request to the certificate that hung on it, but a note.
                world.clock.advance(61)
                world.retry.start()
                world.run_workflow()
            assert world.secondary.entities == world.wanted, f"died {moment} call {number}"
            unowned = world.secondary.entities.keys() - world.ledger.owned(world.secondary.entities.keys())
            assert not unowned, f"died {moment} call {number}"
        else:
            break

    assert number > 8


@pytest.mark.parametrize("story", _stories())
def test_a_fault_at_any_call_is_made_good_by_the_workflow_and_the_schedule(story: str) -> None:
    number = 0
    while True:
        number += 1
        world, key = _stories()[story]
        world.calls.made.clear()
        world.calls.before = raising(Throttled("slow down"), at=[number])
        world.workflow.start([ReconcileRequest(key)])
        world.run_workflow()
        if len(world.calls.made) < number:
            break
        world.run_schedule()
        assert world.secondary.entities == world.wanted, f"fault at call {number}"


def test_a_repeated_request_changes_nothing_more() -> None:
    world = _replicated()

    result = world.check(THING)

    assert result.plan.actions == ()
    assert not world.calls.to("writer")


# What is gone leaves nothing behind


def test_a_failure_of_what_is_gone_by_now_is_not_tried_again_for_ever() -> None:
    world = _with_device()
    world.calls.before = raising(AccessDenied("no"), on=["primary.thing"])
    world.workflow.start([ReconcileRequest(THING)])
    world.run_workflow()
    world.calls.before = raising(AccessDenied("no"))
    world.primary.remove(THING)

    world.clock.advance(61)
    world.retry.start()
    world.run_workflow()

    world.clock.advance(100_000)
    assert not list(world.ledger.due(world.clock()))


def test_a_thing_that_goes_while_its_certificate_is_awaited_is_forgotten_in_the_end(world: World) -> None:
    world.primary.put(a_thing())
    result = _new(world)
    world.primary.remove(THING)
    world.check(THING)
    while result.pause:
        world.clock.advance(result.pause)
        result = world.replication.replicate(result.next_request)

    world.clock.advance(61)
    world.retry.start()
    world.run_workflow()

    assert THING not in world.ledger.remembered


def test_the_plan_that_was_carried_out_is_handed_back() -> None:
    world = _replicated()
    world.primary.remove(THING)

    result = world.check(THING)

    assert [type(change) for change in result.plan.actions] == [Delete, Delete]


def test_the_next_request_carries_what_the_workflow_needs_and_no_more() -> None:
    world = _with_device()

    request = _new(world).next_request

    assert (request.checks, request.created, request.event_id) == (1, True, "e-1")
    assert replace(request, fingerprint="") == ReconcileRequest(
        THING,
        occurred_at=request.occurred_at,
        created=True,
        depth=Depth.ATTACHMENTS,
        event_id="e-1",
        checks=1,
        changed_at=request.occurred_at,
    )


def test_a_policy_that_is_gone_is_detached_first() -> None:
    world = _replicated()
    world.primary.remove(policy_key("pumps"))

    world.check(policy_key("pumps"))

    assert world.secondary.entities == world.wanted


# An answer that is older than the event


def test_an_answer_that_is_older_than_the_event_is_not_concluded_from() -> None:
    world = _replicated()
    found = world.primary.thing("pump-17")
    assert found is not None
    told = replace(found, attributes={"site": "south"}, version=found.version + 1)

    with pytest.raises(NotReadyYet, match="answered with version 1"):
        world.check(THING, depth=Depth.OWN, occurred_at=world.clock(), carried=told)

    assert world.calls.to("writer") == []
    world.primary.put(replace(found, attributes={"site": "south"}))
    request = world.check(THING, depth=Depth.OWN, occurred_at=world.clock(), carried=told)
    assert request.outcome.state is State.IN_SYNC
    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize(("version", "thing_id"), [(5, "of one before"), (0, ""), (10**12, "")])
def test_an_event_of_another_thing_or_of_no_version_of_this_one_is_no_measure_of_an_answer(
    version: int, thing_id: str
) -> None:
    world = _replicated()
    found = world.primary.thing("pump-17")
    assert found is not None
    told = replace(found, version=version, thing_id=thing_id or found.thing_id)

    assert world.check(THING, depth=Depth.OWN, carried=told).outcome.state is State.IN_SYNC


def test_comparing_an_answer_with_its_event_takes_no_call() -> None:
    world = _replicated()
    world.check(THING, depth=Depth.OWN)
    without = list(world.calls.made)
    world.calls.made.clear()

    world.check(THING, depth=Depth.OWN, carried=world.primary.thing("pump-17"))

    assert world.calls.made == without


def test_what_was_made_again_before_its_deletion_landed_is_not_forgotten() -> None:
    world, made = _replicated(), list[Policy]()
    world.primary.remove(an_attachment().key, policy_key("pumps"))

    def before(name: str, _number: int) -> None:
        # The detachment first, then the policy itself: it is back in the primary, and somebody has found both equal.
        if name == "writer.delete" and an_attachment().key not in world.secondary.entities and a_policy() not in made:
            made.append(a_policy())
            world.primary.put(a_policy())
            world.check(policy_key("pumps"))

    world.calls.before = before
    world.check(a_certificate().key, depth=Depth.ATTACHMENTS)

    assert made
    assert policy_key("pumps") not in world.secondary.entities
    assert policy_key("pumps") in world.ledger.due(world.clock() + MARK_LIFETIME + 1000)


# A policy that is too long for the secondary


def test_of_a_device_whose_policy_is_too_long_all_else_crosses_and_the_policy_is_named() -> None:
    world = _with_device()
    world.primary.longest_policy = 4000  # as if its Region had a name that much shorter
    world.primary.put(a_policy(document=a_document(iot_arn("topic/" + "x" * 3000))))

    outcome = _new(world).outcome

    assert outcome.state is State.UNSUPPORTED
    assert "policy#pumps: it would have" in outcome.reason
    assert world.secondary.entities.keys() == world.wanted.keys() - {policy_key("pumps"), an_attachment().key}

    world.primary.put(a_policy())
    assert _new(world).outcome.state is State.IN_SYNC
    assert world.secondary.entities == world.wanted


# What a failback asks for later


def _digests(world: World) -> dict[Key, str]:
    held = world.secondary.entities
    return {key: found.digest for key, found in world.ledger.bases(held).items()}


def test_the_state_of_all_that_was_made_is_noted_as_it_stands_in_the_secondary() -> None:
    world = _replicated()

    assert _digests(world) == {key: digest_of(one) for key, one in world.secondary.entities.items()}


def test_the_state_of_what_was_updated_along_is_noted_too() -> None:
    world = _replicated()
    world.primary.put(a_policy("pumps", a_document(iot_arn("client/other"))))

    world.check(THING, depth=Depth.EVERYTHING)

    assert _digests(world)[policy_key("pumps")] == digest_of(world.wanted[policy_key("pumps")])


def test_the_state_of_what_was_found_equal_is_noted_without_another_call(world: World) -> None:
    world.primary.put(*a_device())
    world.secondary.put(*world.wanted.values())

    world.check(THING)

    assert _digests(world)[THING] == digest_of(world.wanted[THING])
    assert [call for call in world.calls.to("ledger") if call != "ledger.owned"] == ["ledger.record"]


def test_what_was_about_to_be_written_and_was_not_leaves_the_state_of_before() -> None:
    world = _replicated()
    before = _digests(world)
    world.primary.put(a_policy("pumps", a_document(iot_arn("client/other"))))
    world.calls.before = raising(Killed(), on=["writer.update"])

    with pytest.raises(Killed):
        world.check(policy_key("pumps"))

    assert _digests(world) == before


def test_what_is_held_back_leaves_the_state_of_before() -> None:
    world = _replicated()
    before = _digests(world)
    world.primary.put(a_thing(attributes={"site": "south"}))
    world.gate.leads = "the secondary leads"

    assert world.check(THING).outcome.state is State.HELD
    assert _digests(world) == before
