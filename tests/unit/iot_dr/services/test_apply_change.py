from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.errors import Conflict, InvalidResource, RegionUnavailable, Throttled
from iot_dr.model.changes import Create, Delete, Update
from iot_dr.model.entities import CertificateStatus, Thing
from iot_dr.model.keys import thing_key
from iot_dr.model.outcomes import State
from iot_dr.services.apply_change import ROUNDS, ChangeApplier
from tests.builders import PRIMARY, REGIONS, SECONDARY, a_certificate, a_device, a_document, a_policy, a_thing, iot_arn
from tests.fakes import Calls, FakeClock, InMemoryLedger, InMemoryRegistry, once, raising


class Applying:
    """An applier between two registries, whose calls are seen."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.primary, self.secondary = InMemoryRegistry(self.clock), InMemoryRegistry(self.clock)
        self.ledger, self.calls = InMemoryLedger(), Calls()
        secondary = self.calls.through("secondary", self.secondary)
        self.applier = ChangeApplier(
            regions=REGIONS,
            primary=self.calls.through("primary", self.primary),
            secondary=secondary,
            writer=secondary,
            ledger=self.calls.through("ledger", self.ledger),
            clock=self.clock,
        )


@pytest.fixture
def applying() -> Applying:
    return Applying()


def test_a_creation_needs_no_second_reading(applying: Applying) -> None:
    applying.applier.apply(Create(a_thing(), ""))

    assert applying.calls.to("primary", "secondary") == ["secondary.create"]


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
    applying.ledger.intend([thing_key("pump-17")], 1)
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
    failures = [Throttled("slowly"), Throttled("slowly")]

    def refuse(name: str, _number: int) -> None:
        if name == "secondary.create" and failures:
            raise failures.pop()

    applying.calls.before = refuse

    applying.applier.apply(Create(a_thing(), ""))

    assert applying.secondary.thing("pump-17") is not None


def test_what_aws_refuses_for_good_is_refused_once_and_told(applying: Applying) -> None:
    applying.primary.put(a_thing())
    applying.calls.before = raising(InvalidResource("not today"), on=("secondary.create",))

    with pytest.raises(InvalidResource, match="not today"):
        applying.applier.apply(Create(a_thing(), ""))

    assert applying.calls.made.count("secondary.create") == 1


def test_a_thing_that_is_made_is_in_sync_with_the_version_that_was_read(applying: Applying) -> None:
    applying.applier.apply(Create(Thing("pump-17", version=7, thing_id="id-1"), ""))

    outcome = applying.ledger.outcome(thing_key("pump-17"))
    assert outcome is not None
    assert (outcome.state, outcome.partial) == (State.IN_SYNC, True)
    assert applying.ledger.source_version(thing_key("pump-17")) == ("id-1", 7)


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
