"""Events may be lost, doubled and out of order: whatever arrives, the secondary ends as the primary is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from iot_dr.model.entities import CertificateStatus, Entity, PolicyAttachment, Thing, ThingPrincipal
from iot_dr.model.events import RegistryEvent
from iot_dr.model.keys import Key, certificate_key, policy_key, thing_key, thing_type_key
from iot_dr.reconcile.safety import Limits
from tests.builders import (
    a_certificate,
    a_document,
    a_policy,
    a_thing,
    a_thing_type,
    an_event,
    iot_arn,
)
from tests.strategies import Registry, registries
from tests.world import World

OWNERS = ("one", "two")
THINGS = ("pump-1", "pump-2")
TYPES = ("pump", "valve")
POLICIES = ("pumps", "valves")
DOCUMENTS = (a_document(), a_document(iot_arn("topic/us-east-1/*"), action="iot:Publish"))
ANY_SHARE = Limits(deletes=1.0)
"""These worlds are so small that a single customer's deletion would be a large share."""

mutations = st.sampled_from(("create", "update", "delete", "re-create"))


def _mutate(world: World, name: str, mutation: str) -> list[RegistryEvent]:
    """Change a thing of the primary as a customer would; return the events that AWS raises, in order."""
    key, there = thing_key(name), world.primary.thing(name)
    now = world.clock()
    if there is None:
        world.primary.put(a_thing(name, {"made": str(now)}))
        return [an_event(key, "CREATED", now, f"e-{now}")]
    if mutation in ("create", "update"):
        world.primary.put(Thing(name, {"changed": str(now)}, there.type_name))
        return [an_event(key, "UPDATED", now, f"e-{now}")]
    world.primary.remove(key)
    events = [an_event(key, "DELETED", now, f"e-{now}")]
    return events if mutation == "delete" else events + _mutate(world, name, "create")


@given(
    history=st.lists(st.tuples(st.sampled_from(THINGS), mutations), max_size=6),
    seed=st.randoms(use_true_random=False),
    batch_size=st.integers(1, 4),
)
def test_any_order_and_duplication_of_events_ends_in_the_same_registry(
    history: list[tuple[str, str]], seed: object, batch_size: int
) -> None:
    world = World()
    events = [event for name, mutation in history for event in _mutate(world, name, mutation)]
    delivered = events * 2
    seed.shuffle(delivered)  # type: ignore[attr-defined]

    for first in range(0, len(delivered), batch_size):
        world.deliver(delivered[first : first + batch_size])

    assert world.secondary.entities == world.wanted


@given(first=registries(), second=registries())
def test_the_sweep_alone_makes_the_secondary_equal_and_follows_any_change(first: Registry, second: Registry) -> None:
    world = World(limits=ANY_SHARE)

    for registry in (first, second):
        _become(world, registry)
        _sweep_until_quiet(world)

        assert world.secondary.entities == world.wanted


def _become(world: World, registry: Registry) -> None:
    world.primary.put(*registry.values())
    world.primary.remove(*(key for key in world.primary.entities if key not in registry))


def _sweep_until_quiet(world: World) -> None:
    for _ in range(8):
        world.run_schedule()
        if world.secondary.entities == world.wanted:
            return
        # What AWS wants a wait for (a type's deletion) is retried by the schedule.
        world.clock.advance(600)


class Fleet(RuleBasedStateMachine):
    """The primary changes at random; events are delivered late, twice, out of order or never; a sweep ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=ANY_SHARE)
        self.events: list[RegistryEvent] = []

    def _raise_event(self, key: Key, operation: str) -> None:
        now = self.world.clock()
        self.events.append(an_event(key, operation, now, f"e-{now}"))

    @rule(name=st.sampled_from(THINGS), mutation=mutations)
    def change_a_thing(self, name: str, mutation: str) -> None:
        self.events.extend(_mutate(self.world, name, mutation))

    @rule(name=st.sampled_from(THINGS), type_name=st.sampled_from(("", *TYPES)))
    def give_a_type(self, name: str, type_name: str) -> None:
        thing = self.world.primary.thing(name)
        if thing is not None and (not type_name or self.world.primary.thing_type(type_name) is not None):
            self.world.primary.put(Thing(name, thing.attributes, type_name))
            self._raise_event(thing.key, "UPDATED")

    @rule(name=st.sampled_from(TYPES))
    def make_a_type(self, name: str) -> None:
        if self.world.primary.thing_type(name) is None:
            self.world.primary.put(a_thing_type(name))
            self._raise_event(thing_type_key(name), "CREATED")

    @rule(name=st.sampled_from(TYPES))
    def delete_a_type_that_nothing_uses(self, name: str) -> None:
        used = any(thing.type_name == name for thing in self.world.primary.things())
        if not used and self.world.primary.thing_type(name) is not None:
            self.world.primary.remove(thing_type_key(name))
            self._raise_event(thing_type_key(name), "DELETED")

    @rule(of=st.sampled_from(OWNERS), status=st.sampled_from((*CertificateStatus,)))
    def put_a_certificate(self, of: str, status: CertificateStatus) -> None:
        self.world.primary.put(a_certificate(of, status))

    @rule(name=st.sampled_from(POLICIES), document=st.sampled_from(DOCUMENTS))
    def put_a_policy(self, name: str, document: str) -> None:
        self.world.primary.put(a_policy(name, document))

    @rule(of=st.sampled_from(OWNERS))
    def delete_a_certificate(self, of: str) -> None:
        self.world.primary.remove(a_certificate(of).key)

    @rule(name=st.sampled_from(POLICIES))
    def delete_a_policy(self, name: str) -> None:
        self.world.primary.remove(policy_key(name))

    @rule(thing=st.sampled_from(THINGS), of=st.sampled_from(OWNERS))
    def attach_or_detach_a_certificate(self, thing: str, of: str) -> None:
        relation = ThingPrincipal(thing, a_certificate(of).certificate_id)
        self._toggle(relation, thing_key(thing), certificate_key(relation.certificate_id))

    @rule(policy=st.sampled_from(POLICIES), of=st.sampled_from(OWNERS))
    def attach_or_detach_a_policy(self, policy: str, of: str) -> None:
        relation = PolicyAttachment(policy, a_certificate(of).certificate_id)
        self._toggle(relation, policy_key(policy), certificate_key(relation.certificate_id))

    def _toggle(self, relation: Entity, *ends: Key) -> None:
        if relation.key in self.world.primary.entities:
            self.world.primary.remove(relation.key)
        elif all(end in self.world.primary.entities for end in ends):
            self.world.primary.put(relation)

    @precondition(lambda self: self.events)
    @rule(place=st.integers(0, 20))
    def lose_an_event(self, place: int) -> None:
        self.events.pop(place % len(self.events))

    @precondition(lambda self: self.events)
    @rule(places=st.lists(st.integers(0, 20), min_size=1, max_size=4))
    def deliver_some_events_and_keep_them_for_another_time(self, places: list[int]) -> None:
        self.world.deliver([self.events[place % len(self.events)] for place in places])

    @rule(seconds=st.integers(1, 400))
    def let_time_pass(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def let_the_schedule_come_round(self) -> None:
        self.world.run_schedule()

    def teardown(self) -> None:
        _sweep_until_quiet(self.world)

        assert self.world.secondary.entities == self.world.wanted


TestFleet = Fleet.TestCase
