"""Events may be lost, doubled and out of order: whatever arrives, the secondary ends as the primary is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from iot_dr.model.events.registry_events import RegistryEvent
from iot_dr.model.registry.entities import (
    BillingGroup,
    CertificateStatus,
    Entity,
    GroupMembership,
    PolicyAttachment,
    PropagatingAttribute,
    Thing,
    ThingGroup,
    ThingPrincipal,
    ThingType,
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
from tests.builders import (
    a_certificate,
    a_document,
    a_dynamic_group,
    a_policy,
    a_thing,
    a_thing_type,
    an_attachment,
    an_event,
    iot_arn,
)
from tests.fakes import Calls
from tests.strategies import Registry, registries
from tests.world import ANY_SHARE, Customer, World, faults, sweep_until_quiet

OWNERS = ("one", "two")
THINGS = ("pump-1", "pump-2")
TYPES = ("pump", "valve")
POLICIES = ("pumps", "valves")
GROUPS = ("site", "floor", "room")
BILLING_GROUPS = ("costs", "losses")
DOCUMENTS = (a_document(), a_document(iot_arn("topic/us-east-1/*"), action="iot:Publish"))
PROPAGATING = ((), (PropagatingAttribute("site", "thingAttribute", "site"),))

mutations = st.sampled_from(("create", "update", "delete", "re-create"))


def _mutate(customer: Customer, name: str, mutation: str) -> None:
    there = customer.registry.thing(name)
    if there is None:
        customer.put(a_thing(name, {"made": str(customer.clock())}))
    elif mutation in ("create", "update"):
        customer.put(Thing(name, {"changed": str(customer.clock())}, there.type_name, there.billing_group))
    else:
        customer.remove(there.key)
        if mutation == "re-create":
            _mutate(customer, name, "create")


@pytest.mark.row("C1")
@given(
    history=st.lists(st.tuples(st.sampled_from(THINGS), mutations), max_size=6),
    seed=st.integers(0, 2**32),
    batch_size=st.integers(1, 4),
)
def test_any_order_and_duplication_of_events_ends_in_the_same_registry(
    history: list[tuple[str, str]], seed: int, batch_size: int
) -> None:
    world = World()
    for name, mutation in history:
        _mutate(world.customer, name, mutation)
    delivered = world.customer.events * 2
    random.Random(seed).shuffle(delivered)

    for first in range(0, len(delivered), batch_size):
        world.deliver(delivered[first : first + batch_size])

    assert world.secondary.entities == world.wanted


@pytest.mark.row("C1")
@given(registry=registries(), seed=st.integers(0, 2**32), batch_size=st.integers(1, 8))
def test_a_whole_registry_may_be_told_of_in_any_order(registry: Registry, seed: int, batch_size: int) -> None:
    world = World(limits=ANY_SHARE)
    world.customer.put(*registry.values())
    events = world.customer.events
    random.Random(seed).shuffle(events)

    for first in range(0, len(events), batch_size):
        world.deliver(events[first : first + batch_size])
    sweep_until_quiet(world)

    assert world.secondary.entities == world.wanted


@pytest.mark.row("C1")
@given(first=registries(), second=registries())
def test_the_sweep_alone_makes_the_secondary_equal_and_follows_any_change(first: Registry, second: Registry) -> None:
    world = World(limits=ANY_SHARE)

    for registry in (first, second):
        world.customer.become(registry)
        sweep_until_quiet(world)

        assert world.secondary.entities == world.wanted


@pytest.mark.row("C2")
@given(first=registries(), second=registries(), seed=st.integers(0, 2**32), rate=st.floats(0.01, 0.3))
def test_faults_at_any_rate_up_to_thirty_percent_leave_nothing_undone(
    first: Registry, second: Registry, seed: int, rate: float
) -> None:
    world = World(limits=ANY_SHARE)
    chance = random.Random(seed)
    for registry in (first, second):
        world.customer.become(registry)
        world.calls.before = world.calls.after = faults(chance, rate)
        world.deliver(world.customer.take_events())
        for _ in range(3):
            world.clock.advance(600)
            world.run_schedule()
        world.calls.before = world.calls.after = Calls.before

        sweep_until_quiet(world)

        assert world.secondary.entities == world.wanted
        foreign = world.secondary.entities.keys() - world.ledger.owned(world.secondary.entities.keys())
        assert not foreign, "a copy that nobody owns would never be deleted"


class Fleet(RuleBasedStateMachine):
    """The primary changes at random; events are delivered late, twice, out of order or never; a sweep ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=ANY_SHARE)
        self.customer = self.world.customer
        self.chance = random.Random(0)

    @property
    def events(self) -> list[RegistryEvent]:
        return self.customer.events

    # Things and types

    @rule(name=st.sampled_from(THINGS), mutation=mutations)
    def change_a_thing(self, name: str, mutation: str) -> None:
        _mutate(self.customer, name, mutation)

    @rule(name=st.sampled_from(THINGS), type_name=st.sampled_from(("", *TYPES)))
    def give_a_type(self, name: str, type_name: str) -> None:
        thing, thing_type = self.customer.registry.thing(name), self.customer.registry.thing_type(type_name)
        if thing is not None and (not type_name or (thing_type is not None and not thing_type.deprecated)):
            self.customer.put(Thing(name, thing.attributes, type_name, thing.billing_group))

    @rule(name=st.sampled_from(TYPES), deprecated=st.booleans(), propagating=st.sampled_from(PROPAGATING))
    def put_a_type(self, name: str, deprecated: bool, propagating: tuple[PropagatingAttribute, ...]) -> None:
        fresh = a_thing_type(name, deprecated=deprecated)
        self.customer.put(
            ThingType(name, fresh.description, fresh.searchable_attributes, propagating, fresh.deprecated)
        )

    @rule(name=st.sampled_from(TYPES))
    def delete_a_type(self, name: str) -> None:
        self.customer.remove(thing_type_key(name))

    # Certificates and policies

    @rule(of=st.sampled_from(OWNERS), status=st.sampled_from((*CertificateStatus,)))
    def put_a_certificate(self, of: str, status: CertificateStatus) -> None:
        self.customer.put(a_certificate(of, status))

    @rule(name=st.sampled_from(POLICIES), document=st.sampled_from(DOCUMENTS))
    def put_a_policy(self, name: str, document: str) -> None:
        self.customer.put(a_policy(name, document))

    @rule(of=st.sampled_from(OWNERS))
    def delete_a_certificate(self, of: str) -> None:
        self.customer.remove(a_certificate(of).key)

    @rule(name=st.sampled_from(POLICIES))
    def delete_a_policy(self, name: str) -> None:
        self.customer.remove(policy_key(name))

    @rule(thing=st.sampled_from(THINGS), of=st.sampled_from(OWNERS), exclusive=st.booleans())
    def attach_or_detach_a_certificate(self, thing: str, of: str, exclusive: bool) -> None:
        self._toggle(ThingPrincipal(thing, a_certificate(of).certificate_id, exclusive))

    @rule(policy=st.sampled_from(POLICIES), of=st.sampled_from(OWNERS))
    def attach_or_detach_a_policy(self, policy: str, of: str) -> None:
        self._toggle(an_attachment(policy, of))

    # Groups

    @rule(name=st.sampled_from(GROUPS), parent=st.sampled_from(("", *GROUPS)), description=st.sampled_from("ab"))
    def put_a_group(self, name: str, parent: str, description: str) -> None:
        there = self.customer.registry.thing_group(name)
        if there is not None:
            self.customer.put(ThingGroup(name, description, {}, there.parent, ancestors=there.ancestors))
        elif not parent or self.customer.registry.thing_group(parent) is not None:
            self.customer.put(ThingGroup(name, description, parent=parent))

    @rule(name=st.sampled_from(GROUPS), parent=st.sampled_from(("", *GROUPS)))
    def make_a_group_anew(self, name: str, parent: str) -> None:
        self.customer.remove(thing_group_key(name))
        self.put_a_group(name, parent, "anew")

    @rule(name=st.sampled_from(GROUPS))
    def delete_a_group(self, name: str) -> None:
        self.customer.remove(thing_group_key(name))

    @rule(query=st.sampled_from(("a", "b", "")))
    def put_or_delete_a_dynamic_group(self, query: str) -> None:
        if query:
            self.customer.put(a_dynamic_group("hot", query))
        else:
            self.customer.remove(thing_group_key("hot"))

    @rule(side=st.sampled_from(("primary", "secondary")), members=st.sets(st.sampled_from(THINGS)))
    def let_an_index_catch_up(self, side: str, members: set[str]) -> None:
        registry = getattr(self.world, side)
        if registry.thing_group("hot") is not None:
            registry.found_by_query["hot"] = {name for name in members if registry.thing(name) is not None}

    @rule(group=st.sampled_from(GROUPS), thing=st.sampled_from(THINGS))
    def join_or_leave_a_group(self, group: str, thing: str) -> None:
        self._toggle(GroupMembership(group, thing))

    @rule(policy=st.sampled_from(POLICIES), group=st.sampled_from(GROUPS))
    def attach_or_detach_a_policy_of_a_group(self, policy: str, group: str) -> None:
        self._toggle(PolicyAttachment(policy, thing_group_target(group)))

    @rule(name=st.sampled_from(BILLING_GROUPS), description=st.sampled_from("ab"))
    def put_a_billing_group(self, name: str, description: str) -> None:
        self.customer.put(BillingGroup(name, description))

    @rule(name=st.sampled_from(BILLING_GROUPS))
    def delete_a_billing_group(self, name: str) -> None:
        self.customer.remove(billing_group_key(name))

    @rule(name=st.sampled_from(THINGS), billing_group=st.sampled_from(("", *BILLING_GROUPS)))
    def move_to_a_billing_group(self, name: str, billing_group: str) -> None:
        thing = self.customer.registry.thing(name)
        known = not billing_group or self.customer.registry.billing_group(billing_group) is not None
        if thing is not None and known:
            self.customer.put(Thing(name, thing.attributes, thing.type_name, billing_group))

    def _toggle(self, relation: Entity) -> None:
        if relation.key in self.customer.registry.entities:
            self.customer.remove(relation.key)
        else:
            self.customer.try_to_put(relation)

    # What becomes of the events

    @precondition(lambda self: self.events)
    @rule(place=st.integers(0, 20))
    def lose_an_event(self, place: int) -> None:
        self.events.pop(place % len(self.events))

    @precondition(lambda self: self.events)
    @rule(places=st.lists(st.integers(0, 20), min_size=1, max_size=4), rate=st.sampled_from((0, 0, 0.1, 0.3)))
    def deliver_some_events_and_keep_them_for_another_time(self, places: list[int], rate: float) -> None:
        self.world.calls.before = self.world.calls.after = faults(self.chance, rate)
        self.world.deliver([self.events[place % len(self.events)] for place in places])
        self.world.calls.before = self.world.calls.after = Calls.before

    @rule(seconds=st.integers(1, 400))
    def let_time_pass(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def let_the_schedule_come_round(self) -> None:
        self.world.run_schedule()

    def teardown(self) -> None:
        sweep_until_quiet(self.world)

        assert self.world.secondary.entities == self.world.wanted


TestFleet = pytest.mark.row("C1")(Fleet.TestCase)


@pytest.mark.row("C1")
def test_an_event_of_a_thing_is_not_needed_twice() -> None:
    """An example that hypothesis would have to find: the same event again changes nothing."""
    world = World()
    world.customer.put(a_thing("pump-1"))
    world.deliver([an_event(thing_key("pump-1"))])
    world.calls.made.clear()

    world.deliver([an_event(thing_key("pump-1"))])

    assert not world.calls.to("writer")
    assert isinstance(world.customer.events[0].key, Key)
