"""How long a first copy takes, and which certificates end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from iot_dr.model.regions import RegionPair
from iot_dr.model.registry.entities import Policy
from iot_dr.model.sites import Side
from iot_dr.model.status.checks import Check, Level
from iot_dr.model.status.fleets import FleetSize, Sample, Validity
from iot_dr.model.status.quotas import CALLS_PER_DEVICE, ApiQuota
from iot_dr.services.doctor import fleet_checks
from lab.fleet import device_policy
from tests.builders import ACCOUNT, PAIR, PRIMARY, a_document, iot_arn

NOW = 1_764_000_000_000
DAY = 24 * 3_600_000


class Quotas:
    """Quotas of one Region: 10 calls a second by default."""

    def __init__(self, side: Side, why: str = "", **applied: float) -> None:
        names = CALLS_PER_DEVICE[side]
        self._read = {name: ApiQuota(name, applied.get(name, 10), 10) for name in names}
        self._why = why

    def read_or_defaults(self) -> tuple[Mapping[str, ApiQuota], str]:
        return self._read, self._why


class Fleet:
    """A fleet of some size."""

    def __init__(self, things: int) -> None:
        self._things = things

    def size(self) -> FleetSize:
        return FleetSize(self._things)


def quotas(things: int, *, why: str = "", **applied: Any) -> Check:
    readers = {side: Quotas(side, why, **applied) for side in Side}
    (check,) = fleet_checks.quotas(PAIR, readers, Fleet(things))
    return check


def test_a_fleet_that_is_copied_in_a_day_is_well_and_its_time_is_told() -> None:
    check = quotas(36_000, RegisterCertificateWithoutCA=5)

    assert check.level is Level.OK
    assert check.found == (
        "5 devices/s by RegisterCertificateWithoutCA in us-west-2: 36,000 things in 2.0 h at best; none is raised"
    )


def test_a_fleet_that_takes_longer_than_a_day_is_a_warning_that_names_the_quota_to_raise() -> None:
    raised: dict[str, Any] = dict.fromkeys((name for names in CALLS_PER_DEVICE.values() for name in names), 100.0)

    check = quotas(10_000_000, **(raised | {"DescribeCertificate": 20.0}))

    assert check.level is Level.WARNING
    assert "raised: AttachPolicy" in check.found
    assert check.mend.startswith("request a higher quota for DescribeCertificate in us-east-1")


def test_quotas_that_cannot_be_read_are_a_warning_with_the_time_by_aws_defaults() -> None:
    check = quotas(36_000, why="no right")

    assert check.level is Level.WARNING
    assert check.found.startswith("could not read your quotas, so AWS's defaults are assumed: ")
    assert check.found.endswith("in 1.0 h at best; no right")
    assert "servicequotas:ListServiceQuotas" in check.mend


class Certificates:
    """Certificates in the order of their registration, and a policy's."""

    def __init__(self, *validities: Validity) -> None:
        self._validities = validities

    def oldest(self, number: int) -> Iterable[Validity]:
        return self._validities[:number]

    def of_policy(self, policy: str) -> Iterable[Validity]:
        assert policy == "iot-dr-probe-1"
        return self._validities


def ending_in(days: float, name: str = "a", *, active: bool = True) -> Validity:
    return Validity(name, NOW + int(days * DAY), active)


def device_certificates(*validities: Validity, number: int = 100) -> Check:
    (check,) = fleet_checks.device_certificates(PRIMARY, Certificates(*validities), number, NOW)
    return check


def test_certificates_that_hold_for_longer_are_well() -> None:
    assert (
        device_certificates(ending_in(31), ending_in(10_000)).found == "none of all 2 in us-east-1 ends within 30 days"
    )


def test_certificates_that_end_soon_or_have_ended_are_told_apart_and_all_named() -> None:
    check = device_certificates(ending_in(29, "a"), ending_in(-1, "b"), ending_in(100, "c"))

    assert check.level is Level.WARNING
    assert check.found.startswith("2 of all 3 in us-east-1 end within 30 days, 1 of them have ended: a and 1 more")
    assert check.names == ("a", "b")


