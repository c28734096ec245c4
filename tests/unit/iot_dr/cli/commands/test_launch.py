"""What `iot-dr launch` shows, in a log that is no terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from iot_dr.cli import main
from iot_dr.cli.commands.launch import launch
from iot_dr.errors import LaunchFailed
from iot_dr.model.launch.launches import Stack, StackEvent
from iot_dr.ports.progress import LaunchObserver
from iot_dr.runtime.commands.launch.launch import LaunchEnvironment
from iot_dr.services.launch.launch import Launcher
from tests.account import VARIABLES

ENVIRONMENT = {
    **VARIABLES,
    "BUCKET_RESOURCES": "my-dr-reference",
    "SOLUTION_NAME": "drs",
    "VERSION": "v1.0.0",
}
REASON = "a reason of AWS that is longer than any terminal is wide " * 5


class World:
    """Plays every port of the launcher."""

    fails = False

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.values: set[str] = set()

    def bring_up(self, stack: Stack, report: Callable[[StackEvent], None]) -> Mapping[str, str]:
        self.given |= stack.parameters
        self.values.update(value for name, value in stack.parameters.items() if name not in NAMES)
        report(
            StackEvent("12:00:00", stack.region, stack.name, "WorkBucket", "AWS::S3::Bucket", "CREATE_FAILED", REASON)
        )
        if self.fails:
            raise LaunchFailed("first to fail was WorkBucket")
        return {
            "LedgerTableName": "ledger-1",
            "LookQueueUrl": "https://q/requests",
            "RuleErrorQueueUrl": "q",
            "ShadowRuleErrorQueueUrl": "q",
        }

    def url(self, file: str) -> str:
        return file

    def protect(self, table: str, region: str) -> None: ...

    def sha256(self, region: str, bucket: str, key: str) -> str:
        return ""

    def replica_stream(self, table: str, region: str, replica_region: str) -> str:
        return "arn:stream"

    def put(self, region: str, bucket: str, key: str, text: str) -> None: ...


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fake = World()

    @contextmanager
    def launcher(_: LaunchEnvironment, progress: LaunchObserver, _profile: str) -> Iterator[Launcher]:
        yield Launcher(fake, fake, fake, fake, fake, lambda region: region, progress)

    monkeypatch.setattr(launch, "launcher", launcher)
    return fake


def test_each_event_is_one_whole_line_without_colours(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch"], env=ENVIRONMENT)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    line = f"12:00:00  us-east-1       CREATE_FAILED                 WorkBucket (AWS::S3::Bucket)  {REASON}"
    assert line.rstrip() in [shown.rstrip() for shown in result.stdout.splitlines()]


def test_the_end_names_the_outputs_and_the_tools_settings(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch", "--uuid", "other"], env=ENVIRONMENT)

    assert "IoTDRSecondary20261124120000  LedgerTableName = ledger-1" in result.stdout
    assert "aws s3 cp s3://iot-dr-primary-other/tools/toolsrc . && . ./toolsrc" in result.stdout


CHOICES = {
    "CERTIFICATE_MODE": "jitr",
    "PROVISIONING_TEMPLATE": "pumps",
    "REPLICATE_SHADOWS": "named",
    "SHADOW_NAME_PATTERN": "config",
    "PERMISSIONS_BOUNDARY": "arn:aws:iam::111122223333:policy/boundary",
    "KMS_KEY_ID": "mrk-0123456789abcdef0123456789abcdef",
    "PRIMARY_ACCESS_LOG_BUCKET": "logs-of-mine",
    "SECONDARY_ACCESS_LOG_BUCKET": "logs-of-mine",
    "HEALTH_CHECK_CONCURRENCY": "5",
    "TRACING": "yes",
    "FLEET_NAME": "iot.example.com",
    "HOSTED_ZONE_ID": "Z1",
    "PRIMARY_FLEET_CERTIFICATE_ARN": "arn:aws:acm:us-east-1:111122223333:certificate/1a2b",
    "SECONDARY_FLEET_CERTIFICATE_ARN": "arn:aws:acm:us-east-1:111122223333:certificate/1a2b",
    "HEALTH_CHECK_INTERVAL": "10",
    "FAILURE_THRESHOLD": "2",
    "HEALTH_CHECKER_REGIONS": "us-east-1,eu-west-1,sa-east-1",
    "NAME_SERVERS": "192.0.2.1:53",
    "PRIMARY_NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:alarms",
    "SECONDARY_NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-west-2:111122223333:alarms",
}
NAMES = {
    *("SecondaryRegion", "PrimaryRegion", "StackPostfix", "Uuid"),
    *("GlobalTableName", "GlobalTableStreamArn", "ShadowTableName", "ShadowTableStreamArn"),
    *("DeviceEndpoint", "HealthCheckerStack"),
}


def test_variables_that_are_set_reach_the_stacks(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch"], env={**ENVIRONMENT, **CHOICES, "CREATE_HEALTH_CHECK": "yes"})

    assert result.exit_code == 0, result.stderr
    assert world.values == set(CHOICES.values())
    assert "AccessLogBucket" in world.given


@pytest.mark.parametrize("unset", [dict.fromkeys(CHOICES), dict.fromkeys(CHOICES, "")])
def test_variables_that_are_empty_or_not_set_take_nothing_from_a_stack(
    unset: dict[str, str | None], world: World
) -> None:
    result = CliRunner().invoke(main.cli, ["launch"], env={**ENVIRONMENT, **unset, "CREATE_HEALTH_CHECK": "yes"})

    assert result.exit_code == 0, result.stderr
    assert world.given.keys() == NAMES


def test_a_fleets_name_without_its_zone_launches_nothing(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch", "--fleet-name", "iot.example.com"], env=ENVIRONMENT)

    assert (result.exit_code, world.given) == (2, {})
    assert "HOSTED_ZONE_ID is missing: which hosted zone holds iot.example.com?" in result.stderr


def test_a_topic_of_the_other_region_launches_nothing_since_no_alarm_could_notify_it(world: World) -> None:
    topic = CHOICES["SECONDARY_NOTIFICATION_TOPIC_ARN"]
    result = CliRunner().invoke(main.cli, ["launch", "--primary-notification-topic-arn", topic], env=ENVIRONMENT)

    assert (result.exit_code, world.given) == (2, {})
    assert f"{topic} is no topic in us-east-1" in result.stderr


def test_route_53_knows_two_intervals(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch", "--health-check-interval", "20"], env=ENVIRONMENT)

    assert (result.exit_code, world.given) == (2, {})
    assert "20" in result.stderr


def test_names_that_are_missing_are_told_with_their_variables(world: World) -> None:
    result = CliRunner().invoke(main.cli, ["launch"], env={**ENVIRONMENT, "UUID": "", "VERSION": ""})

    assert (result.exit_code, world.given) == (2, {})
    assert "missing: UUID (--uuid), VERSION (--version)" in result.stderr


def test_a_failed_stack_ends_with_1_and_its_reason_last(world: World) -> None:
    world.fails = True

    result = CliRunner().invoke(main.cli, ["launch"], env=ENVIRONMENT)

    assert (result.exit_code, result.stderr) == (1, "error: first to fail was WorkBucket\n")
    assert "complete" not in result.stdout
