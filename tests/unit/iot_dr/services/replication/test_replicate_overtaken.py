"""A request that is overtaken: at any call of it the primary changes and another request for the change is taken, to
its end.

Then the first request goes on, or its worker dies at any later call. No sweep comes: what the ledger has noted is all
that may make the Regions equal again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from iot_dr.errors import IotDrError
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    Entity,
    GroupMembership,
    PolicyAttachment,
    Thing,
    ThingGroup,
)
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    policy_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_type_key,
)
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from tests.builders import (
    a_certificate,
    a_device,
    a_document,
    a_policy,
    a_thing,
    a_thing_type,
    an_attachment,
    iot_arn,
)
from tests.fakes import Calls, Killed
from tests.world import Customer, World, twin

POLICY, CERTIFICATE = policy_key("pumps"), a_certificate()
THING, CERTIFICATE_KEY = thing_key("pump-17"), CERTIFICATE.key
SITE, YARD = ThingGroup("site"), ThingGroup("yard")
IN_SITE, IN_YARD = GroupMembership("site", "pump-17"), GroupMembership("yard", "pump-17")
OTHER_DOCUMENT = a_document(iot_arn("topic/pumps"), action="iot:Publish")


@dataclass(frozen=True)
class Story:
    """What is in both Regions, what the first request is about, and what comes between."""

    name: str
    standing: tuple[Entity, ...]
    first: Callable[[Customer], object]
    request: ReconcileRequest
    then: Callable[[Customer], object]
    others: tuple[ReconcileRequest, ...]


def _delete_device(customer: Customer) -> None:
    customer.remove(THING, CERTIFICATE_KEY, POLICY)


def _make_policy_anew(customer: Customer) -> None:
    customer.remove(POLICY)
    customer.put(a_policy(), an_attachment())


def _make_thing_anew(customer: Customer) -> None:
    customer.remove(THING)
    customer.put(a_thing(attributes={"made": "anew"}), *(one for one in a_device() if one.key.other), IN_SITE)


def _make_group_anew(customer: Customer) -> None:
    customer.remove(SITE.key)
    customer.put(YARD, replace(SITE, parent="yard"), IN_SITE)


def _change_and_make_anew(customer: Customer) -> None:
    customer.remove(THING)
    customer.put(a_thing(attributes={"site": "south"}))
    customer.put(a_thing(attributes={"site": "north"}))


def _new(key: Key) -> ReconcileRequest:
    return ReconcileRequest(key, created=True, depth=Depth.ATTACHMENTS, occurred_at=1_000_000)


def _changed(key: Key) -> ReconcileRequest:
    return ReconcileRequest(key, depth=Depth.ATTACHMENTS, occurred_at=1_000_000)


def _updated(key: Key) -> ReconcileRequest:
    return ReconcileRequest(key, depth=Depth.OWN, occurred_at=1_000_000)


def _deleted(key: Key) -> ReconcileRequest:
    return ReconcileRequest(key, depth=Depth.EVERYTHING, occurred_at=1_000_000)


def _put(*entities: Entity) -> Callable[[Customer], object]:
    return lambda customer: customer.put(*entities)


def _remove(*keys: Key) -> Callable[[Customer], object]:
    return lambda customer: customer.remove(*keys)


def _in_turn(*changes: Callable[[Customer], object]) -> Callable[[Customer], object]:
    def change(customer: Customer) -> None:
        for one in changes:
            one(customer)

    return change


DEVICE = a_device()
BARE = tuple(one for one in DEVICE if one.key != an_attachment().key)
PRINCIPAL = next(one for one in DEVICE if one.key.name == "pump-17" and one.key.other)
GONE = (_deleted(THING), _changed(CERTIFICATE_KEY), _changed(POLICY))
COSTS, LOSSES = BillingGroup("costs"), BillingGroup("losses")
OF_GROUP = PolicyAttachment("pumps", thing_group_target("site"))

STORIES = (
    Story("a new device goes", (), _put(*DEVICE), _new(THING), _delete_device, GONE),
    Story("a new thing goes", (), _put(a_thing()), _new(THING), _remove(THING), (_deleted(THING),)),
    Story(
        "a new device's policy is detached",
        (),
        _put(*DEVICE),
        _new(THING),
        _remove(an_attachment().key),
        (_changed(CERTIFICATE_KEY), _changed(POLICY)),
    ),
    Story(
        "a new device's certificate is detached",
        (),
        _put(*DEVICE),
        _new(THING),
        _remove(PRINCIPAL.key),
        (_changed(THING), _changed(CERTIFICATE_KEY), _changed(POLICY)),
    ),
    Story(
        "a new device's certificate is revoked",
        (),
        _put(*DEVICE),
        _new(THING),
        _put(replace(CERTIFICATE, status=CertificateStatus.REVOKED)),
        (_changed(CERTIFICATE_KEY),),
    ),
    Story(
        "a new device's policy gets another version",
        (),
        _put(*DEVICE),
        _new(THING),
        _put(a_policy(document=OTHER_DOCUMENT)),
        (_changed(POLICY),),
    ),
    Story(
        "an attached policy is detached again",
        BARE,
        _put(an_attachment()),
        _changed(CERTIFICATE_KEY),
        _remove(an_attachment().key),
        (_changed(CERTIFICATE_KEY),),
    ),
    Story(
        "a detached policy is attached again",
        DEVICE,
        _remove(an_attachment().key),
        _changed(CERTIFICATE_KEY),
        _put(an_attachment()),
        (_changed(CERTIFICATE_KEY),),
    ),
    Story(
        "a policy that goes is made anew",
        DEVICE,
        _remove(POLICY),
        _changed(POLICY),
        _put(a_policy(), an_attachment()),
        (_changed(CERTIFICATE_KEY),),
    ),
    Story(
        "a policy that was made anew goes",
        DEVICE,
        _make_policy_anew,
        _changed(POLICY),
        _remove(POLICY),
        (_changed(POLICY), _changed(CERTIFICATE_KEY)),
    ),
    Story(
        "a policy changes twice",
        DEVICE,
        _put(a_policy(document=OTHER_DOCUMENT)),
        _changed(POLICY),
        _put(a_policy()),
        (_changed(POLICY),),
    ),
    Story(
        "a certificate is revoked and active again",
        DEVICE,
        _put(replace(CERTIFICATE, status=CertificateStatus.INACTIVE)),
        _changed(CERTIFICATE_KEY),
        _put(CERTIFICATE),
        (_changed(CERTIFICATE_KEY),),
    ),
    Story(
        "a thing changes twice",
        DEVICE,
        _put(a_thing(attributes={"site": "south"})),
        _updated(THING),
        _put(a_thing(attributes={"site": "west"})),
        (_updated(THING),),
    ),
    Story(
        "a thing changes and is made anew",
        (a_thing(attributes={"site": "north"}),),
        _put(a_thing(attributes={"site": "south"})),
        _updated(THING),
        _change_and_make_anew,
        (_deleted(THING), _updated(THING)),
    ),
    Story(
        "a thing that goes is made anew",
        (*DEVICE, SITE, IN_SITE),
        _remove(THING),
        _deleted(THING),
        _put(*(one for one in DEVICE if one.key.name == "pump-17"), IN_SITE),
        (_changed(IN_SITE.key), _changed(CERTIFICATE_KEY)),
    ),
    Story(
        "a thing that was made anew is in its group",
        (*DEVICE, SITE, IN_SITE),
        lambda _: None,
        _changed(IN_SITE.key),
        _make_thing_anew,
        (_deleted(THING), _changed(IN_SITE.key)),
    ),
    Story(
        "a thing moves between billing groups",
        (COSTS, LOSSES, Thing("pump-17", billing_group="costs")),
        _put(Thing("pump-17", billing_group="losses")),
        _updated(THING),
        _put(Thing("pump-17", billing_group="costs")),
        (_updated(THING),),
    ),
    Story(
        "a billing group that goes is made anew",
        (COSTS, Thing("pump-17", billing_group="costs")),
        _remove(COSTS.key),
        _changed(billing_group_key("costs")),
        _put(COSTS, Thing("pump-17", billing_group="costs")),
        (_updated(THING),),
    ),
    Story(
        "a thing joins a group and leaves it",
        (SITE, a_thing()),
        _put(IN_SITE),
        _changed(IN_SITE.key),
        _remove(IN_SITE.key),
        (_changed(IN_SITE.key),),
    ),
    Story(
        "a thing leaves a group and joins it",
        (SITE, a_thing(), IN_SITE),
        _remove(IN_SITE.key),
        _changed(IN_SITE.key),
        _put(IN_SITE),
        (_changed(IN_SITE.key),),
    ),
    Story(
        "a group that goes is made anew elsewhere",
        (SITE, a_thing(), IN_SITE, a_policy(), OF_GROUP),
        _remove(SITE.key),
        _deleted(SITE.key),
        _in_turn(_make_group_anew, _put(OF_GROUP)),
        (_changed(IN_SITE.key), _new(thing_group_key("yard")), _changed(SITE.key)),
    ),
    Story(
        "a group is made anew elsewhere and goes",
        (SITE, a_thing(), IN_SITE),
        _make_group_anew,
        _deleted(SITE.key),
        _remove(SITE.key),
        (_deleted(SITE.key), _changed(IN_SITE.key), _new(YARD.key)),
    ),
    Story(
        "a thing moves in its hierarchy and back",
        (YARD, replace(SITE, parent="yard"), a_thing(), IN_SITE),
        _in_turn(_remove(IN_SITE.key), _put(IN_YARD)),
        _changed(IN_YARD.key),
        _in_turn(_remove(IN_YARD.key), _put(IN_SITE)),
        (_changed(IN_SITE.key), _changed(IN_YARD.key)),
    ),
    Story(
        "a thing of a new type goes",
        (),
        _put(a_thing_type(), a_thing(type_name="pump")),
        _new(THING),
        _remove(THING, thing_type_key("pump")),
        (_deleted(THING), _deleted(thing_type_key("pump"))),
    ),
)


def _a_world(story: Story) -> World:
    world = World()
    world.once_more = False
    world.customer.put(*story.standing)
    for key in sorted(world.primary.entities):
        world.check(key)
    world.clock.advance(600)
    _retries(world)
    assert world.secondary.entities == world.wanted
    story.first(world.customer)
    return world


def _take(world: World, request: ReconcileRequest) -> None:
    """Take a request as its workflow does: whatever it met is tried again, and noted in the end."""
    world.workflow.start([request])
    world.run_workflow()


def _retries(world: World) -> None:
    """Let the schedule come round for an hour, without a sweep."""
    for _ in range(60):
        world.clock.advance(60)
        world.retry.start()
        world.run_workflow()


def _calls(world: World, story: Story) -> int:
    """Count the calls of the first request, if nothing comes between."""
    world.calls.made.clear()
    with suppress(IotDrError):
        world.replication.replicate(story.request)
    return len(world.calls.made)


def _between(world: World, story: Story, at: int, dies_at: int | None) -> bool:
    """Take the first request; before its call number `at` all the others come, and at `dies_at` its worker dies.

    One that dies before it has noted anything is taken again, as the workflow does. False if it ended before.
    """
    calls, noted = iter(range(1, 10_000)), []
    died = False

    def before(name: str, _number: int) -> None:
        number = next(calls)
        if name.startswith("writer."):
            noted.append(name)
        if number == at:
            world.calls.before = Calls.before
            story.then(world.customer)
            for request in story.others:
                _take(world, request)
            world.calls.before = before
        if number == dies_at:
            raise Killed

    world.calls.before = before
    try:
        world.replication.replicate(story.request)
    except (IotDrError, Killed) as error:
        died = isinstance(error, Killed)
        world.calls.before = Calls.before
        if not noted:
            _take(world, story.request)
    world.calls.before = Calls.before
    return died


@pytest.mark.row("C1")
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name.replace(" ", "-"))
def test_whatever_comes_between_two_calls_the_regions_end_equal_by_what_the_ledger_has_noted(story: Story) -> None:
    begun = _a_world(story)

    def play(at: int, dies_at: int | None) -> bool:
        world = twin(begun)
        died = _between(world, story, at, dies_at)
        seen = f"it came before call {at}, and the worker died at {dies_at}"

        _retries(world)

        assert world.secondary.entities == world.wanted, seen
        foreign = world.secondary.entities.keys() - world.ledger.owned(world.secondary.entities.keys())
        assert not foreign, seen
        gone = world.ledger.owned(world.ledger.notes) - world.secondary.entities.keys()
        assert not gone, f"{seen}: what is attached by hand would be taken for replication's own"
        return died

    for at in range(1, _calls(twin(begun), story) + 1):
        play(at, None)
        # As late as it still reads and writes because of what came between; a third of these moments each time.
        for dies_at in range(at + at % 3, at + 40, 3):
            if not play(at, dies_at):
                break
