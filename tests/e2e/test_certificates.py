"""Certificates cross with their ID, status and attachments, whoever shares them and whenever they are attached."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab.fleet import Device, Fleet, Identity, make_identity
from lab.pair import Pair
from lab.waiting import until
from tests.e2e.observing import SECONDS, certificate_status, certificates_of, is_whole, policies_of, principal_types

pytestmark = pytest.mark.row("R4")

STATUSES = ("ACTIVE", "INACTIVE", "REVOKED")


def register(iot: Any, fleet: Fleet, name: str, status: str = "ACTIVE") -> tuple[Identity, str]:
    """A certificate of the primary with the fleet's policy, and its ARN."""
    identity = make_identity(name)
    arn = iot.register_certificate_without_ca(certificatePem=identity.certificate_pem, status="ACTIVE")[
        "certificateArn"
    ]
    if status != "ACTIVE":  # AWS registers nothing as revoked
        iot.update_certificate(certificateId=identity.certificate_id, newStatus=status)
    iot.attach_policy(policyName=fleet.policy_name, target=arn)
    return identity, arn


def test_all_certificates_of_a_thing_arrive_each_with_its_status(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    made = {status: register(primary, fleet, f"{name}-{status}", status) for status in STATUSES}
    primary.create_thing(thingName=name)
    for _, arn in made.values():
        primary.attach_thing_principal(thingName=name, principal=arn)

    wanted = {identity.certificate_id for identity, _ in made.values()}
    assert until(lambda: certificates_of(secondary, name) == wanted, SECONDS)
    for status, (identity, _) in made.items():
        assert certificate_status(secondary, identity) == status
        # Side by side with the attachment to the thing.
        assert until(lambda of=identity: policies_of(pair, of) == {fleet.policy_name}, SECONDS)  # type: ignore[misc]  # its default is no parameter


def test_a_certificate_of_several_things_is_attached_to_each(
    pair: Pair, primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    identity, arn = register(primary, fleet, name)
    things = [f"{name}-{number}" for number in range(3)]
    for thing in things:
        primary.create_thing(thingName=thing)
        primary.attach_thing_principal(thingName=thing, principal=arn)

    wanted = {identity.certificate_id}
    assert until(lambda: all(certificates_of(secondary, thing) == wanted for thing in things), SECONDS)
    assert policies_of(pair, identity) == {fleet.policy_name}

    primary.detach_thing_principal(thingName=things[0], principal=arn)
    primary.delete_thing(thingName=things[0])

    assert until(lambda: certificates_of(secondary, things[0]) == set(), SECONDS)
    assert certificates_of(secondary, things[1]) == wanted
    assert certificate_status(secondary, identity) == "ACTIVE"


@pytest.mark.row("R11")
def test_an_exclusive_certificate_is_exclusive_and_the_others_are_not(
    primary: Any, secondary: Any, fleet: Fleet, name: str
) -> None:
    kinds = {"EXCLUSIVE_THING": f"{name}-alone", "NON_EXCLUSIVE_THING": f"{name}-shared"}
    for kind, thing in kinds.items():
        _, arn = register(primary, fleet, thing)
        primary.create_thing(thingName=thing)
        primary.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType=kind)

    for kind, thing in kinds.items():
        assert until(lambda thing=thing: principal_types(secondary, thing), SECONDS) == [kind]  # type: ignore[misc]  # bound now


def test_a_certificate_attached_two_seconds_later_completes_its_device_before_the_schedule_comes(
    pair: Pair, primary: Any, fleet: Fleet, name: str
) -> None:
    primary.create_thing(thingName=name)
    made = time.monotonic()
    until(lambda: time.monotonic() - made >= 2, 3)
    identity, arn = register(primary, fleet, name)
    primary.attach_thing_principal(thingName=name, principal=arn)

    assert until(lambda: is_whole(pair, Device(name, "", fleet.policy_name, identity)), SECONDS)
