import re
from dataclasses import replace
from typing import Any

import pytest

import generate
from iot_dr.model.launch.distribution import digests_of
from iot_dr.runtime.functions.launch.start_launch import CHOICES
from templates.main_stack import build
from tests.unit.templates.resolving import POSTFIX, PRIMARY, Resolver
from tests.unit.templates.stacks import Stack, golden_config, make_stacks

OUTPUTS = {
    "CFNIoTDRPrimaryStack",
    "CFNIoTDRSecondaryStack",
    "CFNR53HealthCheckPrimaryStack",
    "CFNR53HealthCheckSecondaryStack",
    "CodeBuildLaunchSolutionProject",
    "IoTEndpointPrimary",
    "IoTEndpointSecondary",
    "StackPostfix",
    "ToolsS3Url",
    "LambdaS3Url",
    "UuidS3Postfix",
}
BUILD_VARIABLES = {
    "BUCKET_RESOURCES",
    "SOLUTION_NAME",
    "VERSION",
    "CERTIFICATE_MODE",
    "CREATE_HEALTH_CHECK",
    "FAILURE_THRESHOLD",
    "FLEET_NAME",
    "HEALTH_CHECKER_REGIONS",
    "HEALTH_CHECK_CONCURRENCY",
    "HEALTH_CHECK_INTERVAL",
    "HOSTED_ZONE_ID",
    "KMS_KEY_ID",
    "NAME_SERVERS",
    "PERMISSIONS_BOUNDARY",
    "PRIMARY_ACCESS_LOG_BUCKET",
    "PRIMARY_FLEET_CERTIFICATE_ARN",
    "PRIMARY_NOTIFICATION_TOPIC_ARN",
    "PRIMARY_REGION",
    "PROVISIONING_TEMPLATE",
    "RELEASE_SHA256",
    "REPLICATE_SHADOWS",
    "SECONDARY_ACCESS_LOG_BUCKET",
    "SECONDARY_FLEET_CERTIFICATE_ARN",
    "SECONDARY_NOTIFICATION_TOPIC_ARN",
    "SECONDARY_REGION",
    "SHADOW_NAME_PATTERN",
    "STACK_POSTFIX",
    "TRACING",
    "UUID",
}


MAY_BE_EMPTY = (
    "FailureThreshold",
    "FleetName",
    "HealthCheckConcurrency",
    "HealthCheckInterval",
    "HealthCheckerRegions",
    "HostedZoneId",
    "KmsKeyId",
    "NameServers",
    "PrimaryAccessLogBucket",
    "PrimaryFleetCertificateArn",
    "PrimaryNotificationTopicArn",
    "ProvisioningTemplate",
    "SecondaryAccessLogBucket",
    "SecondaryFleetCertificateArn",
    "SecondaryNotificationTopicArn",
    "Tracing",
)
TUNING = {"IncompleteSeconds", "RecordTtl", "SettleSeconds", "SweepMinutes", "SweepSlice", "WorkersAtOnce"}
"""What an operator changes on a launched stack itself, if ever."""


def parameters_of(stack: Stack) -> set[str]:
    return set(stack.template["Parameters"])


@pytest.fixture(name="main")
def main_stack(stacks: dict[str, Stack]) -> Stack:
    return stacks["main"]


def test_parameters_are_those_that_the_documentation_names(main: Stack) -> None:
    assert set(main.template["Parameters"]) == {
        "PrimaryRegion",
        "SecondaryRegion",
        "CertificateMode",
        "CreateHealthCheck",
        "ReplicateShadows",
        "ShadowNamePattern",
        *MAY_BE_EMPTY,
    }


def test_every_choice_of_the_form_reaches_the_build_and_has_another_started(main: Stack) -> None:
    chosen = main.template["Parameters"].keys() - {"PrimaryRegion", "SecondaryRegion"}
    launch = main.template["Resources"]["SolutionLaunch"]["Properties"]
    project = main.template["Resources"]["LaunchProject"]["Properties"]
    variables = {one["Name"]: one["Value"] for one in project["Environment"]["EnvironmentVariables"]}

    assert CHOICES.keys() == chosen
    for parameter, variable in CHOICES.items():
        assert launch[parameter] == variables[variable] == {"Ref": parameter}


def test_the_form_asks_for_all_that_the_launched_stacks_ask_for_but_names_and_tuning(stacks: dict[str, Stack]) -> None:
    launched = {name for stack in ("primary", "secondary", "health checker") for name in parameters_of(stacks[stack])}

    assert launched - parameters_of(stacks["main"]) == {
        *("AccessLogBucket", "FleetCertificateArn", "NotificationTopicArn"),  # one for each Region in the form
        *("DeviceEndpoint", "HealthCheckerStack", "SecondaryDrainsCheckId"),  # the launch knows them
        *("GlobalTableName", "GlobalTableStreamArn", "ShadowTableName", "ShadowTableStreamArn"),
        *("PermissionsBoundary", "StackPostfix", "Uuid"),
        *TUNING,
    }


