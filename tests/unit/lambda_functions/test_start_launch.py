"""The start of a launch as CloudFormation calls it: the handler itself, an answer over HTTP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from iot_dr.errors import AccessDenied, IotDrError
from iot_dr.model.launch.launches import LaunchResource
from iot_dr.runtime.functions.launch import start_launch
from start_launch.handler import lambda_handler
from tests.unit.lambda_functions.cloudformation import Answers, Invocation, taking_answers

PROPERTIES = {
    "ProjectName": "launch",
    "PrimaryRegion": "us-east-1",
    "SecondaryRegion": "us-west-2",
    "CreateHealthCheck": "yes",
    "CertificateMode": "jitr",
    "ReplicateShadows": "named",
    "ShadowNamePattern": "config|status",
    "KmsKeyId": "mrk-0123456789abcdef0123456789abcdef",
    "PrimaryAccessLogBucket": "logs-of-us-east-1",
    "SecondaryAccessLogBucket": "logs-of-us-west-2",
    "HealthCheckConcurrency": "5",
    "Tracing": "yes",
    "FleetName": "iot.example.com",
    "HostedZoneId": "Z1",
    "PrimaryFleetCertificateArn": "arn:p",
    "SecondaryFleetCertificateArn": "arn:s",
    "HealthCheckInterval": "10",
    "FailureThreshold": "2",
    "HealthCheckerRegions": "us-east-1,eu-west-1,sa-east-1",
    "NameServers": "192.0.2.1:53",
    "PrimaryNotificationTopicArn": "arn:topic-p",
    "SecondaryNotificationTopicArn": "arn:topic-s",
    "StackPostfix": "20261124120000",
    "Uuid": "5f0c2a12-0000-0000-0000-000000000000",
}


@dataclass
class World:
    """CodeBuild and both Regions in memory."""

    started: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    error: BaseException | None = None
    digest: str = "1" * 64
    versions: list[str] = field(default_factory=list)

    def newest(self, bucket: str, key: str) -> tuple[str, str]:
        assert (bucket, key) == ("my-dr-us-east-1", "drs/v1.0.0/iot-dr-solution.zip")
        return self.digest, "version-7"

    def start(self, project: str, variables: Mapping[str, str], token: str, version: str) -> str:
        if self.error:
            raise self.error
        self.versions.append(version)
        if token not in self.tokens:
            self.started.append((project, dict(variables)))
            self.tokens[token] = f"{project}:{len(self.started)}"
        return self.tokens[token]

    def exists(self, resource: LaunchResource) -> bool:
        if self.error:
            raise self.error
        return str(resource) in self.there


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fake = World()
    monkeypatch.setattr(start_launch, "CodeBuildStarter", lambda _client: fake)
    monkeypatch.setattr(start_launch, "S3BuildSource", lambda _client: fake)
    monkeypatch.setattr(start_launch, "RegionalLeftovers", lambda: fake)
    return fake


@pytest.fixture
def answers() -> Iterator[Answers]:
    with taking_answers() as taken:
        yield taken


def test_a_create_starts_the_build_with_the_launchs_variables(world: World, answers: Answers) -> None:
    lambda_handler(answers.request("Create", PROPERTIES), Invocation())

    assert answers.only["Status"] == "SUCCESS"
    assert answers.only["PhysicalResourceId"] == "launch-20261124120000"
    assert world.started == [
        (
            "launch",
            {
                "PRIMARY_REGION": "us-east-1",
                "SECONDARY_REGION": "us-west-2",
                "CREATE_HEALTH_CHECK": "yes",
                "CERTIFICATE_MODE": "jitr",
                "PROVISIONING_TEMPLATE": "",
                "REPLICATE_SHADOWS": "named",
                "SHADOW_NAME_PATTERN": "config|status",
                "KMS_KEY_ID": "mrk-0123456789abcdef0123456789abcdef",
                "PRIMARY_ACCESS_LOG_BUCKET": "logs-of-us-east-1",
                "SECONDARY_ACCESS_LOG_BUCKET": "logs-of-us-west-2",
                "HEALTH_CHECK_CONCURRENCY": "5",
                "TRACING": "yes",
                "FLEET_NAME": "iot.example.com",
                "HOSTED_ZONE_ID": "Z1",
                "PRIMARY_FLEET_CERTIFICATE_ARN": "arn:p",
                "SECONDARY_FLEET_CERTIFICATE_ARN": "arn:s",
                "HEALTH_CHECK_INTERVAL": "10",
                "FAILURE_THRESHOLD": "2",
                "HEALTH_CHECKER_REGIONS": "us-east-1,eu-west-1,sa-east-1",
                "NAME_SERVERS": "192.0.2.1:53",
                "PRIMARY_NOTIFICATION_TOPIC_ARN": "arn:topic-p",
                "SECONDARY_NOTIFICATION_TOPIC_ARN": "arn:topic-s",
                "STACK_POSTFIX": "20261124120000",
                "UUID": "5f0c2a12-0000-0000-0000-000000000000",
            },
        )
    ]


SOURCE = {
    "SourceBucket": "my-dr-us-east-1",
    "SourceKey": "drs/v1.0.0/iot-dr-solution.zip",
    "SourceSha256": "1" * 64,
}


def test_the_build_runs_the_version_of_its_source_that_has_the_releases_digest(world: World, answers: Answers) -> None:
    lambda_handler(answers.request("Create", PROPERTIES | SOURCE), Invocation())

    assert answers.only["Status"] == "SUCCESS"
    assert world.versions == ["version-7"]


def test_a_source_that_was_changed_since_the_build_starts_nothing(world: World, answers: Answers) -> None:
    world.digest = "2" * 64

    lambda_handler(answers.request("Create", PROPERTIES | SOURCE), Invocation())

    assert answers.only["Status"] == "FAILED"
    assert "s3://my-dr-us-east-1/drs/v1.0.0/iot-dr-solution.zip is not the file" in answers.only["Reason"]
    assert world.started == []


def test_a_request_that_is_delivered_twice_starts_one_build(world: World, answers: Answers) -> None:
    for _ in range(2):
        lambda_handler(answers.request("Create", PROPERTIES), Invocation())

    assert len(world.started) == 1


def test_an_update_starts_another_build_of_the_same_launch(world: World, answers: Answers) -> None:
    lambda_handler(answers.request("Create", PROPERTIES), Invocation())
    changed = PROPERTIES | {"CreateHealthCheck": "no"}
    update = answers.request("Update", changed, "launch-20261124120000", RequestId="request-2")

    lambda_handler(update, Invocation())

    assert [variables["CREATE_HEALTH_CHECK"] for _, variables in world.started] == ["yes", "no"]
    assert len({variables["STACK_POSTFIX"] for _, variables in world.started}) == 1
    assert {body["PhysicalResourceId"] for body in answers.bodies} == {"launch-20261124120000"}


@pytest.mark.parametrize(
    ("parameter", "variable", "value"),
    [
        ("CertificateMode", "CERTIFICATE_MODE", "copy"),
        ("ReplicateShadows", "REPLICATE_SHADOWS", "all"),
        ("ShadowNamePattern", "SHADOW_NAME_PATTERN", ".*"),
        ("KmsKeyId", "KMS_KEY_ID", ""),
        ("PrimaryAccessLogBucket", "PRIMARY_ACCESS_LOG_BUCKET", ""),
        ("SecondaryAccessLogBucket", "SECONDARY_ACCESS_LOG_BUCKET", ""),
        ("HealthCheckConcurrency", "HEALTH_CHECK_CONCURRENCY", ""),
        ("Tracing", "TRACING", ""),
        ("PrimaryNotificationTopicArn", "PRIMARY_NOTIFICATION_TOPIC_ARN", ""),
    ],
)
def test_an_update_rolled_back_to_a_stack_without_a_parameter_takes_what_that_stack_did(
    parameter: str, variable: str, value: str, world: World, answers: Answers
) -> None:
    old = {name: value for name, value in PROPERTIES.items() if name != parameter}

    lambda_handler(answers.request("Update", old, "launch-20261124120000"), Invocation())

    assert [variables[variable] for _, variables in world.started] == [value]


def test_a_delete_succeeds_and_says_what_is_left(
    world: World, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    world.there = {"stack IoTDRSecondary20261124120000 in us-west-2"}

    lambda_handler(answers.request("Delete", PROPERTIES, "launch-20261124120000"), Invocation())

    command = "aws cloudformation delete-stack --stack-name IoTDRSecondary20261124120000 --region us-west-2"
    assert answers.only["Status"] == "SUCCESS"
    assert command in answers.only["Reason"]
    (record,) = [record for record in caplog.records if record.message == "main stack deleted"]
    assert command in record.__dict__["left"][0]


def test_a_delete_names_the_boundary_last(world: World, answers: Answers, caplog: pytest.LogCaptureFixture) -> None:
    world.there = {"stack IoTDRSecondary20261124120000 in us-west-2"}
    boundary = "arn:aws:iam::111122223333:policy/iot-dr-LaunchedRolesBoundary-1A2B"

    request = answers.request("Delete", PROPERTIES | {"PermissionsBoundary": boundary}, "launch-20261124120000")
    lambda_handler(request, Invocation())

    command = f"the roles' boundary: aws iam delete-policy --policy-arn {boundary}"
    assert answers.only["Reason"].endswith(f"(2) {command}")
    (record,) = [record for record in caplog.records if record.message == "main stack deleted"]
    assert record.__dict__["boundary"] == command


def test_a_delete_succeeds_although_nothing_can_be_checked(world: World, answers: Answers) -> None:
    world.error = AccessDenied("no right")

    lambda_handler(answers.request("Delete", PROPERTIES, "launch-20261124120000"), Invocation())

    assert answers.only["Status"] == "SUCCESS"
    assert "could not check: AccessDenied" in answers.only["Reason"]
    assert answers.sizes[0] <= 4096


def test_a_delete_of_a_launch_that_never_started_requests_for_nothing(world: World, answers: Answers) -> None:
    world.error = AssertionError("checked")

    lambda_handler(answers.request("Delete", PROPERTIES, "not-created"), Invocation())

    assert answers.only["Status"] == "SUCCESS"


@pytest.mark.parametrize("error", [AccessDenied("codebuild:StartBuild is not allowed"), RuntimeError("a bug: secret")])
def test_an_exception_inside_is_answered(world: World, answers: Answers, error: Exception) -> None:
    world.error = error

    if isinstance(error, IotDrError):
        lambda_handler(answers.request("Create", PROPERTIES), Invocation())
    else:
        with pytest.raises(RuntimeError):
            lambda_handler(answers.request("Create", PROPERTIES), Invocation())

    assert answers.only["Status"] == "FAILED"
    assert answers.only["PhysicalResourceId"] == "not-created"
    assert "secret" not in answers.only["Reason"]