def test_a_certificate_that_may_not_connect_anyway_may_end() -> None:
    assert device_certificates(ending_in(1, active=False)).level is Level.OK


def test_only_so_many_are_checked_and_that_is_said() -> None:
    check = device_certificates(ending_in(100), ending_in(100), ending_in(1), number=2)

    assert (check.level, check.found) == (Level.OK, "none of the oldest 2 in us-east-1 ends within 30 days")


def test_an_end_that_is_not_told_is_not_taken_for_far_away() -> None:
    assert device_certificates(Validity("a", None, active=True)).level is Level.WARNING


@pytest.mark.parametrize(
    ("validities", "level"),
    [
        ((ending_in(100),), Level.OK),
        ((ending_in(100, active=False),), Level.FAILURE),
        ((), Level.FAILURE),
        ((ending_in(3),), Level.FAILURE),
    ],
)
def test_the_health_checker_needs_an_active_certificate_that_holds(
    validities: tuple[Validity, ...], level: Level
) -> None:
    (check,) = fleet_checks.probe_certificate(PRIMARY, "iot-dr-probe-1", Certificates(*validities), NOW)

    assert check.level is level


# Policies


class Policies:
    """The policies of the primary, as they are listed."""

    def __init__(self, *policies: Policy) -> None:
        self._policies = policies

    def policies(self, number: int) -> tuple[Sequence[Policy], Sample]:
        read = self._policies[:number]
        return read, Sample(len(read), len(self._policies))


LONGER = replace(PAIR, secondary="ap-northeast-1")
"""A pair whose secondary has a longer name."""


def a_policy_of(characters: int, name: str = "long") -> Policy:
    document = a_document(iot_arn("topic/"))
    return Policy(name, document.replace("topic/", "topic/" + "x" * (characters - len(document))))


def checked(*policies: Policy, regions: RegionPair = LONGER, number: int = 100) -> list[Check]:
    return list(fleet_checks.policies(regions, Policies(*policies), number))


def test_policies_that_fit_and_keep_to_their_own_are_well() -> None:
    (check,) = checked(Policy("lab", device_policy(PRIMARY, "1")), a_policy_of(2048 - 5))

    assert check.level is Level.OK
    assert check.found == "all 2 of us-east-1 fit ap-northeast-1 and none speaks for others"


@pytest.mark.parametrize(
    ("document", "level"),
    [
        (device_policy(PRIMARY, "1"), Level.OK),
        ('{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}', Level.WARNING),
        (a_document(iot_arn("topic/" + "x" * 1950)), Level.FAILURE),
    ],
)
def test_what_was_found_in_a_part_of_the_policies_says_how_large_the_part_was(document: str, level: Level) -> None:
    (check,) = checked(*(Policy(name, document) for name in "abc"), number=2)

    assert check.level is level
    assert check.found.endswith("; 2 of 3 were read, --policies 3 reads them all")
    assert not any(one.found.endswith("reads them all") for one in checked(Policy("a", document), number=1))


def test_a_policy_that_grows_too_long_by_its_move_is_a_failure() -> None:
    document = device_policy(PRIMARY, ACCOUNT)
    at_limit = document.replace("devices/", "devices/" + "x" * (2048 - len("".join(document.split()))), 1)
    assert checked(Policy("long", at_limit), regions=PAIR)[0].level is Level.OK

    (check,) = checked(Policy("long", at_limit), Policy("broken", "no document"))

    assert (check.level, check.names) == (Level.FAILURE, ("long",))
    assert "longer in ap-northeast-1 than AWS admits" in check.found


def test_a_policy_that_lets_a_device_speak_for_others_is_a_warning_that_names_it() -> None:
    open_ = Policy("open", '{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}')

    (check,) = checked(open_, Policy("lab", device_policy(PRIMARY, "1")))

    assert (check.level, check.names) == (Level.WARNING, ("open",))
    assert "$aws/things/+/shadow/... and $aws/rules/..." in check.found