@pytest.mark.parametrize("name", MAY_BE_EMPTY)
def test_what_may_be_left_empty_is_empty_at_first_and_says_what_that_means(name: str, main: Stack) -> None:
    asked = main.template["Parameters"][name]

    assert (asked["Type"], asked["Default"]) == ("String", "")
    assert re.fullmatch(asked["AllowedPattern"], "")
    assert asked["Description"].endswith("in a new launch; later the launched stacks keep what they have.")


@pytest.mark.parametrize("name", ["HealthCheckConcurrency", "FailureThreshold"])
def test_the_form_takes_the_numbers_that_the_health_checkers_stack_takes(name: str, stacks: dict[str, Stack]) -> None:
    pattern = stacks["main"].template["Parameters"][name]["AllowedPattern"]
    bounds = stacks["health checker"].template["Parameters"][name]

    for number in range(150):
        admitted = bounds["MinValue"] <= number <= bounds["MaxValue"]
        assert bool(re.fullmatch(pattern, str(number))) is admitted, number
    assert not re.fullmatch(pattern, "-1")


def test_the_form_takes_the_intervals_that_the_health_checkers_stack_takes(stacks: dict[str, Stack]) -> None:
    pattern = stacks["main"].template["Parameters"]["HealthCheckInterval"]["AllowedPattern"]
    values = stacks["health checker"].template["Parameters"]["HealthCheckInterval"]["AllowedValues"]

    assert [number for number in range(100) if re.fullmatch(pattern, str(number))] == sorted(values) == [10, 30]


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("KmsKeyId", "KmsKeyId"),
        ("PrimaryAccessLogBucket", "AccessLogBucket"),
        ("FleetName", "FleetName"),
        ("HostedZoneId", "HostedZoneId"),
        ("HealthCheckerRegions", "HealthCheckerRegions"),
        ("PrimaryFleetCertificateArn", "FleetCertificateArn"),
        ("SecondaryFleetCertificateArn", "FleetCertificateArn"),
        ("NameServers", "NameServers"),
        ("PrimaryNotificationTopicArn", "NotificationTopicArn"),
        ("SecondaryNotificationTopicArn", "NotificationTopicArn"),
    ],
)
def test_the_form_takes_what_the_launched_stacks_take(asked: str, taken: str, stacks: dict[str, Stack]) -> None:
    launched = {
        parameters[taken]["AllowedPattern"]
        for name in ("primary", "secondary", "health checker")
        if taken in (parameters := stacks[name].template["Parameters"])
    }

    assert launched == {stacks["main"].template["Parameters"][asked]["AllowedPattern"]}


def test_the_main_stacks_own_logs_are_not_encrypted_with_the_launchs_key() -> None:
    main = make_stacks({"KmsKeyId": "mrk-0123456789abcdef0123456789abcdef"})["main"]

    assert not [title for title in main.of_type("AWS::Logs::LogGroup") if "KmsKeyId" in main.properties(title)]


def test_outputs_are_those_that_the_documentation_names(main: Stack) -> None:
    assert set(main.template["Outputs"]) == OUTPUTS


def test_the_form_offers_every_region_with_iot_core_and_no_other(main: Stack) -> None:
    for name in ("PrimaryRegion", "SecondaryRegion"):
        assert tuple(main.template["Parameters"][name]["AllowedValues"]) == generate.iot_regions()


def test_the_form_refuses_one_region_for_both(main: Stack) -> None:
    (assertion,) = main.template["Rules"]["RegionsDiffer"]["Assertions"]

    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PrimaryRegion"}, {"Ref": "SecondaryRegion"}]}]}


def test_nothing_is_launched_before_the_check_has_passed(main: Stack) -> None:
    launch = main.template["Resources"]["SolutionLaunch"]["Properties"]

    assert launch["StackPostfix"] == {"Fn::GetAtt": ["LaunchCheck", "StackPostfix"]}
    assert launch["Uuid"] == {"Fn::GetAtt": ["LaunchCheck", "Uuid"]}


