"""A complete device that has stood still is left alone after two lists of the primary; whatever else takes a worker."""

from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied, IotDrError, Throttled
from iot_dr.model.registry.entities import ThingPrincipal
from iot_dr.model.registry.keys import thing_group_target, thing_key
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.services.replication.confirm import Confirmation
from iot_dr.services.replication.settling import Settling
from tests.builders import a_certificate, a_certificate_id, a_device, a_group, a_policy, an_attachment
from tests.fakes import raising
from tests.world import World

SETTLING = Settling(complete=3)


class Bench:
    """A new device that was complete at its first request."""

    def __init__(self) -> None:
        self.world = World(settling=SETTLING)
        self.world.primary.put(*a_device())
        first = self.world.check(
            thing_key("pump-17"), created=True, depth=Depth.ATTACHMENTS, occurred_at=self.world.clock()
        )
        self.request = replace(first.next_request, due=self.world.clock() + first.pause * 1000, can_wait=True)
        self.world.calls.made.clear()
        self._confirmation = Confirmation(
            self.world.calls.through("primary", self.world.primary), self.world.clock, SETTLING
        )

    def confirm(self, seconds: float = 3) -> tuple[ReconcileRequest, ...]:
        self.world.clock.advance(seconds)
        return self._confirmation.confirm([self.request])


def test_a_device_that_has_stood_still_is_left_alone_after_two_reads() -> None:
    bench = Bench()

    assert bench.request.confirms
    assert bench.confirm() == ()
    assert bench.world.calls.made == ["primary.principals_of_thing", "primary.policies_of"]


def test_what_was_attached_meanwhile_takes_a_worker_at_once() -> None:
    bench = Bench()
    bench.world.primary.put(a_policy("more"), an_attachment("more"))

    (request,) = bench.confirm()

    assert not request.confirms
    assert request == replace(bench.request, can_wait=False)
    assert request.due <= bench.world.clock()


def test_a_second_certificate_takes_a_worker() -> None:
    bench = Bench()
    bench.world.primary.put(a_certificate("spare"), ThingPrincipal("pump-17", a_certificate_id("spare")))

    assert [request.confirms for request in bench.confirm()] == [False]


def test_a_device_that_has_not_stood_still_for_long_enough_is_confirmed_again() -> None:
    bench = Bench()

    (request,) = bench.confirm(seconds=2)

    assert (request.confirms, request.checks) == (True, bench.request.checks + 1)
    assert 0 < request.due - bench.world.clock() <= SETTLING.complete * 1000


def test_rights_by_a_group_are_told_by_a_worker() -> None:
    bench = Bench()
    world = bench.world
    world.primary.remove(an_attachment().key)
    world.primary.put(a_group("site"), replace(an_attachment(), target=thing_group_target("site")))
    seen = replace(bench.request, fingerprint=world.check(thing_key("pump-17"), created=True).next_request.fingerprint)
    bench.request = seen

    assert bench.confirm() == (replace(seen, can_wait=False),)


@pytest.mark.parametrize("error", [Throttled("slow down"), AccessDenied("no")])
def test_what_cannot_be_told_takes_a_worker_which_records_what_it_meets(error: IotDrError) -> None:
    bench = Bench()
    bench.world.calls.before = raising(error, on=["primary.principals_of_thing"])

    assert bench.confirm() == (replace(bench.request, can_wait=False),)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(ReconcileRequest(thing_key("pump"), created=True), id="a first request"),
        pytest.param(ReconcileRequest(thing_key("pump"), checks=1, fingerprint="f"), id="one at an incomplete device"),
        pytest.param(
            ReconcileRequest(thing_key("pump"), checks=1, can_wait=True), id="one that knows of no attachments"
        ),
    ],
)
def test_other_requests_confirm_nothing(asked: ReconcileRequest) -> None:
    assert not asked.confirms
