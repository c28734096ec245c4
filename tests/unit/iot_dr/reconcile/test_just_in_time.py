"""A certificate that only the primary has waits for its device's first connection, and what hangs on it with it."""

from iot_dr.model.registry.entities import CertificateStatus, PolicyAttachment
from iot_dr.model.registry.keys import policy_key, thing_group_target, thing_key
from iot_dr.reconcile.just_in_time import waits_for_its_device, without_unregistered
from iot_dr.reconcile.plan import plan
from tests.builders import a_certificate, a_device, a_group, a_snapshot

DEVICE = a_device()
POLICY, CERTIFICATE, THING, ATTACHMENT, PRINCIPAL = DEVICE
OF_GROUP = PolicyAttachment("pumps", thing_group_target("site"))


def test_an_unregistered_certificate_and_what_hangs_on_it_are_left_out_on_both_sides() -> None:
    actual = a_snapshot(absent=[entity.key for entity in DEVICE])

    desired, actual = without_unregistered(a_snapshot(*DEVICE), actual)

    assert desired.entities.keys() == {POLICY.key, THING.key}
    assert actual.keys == {POLICY.key, THING.key}
    assert {change.key for change in plan(desired, actual)} == {policy_key("pumps"), thing_key("pump-17")}


def test_a_certificate_that_registered_itself_is_compared_with_all_that_hangs_on_it() -> None:
    registered = a_certificate(status=CertificateStatus.PENDING_ACTIVATION)
    before = a_snapshot(*DEVICE), a_snapshot(POLICY, registered, THING, absent=[ATTACHMENT.key, PRINCIPAL.key])

    after = without_unregistered(*before)

    assert after == before
    assert {change.key for change in plan(*after)} == {CERTIFICATE.key, ATTACHMENT.key, PRINCIPAL.key}


def test_a_certificate_that_only_the_secondary_has_is_compared_too() -> None:
    before = a_snapshot(absent=[CERTIFICATE.key]), a_snapshot(CERTIFICATE)

    assert without_unregistered(*before) == before


def test_a_certificate_that_could_not_be_read_is_not_taken_for_unregistered() -> None:
    before = a_snapshot(CERTIFICATE), a_snapshot(unreadable={CERTIFICATE.key: "denied"})

    assert without_unregistered(*before) == before


def test_only_the_unregistered_certificates_relations_are_left_out() -> None:
    other = a_device("pump-18")
    desired = a_snapshot(*DEVICE, *other, a_group("site"), OF_GROUP)
    actual = a_snapshot(*other, absent=[entity.key for entity in (*DEVICE[1:], a_group("site"), OF_GROUP)])

    desired, actual = without_unregistered(desired, actual)

    left_out = {CERTIFICATE.key, ATTACHMENT.key, PRINCIPAL.key}
    assert desired.keys == {entity.key for entity in (*DEVICE, *other, a_group("site"), OF_GROUP)} - left_out
    assert not actual.keys & left_out


def test_registering_a_certificate_waits_for_its_device_and_nothing_else_does() -> None:
    revoked = a_certificate(status=CertificateStatus.REVOKED)
    creations = plan(a_snapshot(*DEVICE), a_snapshot(absent=[entity.key for entity in DEVICE]))
    update = plan(a_snapshot(revoked), a_snapshot(CERTIFICATE))

    assert [change.key for change in (*creations, *update) if waits_for_its_device(change)] == [CERTIFICATE.key]
