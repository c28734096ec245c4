"""What keeps a launch from starting, and the command that mends it."""

import json
import shlex
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from iot_dr.errors import ConfigurationError
from iot_dr.model.events.registry_events import REPLICATED_EVENT_FAMILIES
from iot_dr.model.launch.distribution import Distribution, Release
from iot_dr.model.launch.launches import IotRegion, UnreadableValue
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch import check_launch

READY = IotRegion("a-ats.iot.example", frozenset(REPLICATED_EVENT_FAMILIES), "REGISTRY", 1000)
OFF = IotRegion("a-ats.iot.example", frozenset(), "OFF", 1000)
DENIED = UnreadableValue("AccessDeniedException")
RELEASE = Release(Distribution("iot-dr", "drs", "v1.0.0"))
PAIR = RegionPair("us-east-1", "us-west-2")
STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/main/1e0c"


@dataclass
class Regions:
    """Regions in memory."""

    states: dict[str, IotRegion]
    known: frozenset[str] = frozenset({"us-east-1", "us-west-2", "eu-west-1", "cn-north-1"})
    asked: list[str] = field(default_factory=list)
    unpublished: frozenset[str] = frozenset()

    def supported(self) -> frozenset[str]:
        return self.known

    def read(self, region: str) -> IotRegion:
        self.asked.append(region)
        return self.states[region]

    def sha256(self, region: str, bucket: str, key: str) -> str | None:
        assert bucket == f"iot-dr-{region}"
        self.asked.append(key)
        return None if region in self.unpublished else ""


def refusal(primary: str, secondary: str, reader: Regions) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_launch.check(primary, secondary, reader, RELEASE, reader)
    return str(caught.value)


def test_two_ready_regions_give_their_endpoints() -> None:
    reader = Regions({"us-east-1": READY, "us-west-2": replace(OFF, endpoint="b-ats.iot.example")})

    assert check_launch.check("us-east-1", "us-west-2", reader, RELEASE, reader) == check_launch.Endpoints(
        "a-ats.iot.example", "b-ats.iot.example"
    )


def test_all_that_is_missing_is_told_at_once() -> None:
    message = refusal("us-east-1", "us-west-2", Regions({"us-east-1": OFF, "us-west-2": replace(OFF, endpoint=DENIED)}))

    for number in ("(1)", "(2)", "(3)"):
        assert number in message
    assert ", ".join(REPLICATED_EVENT_FAMILIES) in message
    assert "device endpoint of us-west-2" in message


def test_missing_events_name_the_families_that_are_off_and_the_command_enables_all() -> None:
    first, *others = REPLICATED_EVENT_FAMILIES

    (finding,) = check_launch.find_in_regions(PAIR, replace(READY, enabled_events=frozenset({first})), READY)

    assert finding.missing == f"registry events are off in us-east-1 for {', '.join(others)}"
    *command, configurations = shlex.split(finding.mend)
    assert command == ["aws", "iot", "update-event-configurations", "--region", "us-east-1", "--event-configurations"]
    assert json.loads(configurations) == {family: {"Enabled": True} for family in REPLICATED_EVENT_FAMILIES}


def test_missing_indexing_names_the_command() -> None:
    (finding,) = check_launch.find_in_regions(PAIR, replace(READY, indexing_mode="OFF"), READY)

    assert finding.mend == (
        "aws iot update-indexing-configuration --region us-east-1 "
        "--thing-indexing-configuration thingIndexingMode=REGISTRY"
    )


@pytest.mark.parametrize("mode", ["REGISTRY", "REGISTRY_AND_SHADOW"])
def test_either_indexing_mode_will_do(mode: str) -> None:
    assert check_launch.find_in_regions(PAIR, replace(READY, indexing_mode=mode), READY) == ()


def test_the_secondary_needs_neither_events_nor_indexing() -> None:
    assert check_launch.find_in_regions(PAIR, READY, replace(OFF, enabled_events=DENIED, indexing_mode=DENIED)) == ()


