"""A launch, step by step, against stacks in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from iot_dr.errors import ConfigurationError, LaunchFailed
from iot_dr.model.launch.distribution import Distribution, Release
from iot_dr.model.launch.launches import Choices, Launch, Stack, StackEvent
from iot_dr.model.regions import RegionPair
from iot_dr.services.launch.launch import Launcher, launch, toolsrc

ORDER = Launch(RegionPair("us-east-1", "us-west-2"), "20261124120000", "5f0c2a")
RELEASE = Release(Distribution("my-dr", "drs", "v1.0.0"), {"a.zip": "1" * 64, "b.template": "2" * 64})
STREAMS = "arn:aws:dynamodb:us-west-2:111122223333:table"
OUTPUTS = {
    "LedgerTableName": "ledger-1",
    "LookQueueUrl": "https://q/requests",
    "RuleErrorQueueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/errors",
    "ShadowRuleErrorQueueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/shadow-errors",
}


@dataclass
class World:
    """Plays every port of the launcher and keeps what was asked of it, in order."""

    log: list[str] = field(default_factory=list)
    stacks: dict[tuple[str, str], Stack] = field(default_factory=dict)
    written: dict[tuple[str, str, str], str] = field(default_factory=dict)
    unpublished: str = "none"
    failing: str = "none"
    changed: str = "none"
    drains: Mapping[str, str] = field(default_factory=dict)

    def bring_up(self, stack: Stack, report: Callable[[StackEvent], None]) -> Mapping[str, str]:
        report(StackEvent("12:00:00", stack.region, stack.name, stack.name, "stack", "CREATE_IN_PROGRESS"))
        if self.failing in stack.name:
            raise LaunchFailed(f"stack {stack.name} failed")
        self.log.append(f"{stack.name} {stack.region}")
        self.stacks[stack.region, stack.name] = stack
        return {**OUTPUTS, **self.drains} if stack.name == ORDER.health_checker_stack else OUTPUTS

    def url(self, file: str) -> str:
        if self.unpublished in file:
            raise ConfigurationError(f"{file} does not exist")
        return f"https://example/{file}"

    def sha256(self, region: str, bucket: str, key: str) -> str:
        place = f"{bucket}/{key}"
        assert place in {f"my-dr-{region}/drs/v1.0.0/a.zip", "my-dr-reference/drs/v1.0.0/b.template"}
        return "3" * 64 if self.changed == place else RELEASE.digests[key.rpartition("/")[2]]

    def replica_stream(self, table: str, region: str, replica_region: str) -> str:
        self.log.append(f"{table} {region} {replica_region}")
        return f"{STREAMS}/{table}/stream/1"

    def protect(self, table: str, region: str) -> None:
        self.log.append(f"protect {table} {region}")

    def put(self, region: str, bucket: str, key: str, text: str) -> None:
        self.log.append(key)
        self.written[region, bucket, key] = text

    def step(self, text: str) -> None: ...

    def event(self, event: StackEvent) -> None: ...

    @property
    def launcher(self) -> Launcher:
        return Launcher(self, self, self, self, self, lambda region: f"{region}.example", self)


def test_stacks_come_up_in_the_order_in_which_one_needs_the_other() -> None:
    world = World()

    launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)

    assert world.log == [
        "IoTDRPrimary20261124120000 us-east-1",
        "IoTDRGlobalTable20261124120000 us-east-1 us-west-2",
        "IoTDRShadowTable20261124120000 us-east-1 us-west-2",
        "IoTDRSecondary20261124120000 us-west-2",
        "R53HealthChecker20261124120000 us-west-2",
        "R53HealthChecker20261124120000 us-east-1",
        "protect IoTDRGlobalTable20261124120000 us-east-1",
        "protect IoTDRGlobalTable20261124120000 us-west-2",
        "protect IoTDRShadowTable20261124120000 us-east-1",
        "protect IoTDRShadowTable20261124120000 us-west-2",
        "protect ledger-1 us-west-2",
        "tools/toolsrc",
    ]


def test_each_stack_gets_its_template_and_parameters() -> None:
    world = World()

    launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)

    primary = world.stacks["us-east-1", ORDER.primary_stack]
    assert primary.template_url.endswith("-primary-region.template")
    assert primary.parameters == {
        "SecondaryRegion": "us-west-2",
        "GlobalTableName": "IoTDRGlobalTable20261124120000",
        "ShadowTableName": "IoTDRShadowTable20261124120000",
        "Uuid": "5f0c2a",
    }
    secondary = world.stacks["us-west-2", ORDER.secondary_stack]
    assert secondary.template_url.endswith("-secondary-region.template")
    assert secondary.parameters == {
        "PrimaryRegion": "us-east-1",
        "GlobalTableStreamArn": f"{STREAMS}/IoTDRGlobalTable20261124120000/stream/1",
        "ShadowTableStreamArn": f"{STREAMS}/IoTDRShadowTable20261124120000/stream/1",
        "Uuid": "5f0c2a",
        "DeviceEndpoint": "us-west-2.example",
        "HealthCheckerStack": "R53HealthChecker20261124120000",
    }
    for region in ("us-east-1", "us-west-2"):
        assert world.stacks[region, ORDER.health_checker_stack].parameters == {
            "StackPostfix": "20261124120000",
            "PrimaryRegion": "us-east-1",
            "SecondaryRegion": "us-west-2",
            "GlobalTableName": "IoTDRGlobalTable20261124120000",
        }


def test_the_primarys_record_is_told_by_which_check_the_secondary_drains_it() -> None:
    world = World(drains={"DrainsCheckId": "1a2b"})

    launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)

    given = {
        region: world.stacks[region, ORDER.health_checker_stack].parameters.get("SecondaryDrainsCheckId")
        for region in ("us-east-1", "us-west-2")
    }
    assert given == {"us-east-1": "1a2b", "us-west-2": None}


def test_the_tools_know_the_fleets_name_and_where_to_ask_for_it() -> None:
    named = {"FleetName": "iot.example.com", "HostedZoneId": "Z1"}
    world = World(drains=named)

    launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)

    (text,) = world.written.values()
    assert "export FLEET_NAME=iot.example.com\nexport HOSTED_ZONE_ID=Z1\n" in text
    assert "NAME_SERVERS" not in text


def test_without_health_checkers_the_secondary_is_told_of_none() -> None:
    world = World()

    launch(ORDER, Choices(), RELEASE, world.launcher)

    assert "HealthCheckerStack" not in world.stacks["us-west-2", ORDER.secondary_stack].parameters


CHOSEN = Choices(
    create_health_check=True,
    certificate_mode="jitr",
    replicate_shadows="named",
    shadow_name_pattern="config",
    permissions_boundary="arn:b",
    kms_key_id="mrk-1",
    primary_access_log_bucket="logs-p",
    secondary_access_log_bucket="logs-s",
    health_check_concurrency="0",
    tracing="yes",
    fleet_name="iot.example.com",
    hosted_zone_id="Z1",
    primary_fleet_certificate_arn="arn:p",
    secondary_fleet_certificate_arn="arn:s",
    health_check_interval="10",
    failure_threshold="2",
    health_checker_regions="us-east-1,eu-west-1,sa-east-1",
    name_servers="192.0.2.1:53",
    primary_notification_topic_arn="arn:topic-p",
    secondary_notification_topic_arn="arn:topic-s",
    provisioning_template="floor",
)


def launched_with(choices: Choices) -> dict[str, dict[str, str]]:
    """Launch, and return the parameters of each stack beside those that every launch gives."""
    world, plain = World(), World()
    launch(ORDER, choices, RELEASE, world.launcher)
    launch(ORDER, Choices(create_health_check=True), RELEASE, plain.launcher)
    return {
        f"{name.removesuffix(ORDER.postfix)} {region}": {
            key: value for key, value in stack.parameters.items() if key not in plain.stacks[region, name].parameters
        }
        for (region, name), stack in world.stacks.items()
    }


def test_what_was_chosen_reaches_the_stacks_that_it_is_for() -> None:
    everywhere = {"PermissionsBoundary": "arn:b", "KmsKeyId": "mrk-1"}
    topic_p, topic_s = {"NotificationTopicArn": "arn:topic-p"}, {"NotificationTopicArn": "arn:topic-s"}
    shadows = {"ReplicateShadows": "named", "ShadowNamePattern": "config"}
    checker = {
        **everywhere,
        "HealthCheckConcurrency": "0",
        "FleetName": "iot.example.com",
        "HostedZoneId": "Z1",
        "HealthCheckInterval": "10",
        "FailureThreshold": "2",
        "HealthCheckerRegions": "us-east-1,eu-west-1,sa-east-1",
    }

    assert launched_with(CHOSEN) == {
        "IoTDRPrimary us-east-1": {
            **everywhere,
            **shadows,
            **topic_p,
            "AccessLogBucket": "logs-p",
            "Tracing": "yes",
            "ProvisioningTemplate": "floor",
        },
        "IoTDRSecondary us-west-2": {
            **everywhere,
            **shadows,
            **topic_s,
            "AccessLogBucket": "logs-s",
            "Tracing": "yes",
            "CertificateMode": "jitr",
            "FleetName": "iot.example.com",
            "NameServers": "192.0.2.1:53",
        },
        "R53HealthChecker us-east-1": {**checker, **topic_p, "FleetCertificateArn": "arn:p"},
        "R53HealthChecker us-west-2": {**checker, **topic_s, "FleetCertificateArn": "arn:s"},
    }


@pytest.mark.parametrize("choice", [one.name for one in fields(Choices) if one.name != "create_health_check"])
def test_a_choice_that_is_empty_is_left_out_so_that_no_stack_loses_what_it_has(choice: str) -> None:
    empty: dict[str, Any] = {choice: ""}
    all_chosen, without = launched_with(CHOSEN), launched_with(replace(CHOSEN, **empty))

    assert without != all_chosen
    assert all(without[stack].items() <= given.items() for stack, given in all_chosen.items())
    assert not any(value == "" for given in without.values() for value in given.values())


def test_health_checkers_are_launched_only_when_asked_for() -> None:
    world = World(unpublished="health-checker")

    launch(ORDER, Choices(), RELEASE, world.launcher)

    assert not any("R53" in line for line in world.log)


def test_a_template_that_is_not_published_stops_the_launch_before_the_first_stack() -> None:
    world = World(unpublished="health-checker")

    with pytest.raises(ConfigurationError):
        launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)

    assert world.log == []


@pytest.mark.parametrize(
    "place",
    ["my-dr-us-east-1/drs/v1.0.0/a.zip", "my-dr-us-west-2/drs/v1.0.0/a.zip", "my-dr-reference/drs/v1.0.0/b.template"],
)
def test_a_file_that_was_changed_since_the_build_stops_the_launch_before_the_first_stack(place: str) -> None:
    world = World(changed=place)

    with pytest.raises(ConfigurationError, match=f"s3://{place} is not the file that this version was built with"):
        launch(ORDER, Choices(), RELEASE, world.launcher)

    assert world.log == []


def test_a_failed_stack_stops_the_launch_and_a_further_run_ends_like_an_undisturbed_one() -> None:
    world, undisturbed = World(failing="Secondary"), World()
    with pytest.raises(LaunchFailed, match="IoTDRSecondary20261124120000"):
        launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)
    assert world.written == {}

    world.failing = "none"
    launch(ORDER, Choices(create_health_check=True), RELEASE, world.launcher)
    launch(ORDER, Choices(create_health_check=True), RELEASE, undisturbed.launcher)

    assert (world.stacks, world.written) == (undisturbed.stacks, undisturbed.written)


def test_the_tools_find_their_settings() -> None:
    world = World()

    launched = launch(ORDER, Choices(), RELEASE, world.launcher)

    text = world.written["us-east-1", "iot-dr-primary-5f0c2a", "tools/toolsrc"]
    assert launched.toolsrc == "s3://iot-dr-primary-5f0c2a/tools/toolsrc"
    assert "export DYNAMODB_GLOBAL_TABLE=IoTDRGlobalTable20261124120000\n" in text
    assert "export DYNAMODB_SHADOW_TABLE=IoTDRShadowTable20261124120000\n" in text
    assert "export LEDGER_TABLE=ledger-1\n" in text
    assert "export RULE_ERROR_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/111122223333/errors\n" in text
    assert "export SHADOW_RULE_ERROR_QUEUE_URL=https://sqs.us-east-1.amazonaws.com/111122223333/shadow-errors\n" in text
    assert "export IOT_ENDPOINT_SECONDARY=us-west-2.example\n" in text


def test_values_are_quoted_for_the_shell() -> None:
    assert "export X='a b;$c'\n" in toolsrc(ORDER, {"X": "a b;$c"})
