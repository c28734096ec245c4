"""A launch is found by its stacks in either Region, and told even while the other Region is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iot_dr.errors import AccessDenied, ConfigurationError, RegionUnavailable
from iot_dr.model.launch.launched_stacks import LaunchedStack
from iot_dr.model.launch.launches import Launch
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.find_launches import chosen, launches_in, settings_of

FIRST = Launch(RegionPair("us-east-1", "us-west-2"), "20261124", "5f0c2a")
SECOND = Launch(RegionPair("us-west-2", "us-east-1"), "20261125", "5f0c2b")
ENDPOINTS = frozenset({"IOT_ENDPOINT_PRIMARY", "IOT_ENDPOINT_SECONDARY"})
WANTED = frozenset({"PRIMARY_REGION", "LEDGER_TABLE", "RULE_ERROR_QUEUE_URL", "FLEET_NAME", "CERTIFICATE_MODE"})


def stacks_of(launch: Launch) -> Iterator[LaunchedStack]:
    regions = launch.regions
    yield LaunchedStack(
        regions.primary,
        launch.primary_stack,
        "CREATE_COMPLETE",
        {"RuleErrorQueueUrl": "https://queue"},
        {"SecondaryRegion": regions.secondary, "Uuid": launch.uuid},
    )
    yield LaunchedStack(
        regions.secondary,
        launch.secondary_stack,
        "CREATE_COMPLETE",
        {"LedgerTableName": "ledger", "FleetName": ""},
        {"PrimaryRegion": regions.primary, "Uuid": launch.uuid, "CertificateMode": "jitr"},
    )


class Stacks:
    """`ports.StackLister` of some stacks; Regions may be away."""

    def __init__(self, *stacks: LaunchedStack, away: Exception | None = None, region: str = "") -> None:
        self._stacks, self._away, self._region = stacks, away, region

    def listed(self, region: str) -> Iterator[LaunchedStack]:
        return (one for one in self._stacks if one.region == region)

    def named(self, region: str, name: str) -> LaunchedStack | None:
        if self._away and region == self._region:
            raise self._away
        return next((one for one in self.listed(region) if one.name == name), None)


ALL = (*stacks_of(FIRST), *stacks_of(SECOND))


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_launches_are_found_in_either_region_by_their_stacks(region: str) -> None:
    others = (
        LaunchedStack(region, "IoTDRPrimary1", "CREATE_COMPLETE"),
        LaunchedStack(region, "IoTDRPrimary1", "CREATE_COMPLETE", {}, {"SecondaryRegion": "us-west-1", "Uuid": "A!"}),
        LaunchedStack(region, "IoTDRPrimary1", "CREATE_COMPLETE", {}, {"SecondaryRegion": region, "Uuid": "a"}),
        LaunchedStack(region, "mine", "CREATE_COMPLETE", {}, {"SecondaryRegion": "us-west-1", "Uuid": "a"}),
    )

    assert launches_in(region, Stacks(*ALL, *others)) == [SECOND, FIRST]


def test_the_only_launch_is_taken_and_of_several_the_one_that_is_named() -> None:
    assert chosen([FIRST], "", "us-east-1") == FIRST
    assert chosen([FIRST, SECOND], "20261125", "us-east-1") == SECOND


@pytest.mark.parametrize(
    ("found", "postfix", "message"),
    [
        ([], "", "no launch has a stack in us-east-1; set AWS_REGION"),
        (
            [FIRST, SECOND],
            "",
            r"2 launches .* choose one with --launch: 20261124 \(us-east-1 and us-west-2\), 20261125",
        ),
        ([FIRST], "1", r"no launch 1 has a stack in us-east-1; there are: 20261124"),
    ],
)
def test_what_cannot_be_decided_is_asked_for(found: list[Launch], postfix: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        chosen(found, postfix, "us-east-1")


def test_settings_are_what_stacks_and_names_tell() -> None:
    assert settings_of(FIRST, Stacks(*ALL), lambda region: f"in {region}", WANTED | ENDPOINTS) == {
        "PRIMARY_REGION": "us-east-1",
        "SECONDARY_REGION": "us-west-2",
        "STACK_POSTFIX": "20261124",
        "UUID": "5f0c2a",
        "DYNAMODB_GLOBAL_TABLE": "IoTDRGlobalTable20261124",
        "DYNAMODB_SHADOW_TABLE": "IoTDRShadowTable20261124",
        "PRIMARY_BUCKET": "iot-dr-primary-5f0c2a",
        "SECONDARY_BUCKET": "iot-dr-secondary-5f0c2a",
        "RULE_ERROR_QUEUE_URL": "https://queue",
        "LEDGER_TABLE": "ledger",
        "CERTIFICATE_MODE": "jitr",
        "IOT_ENDPOINT_PRIMARY": "in us-east-1",
        "IOT_ENDPOINT_SECONDARY": "in us-west-2",
    }


@pytest.mark.parametrize("error", [RegionUnavailable("away"), AccessDenied("no right")])
def test_while_the_primary_is_away_the_rest_is_told_all_the_same(error: Exception) -> None:
    found = settings_of(FIRST, Stacks(*ALL, away=error, region="us-east-1"), lambda _: "", WANTED)

    assert found["LEDGER_TABLE"] == "ledger"
    assert "RULE_ERROR_QUEUE_URL" not in found


def test_a_region_that_no_setting_is_wanted_of_is_not_asked() -> None:
    found = settings_of(
        FIRST, Stacks(away=AssertionError("asked"), region="us-east-1"), lambda _: "", frozenset({"LEDGER_TABLE"})
    )

    assert "LEDGER_TABLE" not in found