def test_each_release_changes_what_the_launch_is_asked_for_and_nothing_else_of_it() -> None:
    before, after = (_custom_resources(version) for version in ("v1.0.0", "v1.0.1"))
    launches = [dict(resources["SolutionLaunch"]) for resources in (before, after)]

    # CloudFormation calls a custom resource only if its properties changed: the launch must be called, and starts a
    # build; the check is called again only if it answers something new, and keeps the names that it gave.
    assert [launch.pop("Version") for launch in launches] == ["v1.0.0", "v1.0.1"]
    assert [launch.pop("SourceKey").split("/")[1] for launch in launches] == ["v1.0.0", "v1.0.1"]
    assert launches[0] == launches[1]
    assert before["LaunchCheck"] == after["LaunchCheck"]


def test_a_check_that_an_older_version_was_called_for_is_called_again_for_what_it_did_not_answer_then(
    main: Stack,
) -> None:
    answered = {
        "1": {"PrimaryEndpoint", "SecondaryEndpoint", "StackPostfix", "Uuid"},  # v0.1.0, which had no such property
        "2": {"LaunchDay", "PrimaryEndpoint", "SecondaryEndpoint", "StackPostfix", "Uuid"},
    }
    asked = set(re.findall(r'"Fn::GetAtt": \[\s*"LaunchCheck",\s*"(\w+)"', main.text))

    newest = max(answered, key=int)
    assert main.template["Resources"]["LaunchCheck"]["Properties"]["Answers"] == newest
    assert asked == answered[newest]


def test_the_digests_of_the_release_reach_the_check_the_build_and_its_start() -> None:
    digests = (("iot-dr-solution.zip", "1" * 64), ("iot_dr_layer.zip", "2" * 64))
    template = build(replace(golden_config(), digests=digests)).to_dict()
    resolve = Resolver(template, "iot-dr", PRIMARY)
    resources = template["Resources"]
    told = f"{'1' * 64}  iot-dr-solution.zip {'2' * 64}  iot_dr_layer.zip"

    variables = resolve(resources["LaunchProject"]["Properties"]["Environment"]["EnvironmentVariables"])
    check = resolve(resources["CheckLaunchFunction"]["Properties"]["Environment"]["Variables"])

    assert digests_of(told) == dict(digests)
    assert check["RELEASE_SHA256"] == told
    assert {"Name": "RELEASE_SHA256", "Value": told} in variables
    assert resources["SolutionLaunch"]["Properties"]["SourceSha256"] == "1" * 64


def test_links_open_a_page_of_the_console_in_the_resources_region(main: Stack) -> None:
    links = {
        name: url
        for name, output in main.template["Outputs"].items()
        if str(url := main.resolve(output["Value"])).startswith("http")
    }

    assert links.keys() == {name for name in OUTPUTS if name.startswith(("CFN", "CodeBuild")) or name.endswith("S3Url")}
    for name, url in links.items():
        assert re.fullmatch(r"https://[a-z0-9-]+\.console\.aws\.amazon\.com/[^\s${}]+", url), name
    assert links["CFNIoTDRPrimaryStack"].startswith(f"https://{PRIMARY}.")
    assert links["CFNIoTDRPrimaryStack"].endswith(f"filteringText=IoTDRPrimary{POSTFIX}")


def test_the_build_gets_the_variables_that_the_buildspec_reads(main: Stack) -> None:
    variables = main.properties("LaunchProject")["Environment"]["EnvironmentVariables"]
    values = {variable["Name"]: variable["Value"] for variable in variables}

    assert values.keys() == BUILD_VARIABLES
    assert values["BUCKET_RESOURCES"] == "iot-dr-example-reference"


def test_the_build_takes_its_source_from_the_stacks_own_region(main: Stack) -> None:
    source = main.properties("LaunchProject")["Source"]

    assert source["Location"] == (f"iot-dr-example-{PRIMARY}/disaster-recovery-for-aws-iot/v0.0.0/iot-dr-solution.zip")
    assert source["BuildSpec"] == "launch-solution.yml"


def test_the_log_of_what_deletion_left_outlives_the_stack(main: Stack) -> None:
    for title in ("StartLaunchLogGroup", "LaunchLogGroup"):
        assert main.template["Resources"][title]["DeletionPolicy"] == "Retain"


def test_the_start_may_start_its_own_project_only(main: Stack) -> None:
    (starting,) = [one for one in main.statements("StartLaunchRole") if "codebuild:StartBuild" in one["Action"]]

    assert starting["Resource"] == [main.resolve.arn("LaunchProject")]


def _custom_resources(version: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the main stack's custom resources as CloudFormation compares them."""
    template = build(replace(golden_config(), version=version)).to_dict()
    resolve = Resolver(template, "iot-dr", PRIMARY)
    return {
        title: resolve(resource["Properties"])
        for title, resource in template["Resources"].items()
        if resource["Type"].startswith("Custom::")
    }
