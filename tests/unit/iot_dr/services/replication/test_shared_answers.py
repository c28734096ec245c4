"""Requests of one batch ask for an answer once, as long as nobody needs a newer one."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from iot_dr.errors import Throttled
from iot_dr.model.registry.changes import Create
from iot_dr.model.registry.entities import Policy, PolicyAttachment
from iot_dr.model.registry.keys import certificate_key, certificate_target, policy_key, thing_key
from iot_dr.model.replication.requests import Depth, ReconcileRequest
from iot_dr.services.replication.shared_answers import SharedAnswers
from tests.builders import a_certificate_id, a_device, a_document
from tests.world import World

PUMPS = ("pump-1", "pump-2", "pump-3")


def _replicated() -> World:
    """A world whose three devices share a policy and are in both Regions."""
    world = World()
    for name in PUMPS:
        world.primary.put(*a_device(name))
        world.check(thing_key(name))
    world.calls.made.clear()
    return world


def _batch(world: World, **fields: object) -> None:
    shared = SharedAnswers(world.clock())
    for name in PUMPS:
        world.replication.replicate(ReconcileRequest(thing_key(name), **fields), shared=shared)  # type: ignore[arg-type]


def test_devices_of_one_batch_read_their_policy_once_in_each_region() -> None:
    world = _replicated()

    _batch(world, depth=Depth.ATTACHMENTS)

    reads = Counter(world.calls.to("primary", "secondary"))
    assert reads["primary.policy"] == reads["secondary.policy"] == 1
    assert reads["primary.certificate"] == reads["secondary.certificate"] == 3


def test_a_thing_is_read_for_each_check_it_since_a_version_guards_its_writes() -> None:
    world = _replicated()
    shared = SharedAnswers(world.clock())

    for _ in range(2):
        world.replication.replicate(ReconcileRequest(thing_key("pump-1")), shared=shared)

    assert Counter(world.calls.to("primary", "secondary"))["primary.thing"] == 2


def test_what_was_written_is_confirmed_by_a_reading_of_its_own() -> None:
    world = _replicated()
    world.customer.put(Policy("pumps", a_document(action="iot:Publish")))

    _batch(world, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities == world.wanted
    assert Counter(world.calls.to("primary"))["primary.policy"] > 1


def test_what_is_missing_is_asked_for_by_each_so_that_it_is_made_once(world: World) -> None:
    for name in PUMPS:
        world.primary.put(*a_device(name))

    _batch(world, depth=Depth.ATTACHMENTS, created=True)

    assert world.secondary.entities == world.wanted
    assert world.calls.to("writer").count("writer.create") == 3 * 4 + 1


def test_a_request_that_shares_answers_says_that_its_reading_began_with_the_batch() -> None:
    world = _replicated()
    shared = SharedAnswers(world.clock())
    world.clock.advance(1)

    result = world.replication.replicate(ReconcileRequest(thing_key("pump-1")), shared=shared)

    assert result.outcome.read_at == shared.began


def test_what_another_request_concluded_since_the_batch_began_is_not_overwritten() -> None:
    world = _replicated()
    shared = SharedAnswers(world.clock())
    certificate = certificate_target(a_certificate_id("pump-1"))
    world.replication.replicate(ReconcileRequest(thing_key("pump-2"), depth=Depth.ATTACHMENTS), shared=shared)
    world.clock.advance(1)
    world.primary.put(Policy("more", a_document()), PolicyAttachment("more", certificate))
    world.check(certificate_key(a_certificate_id("pump-1")))

    result = world.replication.replicate(ReconcileRequest(thing_key("pump-1"), depth=Depth.ATTACHMENTS), shared=shared)

    assert policy_key("more") in world.secondary.entities
    assert not [change for change in result.plan.actions if isinstance(change, Create)]
    assert world.secondary.entities == world.wanted


def test_who_comes_while_it_is_asked_waits_for_the_answer() -> None:
    shared, asked, together = SharedAnswers(0), Counter[str](), threading.Barrier(4)
    answered = threading.Event()

    def ask() -> str:
        asked["policy"] += 1
        assert answered.wait(5)
        return "policy"

    def request() -> str:
        together.wait(5)
        return shared.of("policy", ask)

    with ThreadPoolExecutor(4) as executor:
        requests = [executor.submit(request) for _ in range(4)]
        answered.set()
        assert [one.result(5) for one in requests] == ["policy"] * 4
    assert asked["policy"] == 1


def test_an_answer_that_failed_is_asked_for_again() -> None:
    shared = SharedAnswers(0)

    def fail() -> str:
        raise Throttled("slow down")

    with pytest.raises(Throttled):
        shared.of("policy", fail)

    assert shared.of("policy", lambda: "policy") == "policy"
