from __future__ import annotations

from dataclasses import replace

import pytest

from iot_dr.errors import AccessDenied
from iot_dr.model.exact_json import parse
from iot_dr.model.registry.changes import Delete
from iot_dr.model.registry.entities import (
    Certificate,
    CertificateStatus,
    Entity,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Thing,
    ThingGroup,
    ThingPrincipal,
)
from iot_dr.model.registry.keys import Kind, shadow_key
from iot_dr.model.shadows.shadow import ShadowSelection
from iot_dr.model.status.checks import Check, Level
from tests.fakes import InMemoryRegistry
from tests.trial_fakes import Mqtt, World, a_trial


def named(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def failed(checks: tuple[Check, ...]) -> set[str]:
    return {check.name for check in checks if check.level is Level.FAILURE}


def test_devices_that_cross_connect_and_go_prove_it() -> None:
    world = World(a_trial(4, with_type=True))

    checks = world.proof().run()

    assert failed(checks) == set()
    assert [check.name for check in checks] == [
        "devices made",
        "devices crossed",
        "thing types",
        "policies",
        "certificates",
        "thing groups",
        "things",
        "policy attachments",
        "thing principals",
        "group memberships",
        "shadows",
        "MQTT in us-east-1",
        "MQTT in us-west-2",
        "removed from us-east-1",
        "gone from us-west-2",
    ]
    assert named(checks)["policies"].found == "3 of 3 the same in both Regions"
    assert named(checks)["shadows"].found == "8 of 8 the same in both Regions"
    assert world.left == set()
    assert world.asked == []


def test_where_nothing_crosses_all_that_rests_on_it_fails_and_the_rest_does_not() -> None:
    world = World(a_trial(2))
    world.crosses = lambda entity: None

    checks = world.proof(seconds=5).run()

    assert failed(checks) == {
        "devices crossed",
        "policies",
        "certificates",
        "thing groups",
        "things",
        "policy attachments",
        "thing principals",
        "group memberships",
        "MQTT in us-west-2",
    }
    assert named(checks)["devices crossed"].found.startswith(
        "0 of 2 after 5 s; thing#trial-0001: us-west-2 has no such"
    )
    assert named(checks)["MQTT in us-west-2"].found == "not tried: no device is there"
    assert world.left == set()


def otherwise(entity: Entity) -> Entity | None:
    match entity:
        case Thing():
            return replace(entity, attributes={**entity.attributes, "site": "elsewhere"})
        case ThingGroup():
            return replace(entity, description="another")
        case Policy():
            return replace(entity, document='{"Statement":[],"Version":"2012-10-17"}')
        case Certificate():
            return replace(entity, status=CertificateStatus.INACTIVE)
        case ThingPrincipal():
            return replace(entity, exclusive=True)
        case _:
            return None


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Thing, "things"),
        (ThingGroup, "thing groups"),
        (Policy, "policies"),
        (Certificate, "certificates"),
        (ThingPrincipal, "thing principals"),
        (PolicyAttachment, "policy attachments"),
        (GroupMembership, "group memberships"),
    ],
)
def test_a_setting_that_arrives_otherwise_fails_the_check_of_its_kind(kind: type[Entity], check: str) -> None:
    world = World(a_trial(2))
    world.crosses = lambda entity: otherwise(entity) if isinstance(entity, kind) else entity
    world.in_secondary.round_trip = lambda *_: "nonce"  # type: ignore[method-assign]  # it is not about MQTT

    checks = world.proof(seconds=5).run()

    assert failed(checks) == {"devices crossed", check, "MQTT in us-west-2"}
    assert named(checks)[check].names
    assert world.left == set()


def test_a_shadow_that_arrives_otherwise_fails_the_check_of_shadows() -> None:
    world = World(a_trial(1))
    key = shadow_key("trial-0001", "config")
    world.secondary_shadows.keeps = lambda document: parse('{"desired":{}}')

    checks = world.proof(seconds=5).run()

    assert named(checks)["shadows"].level is Level.FAILURE
    assert str(key) in named(checks)["shadows"].names
    assert "the document differs in us-west-2" in named(checks)["shadows"].found


def test_what_another_has_changed_in_the_primary_is_no_proof_though_both_are_the_same() -> None:
    world = World(a_trial(1))

    def strip() -> None:
        for entity in world.primary.entities.values():
            if isinstance(entity, PolicyAttachment):
                world.primary.remove(entity.key)

    world.on_pause = strip

    checks = world.proof(seconds=5).run()

    assert "policy attachments" in failed(checks)


