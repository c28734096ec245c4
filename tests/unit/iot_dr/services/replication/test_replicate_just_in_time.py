"""In the mode of just-in-time registration certificates come with their first connection, and the rest by a request."""

import pytest

from iot_dr.model.registry.entities import CertificateStatus
from iot_dr.model.registry.keys import certificate_key, policy_key, thing_key
from iot_dr.model.replication.outcomes import State
from iot_dr.model.replication.requests import Depth
from tests.builders import a_certificate, a_certificate_id, a_device
from tests.world import World

THING = thing_key("pump-17")
CERTIFICATE = certificate_key(a_certificate_id("pump-17"))


def _world() -> World:
    world = World(just_in_time=True)
    world.primary.put(*a_device())
    return world


def _connect(world: World) -> None:
    """The device's first connection: AWS registers the certificate and lets nobody in yet."""
    world.secondary.put(a_certificate(status=CertificateStatus.PENDING_ACTIVATION))


def test_a_new_device_comes_without_its_certificate() -> None:
    world = _world()

    result = world.check(THING, created=True, depth=Depth.ATTACHMENTS)

    assert world.secondary.entities.keys() == {THING, policy_key("pumps")}
    assert result.outcome.state is State.IN_SYNC


@pytest.mark.parametrize("first", [THING, None])
def test_after_its_first_connection_a_check_the_certificate_brings_all_of_it(first: object) -> None:
    world = _world()
    if first:
        world.check(THING, depth=Depth.ATTACHMENTS)
    _connect(world)

    result = world.check(CERTIFICATE)

    assert world.secondary.entities == world.wanted
    assert result.outcome.state is State.IN_SYNC


def test_a_certificate_that_the_primary_revoked_is_not_let_in() -> None:
    world = _world()
    world.primary.put(a_certificate(status=CertificateStatus.REVOKED))
    _connect(world)

    world.check(CERTIFICATE)

    certificate = world.secondary.certificate(CERTIFICATE.name)
    assert certificate is not None
    assert certificate.status is CertificateStatus.REVOKED


def test_a_certificate_that_the_primary_does_not_know_is_left_to_the_customer() -> None:
    world = World(just_in_time=True)
    _connect(world)

    outcome = world.check(CERTIFICATE).outcome

    assert outcome.state is State.UNSUPPORTED
    assert world.secondary.entities.keys() == {CERTIFICATE}


def test_the_schedule_registers_no_certificate_either() -> None:
    world = _world()

    for _ in range(3):
        world.run_schedule()
        world.clock.advance(900)

    assert world.secondary.entities.keys() == {THING, policy_key("pumps")}


def test_a_registered_certificate_follows_the_primary() -> None:
    world = _world()
    _connect(world)
    world.check(CERTIFICATE)
    world.primary.put(a_certificate(status=CertificateStatus.INACTIVE))

    world.check(CERTIFICATE)

    assert world.secondary.entities == world.wanted


def test_what_registered_itself_is_not_deleted_with_the_primarys() -> None:
    world = _world()
    _connect(world)
    world.check(CERTIFICATE)
    world.primary.remove(CERTIFICATE)

    world.check(CERTIFICATE)

    assert world.secondary.certificate(CERTIFICATE.name) is not None