def test_what_cannot_be_read_is_told_as_unreadable_not_as_off() -> None:
    unreadable = IotRegion(DENIED, DENIED, DENIED, DENIED)

    findings = check_launch.find_in_regions(PAIR, unreadable, READY)

    assert len(findings) == 4
    assert all("cannot be read (AccessDeniedException)" in finding.missing for finding in findings)
    assert not any(finding.mend.startswith("aws iot update") for finding in findings)


@pytest.mark.parametrize(
    ("primary", "secondary", "part"),
    [
        ("us-east-1", "us-east-1", "both us-east-1"),
        ("us-east-1", "mars-1", "SecondaryRegion 'mars-1' does not have AWS IoT Core"),
        ("us-east-1", "cn-north-1", "different AWS partitions"),
        ("", "", "both empty"),
    ],
)
def test_a_wrong_choice_of_regions_is_refused_before_any_is_read(primary: str, secondary: str, part: str) -> None:
    reader = Regions({})

    assert part in refusal(primary, secondary, reader)
    assert reader.asked == []


def test_a_region_without_published_code_is_refused_with_the_command_that_publishes_it() -> None:
    reader = Regions({"us-east-1": READY, "us-west-2": READY}, unpublished=frozenset({"us-west-2"}))

    message = refusal("us-east-1", "us-west-2", reader)

    assert "s3://iot-dr-us-west-2/drs/v1.0.0/iot_dr_layer.zip does not exist" in message
    assert "deployment/publish.sh iot-dr drs v1.0.0 us-east-1 us-west-2" in message
    assert "(2)" not in message


@pytest.mark.parametrize("short", ["us-east-1", "us-west-2"])
def test_a_region_with_few_concurrent_executions_is_refused_with_the_command_that_asks_for_more(short: str) -> None:
    states = {"us-east-1": READY, "us-west-2": READY}

    message = refusal("us-east-1", "us-west-2", Regions(states | {short: replace(READY, concurrency=49)}))

    assert f"49 functions at once in {short}" in message
    assert f"aws service-quotas request-service-quota-increase --region {short} --service-code lambda" in message
    assert "(2)" not in message


def test_as_many_concurrent_executions_as_are_needed_will_do() -> None:
    assert check_launch.find_in_regions(PAIR, replace(READY, concurrency=50), READY) == ()


def test_a_refusal_of_everything_fits_cloudformations_answer() -> None:
    reason = "x" * 300
    unreadable = IotRegion(*[UnreadableValue(reason)] * 4)

    message = refusal("us-east-1", "us-west-2", Regions({"us-east-1": unreadable, "us-west-2": unreadable}))

    assert len(message) < 3000


def test_a_launch_is_named_after_the_time_and_the_stack_and_read_back() -> None:
    launch = check_launch.new_launch(PAIR, STACK_ID, lambda: datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC))

    assert launch.postfix == "20261124120001"
    assert check_launch.known_launch(PAIR, STACK_ID, check_launch.identity_of(launch)) == launch


def test_two_stacks_never_share_a_uuid() -> None:
    one, other = (check_launch.new_launch(PAIR, STACK_ID + end, lambda: datetime.now(UTC)) for end in "ab")

    assert one.uuid != other.uuid


@pytest.mark.parametrize("other", [RegionPair("us-east-1", "eu-west-1"), RegionPair("us-west-2", "us-east-1")])
def test_a_launch_refuses_other_regions_and_the_same_ones_exchanged(other: RegionPair) -> None:
    launch = check_launch.new_launch(PAIR, STACK_ID, lambda: datetime.now(UTC))

    with pytest.raises(ConfigurationError, match="cannot change"):
        check_launch.known_launch(other, STACK_ID, check_launch.identity_of(launch))


def test_bucket_names_of_a_launch_have_at_most_63_characters() -> None:
    launch = check_launch.new_launch(PAIR, STACK_ID, lambda: datetime.now(UTC))

    assert max(len(launch.primary_bucket), len(launch.secondary_bucket)) <= 63
