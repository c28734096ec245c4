"""Everything that a launch makes has a name that follows from its postfix and its UUID."""

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.launch.launches import Launch, LaunchResourceKind, StackEvent
from iot_dr.model.regions import RegionPair

REGIONS = RegionPair("us-east-1", "us-west-2")
LAUNCH = Launch(REGIONS, "20260101120000", "8827376c")


def test_names_follow_from_the_postfix_and_the_uuid() -> None:
    assert LAUNCH.primary_stack == "IoTDRPrimary20260101120000"
    assert LAUNCH.secondary_stack == "IoTDRSecondary20260101120000"
    assert LAUNCH.health_checker_stack == "R53HealthChecker20260101120000"
    assert LAUNCH.global_table == "IoTDRGlobalTable20260101120000"
    assert LAUNCH.shadow_table == "IoTDRShadowTable20260101120000"
    assert (LAUNCH.primary_bucket, LAUNCH.secondary_bucket) == ("iot-dr-primary-8827376c", "iot-dr-secondary-8827376c")


@pytest.mark.parametrize("postfix", ["", "with-hyphen", "x" * 33, "ä", "../x"])
def test_a_postfix_that_no_stack_name_admits_is_refused(postfix: str) -> None:
    with pytest.raises(ConfigurationError, match="STACK_POSTFIX"):
        Launch(REGIONS, postfix, "8827376c")


@pytest.mark.parametrize("uuid", ["", "UPPER", "-starts", "ends-", "x" * 47, "a_b"])
def test_a_uuid_that_no_bucket_name_admits_is_refused(uuid: str) -> None:
    with pytest.raises(ConfigurationError, match="UUID"):
        Launch(REGIONS, "1", uuid)


def test_the_longest_uuid_still_makes_a_bucket_name() -> None:
    assert len(Launch(REGIONS, "1", "x" * 46).secondary_bucket) <= 63


def test_stacks_can_be_deleted_in_their_order() -> None:
    names = [name for _, name in LAUNCH.stacks]

    assert names == [
        LAUNCH.health_checker_stack,
        LAUNCH.health_checker_stack,
        LAUNCH.secondary_stack,
        LAUNCH.primary_stack,
    ]


def test_all_that_may_be_left_is_named_with_its_region() -> None:
    kinds = [one.kind for one in LAUNCH.resources]

    assert kinds.count(LaunchResourceKind.TABLE) == 4
    assert kinds.count(LaunchResourceKind.BUCKET) == 2
    assert str(LAUNCH.resources[-1]) == "bucket iot-dr-primary-8827376c in us-east-1"


@pytest.mark.parametrize(
    ("status", "reason", "wanted"),
    [
        ("CREATE_FAILED", "no right", True),
        ("CREATE_FAILED", "Resource creation cancelled", False),
        ("CREATE_COMPLETE", "", False),
    ],
)
def test_a_root_cause_is_a_failure_of_its_own(status: str, reason: str, wanted: bool) -> None:
    event = StackEvent("12:00", "us-east-1", "IoTDRPrimary1", "Table", "AWS::DynamoDB::GlobalTable", status, reason)

    assert event.is_root_cause is wanted