def test_shadows_that_the_launch_does_not_replicate_are_not_asked_for() -> None:
    world = World(a_trial(1, shadows=ShadowSelection("none")))

    checks = world.proof().run()

    assert failed(checks) == set()
    assert "shadows" not in named(checks)


def test_a_device_that_is_refused_at_first_is_tried_again() -> None:
    world = World(a_trial(2))
    world.in_secondary.refusals = 3

    assert failed(world.proof().run()) == set()


def test_a_device_that_stays_refused_fails() -> None:
    world = World(a_trial(2))
    world.in_primary.refusals = 10_000

    checks = world.proof().run()

    assert failed(checks) == {"MQTT in us-east-1"}
    assert "the endpoint refused the certificate" in named(checks)["MQTT in us-east-1"].found


def test_where_one_device_does_not_cross_the_others_are_tried_and_it_is_no_proof() -> None:
    world = World(a_trial(2))
    world.crosses = lambda one: None if "trial-0002" in {one.key.name, one.key.other} else one

    checks = world.proof(seconds=5).run()

    assert named(checks)["devices crossed"].names == ("thing#trial-0002",)
    assert named(checks)["MQTT in us-west-2"].level is Level.FAILURE
    assert named(checks)["MQTT in us-west-2"].found == "1 of 2; the others are not there"


def test_another_message_than_was_sent_proves_nothing() -> None:
    world = World(a_trial(1))
    world.in_secondary.answer = lambda nonce: nonce.upper()

    assert failed(world.proof().run()) == {"MQTT in us-west-2"}


def test_what_raises_no_event_is_asked_for_as_the_sweep_does() -> None:
    world = World(a_trial(2))
    world.stays = lambda key: key.kind is Kind.CERTIFICATE and key not in world.asked

    checks = world.proof().run()

    assert failed(checks) == set()
    assert {key.kind for key in world.asked} == {Kind.CERTIFICATE}
    assert "checks 2 of them were asked for" in named(checks)["gone from us-west-2"].found
    assert world.left == set()


def test_what_stays_in_the_secondary_is_told() -> None:
    world = World(a_trial(1))
    world.stays = lambda key: key.kind is Kind.CERTIFICATE

    checks = world.proof(seconds=5).run()

    assert failed(checks) == {"gone from us-west-2"}
    assert named(checks)["gone from us-west-2"].names == ("certificate#id-of-trial-0001",)


def test_whatever_stops_it_what_was_made_is_removed_from_the_primary() -> None:
    world = World(a_trial(3))

    def stop() -> None:
        world.on_pause = lambda: None
        raise KeyboardInterrupt

    world.on_pause = stop
    with pytest.raises(KeyboardInterrupt):
        world.proof().run()

    assert world.primary.entities == {}
    assert world.primary_shadows.documents == {}


class Forbidden(InMemoryRegistry):
    """Lets nobody read whose certificate is whose."""

    def principals_of_thing(self, thing: str) -> frozenset[ThingPrincipal]:
        raise AccessDenied("not authorized to perform: iot:ListThingPrincipals")


def test_a_right_that_is_missing_ends_it_and_what_was_made_is_removed() -> None:
    world = World(a_trial(1))
    world.secondary = Forbidden(world.clock)

    with pytest.raises(AccessDenied):
        world.proof().run()

    assert world.primary.entities == {}


class RightInTheSecondary(World):
    """Regions of which the secondary has the shadows as they were made, whatever the primary has."""

    def replicate(self) -> None:
        super().replicate()
        for key in self.primary_shadows.documents:
            self.secondary_shadows.become(key, self.trial.shadows[key])


def test_a_shadow_of_the_primary_that_is_not_what_was_made_is_told_though_the_secondary_has_it_right() -> None:
    world = RightInTheSecondary(a_trial(1))
    world.primary_shadows.keeps = lambda document: parse('{"desired":{}}')

    checks = world.proof(seconds=5).run()

    assert "the document differs in us-east-1" in named(checks)["shadows"].found


class Keeping(InMemoryRegistry):
    """Lets nobody delete a thing."""

    def delete(self, change: Delete) -> None:
        if change.key.kind is Kind.THING:
            raise AccessDenied("not authorized to perform: iot:DeleteThing")
        super().delete(change)


def test_what_stays_in_the_primary_is_not_waited_for_in_the_secondary() -> None:
    world = World(a_trial(1))
    world.primary = Keeping(world.clock)
    world.in_primary = Mqtt(world.primary)

    checks = world.proof(seconds=5).run()

    assert failed(checks) == {"removed from us-east-1"}
