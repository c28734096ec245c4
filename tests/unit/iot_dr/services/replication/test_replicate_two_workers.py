"""Two workers check one resource at the same time: versions decide, the loser reads again, and no lock is left."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from iot_dr.errors import RetryableError
from iot_dr.model.registry.entities import BillingGroup, CertificateStatus, Entity, GroupMembership
from iot_dr.model.registry.keys import Key, certificate_key, policy_key, thing_group_key, thing_key
from iot_dr.model.replication.requests import ReconcileRequest
from tests.builders import (
    a_certificate,
    a_certificate_id,
    a_device,
    a_document,
    a_group,
    a_policy,
    a_thing,
    a_thing_type,
    iot_arn,
)
from tests.fakes import Between, once
from tests.world import World, sweep_until_quiet, twin

THING, CERTIFICATE = thing_key("pump-17"), certificate_key(a_certificate_id("pump-17"))
ALL = (
    a_thing_type(),
    BillingGroup("costs"),
    *a_device(type_name="pump"),
    a_group("site"),
    a_group("room", "site"),
    GroupMembership("room", "pump-17"),
)
KEYS = (THING, CERTIFICATE, policy_key("pumps"), thing_group_key("room"), GroupMembership("room", "pump-17").key)


def _made(world: World) -> None:
    world.primary.put(*ALL)


def _changed(world: World) -> None:
    _in_both(world)
    world.primary.put(
        a_thing(attributes={"site": "south"}),
        a_policy(document=a_document(iot_arn("topic/a"))),
        replace(a_group("room", "site"), description="changed"),
    )


def _deleted(world: World) -> None:
    _in_both(world)
    world.primary.remove(THING, CERTIFICATE, policy_key("pumps"), thing_group_key("site"))


def _made_anew(world: World) -> None:
    _deleted(world)
    fresh: list[Entity] = [a_thing(attributes={"made": "anew"}), a_certificate("pump-17"), a_group("room")]
    world.primary.put(*fresh)


def _in_both(world: World) -> None:
    _made(world)
    sweep_until_quiet(world)


STORIES = (_made, _changed, _deleted, _made_anew)


@cache
def _begun(story: Callable[[World], None]) -> World:
    """Return the world as the workers find it; to make it takes longer than all that they do."""
    world = World()
    story(world)
    world.calls.made.clear()
    return world


def _at(number: int, action: Callable[[], None]) -> Between:
    """Do something before the call with this number, once; the calls that it makes itself count for nothing."""
    state = {"calls": 0, "done": 0}

    def between(_name: str, _number: int) -> None:
        state["calls"] += 1
        if state["calls"] == number and not state["done"]:
            state["done"] = 1
            action()

    return between


@pytest.mark.parametrize("other", KEYS, ids=str)
@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("story", STORIES)
def test_a_second_worker_at_any_moment_does_no_harm(story: Callable[[World], None], key: Key, other: Key) -> None:
    number = 0
    while True:
        number += 1
        world = twin(_begun(story))
        world.calls.before = _at(number, lambda w=world: _run(w, other))  # type: ignore[misc]  # looser than the type on purpose

        _run(world, key)

        reached = len(world.calls.made) >= number
        sweep_until_quiet(world)
        assert world.secondary.entities == world.wanted, f"second worker before call {number}"
        foreign = world.secondary.entities.keys() - world.ledger.owned(world.secondary.entities.keys())
        assert not foreign, f"second worker before call {number}"
        if not reached:
            return


def _run(world: World, key: Key) -> None:
    """One request with the workflow's retries; what still fails is left to the schedule."""
    for _ in range(3):
        try:
            world.replication.replicate(ReconcileRequest(key))
        except RetryableError:
            continue
        return


@pytest.mark.parametrize("number", range(1, 6))
def test_an_old_state_is_never_put_back_over_a_newer_one(number: int, world: World) -> None:
    _in_both(world)
    world.primary.put(a_thing(attributes={"site": "south"}))
    world.calls.made.clear()

    def primary_changes_and_another_worker_copies_it() -> None:
        world.primary.put(a_thing(attributes={"site": "west"}))
        _run(world, THING)

    world.calls.before = _at(number, primary_changes_and_another_worker_copies_it)
    _run(world, THING)

    thing = world.secondary.thing("pump-17")
    assert thing is not None
    assert thing.attributes == {"site": "west"}


@pytest.mark.parametrize("number", range(1, 8))
def test_an_old_status_which_no_version_guards_is_never_left_over_a_newer_one(number: int, world: World) -> None:
    _in_both(world)
    world.primary.put(a_certificate("pump-17", CertificateStatus.INACTIVE))
    world.calls.made.clear()

    def primary_revokes_and_another_worker_copies_it() -> None:
        world.primary.put(a_certificate("pump-17", CertificateStatus.REVOKED))
        _run(world, CERTIFICATE)

    world.calls.before = _at(number, primary_revokes_and_another_worker_copies_it)
    _run(world, CERTIFICATE)

    assert world.secondary.certificate(CERTIFICATE.name) == world.primary.certificate(CERTIFICATE.name)


def test_a_type_that_another_worker_deprecates_meanwhile_is_taken_back_once_more(world: World) -> None:
    world.primary.put(a_thing_type(), a_thing(type_name="pump"))
    world.primary.put(a_thing_type(deprecated=True))
    world.secondary.put(a_thing_type(deprecated=True))
    world.calls.after = once("writer.update", lambda: world.secondary.put(a_thing_type(deprecated=True)))

    world.workflow.start([ReconcileRequest(THING)])
    world.run_workflow()

    assert world.secondary.entities == world.wanted
