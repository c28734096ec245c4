"""Groups, memberships, types and billing groups: whatever is told of first, the secondary ends as the primary is."""

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest

from iot_dr.errors import NotReadyYet
from iot_dr.model.registry.entities import (
    BillingGroup,
    Entity,
    GroupMembership,
    PolicyAttachment,
    PropagatingAttribute,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import (
    Key,
    billing_group_key,
    certificate_key,
    group_membership_key,
    thing_group_key,
    thing_group_target,
    thing_key,
    thing_type_key,
)
from iot_dr.model.registry.tagging import with_tags
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from tests.builders import (
    a_certificate,
    a_certificate_id,
    a_device,
    a_dynamic_group,
    a_group,
    a_policy,
    a_thing,
    a_thing_type,
    an_attachment,
)
from tests.fakes import once
from tests.world import World, sweep_until_quiet

THING = thing_key("pump-17")
TREE = (a_group("site"), a_group("floor", "site"), a_group("room", "floor"))
IN_ROOM, IN_SITE = GroupMembership("room", "pump-17"), GroupMembership("site", "pump-17")


def _with(*entities: Entity) -> World:
    """A world whose primary holds these, none of which has been checked."""
    world = World()
    world.primary.put(*entities)
    return world


def _replicated(*entities: Entity) -> World:
    """A world that holds these on both sides."""
    world = _with(*entities)
    sweep_until_quiet(world)
    assert world.secondary.entities == world.wanted
    world.calls.made.clear()
    return world


# In any order


@pytest.mark.parametrize("order", [*permutations(("site", "floor", "room"))])
def test_groups_may_be_told_of_in_any_order(order: tuple[str, ...]) -> None:
    world = _with(*TREE)

    for name in order:
        world.check(thing_group_key(name), depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


def test_a_child_brings_all_its_parents_along() -> None:
    world = _with(*TREE)

    world.check(thing_group_key("room"), depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted
    assert world.ledger.owned(world.wanted.keys()) == world.wanted.keys()


def test_a_membership_brings_thing_type_billing_group_and_groups_along() -> None:
    thing = replace(a_thing(type_name="pump"), billing_group="costs")
    world = _with(*TREE, a_thing_type(), BillingGroup("costs"), thing, IN_ROOM)

    world.check(IN_ROOM.key, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


def test_what_is_there_is_not_read_for_a_membership() -> None:
    world = _replicated(*TREE, a_thing())
    world.primary.put(IN_ROOM)

    result = world.check(IN_ROOM.key, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted
    assert world.calls.made == [
        "secondary.groups_of_thing",
        "primary.groups_of_thing",
        "ledger.begin",
        "writer.create",
        "ledger.record",
    ]
    assert result.outcome.state is State.IN_SYNC


def test_a_membership_that_ends_is_taken_away() -> None:
    world = _replicated(*TREE, a_thing(), IN_ROOM)
    world.primary.remove(IN_ROOM.key)

    result = world.check(IN_ROOM.key)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.ABSENT
    assert IN_ROOM.key not in world.ledger.remembered


def test_a_membership_that_ended_with_its_thing_is_forgotten() -> None:
    world = _replicated(*TREE, a_thing(), IN_ROOM)
    world.primary.remove(THING)

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted
    assert IN_ROOM.key not in world.ledger.remembered, "a later one of the customer's own would be taken for a copy"


def test_a_thing_moves_from_one_group_of_a_hierarchy_to_another() -> None:
    world = _replicated(*TREE, a_thing(), IN_ROOM)
    world.primary.remove(IN_ROOM.key)
    world.primary.put(IN_SITE)

    world.check(THING, depth=Depth.EVERYTHING)

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("order", [*permutations((IN_ROOM.key, IN_SITE.key))])
def test_the_events_of_a_move_may_come_in_any_order(order: tuple[Key, ...]) -> None:
    world = _replicated(*TREE, a_thing(), IN_ROOM)
    world.customer.remove(IN_ROOM.key)
    world.customer.put(IN_SITE)
    events = {event.key: event for event in world.customer.events}

    for key in order:
        world.deliver([events[key]])
    world.clock.advance(61)
    world.retry.start()
    world.run_workflow()

    assert world.secondary.entities == world.wanted


# Changed, deleted, made anew


def test_an_update_of_a_group_costs_two_reads_and_a_write() -> None:
    world = _replicated(*TREE)
    world.primary.put(replace(TREE[0], description="changed", attributes={"a": "b"}))

    world.check(thing_group_key("site"), depth=Depth.OWN)

    assert world.calls.made == [
        "secondary.thing_group",
        "primary.thing_group",
        "ledger.begin",
        "writer.update",
        "ledger.record",
    ]
    assert world.secondary.entities == world.wanted


def test_a_group_is_deleted_with_what_is_attached_to_it() -> None:
    attachment = PolicyAttachment("pumps", thing_group_target("room"))
    world = _replicated(*TREE, a_policy(), attachment)
    world.primary.remove(thing_group_key("room"))

    world.check(thing_group_key("room"))

    assert world.secondary.entities == world.wanted
    assert attachment.key not in world.ledger.remembered


@pytest.mark.parametrize("order", [*permutations(("site", "floor", "room"))])
def test_a_tree_that_is_gone_goes_whatever_is_told_of_first(order: tuple[str, ...]) -> None:
    world = _replicated(*TREE)
    world.customer.remove(thing_group_key("site"))
    events = {event.key.name: event for event in world.customer.events}

    for name in order:
        world.deliver([events[name]])
    sweep_until_quiet(world)

    assert world.secondary.entities == {}


def test_a_group_made_anew_below_another_parent_is_moved() -> None:
    world = _replicated(*TREE, a_group("elsewhere"))
    world.primary.remove(thing_group_key("room"))
    world.primary.put(a_group("room", "elsewhere"))

    world.check(thing_group_key("room"))

    assert world.secondary.entities == world.wanted


def test_who_had_been_in_a_group_that_a_request_of_another_thing_replaces_is_checked_by_itself() -> None:
    gone, new = GroupMembership("floor", "pump-18"), GroupMembership("floor", "pump-19")
    world = _replicated(*TREE[:2], a_thing("pump-18"), gone)
    world.primary.remove(gone.key, thing_key("pump-18"), thing_group_key("floor"))
    world.primary.put(a_group("floor"), a_thing("pump-19"), new)

    world.check(new.key)

    assert world.secondary.thing_group("floor") == a_group("floor")
    assert gone.key in world.ledger.due(world.clock() + 10**7)


def test_a_tree_made_anew_elsewhere_is_moved_with_what_hangs_on_it() -> None:
    attachment = PolicyAttachment("pumps", thing_group_target("floor"))
    world = _replicated(*TREE, a_group("elsewhere"), a_thing(), IN_ROOM, a_policy(), attachment)
    world.primary.remove(thing_group_key("floor"))
    world.primary.put(a_group("floor", "elsewhere"), a_group("room", "floor"), IN_ROOM, attachment)

    world.workflow.start([ReconcileRequest(thing_group_key(name)) for name in ("floor", "room")])
    world.run_workflow()
    sweep_until_quiet(world)

    assert world.secondary.entities == world.wanted


def test_a_group_that_replication_did_not_make_stays_where_it_is() -> None:
    world = _with(a_group("north"), a_group("site", "north"))
    world.secondary.put(a_group("site"))

    outcome = world.check(thing_group_key("site")).outcome

    assert outcome.state is State.UNSUPPORTED
    assert "replication did not create it" in outcome.reason
    assert world.secondary.thing_group("site") == a_group("site")


def test_a_groups_policies_follow() -> None:
    world = _replicated(*TREE)
    world.primary.put(a_policy(), PolicyAttachment("pumps", thing_group_target("site")))

    world.check(thing_group_key("site"), depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


# Dynamic groups


def test_a_dynamic_group_is_made_with_its_query_and_its_policies_are_not_asked_for() -> None:
    world = _with(a_dynamic_group())

    world.check(thing_group_key("hot"))

    assert world.secondary.entities == world.wanted
    assert not [call for call in world.calls.made if call.endswith("policies_of")]


def test_a_static_group_made_anew_as_a_dynamic_one_is_replaced() -> None:
    world = _replicated(a_group("hot"))
    world.primary.remove(thing_group_key("hot"))
    world.primary.put(a_dynamic_group("hot"))

    world.check(thing_group_key("hot"))

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("sides", [("primary",), ("secondary",), ("primary", "secondary"), ()])
@pytest.mark.parametrize("key", [THING, group_membership_key("hot", "pump-17")], ids=str)
def test_what_a_query_finds_is_left_to_the_index(sides: tuple[str, ...], key: Key) -> None:
    world = _replicated(*a_device(), a_dynamic_group())
    for side in sides:
        getattr(world, side).found_by_query["hot"] = {"pump-17"}

    result = world.check(key, depth=Depth.EVERYTHING)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state in (State.IN_SYNC, State.ABSENT)
    assert not world.calls.to("writer") or world.calls.to("writer") == ["writer.create"], "refused, and read again"


def test_a_thing_that_a_query_of_the_secondary_finds_is_deleted_all_the_same() -> None:
    world = _replicated(a_thing(), a_dynamic_group())
    world.secondary.found_by_query["hot"] = {"pump-17"}
    world.primary.remove(THING)

    result = world.check(THING)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.ABSENT


# Types


def test_a_thing_of_a_deprecated_type_is_made_and_the_type_ends_deprecated() -> None:
    world = _with(a_thing_type(deprecated=True), a_thing(type_name="pump"))

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("depth", Depth)
def test_a_thing_enters_a_type_that_is_deprecated_already(depth: Depth) -> None:
    world = _replicated(a_thing_type(deprecated=True), a_thing())
    world.primary.put(a_thing_type(deprecated=True), a_thing(type_name="pump"))

    world.check(THING, depth=depth)

    assert world.secondary.entities == world.wanted


def test_a_type_made_anew_with_another_description_replaces_the_copy_when_aws_lets_it() -> None:
    world = _replicated(a_thing_type())
    world.primary.remove(thing_type_key("pump"))
    anew = replace(a_thing_type(), description="made anew")
    world.primary.put(anew)

    with pytest.raises(NotReadyYet):
        world.check(thing_type_key("pump"))
    world.clock.advance(301)
    world.check(thing_type_key("pump"))

    assert world.secondary.thing_type("pump") == anew
    assert world.ledger.owned([anew.key]) == {anew.key}


def _with_a_type_made_anew_that_is_in_use() -> World:
    """A world that missed the time in which the primary's type was in no use."""
    world = _replicated(a_thing_type(), a_thing(type_name="pump"))
    world.primary.remove(thing_type_key("pump"))
    world.primary.put(
        replace(a_thing_type(), description="made anew"), a_thing(type_name="pump"), a_thing("new", type_name="pump")
    )
    return world


def test_a_type_made_anew_waits_while_it_is_in_use_and_takes_things_meanwhile() -> None:
    world = _with_a_type_made_anew_that_is_in_use()

    sweep_until_quiet(world)

    assert world.secondary.thing_type("pump") == a_thing_type()
    assert world.secondary.thing("new") == world.primary.thing("new")
    outcome = world.ledger.outcome(thing_type_key("pump"))
    assert outcome is not None
    assert (outcome.state, outcome.again) == (State.PENDING, True)
    assert "uses thing_type#pump" in outcome.reason


def test_what_such_a_thing_needs_besides_its_type_is_made_for_it() -> None:
    world = _with_a_type_made_anew_that_is_in_use()
    world.primary.put(BillingGroup("costs"), replace(a_thing("new", type_name="pump"), billing_group="costs"))

    world.check(thing_key("new"), depth=Depth.ATTACHMENTS)

    assert world.secondary.thing("new") == world.primary.thing("new")


def test_a_type_made_anew_replaces_the_copy_once_nothing_uses_it() -> None:
    world = _with_a_type_made_anew_that_is_in_use()
    sweep_until_quiet(world)
    world.primary.put(a_thing(), a_thing("new"))

    sweep_until_quiet(world)

    assert world.secondary.entities == world.wanted


def test_what_mqtt_messages_carry_of_a_type_follows() -> None:
    world = _replicated(a_thing_type())
    site = PropagatingAttribute("where", "thingAttribute", "site")
    world.primary.put(replace(a_thing_type(), propagating_attributes=(site,)))

    world.check(thing_type_key("pump"), depth=Depth.OWN)

    assert world.secondary.entities == world.wanted


# Billing groups


def test_a_thing_comes_with_its_billing_group() -> None:
    world = _with(BillingGroup("costs", "who pays"), replace(a_thing(), billing_group="costs"))

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("wanted", ["losses", ""])
def test_a_thing_is_moved_to_its_billing_group(wanted: str) -> None:
    world = _replicated(BillingGroup("costs"), replace(a_thing(), billing_group="costs"))
    world.primary.put(BillingGroup("losses"), replace(a_thing(), billing_group=wanted))

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.thing("pump-17") == world.primary.thing("pump-17")


def test_a_billing_group_follows_changes_and_goes() -> None:
    world = _replicated(BillingGroup("costs"))
    world.primary.put(BillingGroup("costs", "changed"))
    world.check(billing_group_key("costs"))
    assert world.secondary.entities == world.wanted

    world.primary.remove(billing_group_key("costs"))
    world.check(billing_group_key("costs"))

    assert world.secondary.entities == {}


# Certificates


def test_a_certificate_hangs_on_several_things() -> None:
    others = [a_thing(f"pump-{number}") for number in range(3)]
    world = _with(*a_device(), *others, *(ThingPrincipal(one.name, a_certificate_id("pump-17")) for one in others))

    world.check(certificate_key(a_certificate_id("pump-17")))

    assert world.secondary.entities == world.wanted


def test_several_certificates_hang_on_one_thing() -> None:
    certificates = [a_certificate(str(number)) for number in range(3)]
    world = _with(*a_device(), *certificates, *(ThingPrincipal("pump-17", one.certificate_id) for one in certificates))

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


def test_ten_policies_are_exchanged_for_ten_others() -> None:
    def attached(first: int) -> list[Entity]:
        numbers = range(first, first + 10)
        return [
            *(a_policy(f"policy-{number}") for number in numbers),
            *(an_attachment(f"policy-{number}") for number in numbers),
        ]

    world = _replicated(a_certificate(), *attached(0))
    world.primary.remove(*(entity.key for entity in attached(0)))
    world.primary.put(*attached(10))

    world.check(a_certificate().key)

    assert world.secondary.entities == world.wanted


@pytest.mark.parametrize("exclusive", [True, False])
def test_how_a_certificate_is_attached_can_change(exclusive: bool) -> None:
    *device, principal = a_device()
    assert isinstance(principal, ThingPrincipal)
    world = _replicated(*device, replace(principal, exclusive=not exclusive))
    world.primary.remove(principal.key)
    world.primary.put(replace(principal, exclusive=exclusive))

    world.check(THING, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


def test_an_exclusive_certificate_moves_to_another_thing() -> None:
    *device, principal = a_device()
    assert isinstance(principal, ThingPrincipal)
    world = _replicated(*device, a_thing("pump-18"), replace(principal, exclusive=True))
    world.primary.remove(principal.key)
    world.primary.put(replace(principal, thing="pump-18", exclusive=True))

    world.check(thing_key("pump-18"), depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted


# What it costs


def test_everything_of_an_equal_device_is_read_and_nothing_written() -> None:
    world = _replicated(*a_device(), *TREE, IN_ROOM)

    world.check(THING, depth=Depth.EVERYTHING)

    assert Counter(world.calls.made) == {
        "primary.thing": 1,
        "secondary.thing": 1,
        "primary.principals_of_thing": 1,
        "secondary.principals_of_thing": 1,
        "primary.certificate": 1,
        "secondary.certificate": 1,
        "primary.policies_of": 1,
        "secondary.policies_of": 1,
        "primary.policy": 1,
        "secondary.policy": 1,
        "primary.groups_of_thing": 1,
        "secondary.groups_of_thing": 1,
        "ledger.record": 1,
    }


def test_a_membership_that_another_worker_adds_meanwhile_is_no_failure() -> None:
    world = _replicated(*TREE, a_thing())
    world.primary.put(IN_ROOM)
    world.calls.before = once("writer.create", lambda: world.secondary.put(IN_ROOM))

    world.check(IN_ROOM.key)

    assert world.secondary.entities == world.wanted
    assert isinstance(world.secondary.thing_group("room"), ThingGroup)


# Tags

TAGGED = ("thing type", "billing group", "policy", "thing group", "dynamic group")


def _tagged(**tags: str) -> tuple[Entity, ...]:
    made: tuple[Entity, ...] = (a_thing_type(), BillingGroup("costs"), a_policy(), a_group("site"), a_dynamic_group())
    return tuple(with_tags(one, tags) for one in made)


@pytest.mark.parametrize("number", range(len(TAGGED)), ids=TAGGED)
def test_tags_cross_with_what_has_them_and_when_they_change(number: int) -> None:
    one, other = _tagged(team="red", old="yes")[number], _tagged(team="blue", cost="1")[number]
    world = _with(one)
    world.check(one.key, depth=Depth.ATTACHMENTS)
    assert world.secondary.tags(one.key) == {"team": "red", "old": "yes"}

    world.primary.put(other)
    world.check(one.key, depth=Depth.ATTACHMENTS)

    assert world.secondary.tags(one.key) == {"team": "blue", "cost": "1"}


def test_the_tags_of_a_policy_that_came_with_a_device_come_with_a_check_of_its_own() -> None:
    policy = replace(a_policy(), tags={"team": "red"})
    world = _with(*a_device(), policy)

    world.check(THING, depth=Depth.ATTACHMENTS)
    assert not [call for call in world.calls.made if call.endswith(".tags")], "a device takes no call for tags"
    assert world.secondary.tags(policy.key) == {}

    world.check(policy.key)
    assert world.secondary.tags(policy.key) == {"team": "red"}


def test_the_round_brings_tags_that_nothing_told_of() -> None:
    world = _replicated(*_tagged(team="red"))
    for one in _tagged(team="blue"):
        world.primary.put(one)

    sweep_until_quiet(world)

    assert world.secondary.entities == world.wanted
    assert {world.secondary.tags(one.key)["team"] for one in _tagged()} == {"blue"}


def test_tags_that_somebody_put_on_his_own_copy_stay_and_are_told_of() -> None:
    world = _with(with_tags(a_group("site"), {"team": "red"}))
    world.secondary.put(with_tags(a_group("site"), {"local": "yes"}))

    world.check(thing_group_key("site"))
    result = world.check(thing_group_key("site"))

    assert world.secondary.tags(thing_group_key("site")) == {"team": "red", "local": "yes"}
    assert result.outcome.state is State.UNSUPPORTED
    assert "local" in result.outcome.reason


def test_tags_that_change_while_they_are_copied_are_read_once_more() -> None:
    world = _replicated(with_tags(a_group("site"), {"team": "red"}))
    world.primary.put(with_tags(a_group("site"), {"team": "blue"}))

    green = with_tags(a_group("site"), {"team": "green"})
    world.calls.before = once("writer.update", lambda: world.primary.put(green))
    world.check(thing_group_key("site"))

    assert world.secondary.tags(thing_group_key("site")) == {"team": "green"}
